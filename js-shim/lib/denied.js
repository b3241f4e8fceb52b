'use strict';
// One kind of error for "no access", with the machine-readable reason of the contract (Reason in auth.proto).

const UNAVAILABLE = new Set(['STORE_UNAVAILABLE', 'SERVICE_UNAVAILABLE', 'INTERNAL']);

class Denied extends Error {
    /** @param {string} reason a Reason without its prefix. @param {string} [detail] for the log only; never a token or claim. */
    constructor(reason, detail) {
        super(detail ? reason + ': ' + detail : reason);
        this.name = 'Denied';
        this.reason = reason;
    }

    /** Whether trying the same token again may succeed. */
    get temporary() { return UNAVAILABLE.has(this.reason); }

    /** What a browser may know. */
    get publicCode() { return this.temporary ? 'SERVICE_UNAVAILABLE' : 'ACCESS_DENIED'; }

    static from(err) {
        return (err instanceof Denied) ? err : new Denied('INTERNAL', err && err.message);
    }
}

module.exports = { Denied };
