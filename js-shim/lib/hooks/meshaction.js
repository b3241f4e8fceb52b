'use strict';
// `/meshagents?meshaction=…`: settings for MeshCentral's tools in the name of a person.

/** @param {object} parts {signIn, refusal} */
function createMeshActionHook({ signIn, refusal }) {

    /** Same contract as the root hook. MeshCentral reads the user only after the validation has answered. */
    return function meshaction(webserver, req, res, again) {
        if (req.meshssoAction) { return false; }
        req.meshssoAction = true;
        const deciding = signIn.decide(req, 'HOOK_MESHACTION', { cookie: !signIn.hasSession(req) });
        if (deciding === null) { return false; }
        deciding.then((verdict) => {
            if (verdict !== null) { signIn.signIn(req, verdict); }
            again();
        }).catch((err) => {
            refusal.page(err, 'HOOK_MESHACTION', req, res);
        });
        return true;
    };
}

module.exports = { createMeshActionHook };
