'use strict';
// The root page: `/?token=…&gotonode=…&viewmode=…`.

const { FRAME_GUARD, sendPage, wrapRender } = require('../page');

/** @param {object} parts {config, signIn, refusal, guardRequest, pageCookies} */
function createRootHook({ config, signIn, refusal, guardRequest, pageCookies }) {

    /**
     * @param {object} webserver MeshCentral's. @param {Function} again calls MeshCentral's handler once more.
     * @returns {boolean} true if the request was taken over.
     */
    return function root(webserver, req, res, again) {
        if (req.meshssoRoot) { return false; }
        req.meshssoRoot = true;
        const deciding = signIn.decide(req, 'HOOK_ROOT', { cookie: true, login: true });
        if (deciding === null) { return withoutUs(webserver, req, res); }
        deciding.then((session) => {
            if (session !== null) {
                signIn.signIn(req, session);
                guardRequest(req, res, '', session);
                wrapRender(res, { adjust: pageCookies(session, req) });
            }
            if (session !== null || !withoutUs(webserver, req, res)) { again(); }
        }).catch((err) => {
            refusal.page(err, 'HOOK_ROOT', req, res);
        });
        return true;
    };

    // MeshCentral as it is, but a frame never shows a login form.
    function withoutUs(webserver, req, res) {
        if (signIn.hasSession(req) && webserver.users[req.session.userid]) { return false; }
        if (framed(req)) { sendPage(req, res, 'REOPEN', config); return true; }
        if (req.headers['sec-fetch-dest'] === undefined) { wrapRender(res, { script: FRAME_GUARD }); }
        return false;
    }
}

// Browsers say what they load a page for. A frame never gets a login form, which would be a click away from phishing.
function framed(req) { return ['iframe', 'frame', 'embed', 'object'].includes(req.headers['sec-fetch-dest']) || req.query.meshsso === 'reopen'; }

module.exports = { createRootHook };
