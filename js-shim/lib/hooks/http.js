'use strict';
// Every other request: an express middleware after MeshCentral's own session and security middleware.

const { hold } = require('../hold');
const { frameAncestors, wrapRender } = require('../page');
const { pathOf } = require('../path');

// Sockets that authenticate by themselves: agents, and those that pass the websocket hook.
const OWN_SOCKETS = new Set(['agent.ashx', 'meshrelay.ashx', 'ws', 'control.ashx']);
// What needs nobody: validating these one by one would only make a page slow.
const PUBLIC = new Set(['health.ashx', 'refresh.ashx', 'MeshServerRootCert.cer', 'terms', 'manifest.json', 'logo.png', 'loginlogo.png', 'pwalogo.png', 'welcome.jpg', 'welcome.png', 'favicon.ico', 'robots.txt', 'serverpic.ashx']);
const STATIC = /\.(?:css|js|mjs|map|png|jpe?g|gif|webp|avif|svg|ico|woff2?|ttf|otf|eot|mp3|wasm|webmanifest)$/i;

/** @param {object} parts {config, signIn, refusal, guardRequest, pageCookies} */
function createHttpHook({ config, signIn, refusal, guardRequest, pageCookies }) {

    function middleware(req, res, next) {
        signIn.shed(req); // before every other hook, and also where none looks
        if (config.dashboardOrigins.length > 0) { frameAncestors(res, config.dashboardOrigins); }
        const path = pathOf(req);
        if (leftToOthers(req, path)) { return next(); }
        // A session that is there already is MeshCentral's to judge; the dashboard's cookie is for those that have none.
        const deciding = signIn.decide(req, 'HOOK_HTTP', { cookie: !signIn.hasSession(req), login: Boolean(req.ws) });
        if (deciding === null) { return next(); }
        const resume = req.ws ? hold(req.ws) : () => true;
        deciding.then((session) => {
            if (session !== null) { letIn(req, res, path, session); }
            // In the same tick: a frame that arrives between resume and the handler would find nobody listening.
            if (resume()) { next(); }
        }).catch((err) => {
            if (req.ws) { refusal.socket(err, 'HOOK_HTTP', req, req.ws); } else { refusal.page(err, 'HOOK_HTTP', req, res); }
        });
    }

    function letIn(req, res, path, session) {
        signIn.signIn(req, session);
        guardRequest(req, req.ws ? null : res, path, session);
        if (!req.ws) { wrapRender(res, { adjust: pageCookies(session, req) }); }
    }

    function leftToOthers(req, path) {
        if (req.ws) { return OWN_SOCKETS.has(path); }
        const reading = req.method === 'GET' || req.method === 'HEAD';
        if (reading && (PUBLIC.has(path) || STATIC.test(path))) { return true; }
        if (reading && (path === '' || path === 'login')) { return true; } // the root hook
        return reading && path === 'meshagents' && isMeshAction(req.query);
    }

    /** The hook: called once, when MeshCentral sets its routes up. */
    return function http(webserver) { webserver.app.use(middleware); };
}

// Whether MeshCentral comes to the place of the meshaction hook: it looks at the others first.
function isMeshAction(query) { return query.meshaction != null && query.id == null && query.script == null && query.meshcmd == null; }

module.exports = { createHttpHook };
