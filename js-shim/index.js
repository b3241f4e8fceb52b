'use strict';
// MeshSSO shim: what a MeshCentral fork requires. `start(parent)` is called by the fork's init hook with MeshCentral's
// server object; the object that it returns carries the surface of the old in-process module and the functions that the
// four other hooks call. Policy is the sidecar's; this code asks it and applies the answer.

const path = require('path');
const { createShim } = require('./lib/shim');
const { readConfig } = require('./lib/config');
const { verifyHooks } = require('./lib/fork/markers');

/**
 * Makes a shim without starting it.
 * @param {object} parent MeshCentral's server object (meshcentral.js).
 * @returns {{init, validateToken, extractToken, ensureTenantMesh, healthCheck, root, meshaction, http, websocket, close}}
 */
function CreateJWTAuth(parent) {
    return createShim(parent, readConfig(parent.args, process.env));
}

/**
 * The init hook. It returns a running shim or ends the process: MeshCentral must never run on with its stock login where
 * an operator asked for ours.
 */
function start(parent) {
    try {
        const { ok, problems } = verifyHooks(path.dirname(meshcentralFile()));
        if (!ok) { throw new Error(problems.join('; ') + ' (run: meshsso-fork check)'); }
        const shim = CreateJWTAuth(parent);
        shim.init();
        return shim;
    } catch (err) {
        console.error('ERROR: JWT Auth: MeshCentral does not start, because the MeshSSO shim cannot: ' + err.message);
        return process.exit(1);
    }
}

// The running meshcentral.js: the program itself, or a module of a program that wraps it.
function meshcentralFile() {
    const loaded = [require.main && require.main.filename].concat(Object.keys(require.cache));
    const file = loaded.find((name) => typeof name === 'string' && path.basename(name) === 'meshcentral.js');
    if (file === undefined) { throw new Error('meshcentral.js is not among the loaded modules'); }
    return file;
}

module.exports = { CreateJWTAuth, start };
