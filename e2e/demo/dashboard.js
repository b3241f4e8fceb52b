'use strict';
// The demo's dashboard: what an RMM company's own dashboard does, in a page. It knows the platform's database and the
// signing secret; MeshCentral knows neither.

const fs = require('fs');
const http = require('http');
const path = require('path');
const { deviceUrl } = require('../lab/browser');

const PAGE = fs.readFileSync(path.join(__dirname, 'dashboard.html'));

/**
 * Serves the dashboard on loopback.
 * @param {object} lab of startLab. @param {number} port
 * @returns {Promise<{url: string, close(): Promise<void>}>}
 */
function serveDashboard(lab, port) {
    const hosts = new Set(['localhost:' + port, '127.0.0.1:' + port]);
    const server = http.createServer((req, res) => {
        answer(lab, hosts, req).then(({ status = 200, type = 'application/json', body }) => {
            res.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer',
                'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-src " + lab.mesh.url + "; frame-ancestors 'none'" });
            res.end(type === 'application/json' ? JSON.stringify(body) : body);
        }, () => { res.writeHead(500).end(); });
    });
    return new Promise((resolve, reject) => {
        server.once('error', (err) => reject(err.code === 'EADDRINUSE' ? new Error('port ' + port + ' is taken: stop what listens there, or choose another one with DEMO_PORT=<port>') : err));
        server.listen(port, '127.0.0.1', () => resolve({ url: 'http://localhost:' + port + '/', close: () => new Promise((done) => { server.close(done); server.closeAllConnections(); }) }));
    });
}

// Another site in the same browser must not get a token: neither by its own page (Origin) nor by a name that it points
// at loopback (Host).
async function answer(lab, hosts, req) {
    const refusal = { status: 403, body: { error: 'this page is for its own origin only' } };
    if (!hosts.has(req.headers.host)) { return refusal; }
    const { pathname, searchParams } = new URL(req.url, 'http://dashboard');
    if (req.method === 'GET' && pathname === '/') { return { type: 'text/html; charset=utf-8', body: PAGE }; }
    if (req.headers.origin !== undefined && req.headers.origin !== 'http://' + req.headers.host) { return refusal; }
    if (req.headers['sec-fetch-site'] !== undefined && req.headers['sec-fetch-site'] !== 'same-origin') { return refusal; }
    if (req.method === 'GET' && pathname === '/api/people') { return { body: { people: await people(lab), meshcentral: lab.mesh.url + '/' } }; }
    if (req.method === 'GET' && pathname === '/api/devices') { return { body: await devices(lab, searchParams.get('person')) }; }
    if (req.method === 'POST' && pathname === '/api/open') { return open(lab, req, await json(req)); }
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

async function json(req) {
    let text = '';
    for await (const part of req) { text += part; if (text.length > 4096) { break; } }
    try { return JSON.parse(text); } catch (err) { return {}; }
}

module.exports = { serveDashboard };
