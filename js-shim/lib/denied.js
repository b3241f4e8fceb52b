'use strict';
// One kind of error for "no access", with the machine-readable reason of the contract (Reason in auth.proto).

const UNAVAILABLE = new Set(['STORE_UNAVAILABLE', 'SERVICE_UNAVAILABLE', 'POLICY_MISSING', 'INTERNAL']);
// Of somebody who is signed in: the sign-in stays what it is.
const FORBIDDEN = new Set(['FRAME_FIELD', 'DEVICE_DENIED', 'RIGHT_MISSING', 'REQUEST_UNKNOWN', 'TUNNEL_INVALID']);

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
    get publicCode() { return this.temporary ? 'SERVICE_UNAVAILABLE' : FORBIDDEN.has(this.reason) ? 'FORBIDDEN' : 'ACCESS_DENIED'; }

    static from(err) {
        return (err instanceof Denied) ? err : new Denied('INTERNAL', err && err.message);
    }
}

module.exports = { Denied };
