'use strict';
// Live sessions: one a token, or one a session of the proxy, whatever tabs and sockets use it. The token stays in memory only,
// so that each session can be asked about again; none is acted on for longer than the answer about it holds.

const crypto = require('crypto');
const { Denied } = require('./denied');

const MAX_TIMER = 0x7FFFFFFF; // the longest that a Node timer waits, in milliseconds
const RETRY = 1000; // ms between questions while the sidecar does not answer
const BEFORE_END = 2000; // ms before its end that a session of the proxy is asked about: it may have been renewed
const SOONEST = 20; // ms: an answer that is stale when it comes is asked for again, but not in a tight loop

/**
 * @param {object} parts {ask(proof, request): Promise<{user, expires, freshFor}>, people, live, destroyed(): object (MeshCentral's list of
 *   sessions that were logged out), log, now, random(): number in [0, 1), opened(session)}
 */
function createSessions({ ask, people, live, destroyed, log, now, random, opened = () => { } }) {
    const byProof = new Map(); // domain and proof → session
    const byKey = new Map(); // MeshCentral's `session.x` → session
    let lifetime = 0; // ms: the longest that an answer was ever good for, which is the sidecar's cache lifetime

    /**
     * Notes a positive answer about a proof and gives its session.
     * @param {object} proof {token} of the dashboard, or {session: id} of the proxy
     */
    function open(proof, domain, verdict) {
        const name = domain + (proof.session === undefined ? ' token ' + proof.token : ' session ' + proof.session);
        const session = byProof.get(name) || { name, proof, domain, userId: verdict.user._id, key: null, keys: 0, reach: verdict.reach, expires: 0, freshUntil: 0, live: true, timer: null, asking: null };
        byProof.set(name, session);
        if (session.key === null || loggedOut(session)) { rekey(session); }
        confirmed(session, verdict);
        opened(session);
        return session;
    }

    // Logging out ends the key for ever; the token may well come back, from a dashboard whose person is still signed in.
    function rekey(session) {
        do { session.key = makeKey(session); } while (destroyed()[session.userId + '/' + session.key] !== undefined);
        byKey.set(session.key, session);
    }

    function confirmed(session, verdict) {
        const { holds = () => true } = verdict; // the rules may have changed on the way here
        const freshFor = holds() ? verdict.freshFor : 0;
        lifetime = Math.max(lifetime, freshFor);
        const changed = session.reach.text !== verdict.reach.text;
        session.expires = verdict.expires;
        session.reach = verdict.reach;
        session.freshUntil = now() + freshFor;
        session.live = true;
        if (changed) { live.sweep(); } // the account may be as it was, and this token's part of it less
        // Spread: people who came together must not be asked about together.
        plan(session, Math.max(SOONEST, freshFor * (0.5 + 0.4 * random())));
    }

    function plan(session, wait) {
        clearTimeout(session.timer);
        session.timer = setTimeout(() => { look(session); }, Math.min(wait, Math.max(0, untilEnd(session)), MAX_TIMER));
        session.timer.unref();
    }

    function untilEnd(session) {
        const left = session.expires - now();
        return (session.proof.session !== undefined && left > BEFORE_END) ? left - BEFORE_END : left;
    }

    function look(session) {
        if (session.expires <= now()) { return end(session, new Denied('TOKEN_EXPIRED')); }
        if (session.key === null || loggedOut(session)) { return end(session, new Denied('SESSION_ENDED', 'logged out')); }
        if (session.asking !== null) { return unanswered(session, new Denied('SERVICE_UNAVAILABLE', 'no answer in time')); }
        return revalidate(session).catch(() => { }); // what came of it is noted in the session
    }

    /** Asks about a session anew; questions at the same time share one. Rejects with Denied. */
    function revalidate(session) {
        if (session.asking === null) {
            session.asking = question(session).finally(() => { session.asking = null; });
            plan(session, Math.max(0, session.freshUntil - now()) || RETRY); // whatever the answer waits for
        }
        return session.asking;
    }

    async function question(session) {
        try {
            const verdict = await ask(session.proof, { domain: session.domain, hook: 'HOOK_REVALIDATE', maxAgeMs: lifetime / 4 });
            if (byProof.get(session.name) !== session) { // it ended while we asked: the answer came too late for anybody
                dismiss(session.userId);
                throw new Denied('SESSION_ENDED');
            }
            confirmed(session, verdict);
        } catch (err) {
            const denied = Denied.from(err);
            if (denied.temporary) { unanswered(session, denied); } else { end(session, denied); }
            throw denied;
        }
    }

    // Nothing is known against the session, but nothing for it either once the last answer does not hold any more: it is
    // suspended, and goes on by itself when the sidecar answers again.
    function unanswered(session, denied) {
        const left = session.freshUntil - now();
        if (left <= 0 && session.live) {
            session.live = false;
            log.ended(session, denied);
            close(session);
        }
        plan(session, left > 0 ? Math.min(RETRY, left) : RETRY);
    }

    /** Ends a session for good: its sockets, tunnels, downloads and cookies, and the person with the last of them. */
    function end(session, denied) {
        if (byProof.get(session.name) !== session) { return; }
        clearTimeout(session.timer);
        byProof.delete(session.name);
        people.unlead(session.userId, session.proof.session || session.proof.token);
        if (session.key !== null) {
            byKey.delete(session.key);
            destroyed()[session.userId + '/' + session.key] = now();
        }
        const was = session.live;
        session.live = false;
        if (was) { log.ended(session, denied); close(session); }
    }

    function close(session) {
        live.endSession(session);
        dismiss(session.userId);
    }

    // The account goes with the last live session.
    function dismiss(userId) {
        if (![...byProof.values()].some((other) => other.live && other.userId === userId)) { people.end(userId); }
    }

    /** The live session of a key and account, or null. */
    function find(key, userId) {
        const session = byKey.get(key);
        if (session === undefined || session.userId !== userId || loggedOut(session)) { return null; }
        return (session.live && session.freshUntil > now() && session.expires > now() && people.has(userId)) ? session : null;
    }

    // MeshCentral forgets what was logged out after a while; the key must stay dead.
    function loggedOut(session) {
        if (destroyed()[session.userId + '/' + session.key] === undefined) { return false; }
        byKey.delete(session.key);
        session.key = null;
        return true;
    }

    /** Like find, but a session whose last answer holds no longer is asked about first. Resolves to a session, rejects with Denied. */
    async function confirm(key, userId) {
        const session = byKey.get(key);
        if (session === undefined || session.userId !== userId) { throw new Denied('SESSION_ENDED'); }
        if (find(key, userId) === null) {
            if (session.key !== key) { throw new Denied('SESSION_ENDED'); } // logged out
            await revalidate(session);
            if (find(key, userId) === null) { throw new Denied('SESSION_ENDED'); }
        }
        return session;
    }

    return {
        open, find, confirm,
        /** Whether a key is, or was until just now, a session of ours. */
        knows: (key) => byKey.has(key),
        /** Ends every session of an account, e.g. because another person has its e-mail now. */
        endAll(userId, denied) { for (const session of [...byProof.values()]) { if (session.userId === userId) { end(session, denied); } } },
        /** The ids of the proxy's sessions that are here. */
        ofProxy: () => [...new Set([...byProof.values()].map(({ proof }) => proof.session).filter(Boolean))],
        /** Ends a session of the proxy. */
        endOfProxy(id, denied) { for (const session of [...byProof.values()]) { if (session.proof.session === id) { end(session, denied); } } },
        /** No answer so far counts any more: every session is asked about at once, and what is asked meanwhile waits for that. */
        askAll() {
            for (const session of [...byProof.values()]) {
                session.freshUntil = now();
                revalidate(session).catch(() => { }); // what came of it is noted in the session
            }
        },
        lifetime: () => lifetime,
        count: () => byProof.size,
        close() { for (const session of byProof.values()) { clearTimeout(session.timer); } }
    };
}

// A page of the proxy's goes on when MeshCentral was restarted: what MeshCentral minted for it names the same key then. Who
// knows a key has nothing by it, MeshCentral signs and encrypts what names one.
function makeKey(session) {
    if (session.proof.session === undefined) { return crypto.randomBytes(12).toString('base64'); }
    return crypto.createHash('sha256').update('meshsso session ' + session.proof.session + ' ' + session.keys++).digest().subarray(0, 12).toString('base64');
}

module.exports = { createSessions };
