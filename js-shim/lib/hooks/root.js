'use strict';
// The root page: `/?token=…&gotonode=…&viewmode=…`.

const { FRAME_GUARD, sendPage, wrapRender } = require('../page');

/** @param {object} parts {config, signIn, people (getter), refusal} */
function createRootHook({ config, signIn, people, refusal }) {

    /**
     * @param {object} webserver MeshCentral's. @param {Function} again calls MeshCentral's handler once more.
     * @returns {boolean} true if the request was taken over.
     */
    return function root(webserver, req, res, again) {
        if (req.meshssoRoot) { return false; }
        req.meshssoRoot = true;
        const deciding = signIn.decide(req, 'HOOK_ROOT', { cookie: true });
        if (deciding === null) { return withoutToken(webserver, req, res); }
        deciding.then((verdict) => {
            if (verdict !== null) { signIn.signIn(req, verdict); }
            if (!withoutToken(webserver, req, res)) { again(); }
        }).catch((err) => {
            refusal.page(err, 'HOOK_ROOT', req, res);
        });
        return true;
    };

    // MeshCentral as it is; but its page works in a frame only with our script, and a frame never shows a login form.
    function withoutToken(webserver, req, res) {
        const id = signIn.hasSession(req) ? req.session.userid : null;
        if (id && people().has(id)) { wrapRender(res); return false; }
        if (id && webserver.users[id]) { return false; }
        if (framed(req)) { sendPage(req, res, 'REOPEN', config); return true; }
        if (req.headers['sec-fetch-dest'] === undefined) { wrapRender(res, FRAME_GUARD); }
        return false;
    }
}

// Browsers say what they load a page for. A frame never gets a login form, which would be a click away from phishing.
function framed(req) { return ['iframe', 'frame', 'embed', 'object'].includes(req.headers['sec-fetch-dest']) || req.query.meshsso === 'reopen'; }

module.exports = { createRootHook };
