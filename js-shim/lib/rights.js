'use strict';
// What a person may do on a device: exactly what the sidecar said, whatever MeshCentral's own documents hold at the moment.

// Mesh rights that take away, mostly from remote control (MESHRIGHT_* of MeshCentral).
const TAKING = 256 | 512 | 1024 | 2048 | 4096 | 8192 | 65536;
const REMOTE_CONTROL = 8;

/**
 * The sum of two masks on one device: every right of either. What one takes away is back only if the other has remote control by
 * itself, and takes away no more: else the sum would open what neither gives. 0 is no right at all.
 */
function union(a, b) {
    if (a === 0 || b === 0) { return a | b; }
    return ((a | b) & ~TAKING) | taken(a, b);
}

function taken(a, b) {
    const [fromA, fromB] = [a & TAKING, b & TAKING];
    if ((a & REMOTE_CONTROL) !== 0 && (fromA & ~fromB) === 0) { return fromA; }
    if ((b & REMOTE_CONTROL) !== 0 && (fromB & ~fromA) === 0) { return fromB; }
    return fromA | fromB;
}

/** What two masks on one device have in common: a right of both, restricted where either is. */
function both(a, b) {
    return (a === 0 || b === 0) ? 0 : (a & b & ~TAKING) | ((a | b) & TAKING);
}

/**
 * Makes MeshCentral's own questions about rights answer from `maskOf` for people of ours. Its answers would be cached for
 * ten seconds, and would give a device's document to a person who has no right on it.
 * @param {object} webserver MeshCentral's. @param {(id: string) => boolean} isPerson @param {(id: string, node: string) => number} maskOf
 * @param {(text: string) => void} log
 */
function answerRights(webserver, isPerson, maskOf, log) {
    const { GetNodeWithRights: withRights, GetNodeRights: rightsOf } = webserver;

    webserver.GetNodeRights = function (user, mesh, nodeid, ...rest) {
        const id = idOf(user);
        return isPerson(id) ? maskOf(id, String(nodeid)) : rightsOf.call(webserver, user, mesh, nodeid, ...rest);
    };

    webserver.GetNodeWithRights = function (domain, user, nodeid, func) {
        const id = idOf(user);
        if (!isPerson(id)) { return withRights.call(webserver, domain, user, nodeid, func); }
        if (typeof nodeid !== 'string' || maskOf(id, nodeid) === 0) { return func(null, 0, false); }
        return withRights.call(webserver, domain, user, nodeid, (node) => {
            const mask = maskOf(id, nodeid); // now, not when MeshCentral began to read
            try {
                if (node == null || mask === 0) { func(null, 0, false); } else { func(node, mask, true); }
            } catch (err) { log('a request of ' + id + ' failed in MeshCentral: ' + err.message); } // it would end the server
        });
    };
}

function idOf(user) { return (typeof user === 'string') ? user : (user && user._id); }

module.exports = { answerRights, both, union };
