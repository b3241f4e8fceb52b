'use strict';
// A session used by hand, through whichever replica: requests, sockets and tunnels as the page's browser makes them.

const http = require('http');
const { openSocket } = require('./sockets');
const { openTerminal } = require('./tunnel');

const DASHBOARD = 'https://dashboard.example'; // its TLS proxy is not in the lab: requests come with its name in Host
const HOST = new URL(DASHBOARD).host;
const API = '/api/meshcentral';

/** One request; resolves as soon as the answer's head is there: {status, headers, body(): Promise<string>, res}. */
function request(url, { method = 'GET', headers = {}, body, timeoutMs = 30000, agent = false } = {}) {
    return new Promise((resolve, reject) => {
        const req = http.request(url, { method, headers: { host: HOST, ...headers }, agent }, (res) => resolve({ status: res.statusCode, headers: res.headers, res, body: () => whole(res) }));
        req.on('upgrade', (res, socket) => { socket.destroy(); resolve({ status: res.statusCode, headers: res.headers, res, body: async () => '' }); });
        req.on('error', reject);
        req.setTimeout(timeoutMs, () => req.destroy(new Error('no answer in ' + timeoutMs / 1000 + ' s: ' + method)));
        req.end(body);
    });
}

async function whole(res) {
    const parts = [];
    for await (const part of res) { parts.push(part); }
    return Buffer.concat(parts).toString();
}

/** The same, with the whole answer: {status, headers, text, code and message of a problem, retry: of Retry-After}. */
async function ask(url, options) {
    const { status, headers, body } = await request(url, options);
    const text = await body();
    const problem = /problem\+json/.test(headers['content-type']) ? JSON.parse(text) : {};
    return { status, headers, text, code: problem.code, message: problem.message, retry: headers['retry-after'] };
}

/** A call of the session API. @param {string} api origin of a replica's listener. @param {string} token JWT */
async function call(api, method, path, token, body) {
    return ask(api + API + path, { method, headers: { origin: DASHBOARD, authorization: 'Bearer ' + token, 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
}

/** Opens a session of a person with a device. @returns {Promise<object>} of `through` */
async function openSession(lab, email, agent, { viewMode = 12, api = lab.sessionApi, claims = {} } = {}) {
    const token = await lab.token(email, claims);
    const answer = await call(api, 'POST', '/session/' + agent.agentId, token, { viewMode });
    if (answer.status !== 200) { throw new Error('no session: ' + answer.status + ' ' + answer.code); }
    const cookie = answer.headers['set-cookie'].map((line) => line.split(';')[0]).join('; ');
    return through(api, { agent, email, token, cookie, made: JSON.parse(answer.text) });
}

/** A session at a replica. */
function through(api, session) {
    const { agent, cookie, made, token } = session;
    const base = api + API + '/proxy/' + made.sessionToken;
    const headers = { cookie, origin: DASHBOARD };
    const mine = {
        ...session, id: made.sessionId, base, headers,
        /** The same session, at another replica. */
        at: (other) => through(other, session),
        get: (target = '/', options = {}) => ask(base + target, { ...options, headers: { ...headers, ...options.headers } }),
        stream: (target, options = {}) => request(base + target, { ...options, headers: { ...headers, ...options.headers } }),
        /** How an upgrade is answered. */
        knock: (target = '/control.ashx', options = {}) => mine.get(target, { ...options, headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': Buffer.alloc(16, 7).toString('base64') } }),
        socket: (target) => withEnd(openSocket(base, target, { headers: { host: HOST, ...headers } })),
        async control() {
            const channel = mine.socket('/control.ashx');
            await channel.next((m) => m.action === 'serverinfo', 30000);
            return channel;
        },
        terminal: async (channel) => withEnd(await openTerminal({ url: base }, channel, agent.nodeId, '', { headers: { host: HOST, ...headers } })),
        /** The path of a download of the device's. */
        async file(channel, name) {
            const from = channel.messages.length;
            channel.send({ action: 'authcookie' });
            const { cookie: page } = await channel.next((m) => m.action === 'authcookie', 15000, from);
            return '/devicefile.ashx?c=' + encodeURIComponent(page) + '&m=x&n=' + encodeURIComponent(agent.nodeId.split('/')[2]) + '&f=' + encodeURIComponent(name);
        },
        delete: (by = api) => call(by, 'DELETE', '/session/' + made.sessionId, token)
    };
    return mine;
}

/** Adds `end`: a promise of [close code, reason, when: of performance.now]. */
function withEnd(socket) {
    socket.end = new Promise((resolve) => socket.ws.on('close', (code, reason) => resolve([code, reason.toString(), performance.now()])));
    return socket;
}

module.exports = { API, DASHBOARD, HOST, ask, call, openSession, request, withEnd };
