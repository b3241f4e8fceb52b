'use strict';
// A browser by hand: it keeps cookies as a browser does, opens sessions by the API, and says what it likes besides. Behind its
// requests stands the dashboard's name, as a TLS proxy in front would leave it.

const http = require('http');
const { DASHBOARD } = require('./proxied');
const { openSocket } = require('./sockets');
const { openTerminal, runIn } = require('./tunnel');

const API = '/api/meshcentral';
const ORIGIN = { origin: DASHBOARD };
const HOST = { host: new URL(DASHBOARD).host };
const UPGRADE = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': Buffer.alloc(16, 1).toString('base64') };

/** One request. An upgrade that is granted is hung up. Resolves to {status, headers, body, code: of a problem}. */
function send(url, { method = 'GET', headers = {}, body } = {}) {
    return new Promise((resolve, reject) => {
        const req = http.request(url, { method, headers, agent: false }, (res) => {
            let text = '';
            res.on('data', (part) => { text += part; });
            res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: text, code: /problem\+json/.test(res.headers['content-type']) ? JSON.parse(text).code : null }));
        });
        req.on('upgrade', (res, socket) => { socket.destroy(); resolve({ status: res.statusCode, headers: res.headers, body: '', code: null }); });
        req.on('error', reject);
        req.setTimeout(30000, () => req.destroy(new Error('no answer in 30 s: ' + method)));
        req.end(body);
    });
}

// `end`: why it was closed, [code, reason].
function withEnd(socket) {
    const end = new Promise((resolve) => socket.ws.on('close', (code, reason) => resolve([code, reason.toString()])));
    return Object.assign(socket, { end });
}

/** @param {object} lab of startProxied. @returns a browser without cookies */
function createVisitor(lab) {
    const jar = new Map(); // name and path → {name, value, path}

    function keep({ headers }) {
        for (const line of headers['set-cookie'] || []) {
            const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
            const path = /; Path=([^;]+)/i.exec(line)[1];
            if (/; Max-Age=0/i.test(line)) { jar.delete(name + path); } else { jar.set(name + path, { name, value, path }); }
        }
    }
    const cookies = (path) => [...jar.values()].filter((one) => path === one.path || path.startsWith(one.path + '/')).map((one) => one.name + '=' + one.value).join('; ');
    function withCookies(target, headers) {
        const cookie = cookies(target.split('?')[0]);
        const all = { ...HOST, ...(cookie === '' ? {} : { cookie }), ...headers };
        for (const name of Object.keys(all)) { if (all[name] === null) { delete all[name]; } }
        return all;
    }

    /** A call of the session API. @param {string} token JWT @param {object} [more] {body, headers} */
    async function call(method, path, token, { body, headers = {} } = {}) {
        const answer = await send(lab.sessionApi + API + path, { method, headers: withCookies(API + path, { ...ORIGIN, authorization: 'Bearer ' + token, 'content-type': 'application/json', ...headers }), body: body && JSON.stringify(body) });
        keep(answer);
        return { ...answer, json: answer.body === '' ? null : JSON.parse(answer.body) };
    }

    /** Opens a session. @param {string} email @param {object} agent {agentId} @param {object} [body] viewMode, restrict @param {object} [claims] other than the usual */
    async function open(email, agent, body = {}, claims = {}) {
        const answer = await call('POST', '/session/' + agent.agentId, await lab.token(email, claims), { body });
        if (answer.status !== 200) { throw new Error('no session: ' + answer.status + ' ' + answer.code); }
        return createEntry(email, agent, answer.json);
    }

    function createEntry(email, agent, made) {
        const base = API + '/proxy/' + made.sessionToken;
        const entry = {
            email, agent, made, id: made.sessionId, base,
            /** The cookies that this browser has for it. */
            cookie: () => cookies(base),
            /** A request below the session's path; a header that is null is left out, cookies included. */
            get: (target = '/', headers = {}, method = 'GET') => send(lab.sessionApi + base + target, { method, headers: withCookies(base + target, headers) }),
            /** Whether an upgrade is granted: the answer to it. */
            knock: (target = '/control.ashx', headers = {}) => send(lab.sessionApi + base + target, { headers: withCookies(base + target, { ...ORIGIN, ...UPGRADE, ...headers }) }),
            socket(target, headers = {}) {
                return withEnd(openSocket(lab.sessionApi, base + target, { headers: withCookies(base + target, { ...ORIGIN, ...headers }) }));
            },
            async control(headers) {
                const channel = entry.socket('/control.ashx', headers);
                await channel.next((m) => m.action === 'serverinfo');
                return channel;
            },
            /** Who one is to MeshCentral: {id, name}. */
            async account(headers, target = '/control.ashx') {
                const channel = entry.socket(target, headers);
                try {
                    const { userinfo: { _id: id, name, realname } } = await channel.next((m) => m.action === 'userinfo');
                    return { id, name: realname || name }; // an account of a stock MeshCentral has both
                } finally { channel.ws.terminate(); }
            },
            /** A control channel and a terminal that works. */
            async use() {
                const channel = await entry.control();
                const terminal = withEnd(await openTerminal({ url: lab.sessionApi + base }, channel, agent.nodeId, '', { headers: withCookies(base + '/', ORIGIN) }));
                await runIn(terminal, 'echo up-$((40+2))', /up-42/);
                return { channel, terminal, ends: () => Promise.all([channel.end, terminal.end]), close() { channel.close(); terminal.close(); } };
            }
        };
        return entry;
    }

    return { call, open, jar };
}

/** The lines of the audit about a session, oldest first. */
async function auditOf(lab, id) { return (await lab.command('audit', '--json', '--session', id)).split('\n').filter(Boolean).map((line) => JSON.parse(line)); }

module.exports = { API, auditOf, createVisitor, send };
