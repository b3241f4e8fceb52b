'use strict';
// The origins that a browser sees, as a company has them: HTTPS, a dashboard with the strictest policy, and MeshSSO's paths
// beside it or on an origin of their own. All of it goes by a recorder.

const http = require('http');
const https = require('https');
const { selfSigned } = require('./certificate');
const { addDashboard } = require('./embed-page');
const { createTap } = require('./tap');

const API = '/api/meshcentral/';
const HOSTS = { dashboard: 'dashboard.localhost', proxy: 'remote.localhost' }; // two sites, both this machine

/**
 * Takes the ports, so that meshsso can be told of them; answers when `serve` was called.
 * @param {object} options {separate: whether MeshSSO has an origin of its own}
 * @returns {Promise<object>} {dashboard: origin, proxy: origin|'', serve(api: origin of the session API, recorder), close()}
 */
async function openSites({ separate }) {
    const tls = selfSigned(Object.values(HOSTS));
    const servers = [];
    const open = async (host) => {
        const server = https.createServer(tls);
        servers.push(server);
        return { server, origin: 'https://' + host + ':' + await listening(server) };
    };
    const dashboard = await open(HOSTS.dashboard);
    const proxy = separate ? await open(HOSTS.proxy) : null;
    return {
        dashboard: dashboard.origin, proxy: proxy === null ? '' : proxy.origin,
        async serve(api, recorder) {
            const behind = createTap(api, recorder);
            const pages = http.createServer(pagesOf(dashboard.origin, proxy === null ? dashboard.origin : proxy.origin));
            servers.push(pages);
            const front = createTap('http://127.0.0.1:' + await listening(pages), recorder);
            route(dashboard.server, (req) => (proxy === null && req.url.startsWith(API) ? behind : front));
            if (proxy !== null) { route(proxy.server, () => behind); }
        },
        close: async () => { for (const server of servers) { await new Promise((done) => { server.close(done); server.closeAllConnections(); }); } }
    };
}

function listening(server) { return new Promise((resolve, reject) => { server.once('error', reject); server.listen(0, '127.0.0.1', () => resolve(server.address().port)); }); }

function route(server, choose) {
    server.on('request', (req, res) => choose(req).handle(req, res));
    server.on('upgrade', (req, socket, head) => choose(req).upgrade(req, socket, head));
}

function pagesOf(url, api) {
    const site = { url, files: new Map() };
    addDashboard(site, api);
    return (req, res) => {
        const [type, text] = site.files.get(req.url) ?? ['text/plain', ''];
        res.writeHead(site.files.has(req.url) ? 200 : 404, { 'Content-Type': type, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer' }).end(text);
    };
}

module.exports = { openSites };
