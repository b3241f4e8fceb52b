'use strict';
// What every hook does with a request: find out whose it is (a token, MeshCentral's own cookie, a session), have it vouched
// for, and sign the session in.

const { Denied } = require('./denied');
const { bearsSessionToken, dropCredentials, extractToken, sessionToken } = require('./token');

const TRIES = 3; // questions for one answer while the operator's rules change

/**
 * @param {object} parts {config, client, people, sessions, cookies (getters), policy, rules, refusals, log}
 */
function createSignIn({ config, client, people, sessions, cookies, policy, rules, refusals, log }) {
    const COOKIES = ['auth', 'login', 'c', 'ws']; // arguments in which MeshCentral takes cookies of its own
    let tickets = 0; // the order in which validations were asked for

    /**
     * Validates one proof and makes or refreshes its person. Resolves to {user, expires, freshFor, reach, sessionId,
     *   holds(): boolean (whether the rules that gave it still hold)}.
     * @param {object} proof {token} of the dashboard, {token, internal: true} of the session proxy, or {session: id} of the latter's
     *   session, later on
     */
    async function ask(proof, request) {
        const presented = request.hook !== 'HOOK_REVALIDATE';
        for (let tries = 0; tries < TRIES; tries++) {
            const ticket = ++tickets;
            const { reply, sessionId } = await answer(proof, request);
            const heard = reply.rulesVersion || '';
            const holds = () => isPool(sessionId) || rules.are(heard);
            if (!isPool(sessionId)) { rules.note(heard, ticket, tickets); }
            if (holds()) {
                await policy.ensure(reply.policyVersion);
                const verdict = await people().admit(reply, ticket, sessionId || proof.token, presented);
                if (holds()) { return { ...verdict, sessionId, holds }; }
            }
            // The rules changed while we asked. An internal token is good once; the session that it named can be asked about.
            if (proof.internal) { [proof, request] = [{ session: sessionId }, { ...request, hook: 'HOOK_REVALIDATE' }]; }
        }
        throw new Denied('SERVICE_UNAVAILABLE', 'the rules change faster than they can be asked about');
    }

    async function answer(proof, { domain = '', clientIp = '', hook = 'HOOK_UNSPECIFIED', maxAgeMs = 0 }) {
        const { token = '', internal = false, session = '' } = proof;
        const reply = await client.validate({ token, sessionToken: internal, session, domain, clientIp, hook, maxAgeMs });
        const sessionId = reply.session ? reply.session.id : null;
        if ((sessionId !== null) !== (internal || session !== '') || (session !== '' && session !== sessionId)) {
            throw new Denied('INTERNAL', 'the sidecar answered about something else');
        }
        return { reply, sessionId };
    }

    /** Validates a proof that was presented. Resolves to its session. */
    async function present(proof, request) {
        const verdict = await ask(proof, request);
        const lasting = (verdict.sessionId === null) ? proof : { session: verdict.sessionId }; // an internal token is good once
        const session = sessions().open(lasting, request.domain || '', verdict); // first: what follows may wait for a database
        await verdict.settled;
        return session;
    }

    /** Takes every other credential off a request that bears an internal token, good or bad. */
    function shed(req) {
        if (!bearsSessionToken(req)) { return; }
        emptySession(req);
        dropCredentials(req);
    }

    /**
     * Whose request it is. Returns null at once if it is nobody's of ours, so that MeshCentral goes its own way untouched;
     * else a promise of a session, or of null for a cookie that did not count. Rejects with Denied.
     * @param {string} hook of the contract. @param {{cookie: boolean, login: boolean}} may whether the dashboard's cookie counts here,
     *   and MeshCentral's own name and password
     */
    function decide(req, hook, may) {
        if (req.meshsso) { return Promise.resolve(req.meshsso); }
        let found;
        try { found = proofOf(req, may); } catch (err) { return Promise.reject(err); }
        return (found.source === 'none') ? known(req, may) : validate(req, hook, found, may);
    }

    // An internal token wins over everything, also when it is refused.
    function proofOf(req, may) {
        const internal = sessionToken(req);
        if (internal === null) { return extractToken(req, may.cookie ? config : { cookieName: null }); }
        shed(req);
        return { source: 'session', token: internal };
    }

    async function validate(req, hook, found, may) {
        try {
            const proof = { token: found.token, internal: found.source === 'session' };
            req.meshsso = await present(proof, { domain: domainOf(req), clientIp: req.clientIp || '', hook });
            log.ok(req.meshsso.userId, req);
            return req.meshsso;
        } catch (err) {
            // A cookie is not chosen by the person at the keyboard: a bad or planted one must not lock anybody out.
            if (found.source !== 'cookie') { throw err; }
            log.denied(Denied.from(err), hook, req);
            return known(req, may);
        }
    }

    // MeshCentral's own proofs, in its own order: what it minted for a page of ours, then the browser's session. A proof that
    // does not count is taken off the request, which goes on as if it had come without.
    function known(req, may) {
        if (may.login && ownLogin(req)) { return null; }
        const proofs = COOKIES.map((name) => cookieProof(req, name)).concat(sessionProof(req)).filter(Boolean);
        return (proofs.length === 0) ? null : firstThatCounts(req, proofs);
    }

    async function firstThatCounts(req, proofs) {
        for (const { kind, holder, drop } of proofs) {
            try {
                req.meshsso = await sessions().confirm(holder.key, holder.userId);
                return req.meshsso;
            } catch (err) {
                const denied = Denied.from(err);
                if (denied.temporary) { throw denied; }
                refusals.note('cookie', kind, denied.reason, holder.userId);
                drop();
            }
        }
        return null;
    }

    function cookieProof({ query, clientIp }, name) {
        const holder = (query && query[name] !== undefined) ? cookies().holder(query[name], clientIp) : null;
        return holder && { kind: name, holder, drop: () => { delete query[name]; } };
    }

    function sessionProof(req) {
        if (!hasSession(req)) { return null; }
        const { userid: userId, x: key } = req.session;
        if (!people().has(userId) && !sessions().knows(key)) { return null; }
        return { kind: 'session', holder: { userId, key }, drop: () => emptySession(req) };
    }

    /** Makes the request's session this person's, whoever's it was, until the JWT's end. */
    function signIn(req, { userId, key, expires, proof }) {
        emptySession(req);
        const { session } = req;
        // `domainid` is for MeshCentral before 1.0; later ones drop it again.
        Object.assign(session, { userid: userId, domainid: userId.split('/')[1], ip: req.clientIp, x: key });
        // A session of the proxy may be renewed while its sockets are open, and MeshCentral would close them at the former end.
        if (proof.session === undefined) { session.expire = expires; }
        dropCredentials(req);
    }

    return { ask, present, shed, decide, signIn, hasSession };
}

// A tenant's pool is nobody whom the rules could judge.
function isPool(sessionId) { return typeof sessionId === 'string' && sessionId.startsWith('tenant:'); }

function emptySession(req) {
    if (req.session === null || typeof req.session !== 'object') { req.session = {}; }
    for (const name of Object.keys(req.session)) { delete req.session[name]; }
}

// A name with a password is MeshCentral's to judge; who passes is then not a person of ours.
function ownLogin({ query, headers }) { return (query && query.user != null && query.pass != null) || headers['x-meshauth'] !== undefined; }

// MeshCentral drops a session that is over, but only after the root hook has looked at it.
function hasSession({ session }) {
    return Boolean(session && session.userid) && !(typeof session.expire === 'number' && session.expire <= Date.now());
}

// MeshCentral's middleware has resolved the domain by then; a request without one is refused by MeshCentral itself.
function domainOf(req) { return (req.xdomain && typeof req.xdomain.id === 'string') ? req.xdomain.id : ''; }

module.exports = { createSignIn };
