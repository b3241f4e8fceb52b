'use strict';
// What of an account MeshCentral must not come to see: documents of held accounts, and cookies and sessions that were made
// for a former holder of an id. MeshCentral knows all of these by the account's id only, whoever has it now.

const ACCOUNT_FIELDS = ['userid', 'u', 'ruserid', 'uid']; // of MeshCentral's cookies: who they stand for

/**
 * Hides login tokens, share links and the account itself of held accounts from MeshCentral's lookups: it would act on a
 * document without looking whether the account is there, and a reset by mail ends the whole server on that.
 * @param {object} db MeshCentral's database object. @param {(id: string) => boolean} isHeld
 */
function hideDocuments(db, isHeld) {
    const shown = (doc) => doc === null || typeof doc !== 'object' || !(isHeld(doc._id) || ((doc.type === undefined || doc.type === 'logintoken' || doc.type === 'deviceshare') && isHeld(doc.userid)));
    for (const [name, place] of [['Get', 1], ['GetAllTypeNodeFiltered', 4], ['GetUserWithEmail', 2], ['GetUserWithVerifiedEmail', 2]]) {
        const original = db[name];
        db[name] = function (...args) {
            const func = args[place];
            if (typeof func === 'function') { args[place] = (err, docs, ...more) => func(err, Array.isArray(docs) ? docs.filter(shown) : docs, ...more); }
            return original.apply(db, args);
        };
    }
}

/**
 * Refuses MeshCentral's cookies (page, relay, login, mail, second factor) that were made for a former holder of their id, or
 * for nobody who is there: a relay end would wait for the next holder.
 * @param {object} parent MeshCentral's server object. @param {(id: string, made: number) => boolean} isFormer time in ms
 */
function refuseCookies(parent, isFormer) {
    const { decodeCookie } = parent;
    parent.decodeCookie = function (cookie, key, timeout) {
        const content = decodeCookie.call(parent, cookie, key, timeout);
        if (content === null || typeof content !== 'object') { return content; }
        const stale = ACCOUNT_FIELDS.some((field) => typeof content[field] === 'string' && isFormer(content[field], content.time));
        if (!stale) { return content; }
        // MeshCentral reads a field of a relay cookie without looking whether there is one.
        return (content.ruserid !== undefined) ? { time: content.time } : null;
    };
}

/**
 * A middleware that takes a browser's session away if it was not made for today's holder of its id.
 * @param {(session: object) => boolean} isFormer
 */
function dropSessions(isFormer) {
    return (req, res, next) => {
        const { session } = req;
        if (session && typeof session.userid === 'string' && isFormer(session)) { for (const key of Object.keys(session)) { delete session[key]; } }
        next();
    };
}

module.exports = { hideDocuments, refuseCookies, dropSessions };
