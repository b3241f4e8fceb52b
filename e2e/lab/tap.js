'use strict';
// Stands between a browser and a server, passes everything on as it is, and hands a copy to a recorder: heads, bodies with
// their compression undone, each WebSocket message. What does not come by here did not reach the browser.

const http = require('http');
const zlib = require('zlib');
const WebSocket = require('ws');

const DECODERS = { gzip: zlib.createGunzip, 'x-gzip': zlib.createGunzip, deflate: zlib.createInflate, br: zlib.createBrotliDecompress };

/**
 * @param {string} target origin of the server (http). @param {object} recorder of demo/record.js.
 * @returns {{handle(req, res), upgrade(req, socket, head)}} for an http.Server.
 */
function createTap(target, recorder) {
    const { hostname, port } = new URL(target);
    const ask = (req, headers) => http.request({ hostname, port, method: req.method, path: req.url, headers, agent: false, setHost: false });

    function handle(req, res) {
        const exchange = recorder.exchange({ method: req.method, url: req.url });
        exchange.head('sent', headOf(req.method + ' ' + req.url, req.rawHeaders));
        copy(req, req.headers['content-encoding'], exchange, 'sent');
        const onward = ask(req, pairs(req.rawHeaders));
        onward.on('response', (answer) => {
            exchange.head('received', headOf(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`, answer.rawHeaders));
            copy(answer, answer.headers['content-encoding'], exchange, 'received');
            res.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders);
            answer.pipe(res);
            answer.on('error', () => res.destroy());
            answer.on('close', () => { if (!answer.complete) { res.destroy(); } });
        });
        onward.on('error', () => (res.headersSent ? res.destroy() : res.writeHead(502).end()));
        res.on('close', () => onward.destroy());
        req.pipe(onward);
    }

    // Without extensions, so that messages are what their frames hold.
    function upgrade(req, socket, head) {
        const exchange = recorder.exchange({ method: 'WebSocket', url: req.url });
        exchange.head('sent', headOf('GET ' + req.url, req.rawHeaders));
        const onward = ask(req, pairs(req.rawHeaders).filter(([name]) => name.toLowerCase() !== 'sec-websocket-extensions'));
        onward.on('upgrade', (answer, far, first) => {
            const text = headOf(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`, answer.rawHeaders);
            exchange.head('received', text);
            socket.write(text);
            listen(socket, head, true, exchange, 'sent');
            listen(far, first, false, exchange, 'received');
            if (first.length > 0) { socket.write(first); }
            if (head.length > 0) { far.write(head); }
            join(socket, far);
        });
        onward.on('response', (answer) => { // refused
            const text = headOf(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`, answer.rawHeaders.concat('Connection', 'close'));
            exchange.head('received', text);
            copy(answer, answer.headers['content-encoding'], exchange, 'received');
            socket.write(text);
            answer.pipe(socket);
        });
        onward.on('error', () => socket.destroy());
        socket.on('error', () => onward.destroy());
        onward.end();
    }
    return { handle, upgrade };
}

function pairs(rawHeaders) { return Array.from({ length: rawHeaders.length / 2 }, (_, i) => [rawHeaders[2 * i], rawHeaders[2 * i + 1]]); }

function headOf(first, rawHeaders) { return [first, ...pairs(rawHeaders).map(([name, value]) => name + ': ' + value), '', ''].join('\r\n'); }

function join(a, b) {
    for (const [from, to] of [[a, b], [b, a]]) {
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
    }
}

// What cannot be decompressed is recorded as it came.
function copy(message, coding, exchange, direction) {
    const decoder = DECODERS[(coding ?? '').trim().toLowerCase()]?.();
    const body = exchange.body(direction);
    if (decoder === undefined) {
        message.on('data', (data) => body.push(data));
        message.on('close', () => body.end());
        return;
    }
    let raw = [];
    decoder.on('data', (data) => { raw = null; body.push(data); });
    decoder.on('error', () => { for (const data of raw ?? []) { body.push(data); } body.end(); });
    decoder.on('end', () => body.end());
    message.on('data', (data) => { raw?.push(data); decoder.write(data); });
    message.on('end', () => decoder.end());
    message.on('close', () => { if (!message.complete) { decoder.destroy(new Error('cut off')); } });
}

function listen(socket, first, isServer, exchange, direction) {
    const receiver = new WebSocket.Receiver({ isServer, maxPayload: 0, skipUTF8Validation: true });
    receiver.on('message', (data, binary) => exchange.message(direction, data, binary));
    receiver.on('conclude', (code, reason) => exchange.message(direction, Buffer.from('close ' + code + ' ' + reason.toString()), false));
    for (const control of ['ping', 'pong']) { receiver.on(control, (data) => { if (data.length > 0) { exchange.message(direction, data, true); } }); }
    receiver.on('error', () => { /* from here on as bytes */ });
    const read = (data) => (receiver.destroyed ? exchange.message(direction, data, true) : receiver.write(Buffer.from(data))); // a copy: it unmasks in place
    if (first.length > 0) { read(first); }
    socket.on('data', read);
}

module.exports = { createTap };
