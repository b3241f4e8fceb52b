'use strict';
// Tunnels whose far end is made by hand: it joins MeshCentral's relay as a device does, straight at MeshCentral, with the relay cookie
// of the session. So the relay is real, the browser's end goes through the proxy, and what goes in can be compared with what comes out.

const crypto = require('crypto');
const WebSocket = require('ws');
const { HEADER, keyOf, mint } = require('./internal');
const { openSocket } = require('./sockets');
const { HOST } = require('./through');

const FILES = 5; // the kind of the tunnel: the browser's end says so first
const POOL = crypto.randomBytes(1 << 20);
const HEAD = 12;
const NO_MASK = (mask) => mask.fill(0); // masking in JavaScript is most of what a far end would do

/** The relay cookie that MeshCentral made for a session: what its device would be given. */
async function relayCookie(lab, session) {
    const control = openSocket(lab.mesh.url, '/control.ashx', { headers: { [HEADER]: mint(keyOf(lab.secrets.jwtSecret), session.id) } });
    try {
        await control.next((m) => m.action === 'serverinfo');
        control.send({ action: 'authcookie' });
        return (await control.next((m) => m.action === 'authcookie')).rcookie;
    } finally { control.ws.terminate(); }
}

function connect(url, options) {
    const ws = new WebSocket(url.replace(/^http/, 'ws'), { perMessageDeflate: false, rejectUnauthorized: false, ...options });
    const met = new Promise((resolve, reject) => {
        ws.once('message', (data) => (data.toString() === 'c' ? resolve() : reject(new Error('the relay said something else first'))));
        ws.on('error', reject);
        ws.once('close', (code) => reject(new Error('a relay was closed before its ends met: ' + code)));
    });
    return { ws, met };
}

/** A tunnel with both ends here. @returns {Promise<{near: WebSocket through the proxy, far: WebSocket, close(): void}>} */
async function openPair(lab, session, rcookie) {
    const id = crypto.randomBytes(12).toString('hex');
    const query = `/meshrelay.ashx?p=${FILES}&nodeid=${session.agent.nodeId}&id=${id}`;
    const ends = [connect(session.base + query + '&browser=1', { headers: { host: HOST, ...session.headers } }), connect(lab.mesh.url + query + '&rauth=' + encodeURIComponent(rcookie), { generateMask: NO_MASK })];
    const [near, far] = ends.map(({ ws }) => ws);
    const close = () => { for (const { ws } of ends) { ws.on('error', () => { }); ws.terminate(); } };
    try { await Promise.all(ends.map(({ met }) => met)); } catch (err) { close(); throw err; }
    const told = new Promise((resolve) => far.once('message', resolve));
    near.send(String(FILES));
    await told;
    return { near, far, close };
}

/** Opens `count` of them, a few at a time. */
async function openPairs(lab, session, count) {
    const rcookie = await relayCookie(lab, session);
    const pairs = [];
    const one = async () => { while (pairs.length < count) { const at = pairs.push(null) - 1; pairs[at] = await openPair(lab, session, rcookie); } };
    await Promise.all(Array.from({ length: 8 }, one));
    return pairs;
}

/** What block `number` of a flow holds: its number, its flow and its size, then bytes that no other block of a few thousand has there. */
function blockOf(flow, number, size) {
    const block = Buffer.allocUnsafe(size);
    [number, flow, size].forEach((word, at) => block.writeUInt32BE(word, 4 * at));
    const from = (number * 7919 + flow * 104729) % (POOL.length - size);
    POOL.copy(block, HEAD, from, from + size - HEAD);
    return block;
}

/**
 * One direction of a tunnel. Each block is compared with what was sent as it arrives: byte by byte, which no checksum is better than.
 * @param {WebSocket} from @param {WebSocket} to @param {number} number of the flow
 */
function createFlow(from, to, number) {
    const flow = { sent: 0, received: 0, bytes: 0, fault: null };
    to.on('message', (data) => {
        flow.bytes += data.length;
        if (data.length < HEAD || !data.equals(blockOf(number, flow.received, data.length))) { flow.fault ??= 'another block than number ' + flow.received; }
        flow.received++;
    });
    to.once('close', (code) => { if (flow.received !== flow.sent) { flow.fault ??= 'closed with ' + code; } });
    return Object.assign(flow, {
        /** Sends one block of `size` bytes; resolves when it was handed on. */
        send: (size) => new Promise((resolve, reject) => { from.send(blockOf(number, flow.sent++, size), { binary: true }, (err) => (err ? reject(err) : resolve())); }),
        /** Whether everything that was sent is there, or never will be. */
        over: () => flow.fault !== null || flow.received === flow.sent
    });
}

/** A far end that sends all that its socket takes, until that has ended. @returns {{sent(): number, ended: Promise}} */
function flood(ws, size = 256 << 10) {
    let sent = 0;
    const block = POOL.subarray(0, size);
    const more = () => { if (ws.readyState === WebSocket.OPEN) { ws.send(block, { binary: true }, (err) => { if (!err) { sent += size; more(); } }); } };
    more();
    return { sent: () => sent, ended: new Promise((resolve) => ws.once('close', resolve)) };
}

module.exports = { createFlow, flood, openPairs };
