'use strict';
// Hand-made sockets, as a person with a script has them.

const WebSocket = require('ws');

/**
 * Opens a WebSocket on MeshCentral and keeps what it says.
 * @param {string} url https://… of MeshCentral. @param {string} target path and query. @param {object} [options] {headers, first: frames to send at once}
 * @returns {{ws, opened: Promise, closed: Promise, messages: any[], next(match, ms?, from?): Promise, send(object|string), close()}}
 */
function openSocket(url, target, options = {}) {
    const ws = new WebSocket(url.replace(/^http/, 'ws') + target, { rejectUnauthorized: false, headers: options.headers || {} });
    const messages = [];
    const waiting = new Set();
    let ended = false;
    const opened = new Promise((resolve, reject) => { ws.on('open', resolve); ws.on('error', reject); });
    opened.catch(() => { }); // a test may care for the end only
    const closed = new Promise((resolve) => ws.on('close', (code) => { ended = true; resolve(code); for (const look of waiting) { look(); } }));
    ws.on('message', (data, binary) => {
        messages.push(binary ? data : parse(data.toString()));
        for (const look of waiting) { look(); }
    });
    ws.on('open', () => { for (const frame of options.first || []) { send(frame); } });
    function send(frame) { ws.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame)); }

    /** The first message, of those so far (from one on) and to come, that matches; rejects when the socket ends without one. */
    function next(match, ms = 15000, from = 0) {
        let at = from; // each message is looked at once: a long run has many
        return new Promise((resolve, reject) => {
            const done = (finish, value) => { waiting.delete(look); clearTimeout(timer); finish(value); };
            const look = () => {
                for (; at < messages.length; at++) { if (match(messages[at])) { return done(resolve, messages[at]); } }
                if (ended) { done(reject, new Error('the socket ended; its last messages were ' + kinds(messages))); }
            };
            const timer = setTimeout(() => done(reject, new Error('no such message in ' + ms / 1000 + ' s; the last were ' + kinds(messages))), ms);
            waiting.add(look);
            look();
        });
    }
    return { ws, opened, closed, messages, next, send, close: () => ws.close() };
}

// For an error: of what kind the last messages were. Their content holds cookies.
function kinds(messages) {
    const kind = (m) => (Buffer.isBuffer(m) ? m.length + ' bytes' : m === null || typeof m !== 'object' ? typeof m : ['action', 'type', 'cause', 'msg', 'result'].map((name) => m[name]).filter((word) => typeof word === 'string' && /^[\w .:-]{1,60}$/.test(word)).join(' '));
    return JSON.stringify(messages.slice(-5).map(kind));
}

function parse(text) { try { return JSON.parse(text); } catch (err) { return text; } }

/** MeshCentral's own header for name and password. */
function passwordHeader(name, password) { return { 'x-meshauth': [name, password].map((part) => Buffer.from(part).toString('base64')).join(',') }; }

/** All devices that an account sees, flat, each with its device group: the answer of the control channel's `nodes`. */
async function listNodes(socket) {
    await socket.next((m) => m.action === 'userinfo');
    const from = socket.messages.length;
    socket.send({ action: 'nodes', responseid: 'lab' });
    const reply = await socket.next((m) => m.action === 'nodes' && socket.messages.indexOf(m) >= from);
    return Object.entries(reply.nodes).flatMap(([meshid, nodes]) => nodes.map((node) => ({ ...node, meshid })));
}

module.exports = { openSocket, passwordHeader, listNodes };
