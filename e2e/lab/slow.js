'use strict';
// A slow sidecar: a relay in front of the real one that holds every answer back. Nothing in it knows what it carries.

const fs = require('fs');
const net = require('net');
const path = require('path');

/**
 * @param {string} dir an existing folder. @param {number} delayMs how long answers are held
 * @returns {Promise<{address: string, forwardTo(socket), delay(ms), close()}>}
 */
async function slowSidecar(dir, delayMs) {
    const folder = path.join(dir, 'slow');
    fs.mkdirSync(folder, { mode: 0o750 });
    const file = path.join(folder, 'auth.sock');
    let target = null, held = delayMs;
    const open = new Set();
    const server = net.createServer((near) => {
        const far = net.connect(target);
        for (const end of [near, far]) { open.add(end); end.on('error', () => { }); end.on('close', () => { open.delete(end); near.destroy(); far.destroy(); }); }
        near.pipe(far);
        far.on('data', (data) => { setTimeout(() => { if (!near.destroyed) { near.write(data); } }, held); });
    });
    await new Promise((resolve) => server.listen(file, resolve));
    return {
        address: 'unix://' + file,
        forwardTo(socket) { target = socket; },
        delay(ms) { held = ms; },
        close: () => new Promise((resolve) => { server.close(resolve); for (const end of open) { end.destroy(); } })
    };
}

module.exports = { slowSidecar };
