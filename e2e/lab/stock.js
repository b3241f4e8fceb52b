'use strict';
// MeshCentral as it is: no token, no shim at work. Accounts with passwords whose rights are those of our roles, on the same
// kind of devices. What a policy is worth shows in the difference.

const fs = require('fs');
const os = require('os');
const path = require('path');
const { startAgent } = require('./agent');
const { get, installFork, startMeshCentral } = require('./meshcentral');
const { cookieOf } = require('./person');
const { makeSecrets } = require('./postgres');
const { until } = require('./process');
const { listNodes, openSocket, passwordHeader } = require('./sockets');

/**
 * @param {object} plan {accounts: [{email, rights: mask on the first device, 0 for none}], devices: [names], say(text), version, domain: its configuration}
 * @returns {Promise<object>} {mesh, secrets, agents: name → {nodeId, dir}, signIn(email): cookie, stop()}
 */
async function startStock({ accounts, devices, say = () => { }, version, domain }) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'meshsso-stock-'));
    const stops = [];
    const stop = async () => {
        while (stops.length > 0) { await stops.pop()().catch((err) => say('while stopping: ' + err.message)); }
        fs.rmSync(dir, { recursive: true, force: true });
    };
    const room = (name) => { const folder = path.join(dir, name); fs.mkdirSync(folder); return folder; };
    try {
        const secrets = makeSecrets(path.join(dir, 'secrets.json'));
        say('starting MeshCentral without MeshSSO');
        // The hooks of the fork do nothing unless its configuration names MeshSSO.
        const mesh = await startMeshCentral(room('meshcentral'), await installFork(version), { secrets, domain });
        stops.push(() => mesh.stop());
        const admin = openSocket(mesh.url, '/control.ashx', { headers: passwordHeader('admin', secrets.admin) });
        await admin.next((m) => m.action === 'serverinfo');
        const agents = {};
        for (const name of devices) {
            say('starting a screen and an agent: ' + name);
            const before = new Set((await listNodes(admin)).map((node) => node._id));
            const agent = await startAgent(room(name), mesh, { meshId: await makeGroup(admin, 'group-of-' + name), name });
            stops.push(() => agent.stop());
            const node = await until(async () => (await listNodes(admin)).find((candidate) => !before.has(candidate._id)), 30000, 'the agent of ' + name + ' did not enrol');
            agents[name] = Object.assign(agent, { nodeId: node._id });
        }
        const password = 'Lab1!' + secrets.admin;
        for (const { email, rights } of accounts) { await makeAccount(admin, email, password, agents[devices[0]].nodeId, rights); }
        admin.close();
        return { dir, mesh, secrets, agents, stop, signIn: (email) => login(mesh, email, password) };
    } catch (err) {
        await stop();
        throw err;
    }
}

/** A device group of the administrator's. @param {object} admin its control socket */
async function makeGroup(admin, name) {
    await admin.next((m) => m.action === 'serverinfo');
    admin.send({ action: 'createmesh', meshname: name, meshtype: 2, responseid: name });
    return (await admin.next((m) => m.action === 'createmesh' && m.responseid === name)).meshid;
}

async function makeAccount(admin, email, password, node, rights) {
    admin.send({ action: 'adduser', username: email, email, pass: password, emailVerified: true, responseid: 'made ' + email });
    await admin.next((m) => m.action === 'event' && m.event.action === 'accountcreate' && m.event.account.email === email);
    if (rights === 0) { return; }
    admin.send({ action: 'adddeviceuser', nodeid: node, usernames: [email], rights, responseid: 'linked ' + email });
    const linked = await admin.next((m) => m.responseid === 'linked ' + email);
    if (linked.result !== 'ok') { throw new Error('no link for ' + email + ': ' + JSON.stringify(linked)); }
}

async function login(mesh, email, password) {
    const form = new URLSearchParams({ action: 'login', username: email, password }).toString();
    const answer = await get(mesh.url + '/', { 'content-type': 'application/x-www-form-urlencoded' }, { method: 'POST', body: form });
    return cookieOf(answer); // whether it is worth something shows at the next page
}

module.exports = { login, makeGroup, startStock };
