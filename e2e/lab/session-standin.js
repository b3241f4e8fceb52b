'use strict';
// Stands for the session API and the proxied page, with answers that a test writes. What the real ones do is tested
// with the real ones.

const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const path = require('path');
const { ROOT } = require('./paths');

const DIST = path.join(ROOT, 'meshbridge', 'embed', 'dist');
const API = '/api/meshcentral';

// The page in the frame: its view is its title, and it can say what the proxy's page says when a session is over.
const PAGE = `<!DOCTYPE html><html lang="en"><title>device</title><h1></h1><button>inside</button><script>
document.querySelector('h1').textContent = 'view ' + new URLSearchParams(location.search).get('viewmode');
window.tell = (data) => parent.postMessage(data, '*');
</script></html>`;

/**
 * @param {object} [options] {dashboard: origin that may call (CORS; the pages are then on another origin)}
 * @returns {Promise<object>} {url, requests, next(answers), asked(method, path), sessions, lifetime, hold, holdFrames: POSTs and frames wait until release(), nameless: no sessionId, files, close()}
 */
async function startStandin({ dashboard = null } = {}) {
    const api = { requests: [], answers: [], sessions: new Map(), lifetime: 4 * 3600 * 1000, held: [], hold: false, files: new Map() };
    const server = http.createServer((req, res) => {
        const parts = [];
        req.on('data', (part) => parts.push(part));
        req.on('end', () => answer(api, dashboard, req, Buffer.concat(parts).toString(), res));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address();
    /** Scripts the answers to the next POSTs: {status, headers, body} or 'hang up'. */
    api.next = (...answers) => { api.answers.push(...answers); };
    api.asked = (method, pattern = /./) => api.requests.filter((r) => r.method === method && pattern.test(r.path));
    api.release = () => { api.hold = api.holdFrames = false; for (const go of api.held.splice(0)) { go(); } };
    return Object.assign(api, {
        url: (dashboard === null ? 'http://localhost:' : 'http://127.0.0.1:') + port,
        close: () => new Promise((done) => { server.close(done); server.closeAllConnections(); })
    });
}

function answer(api, dashboard, req, body, res) {
    const { pathname, searchParams } = new URL(req.url, 'http://standin');
    res.setHeader('Cache-Control', 'no-store');
    if (api.files.has(pathname)) { return file(res, ...api.files.get(pathname)); }
    if (pathname.startsWith(API + '/embed')) { return file(res, 'text/javascript', fs.readFileSync(path.join(DIST, path.basename(pathname)))); }
    if (dashboard !== null && req.headers.origin === dashboard) {
        for (const [name, value] of [['Origin', dashboard], ['Credentials', 'true'], ['Headers', 'Authorization, Content-Type'], ['Methods', 'POST, DELETE']]) { res.setHeader('Access-Control-Allow-' + name, value); }
        res.setHeader('Access-Control-Expose-Headers', 'Date, Retry-After');
    }
    if (req.method === 'OPTIONS') { return res.writeHead(204).end(); }
    if (pathname.startsWith(API + '/proxy/')) { return frame(api, req, searchParams, res); }
    if (!pathname.startsWith(API)) { return res.writeHead(404).end(); }
    api.requests.push({ method: req.method, path: pathname, headers: req.headers, body });
    const go = () => (req.method === 'POST' && api.answers.length > 0 ? scripted(res, api.answers.shift()) : usual(api, dashboard, req, pathname, body, res));
    return api.hold && req.method === 'POST' ? api.held.push(go) : go();
}

function file(res, type, text) { res.writeHead(200, { 'Content-Type': type, 'Access-Control-Allow-Origin': '*' }).end(text); }

function scripted(res, wanted) {
    if (wanted === 'hang up') { res.writeHead(200, { 'Content-Length': 100 }).write('{'); return setImmediate(() => res.destroy()); }
    const { status = 200, headers = {}, body = '' } = wanted;
    return res.writeHead(status, { 'Content-Type': 'application/problem+json', ...headers }).end(typeof body === 'string' ? body : JSON.stringify(body));
}

function frame(api, req, query, res) {
    const ticket = query.get('ticket');
    api.requests.push({ method: req.method, path: 'frame', viewMode: query.get('viewmode'), hide: query.get('hide'), ticket, headers: req.headers });
    if (ticket !== null && !api.tickets?.delete(ticket)) { return res.writeHead(401, { 'Content-Type': 'text/html' }).end('<title>refused</title>'); }
    const go = () => res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(PAGE);
    return api.holdFrames ? api.held.push(go) : go();
}

function usual(api, dashboard, req, pathname, body, res) {
    const [, , , kind, id, verb] = pathname.split('/');
    const json = (status, data) => res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(data));
    if (kind !== 'session') { return json(404, { code: 'NOT_FOUND' }); }
    const expiresAt = new Date(Date.now() + api.lifetime).toISOString();
    if (req.method === 'DELETE') { api.sessions.delete(id); return res.writeHead(204).end(); }
    if (verb === 'renew') { return api.sessions.has(id) ? json(200, { success: true, sessionId: id, expiresAt }) : json(404, { code: 'SESSION_NOT_FOUND', message: 'There is no such session.' }); }
    const { viewMode } = JSON.parse(body);
    const made = { sessionId: crypto.randomUUID(), sessionToken: crypto.randomBytes(32).toString('base64url') };
    api.sessions.set(api.nameless ? made.sessionToken : made.sessionId, { agentId: id, viewMode });
    // Cookies as the API makes them, which a browser must take on plain HTTP of this machine too.
    const cookie = (name, at) => `__Secure-meshsso_${name}=1; Path=${at}; HttpOnly; Secure; SameSite=Strict`;
    if (dashboard === null) { res.setHeader('Set-Cookie', [cookie('session', `${API}/proxy/${made.sessionToken}`), cookie('person', API)]); }
    let proxyUrl = `${API}/proxy/${made.sessionToken}/?viewmode=${viewMode}&gotonode=${'A1'.repeat(48)}&hide=29`;
    if (dashboard !== null) {
        const ticket = crypto.randomBytes(8).toString('hex');
        (api.tickets ??= new Set()).add(ticket);
        proxyUrl = 'http://' + req.headers.host + proxyUrl + '&ticket=' + ticket;
    }
    if (api.nameless) { delete made.sessionId; }
    return json(200, { success: true, ...made, expiresAt, agent: { id: Number(id), uuid: crypto.randomUUID(), hostname: 'acme-pc-1', platform: 'linux', nodeId: 'node//x' }, proxyUrl, viewMode });
}

module.exports = { startStandin };
