'use strict';
// The policy that holds now, fetched from the sidecar by version.

const { Denied } = require('../denied');
const { compile } = require('./table');

/**
 * @param {(version: string, meshcentral: string) => Promise<object>} fetch the sidecar's GetPolicy.
 * @param {string} meshcentral MeshCentral's version. @param {(text: string) => void} say
 */
function createPolicyHolder(fetch, meshcentral, say) {
    let table = null;
    let fetching = null;

    /** Makes sure that the policy of this version is held; people who come together share one question. Rejects with Denied. */
    async function ensure(version) {
        if (typeof version !== 'string' || version === '') { throw new Denied('POLICY_MISSING', 'the sidecar names no policy'); }
        if (table !== null && table.version === version) { return; }
        if (fetching === null) { fetching = renew().finally(() => { fetching = null; }); }
        await fetching;
    }

    async function renew() {
        const { unchanged, policy } = await fetch(table === null ? '' : table.version, meshcentral);
        if (unchanged && table !== null) { return; }
        if (!policy || policy.version === '' || policy.frames.length === 0) { throw new Denied('POLICY_MISSING', 'the sidecar sent no policy'); }
        table = compile(policy);
        say('JWT Auth: policy ' + table.version + ' (' + policy.frames.length + ' frame rules, ' + policy.requests.length + ' request rules)');
        if (!policy.reviewedVersions.includes(meshcentral)) {
            say('JWT Auth: MeshCentral ' + meshcentral + ' was not reviewed for this policy (reviewed: ' + policy.reviewedVersions.join(', ') + '): what its page sends beyond it is refused and logged by name');
        }
    }

    return { ensure, table: () => table };
}

module.exports = { createPolicyHolder };
