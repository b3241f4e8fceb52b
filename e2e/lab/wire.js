'use strict';
// The line between meshsso and MeshCentral: a TCP relay whose far end can be changed, held back and cut. Nothing in it knows what it
// carries.

const net = require('net');
const { freePort } = require('./ports');

/**
 * @returns {Promise<{url, to(port, host): void (new connections go there), hold(): void (answers wait), release(): void, cut(): void (every connection), close(): Promise}>}
 */
async function startWire() {
    const host = '127.0.0.1';
    const port = await freePort(0, host);
    const open = new Set();
    const line = { target: null, held: null };
    const server = net.createServer((near) => {
        if (line.target === null) { return near.destroy(); }
        const far = net.connect(line.target);
        for (const end of [near, far]) { open.add(end); end.on('error', () => { }); end.on('close', () => { open.delete(end); near.destroy(); far.destroy(); }); }
        near.pipe(far);
        far.pipe(near);
        if (line.held !== null) { far.unpipe(near); }
        near.far = far;
    });
    await new Promise((resolve) => server.listen(port, host, resolve));
    const nears = () => [...open].filter((end) => end.far);
    return {
        url: 'https://' + host + ':' + port,
        to(portOfTarget, hostOfTarget = host) { line.target = { port: portOfTarget, host: hostOfTarget }; },
        hold() { line.held = true; for (const near of nears()) { near.far.unpipe(near); } },
        release() { line.held = null; for (const near of nears()) { near.far.pipe(near); } },
        cut() { for (const end of open) { end.destroy(); } },
        close: () => new Promise((resolve) => { server.close(resolve); for (const end of open) { end.destroy(); } })
    };
}

module.exports = { startWire };
