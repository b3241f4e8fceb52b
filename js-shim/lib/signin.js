'use strict';
// What every hook does with a request: find the token, have it validated, make the person, sign the session in.

const crypto = require('crypto');
const { Denied } = require('./denied');
const { extractToken, dropCredentials } = require('./token');

/**
 * @param {object} parts {config, client, people (getter), log}
 */
function createSignIn({ config, client, people, log }) {
    let tickets = 0; // the order in which validations were asked for

    /** Validates one token and makes or refreshes its person. Returns {user, expires}. */
    async function admit(token, { domain = '', clientIp = '', hook = 'HOOK_UNSPECIFIED' }) {
        const ticket = ++tickets;
        const reply = await client.validate({ token, domain, clientIp, hook });
        return people().admit(reply, ticket);
    }

    /**
     * Decides a request. Returns null at once if it carries no token, so that MeshCentral goes its own way untouched;
     * else a promise of {user, expires}, or of null for a cookie that did not count. Rejects with Denied.
     * @param {string} hook of the contract. @param {{cookie: boolean}} may whether the dashboard's cookie counts here
     */
    function decide(req, hook, may) {
        if (req.meshsso) { return Promise.resolve(req.meshsso); }
        let found;
        try { found = extractToken(req, may.cookie ? config : { cookieName: null }); } catch (err) { return Promise.reject(err); }
        return (found.source === 'none') ? null : validate(req, hook, found);
    }

    async function validate(req, hook, found) {
        try {
            req.meshsso = await admit(found.token, { domain: domainOf(req), clientIp: req.clientIp || '', hook });
            log.ok(req.meshsso.user._id, req);
            return req.meshsso;
        } catch (err) {
            // A cookie is not chosen by the person at the keyboard: a bad or planted one must not lock anybody out.
            if (found.source !== 'cookie') { throw err; }
            log.denied(Denied.from(err), hook, req);
            return null;
        }
    }

    /** Makes the request's session this person's, whoever's it was, until the JWT's end. */
    function signIn(req, verdict) {
        if (req.session === null || typeof req.session !== 'object') { req.session = {}; }
        const { session } = req;
        const same = session.userid === verdict.user._id && typeof session.x === 'string';
        const random = same ? session.x : crypto.randomBytes(12).toString('base64');
        for (const key of Object.keys(session)) { delete session[key]; }
        // `domainid` is for MeshCentral before 1.0; later ones drop it again. `meshsso`: made for this holder of the id, no former one.
        Object.assign(session, { userid: verdict.user._id, domainid: verdict.user.domain, ip: req.clientIp, expire: verdict.expires, x: random, meshsso: verdict.mark });
        dropCredentials(req);
    }

    return { admit, decide, signIn, hasSession };
}

// MeshCentral drops a session that is over, but only after the root hook has looked at it.
function hasSession({ session }) {
    return Boolean(session && session.userid) && !(typeof session.expire === 'number' && session.expire <= Date.now());
}

// MeshCentral's middleware has resolved the domain by then; a request without one is refused by MeshCentral itself.
function domainOf(req) { return (req.xdomain && typeof req.xdomain.id === 'string') ? req.xdomain.id : ''; }

module.exports = { createSignIn };
