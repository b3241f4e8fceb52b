'use strict';
// Names of principals are nobody's: MeshCentral makes no account of that shape and lets none in, and what a database holds of
// one (of another mode of the proxy's, or put there by hand) is taken out at start.

const { isPrincipalId, isPrincipalName } = require('./ids');

/** @param {object} webserver MeshCentral's web server object, before it sets its routes up. */
function reserveNames(webserver) {
    const { common } = webserver.parent;
    for (const check of ['validateUsername', 'validateEmail']) { // whatever makes or changes an account asks one of them
        const original = common[check];
        common[check] = function (name, ...rest) { return !isPrincipalName(name) && original.call(common, name, ...rest); };
    }
    const { authenticate } = webserver;
    webserver.authenticate = function (name, pass, domain, func) {
        if (isPrincipalName(name)) { return func(new Error('invalid password')); } // as of a name that there is not
        return authenticate.call(webserver, name, pass, domain, func);
    };
}

const STATE = ['ws', 'im', 'nt', 'ntp']; // see strip.js

// Also the accounts that the proxy makes where there is no shim: this MeshCentral may have been one without.
function isLeft(id) { return isPrincipalId(id) || (typeof id === 'string' && /^user\/[^/]*\/`~s-[0-9a-f]{32}@session\.invalid$/.test(id)); }

/** Takes accounts of that shape out of memory at once, and then them and their links out of the database. */
async function sweepPrincipals(webserver, store, log) {
    const ids = Object.keys(webserver.users).filter(isLeft);
    for (const id of ids) { delete webserver.users[id]; }
    for (const group of [...Object.values(webserver.meshes), ...Object.values(webserver.userGroups || {})]) { unlink(group); }
    try {
        for (const type of ['logintoken', 'deviceshare']) {
            for (const doc of await store.all(type)) { if (isLeft(doc.userid)) { await store.remove(doc._id); } }
        }
        for (const type of ['mesh', 'ugrp', 'node']) {
            for (const doc of await store.all(type)) { if (unlink(doc)) { await rewrite(store, doc._id); } }
        }
        for (const id of ids) { // the account last, so that what a crash leaves is found at the next start
            for (const prefix of STATE) { await store.remove(prefix + id); }
            await store.remove(id);
        }
        if (ids.length > 0) { log.info('JWT Auth: ' + ids.length + ' account(s) of ended sessions were removed'); }
    } catch (err) { log.fault('accounts of ended sessions could not be removed: ' + err.message); }
}

// Read again right before it is written: MeshCentral changes devices all the time.
async function rewrite(store, id) {
    const doc = await store.get(id);
    if (doc !== null && unlink(doc)) { await store.set(doc); }
}

/** Takes links of principals off a document. Says whether there were any. */
function unlink(doc) {
    let found = false;
    for (const field of ['links', 'ssh', 'rdp']) {
        for (const id of Object.keys(doc[field] || {})) { if (isLeft(id)) { delete doc[field][id]; found = true; } }
    }
    return found;
}

module.exports = { reserveNames, sweepPrincipals };
