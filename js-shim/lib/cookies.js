'use strict';
// MeshCentral's own cookies (`auth`, `login`, relay): for people of ours each is tied to the session that it was made in, and
// is worth something only at the places where a hook has let it in.

const { sameClient } = require('./addresses');

const ACCOUNT_FIELDS = ['userid', 'u', 'ruserid', 'uid'];
const SECOND = 1000; // ms: these cookies know whole seconds only
const RELAY_AGE = 60 * 1000; // ms: for a relay cookie that MeshCentral gave to a device itself

/**
 * @param {object} parent MeshCentral's server object. @param {object} parts {people, sessions, isThere(id): whether MeshCentral has an account of this id, now}
 */
function createCookies(parent, { people, sessions, isThere, now }) {
    const { encodeCookie: encode, decodeCookie: decode } = parent;
    const admitted = new Set();
    let making = null; // the session in whose frame MeshCentral is at work just now

    parent.encodeCookie = function (content, key) {
        const account = accountOf(content);
        if (making !== null && account === making.userId) { content = { ...content, meshsso: making.key }; }
        return encode.call(parent, content, key);
    };

    parent.decodeCookie = function (cookie, key, timeout) {
        const content = decode.call(parent, cookie, key, timeout);
        const account = accountOf(content);
        if (account === null) { return content; }
        // Of nobody who is there: it would wait for the next holder of the id.
        if (!isThere(account)) { return nothingOf(content); }
        if (content.meshsso === undefined && !people.has(account)) { return content; }
        if (content.ruserid !== undefined) { return relayLives(content) ? content : nothingOf(content); }
        // Where a hook did not look at the request, a cookie of ours is none: in forms, and wherever else MeshCentral reads one.
        return (admitted.delete(cookie) && sessionOf(content) !== null) ? content : null;
    };

    function sessionOf(content) { return (typeof content.meshsso === 'string') ? sessions.find(content.meshsso, accountOf(content)) : null; }

    // The page's carry its session; the ones that MeshCentral makes for a device to connect with are used within seconds.
    function relayLives(content) {
        const key = content.meshsso || content.x;
        if (key !== undefined) { return typeof key === 'string' && sessions.find(key, content.ruserid) !== null; }
        const since = people.since(content.ruserid);
        return content.time > since - SECOND && now() - content.time < RELAY_AGE;
    }

    function read(cookie, minutes) {
        if (typeof cookie !== 'string' || cookie === '' || cookie.length > 2048) { return null; }
        const content = decode.call(parent, cookie, parent.loginCookieEncryptionKey, minutes);
        if (content === null || typeof content !== 'object') { return null; }
        // We only looked: a cookie that is good for one use is still to be used.
        if (typeof content.once === 'string' && parent.cookieUseOnceTable) { delete parent.cookieUseOnceTable[content.once]; }
        return content;
    }

    return {
        /** Runs what MeshCentral does for one session, so that cookies made meanwhile are that session's. */
        during(session, action) {
            const before = making;
            making = session;
            try { return action(); } finally { making = before; }
        },
        /**
         * Whom a cookie of a request stands for: null for none of ours, else {userId, key} (key null if it names no session, or
         * was made for another client address).
         */
        holder(cookie, clientIp) {
            const content = read(cookie, 60);
            const account = accountOf(content);
            if (account === null || content.ruserid !== undefined || !(content.meshsso !== undefined || people.has(account))) { return null; }
            const usable = typeof content.meshsso === 'string' && sameClient(content.ip, clientIp, parent.args.cookieipcheck);
            return { userId: account, key: usable ? content.meshsso : null };
        },
        /** Whether a cookie was made for this session's person, in a session that lives. */
        owns(cookie, userId) {
            const content = read(cookie, 60);
            return content !== null && content.ruserid === undefined && accountOf(content) === userId && sessionOf(content) !== null;
        },
        ownsRelay(cookie, userId) {
            const content = read(cookie, 240);
            return content !== null && content.ruserid === userId && relayLives(content);
        },
        /** Lets MeshCentral read this cookie once. */
        admit(cookie) { admitted.add(cookie); },
        withdraw(cookie) { admitted.delete(cookie); },
        /** Makes the page's two cookies anew for its session. */
        forPage(session, domain, clientIp) {
            const key = parent.loginCookieEncryptionKey;
            return {
                authCookie: encode.call(parent, { userid: session.userId, domainid: domain, ip: clientIp, meshsso: session.key }, key),
                authRelayCookie: encode.call(parent, { ruserid: session.userId, x: session.key, meshsso: session.key }, key)
            };
        }
    };
}

// MeshCentral also keeps other things under these names.
function accountOf(content) {
    if (content === null || typeof content !== 'object') { return null; }
    for (const field of ACCOUNT_FIELDS) { if (typeof content[field] === 'string' && content[field].startsWith('user/')) { return content[field]; } }
    return null;
}

// MeshCentral reads a field of a relay cookie without looking whether there is one.
function nothingOf(content) { return (content.ruserid !== undefined) ? { time: content.time } : null; }

module.exports = { createCookies };
