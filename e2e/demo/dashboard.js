'use strict';
// The demo's dashboard: what an RMM company's own dashboard does, in a page. It knows the platform's database and the
// signing secret; MeshCentral knows neither. Where there is a session API it shows devices by the embed element, and the
// browser meets nothing but this origin.

const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const path = require('path');
const { deviceUrl } = require('../lab/browser');
const { createTap } = require('../lab/tap');

const PAGE = fs.readFileSync(path.join(__dirname, 'dashboard.html'), 'utf8');
const API = '/api/meshcentral';
const NOBODY = { exchange: () => ({ head() { }, body: () => ({ push() { }, end() { } }), message() { } }) };
const [STYLE, SCRIPT] = ['style', 'script'].map((tag) => `'sha256-${crypto.createHash('sha256').update(new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(PAGE)[1]).digest('base64')}'`);

/**
 * Serves the dashboard on loopback.
 * @param {object} lab of startLab. @param {number} port
 * @param {object} [options] {api: origin of the session API, which is then served here too; null: devices are shown by MeshCentral's own
 *   page, recorder: of demo/record.js, for everything between a browser and this server}
 * @returns {Promise<{url: string, close(): Promise<void>}>}
 */
async function serveDashboard(lab, port, { api = null, recorder = null } = {}) {
    const hosts = new Set(['localhost:' + port, '127.0.0.1:' + port]);
    const policy = `default-src 'none'; style-src ${STYLE}; script-src ${SCRIPT}${api === null ? '' : " 'self'"}; connect-src 'self'; frame-src ${api === null ? lab.mesh.url : "'self'"}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
    const onward = api === null ? null : createTap(api, NOBODY);
    const forApi = (req) => onward !== null && hosts.has(req.headers.host) && req.url.startsWith(API + '/');
    const server = http.createServer((req, res) => {
        if (forApi(req)) { onward.handle(req, res); return; }
        answer(lab, hosts, api, req).then(({ status = 200, type = 'application/json', body }) => {
            res.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', 'Content-Security-Policy': policy });
            res.end(type === 'application/json' ? JSON.stringify(body) : body);
        }, () => { res.writeHead(500).end(); });
    });
    server.on('upgrade', (req, socket, head) => (forApi(req) ? onward.upgrade(req, socket, head) : socket.destroy()));
    const servers = [server];
    if (recorder !== null) {
        await listen(server, 0);
        const tap = createTap('http://127.0.0.1:' + server.address().port, recorder);
        servers.unshift(http.createServer(tap.handle).on('upgrade', tap.upgrade));
    }
    await listen(servers[0], port);
    return { url: 'http://localhost:' + port + '/', close: async () => { for (const one of servers) { await closed(one); } } };
}

function listen(server, port) {
    return new Promise((resolve, reject) => {
        server.once('error', (err) => reject(err.code === 'EADDRINUSE' ? new Error('port ' + port + ' is taken: stop what listens there, or choose another one with DEMO_PORT=<port>') : err));
        server.listen(port, '127.0.0.1', resolve);
    });
}

function closed(server) { return new Promise((done) => { server.close(done); server.closeAllConnections(); }); }

// Another site in the same browser must not get a token: neither by its own page (Origin) nor by a name that it points
// at loopback (Host).
async function answer(lab, hosts, api, req) {
    const refusal = { status: 403, body: { error: 'this page is for its own origin only' } };
    if (!hosts.has(req.headers.host)) { return refusal; }
    const { pathname, searchParams } = new URL(req.url, 'http://dashboard');
    if (req.method === 'GET' && pathname === '/') { return { type: 'text/html; charset=utf-8', body: PAGE }; }
    if (req.headers.origin !== undefined && req.headers.origin !== 'http://' + req.headers.host) { return refusal; }
    if (req.headers['sec-fetch-site'] !== undefined && req.headers['sec-fetch-site'] !== 'same-origin') { return refusal; }
    if (req.method === 'GET' && pathname === '/api/people') { return { body: { people: await people(lab), ...(api === null ? { meshcentral: lab.mesh.url + '/', embed: null } : { meshcentral: null, embed: API + '/embed.js' }) } }; }
    if (req.method === 'GET' && pathname === '/api/devices') { return { body: await devices(lab, searchParams.get('person')) }; }
    if (req.method === 'POST' && pathname === '/api/token' && api !== null) { return token(lab, req, await json(req)); }
    if (req.method === 'POST' && pathname === '/api/open' && api === null) { return open(lab, req, await json(req)); }
    return { status: 404, body: { error: 'no such page' } };
}

async function people(lab) {
    const { rows } = await lab.postgres.query('SELECT email, full_name AS name, role, is_superadmin AS superadmin, t.name AS tenant FROM users u LEFT JOIN tenants t USING (tenant_id) ORDER BY user_id');
    return rows;
}

async function devices(lab, email) {
    const { rows } = await lab.postgres.query('SELECT a.agent_id AS id, a.hostname, a.platform, t.name AS tenant, a.meshcentral_nodeid IS NOT NULL AS enrolled FROM users u JOIN agents a ON u.is_superadmin OR a.tenant_id = u.tenant_id JOIN tenants t ON t.tenant_id = a.tenant_id WHERE u.email = $1 ORDER BY a.agent_id', [email]);
    return rows;
}

async function open(lab, req, { person, device, viewMode }) {
    if (req.headers.origin === undefined) { return { status: 403, body: { error: 'no Origin' } }; }
    const found = (await devices(lab, person)).find((row) => row.id === device && row.enrolled);
    if (found === undefined || ![10, 11, 12, 13].includes(viewMode)) { return { status: 404, body: { error: 'no such device for this person' } }; }
    const { rows } = await lab.postgres.query('SELECT meshcentral_nodeid AS node FROM agents WHERE agent_id = $1', [device]);
    return { body: { url: deviceUrl(lab.mesh, await lab.token(person), rows[0].node, viewMode) } };
}

async function token(lab, req, { person }) {
    if (req.headers.origin === undefined) { return { status: 403, body: { error: 'no Origin' } }; }
    if (!(await people(lab)).some((row) => row.email === person)) { return { status: 404, body: { error: 'no such person' } }; }
    return { body: { token: await lab.token(person) } };
}

async function json(req) {
    let text = '';
    for await (const part of req) { text += part; if (text.length > 4096) { break; } }
    try { return JSON.parse(text); } catch (err) { return {}; }
}

module.exports = { serveDashboard };
