'use strict';
// What went between a browser and the servers, in files and before the search for leaks.

const fs = require('fs');

/** Every WebSocket frame of a page, in a file: what a HAR does not hold. @param {import('playwright-core').Page} page @param {string} file JSON lines: {time, url, direction, text|base64} */
function record(page, file) {
    const out = fs.createWriteStream(file, { mode: 0o600 });
    const write = (url, direction, { payload }) => out.write(line({ time: Date.now(), url, direction }, payload));
    page.on('websocket', (socket) => {
        socket.on('framesent', (frame) => write(socket.url(), 'sent', frame));
        socket.on('framereceived', (frame) => write(socket.url(), 'received', frame));
    });
    return { close: () => new Promise((resolve) => out.end(resolve)) };
}

function line(about, payload) {
    const data = Buffer.isBuffer(payload) ? readable(payload) : { text: payload };
    return JSON.stringify({ ...about, ...data }) + '\n';
}

function readable(bytes) { const text = bytes.toString(); return Buffer.from(text).equals(bytes) ? { text } : { base64: bytes.toString('base64') }; }

/**
 * The recorder of a tap (lab/tap.js): writes every byte and looks for names in those that a browser receives.
 * @param {object} options {file: JSON lines {exchange, time, part: head|body|message, direction, text|base64} or null, search: of createSearch}
 * @returns {{exchange(about), search, close(): Promise<{bytesInspected, leaks: {what, encoding, where}[]}>}} close() when the browser is gone.
 */
function createRecorder({ file = null, search }) {
    const out = file === null ? null : fs.createWriteStream(file, { mode: 0o600 });
    const open = new Set();
    let count = 0;

    function exchange({ method, url }) {
        const id = ++count;
        const where = `${id} ${method} ${url.split('?')[0].replace(/\/proxy\/[^/]+/, '/proxy/…')}`; // a finding is printed; a session's token is not
        const write = (part, direction, data) => { if (out !== null) { out.write(line({ exchange: id, time: Date.now(), part, direction }, data)); } };
        if (out !== null) { out.write(JSON.stringify({ exchange: id, time: Date.now(), method, url }) + '\n'); }
        const inspect = (part) => {
            const stream = search.stream(where + ' ' + part);
            open.add(stream);
            return { push: (data) => stream.push(data), end: () => { stream.end(); open.delete(stream); } };
        };
        const messages = inspect('messages');
        return {
            head(direction, text) {
                write('head', direction, text);
                if (direction === 'received') { const stream = inspect('head'); stream.push(Buffer.from(text, 'latin1')); stream.end(); }
            },
            body(direction) {
                const stream = direction === 'received' ? inspect('body') : null;
                return { push(data) { write('body', direction, data); stream?.push(data); }, end() { stream?.end(); } };
            },
            message(direction, data, binary) {
                write(binary ? 'binary message' : 'message', direction, data);
                if (direction === 'received') { messages.push(data); }
            }
        };
    }

    async function close() {
        for (const stream of [...open]) { stream.end(); }
        if (out !== null) { await new Promise((resolve) => out.end(resolve)); }
        return { bytesInspected: search.bytes, leaks: search.found };
    }
    return { exchange, search, close };
}

module.exports = { record, createRecorder };
