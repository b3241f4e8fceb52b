'use strict';
// MeshCentral's WebSocket authentication: control.ashx, meshrelay.ashx and their kin.

const { hold, keepEarlyFrames } = require('../hold');
const { pathOf } = require('../path');

/** @param {object} parts {signIn, refusal, guardRequest} */
function createWebSocketHook({ signIn, refusal, guardRequest }) {

    /**
     * @param {object} webserver MeshCentral's. @param {boolean} noAuthOk whether MeshCentral lets a nameless peer through
     *   (an agent's end of a tunnel). @param {Function} again calls MeshCentral's function once more.
     * @returns {boolean} true if the socket was taken over.
     */
    return function websocket(webserver, ws, req, noAuthOk, again) {
        if (req.meshssoSocket) { return false; }
        req.meshssoSocket = true;
        const deciding = signIn.decide(req, 'HOOK_WEBSOCKET', { cookie: !signIn.hasSession(req), login: true });
        if (deciding === null) { return false; }
        const early = keepEarlyFrames(ws);
        const resume = hold(ws);
        deciding.then((session) => {
            early.stop();
            if (ws.readyState !== 1) { return; } // hung up meanwhile: MeshCentral would keep it for ever
            if (session !== null) {
                signIn.signIn(req, session);
                guardRequest(req, null, pathOf(req), session);
            }
            resume();
            again(); // MeshCentral pauses it again at once if it has to wait itself
            early.replay();
        }).catch((err) => {
            early.stop();
            refusal.socket(err, 'HOOK_WEBSOCKET', req, ws);
        });
        return true;
    };
}

module.exports = { createWebSocketHook };
