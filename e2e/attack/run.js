'use strict';
// Runs cells one after the other and says of each what came of it.

const crypto = require('crypto');
const net = require('net');
const { spawn } = require('child_process');
const fs = require('fs');
const { get } = require('../lab/meshcentral');
const { until } = require('../lab/process');
const { ACTS } = require('./acts');

const PATIENCE = 5000; // ms for what is allowed to show
const letters = () => [...crypto.randomBytes(12)].map((byte) => 'abcdefghijklmnop'[byte & 15]).join('');

/**
 * Runs one cell.
 * @returns {Promise<{denied: boolean, success: boolean, crashed: boolean, note: string}>}
 */
async function runCell(site, cell, listener) {
    const { row } = cell;
    const device = site.devices[cell.where] || site.devices.own;
    const person = site.people[cell.who];
    const state = { denied: false, sockets: [], nonce: letters(), tries: 0, log: site.mesh.output().length, admin: site.heardByAdmin().length };
    const what = Object.assign(state, {
        ...cell, site, person, device, listener, node: device.id, mesh: device.mesh, self: person.id, other: site.other.id,
        refused: () => state.denied,
        heard: () => (state.control ? state.control.messages.slice(state.from) : []),
        admins: () => site.heardByAdmin().slice(state.admin),
        events: () => what.admins().filter((m) => m.action === 'event' && m.event).map((m) => m.event)
    });
    const logFrom = state.log;
    what.log = () => site.mesh.output().slice(logFrom);
    listener.reset();
    if (row.victim) { what.victim = startVictim(); }
    let success = false, note = '', crashed = false;
    try {
        const told = cell.expected === 'allowed' || (row.slow && !site.protected); // else the effect is looked for once, behind the barriers
        success = await act(what, told);
        note = success || !told ? '' : 'no evidence in time';
        await barriers(what);
        if (cell.expected !== 'allowed') { success = Boolean(await row.evidence(what)); }
    } catch (err) {
        note = err.message;
        crashed = await died(site);
        if (!crashed) { success = Boolean(await Promise.resolve(row.evidence(what)).catch(() => false)); }
    }
    for (const socket of what.sockets) { socket.ws.terminate(); }
    if (what.victim) { what.victim.stop(); }
    if (row.again && !crashed) { await person.enter().catch(async (err) => { note = err.message; crashed = await died(site); }); }
    return { denied: state.denied, success, crashed, note };
}

// Does the cell. Agents drop a message now and then, on any server: what is allowed and goes through one may be asked for again.
async function act(what, told) {
    const { row } = what;
    const again = what.expected === 'allowed' && (row.agent || row.inside);
    for (let left = again ? 2 : 0; ; left--) {
        try {
            await ACTS[actOf(row)](what);
            const success = told && await seen(what);
            if (success || left === 0 || what.refused()) { return success; }
        } catch (err) { if (left === 0 || !row.inside) { throw err; } } // a tunnel that nobody joined
    }
}

const seen = (what) => until(() => what.row.evidence(what), what.refused() ? 0 : what.row.agent ? PATIENCE / 3 : PATIENCE, 'evidence').catch(() => false);

function actOf(row) { return row.inside ? 'inside' : row.frame ? 'frame' : row.socket ? 'socket' : 'request'; }

// What comes back now was begun after the cell, in every place where an effect of it could still be on its way.
async function barriers(what) {
    const { row, site, listener } = what;
    await site.databases();
    if (row.agent) { await site.devicesAnswer(); }
    if (row.tunnel) { await site.tunnelsGo(); }
    if (row.listener) { await listener.settled(); }
}

// MeshCentral ends, or answers: one of the two comes.
async function died(site) {
    let gone = false;
    site.mesh.exited().then(() => { gone = true; });
    const alive = await until(async () => gone || await get(site.mesh.url + '/health.ashx').then(({ status }) => status === 200, () => false), 20000, 'MeshCentral answers or ends');
    return gone || !alive;
}

// Somewhere to connect to: counts who does.
async function startListener() {
    let all = 0, own = 0;
    const server = net.createServer((socket) => { all++; socket.on('error', () => { }); socket.destroy(); });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address();
    return {
        port,
        get calls() { return all - own; },
        reset() { all = own = 0; },
        /** Connections are taken in order: whoever connected before this has been counted after it. */
        settled: () => new Promise((resolve) => {
            own++;
            net.connect(port, '127.0.0.1').on('error', () => { }).on('close', resolve).resume();
        }),
        close: () => server.close()
    };
}

// A process that somebody may end.
function startVictim() {
    const child = spawn('sleep', ['600'], { stdio: 'ignore' });
    const ended = () => { try { return /^State:\s+[ZX]/m.test(fs.readFileSync('/proc/' + child.pid + '/status', 'utf8')); } catch (err) { return true; } };
    return { pid: child.pid, get over() { return ended(); }, stop: () => child.kill('SIGKILL') };
}

module.exports = { runCell, startListener };
