'use strict';
// `/meshagents?meshaction=…`: settings for MeshCentral's tools in the name of a person.

/** @param {object} parts {signIn, refusal, guardRequest} */
function createMeshActionHook({ signIn, refusal, guardRequest }) {

    /** Same contract as the root hook. MeshCentral reads the user only after the validation has answered. */
    return function meshaction(webserver, req, res, again) {
        if (req.meshssoAction) { return false; }
        req.meshssoAction = true;
        const deciding = signIn.decide(req, 'HOOK_MESHACTION', { cookie: !signIn.hasSession(req), login: false });
        if (deciding === null) { return false; }
        deciding.then((session) => {
            if (session !== null) {
                signIn.signIn(req, session);
                guardRequest(req, res, 'meshagents', session);
            }
            again();
        }).catch((err) => {
            refusal.page(err, 'HOOK_MESHACTION', req, res);
        });
        return true;
    };
}

module.exports = { createMeshActionHook };
