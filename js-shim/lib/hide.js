'use strict';
// What of held accounts MeshCentral must not come to see in its database: it knows these documents by the account's id only.

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

module.exports = { hideDocuments };
