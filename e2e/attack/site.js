'use strict';
// Where cells are run: a MeshCentral with its people and devices, protected by MeshSSO or as it is.

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { startLab } = require('../lab');
const { startStock } = require('../lab/stock');
const { SESSIONS, createSessions } = require('../lab/internal');
const { createPerson, cookieOf } = require('../lab/person');
const { until } = require('../lab/process');
const { openSocket, passwordHeader } = require('../lab/sockets');
const { openTunnel } = require('../lab/tunnel');

const CAST = [
    { letter: 'T', email: 'tina@acme.example', rights: 1327304 },
    { letter: 'A', email: 'adam@acme.example', rights: 1458392 },
    { letter: 'V', email: 'vera@acme.example', rights: 1800 },
    { letter: 'G', email: 'gina@acme.example', rights: 0 }
];
const SUPERADMIN = { letter: 'S', email: 'sue@platform.example' };
const PRINCIPAL = { letter: 'P', email: 'tina@acme.example', rights: 1327304 }; // with what MeshCentral gave its page, straight at MeshCentral
const OTHER = { letter: '?', email: 'bob@borealis.example', rights: 0 }; // of the other tenant
const OWN = 'acme-frontdesk';
const FOREIGN = 'borealis-dock';
const DESCRIBED = { own: 'described-own-', foreign: 'described-foreign-' }; // what only MeshCentral says of a device
const MISSING = 'node//' + crypto.createHash('sha384').update('a device that is nowhere').digest('base64').replace(/\+/g, '@').replace(/\//g, '$');

/** The lab, with somebody whose role is unknown. @param {object} [options] of startLab */
async function protectedSite(say, options = {}) {
    const lab = await startLab({ say, cacheTtl: '30s', proxy: SESSIONS, ...options }); // a slow machine may hold an answer up for longer than the lab's usual second, and then sessions are suspended
    await lab.postgres.query("INSERT INTO users (email, full_name, tenant_id, role) SELECT 'gina@acme.example', 'Gina Guest', tenant_id, 'guest' FROM users WHERE email = 'tina@acme.example'");
    const signIn = (email) => async () => cookieOf(await lab.mesh.get('/?token=' + await lab.token(email), { accept: 'text/html' }));
    const session = await createSessions(lab).open(PRINCIPAL.email, lab.agents[OWN]);
    const enter = async () => cookieOf(await lab.mesh.get('/', { accept: 'text/html', ...session.headers() }));
    return assemble({ protected: true, ...lab, lab }, [...CAST, SUPERADMIN, { ...PRINCIPAL, id: session.principal, signIn: enter }], signIn);
}

/** The same people with passwords. The superadmin is left out: there he may do everything, by design. */
async function stockSite(say) {
    const stock = await startStock({ accounts: [...CAST, OTHER], devices: [OWN, FOREIGN], say });
    return assemble({ protected: false, ...stock }, CAST, (email) => () => stock.signIn(email));
}

async function assemble(ground, cast, signIn) {
    const { mesh, secrets, agents } = ground;
    const site = { ...ground, secret: 'secret-' + crypto.randomBytes(12).toString('hex'), people: {}, devices: { missing: { id: MISSING, name: '', dir: '' } }, crashes: 0 };
    for (const [where, name] of [['own', OWN], ['foreign', FOREIGN]]) {
        fs.writeFileSync(path.join(agents[name].dir, 'secret.txt'), site.secret);
        site.devices[where] = { id: agents[name].nodeId, name, dir: agents[name].dir, agent: agents[name] };
    }
    site.secretFile = (cell) => path.join(cell.device.dir || site.devices.own.dir, 'secret.txt');
    for (const who of cast) { site.people[who.letter] = createPerson(mesh, { signIn: signIn(who.email), ...who, forbidden: forbiddenFor(who.letter, site) }); }
    site.other = createPerson(mesh, { ...OTHER, signIn: signIn(OTHER.email) });
    Object.assign(site, administration(site, mesh, secrets));
    await site.enter();
    return site;
}

// What never reaches a person, whatever is asked for. As paths they may: both "devices" are folders of this machine.
function forbiddenFor(letter, { devices }) {
    const words = ({ id, name }) => [id.split('/')[2], Buffer.from(id.split('/')[2].replace(/@/g, '+').replace(/\$/g, '/'), 'base64').toString('hex').toUpperCase(), name];
    if (letter === 'S') { return []; }
    const people = ['bob@borealis', 'Borealis Freight', DESCRIBED.foreign];
    return [...words(devices.foreign), ...people, ...(letter === 'G' ? words(devices.own) : [])];
}

// MeshCentral's own administrator, who hears everything and does what the barriers need.
function administration(site, mesh, secrets) {
    let admin = null;
    async function channel() {
        if (admin === null || admin.over) {
            admin = openSocket(mesh.url, '/control.ashx', { headers: passwordHeader('admin', secrets.admin) });
            const made = admin;
            made.closed.then(() => { made.over = true; });
            await made.next((m) => m.action === 'serverinfo');
        }
        return admin;
    }
    async function ask(frame, match, ms) {
        const { messages, next, send } = await channel();
        const from = messages.length;
        send(frame);
        return next(match, ms, from);
    }
    const nonce = () => crypto.randomBytes(8).toString('hex');

    const asked = new Map(); // type and device → whether nobody is answered
    async function silent(type, nodeid) {
        for (let i = 0; i < 3; i++) { // an agent drops a message now and then
            if (await ask({ action: 'msg', type, nodeid }, (m) => m.action === 'msg' && m.type === type && m.nodeid === nodeid, 1500).catch(() => false)) { return false; }
        }
        return true;
    }

    return {
        /** Whether the device answers such a `msg` of nobody. Asked once, past MeshSSO. */
        mute(type, nodeid) {
            const key = type + ' ' + nodeid;
            if (!asked.has(key)) { asked.set(key, silent(type, nodeid)); }
            return asked.get(key);
        },
        ask, heardByAdmin: () => (admin === null ? [] : admin.messages),
        /** Signs everybody in, and looks up what cells need. */
        async enter() {
            for (const person of [site.other, ...Object.values(site.people)]) { await person.enter(); }
            for (const person of [site.other, ...Object.values(site.people)]) { await person.channel(); }
            const { nodes } = await ask({ action: 'nodes', responseid: 'enter' }, (m) => m.action === 'nodes');
            for (const [mesh_, list] of Object.entries(nodes)) { for (const where of ['own', 'foreign']) { if (list.some((node) => node._id === site.devices[where].id)) { site.devices[where].mesh = mesh_; } } }
            site.devices.missing.mesh = site.devices.own.mesh;
            // The agents call themselves after the machine: names of their own, so that one that gets about is known.
            for (const where of ['own', 'foreign']) { await ask({ action: 'changedevice', nodeid: site.devices[where].id, name: site.devices[where].name, desc: DESCRIBED[where] + crypto.randomBytes(3).toString('hex') }, (m) => m.action === 'event' && m.event.action === 'changenode' && m.event.nodeid === site.devices[where].id); }
            for (const where of ['own', 'foreign']) { await ask({ action: 'setDeviceEvent', nodeid: site.devices[where].id, msg: 'something to read' }, (m) => m.action === 'event' && m.event.action === 'manual' && m.event.nodeid === site.devices[where].id); }
            const { ugroups } = await ask({ action: 'usergroups' }, (m) => m.action === 'usergroups');
            site.ugrp = Object.keys(ugroups || {})[0] || 'ugrp//' + MISSING.split('/')[2];
        },
        /** Round trips through both of MeshCentral's databases, begun after whatever came before. */
        async databases() {
            const tag = nonce();
            await Promise.all([
                ask({ action: 'nodes', responseid: tag }, (m) => m.action === 'nodes' && m.responseid === tag),
                ask({ action: 'events', limit: 1, tag }, (m) => m.action === 'events' && m.tag === tag)
            ]);
        },
        /** A round trip to both devices, which read what they are sent in order. An agent drops a message now and then. */
        async devicesAnswer() {
            await Promise.all(['own', 'foreign'].map((where) => until(async () => {
                const tag = nonce();
                return ask({ action: 'msg', type: 'cpuinfo', nodeid: site.devices[where].id, tag }, (m) => m.action === 'msg' && m.type === 'cpuinfo' && m.tag === tag, 1500).catch(() => false);
            }, 15000, 'the device answers')));
        },
        /** A whole tunnel to both devices, joined and ended: later than any that was begun before. */
        async tunnelsGo() {
            await channel();
            for (const where of ['own', 'foreign']) {
                const { cookie } = await ask({ action: 'authcookie' }, (m) => m.action === 'authcookie');
                const relay = await openTunnel(mesh, admin, 5, site.devices[where].id, 'auth=' + encodeURIComponent(cookie));
                relay.ws.terminate();
            }
        },
        notesOf: async (node) => (node === MISSING ? null : (await ask({ action: 'getNotes', id: node }, (m) => m.action === 'getNotes' && m.id === node)).notes),
        /** Whether both agents are connected. */
        async online() {
            const { nodes } = await ask({ action: 'nodes', responseid: 'online' }, (m) => m.action === 'nodes');
            const up = Object.values(nodes).flat().filter((node) => (node.conn & 1) !== 0).map((node) => node._id);
            return [site.devices.own.id, site.devices.foreign.id].every((id) => up.includes(id));
        },
        /** After a crash: MeshCentral and everybody in it again, the agents at once instead of when they try next. */
        async recover() {
            site.crashes++;
            await until(async () => {
                await mesh.stop();
                await mesh.start();
                return site.enter().then(() => true, () => false); // what comes back with the agents may end it once more
            }, 60000, 'MeshCentral runs again');
        },
        async agentsBack() {
            if (await site.online()) { return; }
            await Promise.all(['own', 'foreign'].map((where) => site.devices[where].agent.restart()));
            await until(() => site.online(), 30000, 'the agents are online again');
        }
    };
}

module.exports = { protectedSite, stockSite };
