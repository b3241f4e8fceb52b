'use strict';
// The lab: everything that MeshSSO joins, for real, on loopback, in one folder that goes away again.

const fs = require('fs');
const os = require('os');
const path = require('path');
const { startAgent } = require('./agent');
const { createAsker } = require('./asker');
const { installFork, startMeshCentral } = require('./meshcentral');
const { ensurePrerequisites } = require('./prerequisites');
const { makeSecrets, startPostgres } = require('./postgres');
const { until } = require('./process');
const { switchProxyOn } = require('./proxy');
const { buildSidecar, startSidecar } = require('./sidecar');
const { listNodes, openSocket, passwordHeader } = require('./sockets');
const { makeGroup } = require('./stock');
const { claimsOf, sign } = require('./tokens');

/**
 * Brings the lab up.
 * @param {object} [options] {database: 'nedb'|'postgres' (MeshCentral's), agents: boolean, version, say(text), jwtAuth, cacheTtl, port, host, debug, env,
 *   proxy: {dashboards, env}, see proxy.js, stock: MeshCentral knows nothing of MeshSSO, whose session proxy uses a service account}
 * @returns {Promise<object>} see the end of this function; `stop()` takes everything down and is safe to call twice.
 */
async function startLab(options = {}) {
    const say = options.say || (() => { });
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'meshsso-lab-'));
    fs.chmodSync(dir, 0o711); // Postgres runs as another user and must reach its own folder in here
    const stops = [];
    const stop = async () => {
        while (stops.length > 0) { await stops.pop()().catch((err) => say('while stopping: ' + err.message)); }
        if (!options.keep) { fs.rmSync(dir, { recursive: true, force: true }); }
    };
    const room = (name) => { const folder = path.join(dir, name); fs.mkdirSync(folder, { mode: 0o711 }); return folder; };
    try {
        await ensurePrerequisites(say);
        const secrets = makeSecrets(path.join(dir, 'secrets.json'));
        say('starting PostgreSQL');
        const postgres = await startPostgres(room('postgres'), secrets);
        if (!postgres.foreign) { stops.push(() => postgres.stop()); }
        await postgres.query(fs.readFileSync(path.join(__dirname, 'platform.sql'), 'utf8'));
        say('building and starting meshsso serve');
        await buildSidecar();
        const sidecar = await startSidecar(room('sidecar'), postgres, secrets, { cacheTtl: options.cacheTtl, env: options.sidecarEnv });
        stops.push(() => sidecar.stop());
        if (options.onSidecar) { options.onSidecar(sidecar); }
        say('installing MeshCentral ' + (options.version || '') + ' and applying the fork tool (once a checkout)');
        const fork = await installFork(options.version);
        say('starting MeshCentral');
        // The hooks of the fork do nothing unless its configuration names MeshSSO.
        const jwtAuth = options.stock ? undefined : { address: sidecar.address, ...options.jwtAuth };
        const mesh = await startMeshCentral(room('meshcentral'), fork, { jwtAuth, secrets, database: options.database, postgres, port: options.port, host: options.host, debug: options.debug, env: options.env, settings: options.settings, domain: options.domain });
        stops.push(() => mesh.stop());
        const lab = { dir, stock: options.stock === true, secrets, postgres, sidecar, mesh, stop, ask: createAsker(sidecar.socket), agents: {} };
        stops.push(async () => lab.ask.close());
        Object.assign(lab, people(lab));
        if (options.proxy) { say('switching the session proxy on'); await switchProxyOn(lab, options.proxy); }
        if (options.agents !== false) { await enrol(lab, say, room, stops); }
        return lab;
    } catch (err) {
        options.keep = options.keep || process.env.MESHSSO_LAB_KEEP === '1';
        await stop();
        throw err;
    }
}

/** What tests and the demo ask of people: rows, tokens, links. */
function people({ postgres, secrets }) {
    const person = async (email) => (await postgres.query('SELECT * FROM users WHERE email = $1', [email])).rows[0];
    const token = async (email, changes = {}, secret = secrets.jwtSecret) => sign({ ...claimsOf(await person(email)), ...changes }, secret);
    return { person, token };
}

// One device a tenant.
async function enrol(lab, say, room, stops) {
    const { rows } = await lab.postgres.query("SELECT a.agent_id, a.hostname, u.email FROM agents a JOIN users u ON u.tenant_id = a.tenant_id AND u.role = 'technician' ORDER BY a.agent_id");
    for (const { agent_id: id, hostname, email } of rows) {
        say('starting a screen and an agent: ' + hostname);
        const token = await lab.token(email);
        const meshId = lab.stock ? await groupOfAdmin(lab, hostname) : await groupBySignIn(lab, token);
        const before = new Set((await nodesOfAdmin(lab)).map((node) => node._id));
        const agent = await startAgent(room(hostname), lab.mesh, { meshId, name: hostname });
        stops.push(() => agent.stop());
        const node = await until(async () => (await nodesOfAdmin(lab)).find((candidate) => !before.has(candidate._id)), 30000, 'the agent of ' + hostname + ' did not enrol');
        await lab.postgres.query('UPDATE agents SET meshcentral_nodeid = $1 WHERE agent_id = $2', [node._id, id]);
        lab.agents[hostname] = Object.assign(agent, { nodeId: node._id, agentId: id });
        await lab.ask.validate(token, { maxAge: { seconds: 0, nanos: 0 } }); // the sidecar reads the row anew, whatever it remembers
    }
}

// A tenant's device group is made by the first sign-in of its technician, as in production.
async function groupBySignIn(lab, token) {
    await lab.mesh.get('/?token=' + token);
    return (await lab.ask.validate(token)).tenant.deviceGroupId;
}

async function groupOfAdmin(lab, name) {
    const socket = openSocket(lab.mesh.url, '/control.ashx', { headers: passwordHeader('admin', lab.secrets.admin) });
    try { return await makeGroup(socket, 'group of ' + name); } finally { socket.close(); }
}

/** Every device of the server, seen by MeshCentral's own administrator with a password. */
async function nodesOfAdmin(lab) {
    const socket = openSocket(lab.mesh.url, '/control.ashx', { headers: passwordHeader('admin', lab.secrets.admin) });
    try { return await listNodes(socket); } finally { socket.close(); }
}

module.exports = { startLab, nodesOfAdmin };
