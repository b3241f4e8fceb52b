'use strict';
// Every other request: an express middleware after MeshCentral's own session and security middleware.

const { hold } = require('../hold');
const { frameAncestors, wrapRender } = require('../page');

// Sockets that authenticate by themselves: agents, and those that pass the websocket hook.
const OWN_SOCKETS = new Set(['agent.ashx', 'meshrelay.ashx', 'ws', 'control.ashx']);
// What needs nobody: validating these one by one would only make a page slow.
const PUBLIC = new Set(['health.ashx', 'refresh.ashx', 'MeshServerRootCert.cer', 'terms', 'manifest.json', 'logo.png', 'loginlogo.png', 'pwalogo.png', 'welcome.jpg', 'welcome.png', 'favicon.ico', 'robots.txt']);
const STATIC = /\.(?:css|js|mjs|map|png|jpe?g|gif|svg|ico|woff2?|ttf|otf|eot|mp3|wasm|webmanifest)$/i;

/** @param {object} parts {config, signIn, refusal} */
function createHttpHook({ config, signIn, refusal }) {

    function middleware(req, res, next) {
        if (config.dashboardOrigins.length > 0) { frameAncestors(res, config.dashboardOrigins); }
        const path = pathOf(req);
        if (leftToOthers(req, path)) { return next(); }
        // A session that is there already is MeshCentral's to judge; the dashboard's cookie is for those that have none.
        const deciding = signIn.decide(req, 'HOOK_HTTP', { cookie: !signIn.hasSession(req) });
        if (deciding === null) { return next(); }
        const resume = req.ws ? hold(req.ws) : () => true;
        deciding.then((verdict) => {
            if (verdict !== null) { signIn.signIn(req, verdict); if (!req.ws) { wrapRender(res); } }
            // In the same tick: a frame that arrives between resume and the handler would find nobody listening.
            if (resume()) { next(); }
        }).catch((err) => {
            if (req.ws) { refusal.socket(err, 'HOOK_HTTP', req, req.ws); } else { refusal.page(err, 'HOOK_HTTP', req, res); }
        });
    }

    function leftToOthers(req, path) {
        if (req.ws) { return OWN_SOCKETS.has(path); }
        if (PUBLIC.has(path) || STATIC.test(path)) { return true; }
        const reading = req.method === 'GET' || req.method === 'HEAD';
        if (reading && (path === '' || path === 'login')) { return true; } // the root hook
        return reading && path === 'meshagents' && isMeshAction(req.query);
    }

    /** The hook: called once, when MeshCentral sets its routes up. */
    return function http(webserver) { webserver.app.use(middleware); };
}

// Whether MeshCentral comes to the place of the meshaction hook: it looks at the others first.
function isMeshAction(query) { return query.meshaction != null && query.id == null && query.script == null && query.meshcmd == null; }

// The path below the domain's URL, without the marker that express-ws puts on upgrades.
function pathOf(req) {
    const base = (req.xdomain && req.xdomain.dns == null && req.xdomain.url) || '/';
    const path = req.path.replace(/\/\.websocket$/, '');
    return (path + '/').startsWith(base) ? path.slice(base.length).replace(/\/$/, '') : path.slice(1);
}

module.exports = { createHttpHook };
