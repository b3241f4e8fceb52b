'use strict';
// `/meshagents?meshaction=…`: settings for MeshCentral's tools in the name of a person.

const { Denied } = require('../denied');
const { sendPage } = require('../page');

/** @param {object} parts {config, signIn, log} */
function createMeshActionHook({ config, signIn, log }) {

    /** Same contract as the root hook. MeshCentral reads the user only after the validation has answered. */
    return function meshaction(webserver, req, res, again) {
        if (req.meshssoAction) { return false; }
        req.meshssoAction = true;
        const deciding = signIn.decide(req, 'HOOK_MESHACTION');
        if (deciding === null) { return false; }
        deciding.then((verdict) => {
            if (verdict !== null) { signIn.signIn(req, verdict); }
            again();
        }).catch((err) => {
            const denied = Denied.from(err);
            log.denied(denied, 'HOOK_MESHACTION', req);
            if (!res.headersSent) { sendPage(req, res, denied.publicCode, config); }
        });
        return true;
    };
}

module.exports = { createMeshActionHook };
