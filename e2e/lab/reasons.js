'use strict';
// Where a denial's reason can be read: the sidecar's status, and MeshCentral's log.

const { until } = require('./process');

/** The reason in a gRPC error of the sidecar. */
function reasonOf(err) {
    const details = err.metadata ? err.metadata.get('grpc-status-details-bin') : [];
    const match = /\b([A-Z]+(?:_[A-Z]+)+)\x12/.exec(Buffer.concat(details).toString('latin1'));
    return match ? match[1] : null;
}

/** Remembers where MeshCentral's log stands; the function returned waits for the next denial and gives its reason. */
function watchDenials(mesh) {
    const from = mesh.output().length;
    return (hook) => until(() => {
        const denials = [...mesh.output().slice(from).matchAll(/^WEB: JWT auth denied: ([A-Z_]+).*\(([a-z]+), from/gm)];
        const hit = denials.find((denial) => hook === undefined || denial[2] === hook);
        return hit ? hit[1] : null;
    }, 10000, 'a denial in MeshCentral\'s log');
}

module.exports = { reasonOf, watchDenials };
