'use strict';
// Every other request: an express middleware after MeshCentral's own session and security middleware.

const { Denied } = require('../denied');
const { frameAncestors, sendPage, wrapRender } = require('../page');

// Sockets that authenticate by themselves: agents, and those that pass the websocket hook.
const OWN_SOCKETS = new Set(['agent.ashx', 'meshrelay.ashx', 'ws', 'control.ashx']);
// What needs nobody: validating these one by one would only make a page slow.
const PUBLIC = new Set(['health.ashx', 'refresh.ashx', 'MeshServerRootCert.cer', 'terms', 'manifest.json', 'logo.png', 'loginlogo.png', 'pwalogo.png', 'welcome.jpg', 'welcome.png', 'favicon.ico', 'robots.txt']);
const STATIC = /\.(?:css|js|mjs|map|png|jpe?g|gif|svg|ico|woff2?|ttf|otf|eot|mp3|wasm|webmanifest)$/i;

/** @param {object} parts {config, signIn, log} */
function createHttpHook({ config, signIn, log }) {

    function middleware(req, res, next) {
        if (config.dashboardOrigins.length > 0) { frameAncestors(res, config.dashboardOrigins); }
        const path = pathOf(req);
        if (leftToOthers(req, path)) { return next(); }
        const deciding = signIn.decide(req, 'HOOK_HTTP');
        if (deciding === null) { return next(); }
        const resume = req.ws ? hold(req.ws) : () => true;
        deciding.then((verdict) => {
            if (verdict !== null) { signIn.signIn(req, verdict); if (!req.ws) { wrapRender(res); } }
            // In the same tick: a frame that arrives between resume and the handler would find nobody listening.
            if (resume()) { next(); }
        }).catch((err) => {
            const denied = Denied.from(err);
            log.denied(denied, 'HOOK_HTTP', req);
            if (req.ws) { refuseSocket(req.ws, denied); } else if (!res.headersSent) { sendPage(req, res, denied.publicCode, config); }
        });
    }

    function leftToOthers(req, path) {
        if (req.ws) { return OWN_SOCKETS.has(path); }
        if (PUBLIC.has(path) || STATIC.test(path)) { return true; }
        const reading = req.method === 'GET' || req.method === 'HEAD';
        if (reading && (path === '' || path === 'login')) { return true; } // the root hook
        if (reading && path === 'meshagents' && req.query.meshaction != null) { return true; } // the meshaction hook
        // A session that is there already is MeshCentral's to judge; the dashboard's cookie is for those that have none.
        return req.session && req.session.userid && !carriesToken(req);
    }

    /** The hook: called once, when MeshCentral sets its routes up. */
    return function http(webserver) { webserver.app.use(middleware); };
}

function carriesToken(req) { return req.query.token !== undefined || /^bearer\b/i.test(req.headers.authorization || ''); }

// The path below the domain's URL, without the marker that express-ws puts on upgrades.
function pathOf(req) {
    const base = (req.xdomain && req.xdomain.dns == null && req.xdomain.url) || '/';
    const path = req.path.replace(/\/\.websocket$/, '');
    return (path + '/').startsWith(base) ? path.slice(base.length).replace(/\/$/, '') : path.slice(1);
}

/** Stops reading a socket. The function returned lets it go on, and says whether the client is still there. */
function hold(ws) {
    ws._socket.pause();
    return () => { ws._socket.resume(); return ws.readyState === 1; };
}

/** Ends a socket in MeshCentral's own way of saying it, which its page understands. */
function refuseSocket(ws, denied) {
    try {
        ws.send(JSON.stringify({ action: 'close', cause: 'noauth', msg: denied.publicCode }));
        ws.close();
        ws._socket.resume(); // so that the closing handshake is read
    } catch (err) { /* the client is gone */ }
}

module.exports = { createHttpHook, hold, refuseSocket };
