'use strict';
// Every WebSocket frame of a page, in a file: what a HAR does not hold.

const fs = require('fs');

/** @param {import('playwright-core').Page} page @param {string} file JSON lines: {time, url, direction, text|base64} */
function record(page, file) {
    const out = fs.createWriteStream(file, { mode: 0o600 });
    const write = (url, direction, { payload }) => {
        const data = Buffer.isBuffer(payload) ? { base64: payload.toString('base64') } : { text: payload };
        out.write(JSON.stringify({ time: Date.now(), url, direction, ...data }) + '\n');
    };
    page.on('websocket', (socket) => {
        socket.on('framesent', (frame) => write(socket.url(), 'sent', frame));
        socket.on('framereceived', (frame) => write(socket.url(), 'received', frame));
    });
    return { close: () => new Promise((resolve) => out.end(resolve)) };
}

module.exports = { record };
