'use strict';
// MeshCentral's WebSocket authentication: control.ashx, meshrelay.ashx and their kin.

const { Denied } = require('../denied');
const { hold, refuseSocket } = require('./http');

/** @param {object} parts {signIn, log} */
function createWebSocketHook({ signIn, log }) {

    /**
     * @param {object} webserver MeshCentral's. @param {boolean} noAuthOk whether MeshCentral lets a nameless peer through
     *   (an agent's end of a tunnel). @param {Function} again calls MeshCentral's function once more.
     * @returns {boolean} true if the socket was taken over.
     */
    return function websocket(webserver, ws, req, noAuthOk, again) {
        if (req.meshssoSocket) { return false; }
        req.meshssoSocket = true;
        const deciding = signIn.decide(req, 'HOOK_WEBSOCKET');
        if (deciding === null) { return false; }
        const early = collect(ws);
        const resume = hold(ws);
        deciding.then((verdict) => {
            early.stop();
            if (ws.readyState !== 1) { return; } // hung up meanwhile: MeshCentral would keep it for ever
            if (verdict !== null) { signIn.signIn(req, verdict); }
            resume();
            again(); // MeshCentral pauses it again at once if it has to wait itself
            early.replay();
        }).catch((err) => {
            early.stop();
            const denied = Denied.from(err);
            log.denied(denied, 'HOOK_WEBSOCKET', req);
            refuseSocket(ws, denied);
        });
        return true;
    };
}

// Frames that came in one packet with the `urlargs` message are emitted although the socket is paused. They are kept and
// given, in their order, to the first who listens afterwards: MeshCentral may ask its database before it does.
function collect(ws) {
    const frames = [];
    const keep = (data, isBinary) => frames.push([data, isBinary]);
    const give = () => { for (const frame of frames.splice(0)) { ws.emit('message', ...frame); } };
    const listening = (event) => {
        if (event !== 'message') { return; }
        ws.removeListener('newListener', listening);
        process.nextTick(give); // once the listener is in its place, and before the socket flows again
    };
    ws.on('message', keep);
    return {
        stop() { ws.removeListener('message', keep); },
        replay() { if (frames.length > 0) { if (ws.listenerCount('message') > 0) { give(); } else { ws.on('newListener', listening); } } }
    };
}

module.exports = { createWebSocketHook };
