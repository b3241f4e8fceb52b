'use strict';
// How a hook says no: the reason to the log, ACCESS_DENIED or an outage to whoever asked.

const { Denied } = require('./denied');
const { sendPage } = require('./page');

/** @param {object} parts {config, log} */
function createRefusal({ config, log }) {
    function noted(err, hook, req) {
        const denied = Denied.from(err);
        log.denied(denied, hook, req);
        return denied;
    }

    return {
        /** Answers a page request, unless MeshCentral has begun to. */
        page(err, hook, req, res) {
            // A refusal that fails is still one, and must not become an unhandled rejection, which ends MeshCentral.
            try {
                const denied = noted(err, hook, req);
                if (!res.headersSent) { sendPage(req, res, denied.publicCode, config); }
            } catch (fault) { res.destroy(); }
        },
        /** Ends a socket in MeshCentral's own way of saying it, which its page understands. */
        socket(err, hook, req, ws) {
            try {
                const denied = noted(err, hook, req);
                ws.send(JSON.stringify({ action: 'close', cause: 'noauth', msg: denied.publicCode }));
                ws.close();
                ws._socket.resume(); // so that the closing handshake is read
            } catch (fault) { ws.terminate(); }
        }
    };
}

module.exports = { createRefusal };
