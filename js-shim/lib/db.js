'use strict';
// MeshCentral's database through MeshCentral's own functions, as promises.

/** @param {object} parent MeshCentral's server object. */
function createStore(parent) {
    const { db, common } = parent;
    return {
        /** The document of this id, or null. */
        get: (id) => new Promise((resolve, reject) => {
            db.Get(id, (err, docs) => {
                if (err) { return reject(new Error('MeshCentral\'s database: ' + err)); }
                if (!Array.isArray(docs) || docs.length !== 1) { return resolve(null); }
                resolve(common.unEscapeLinksFieldName(docs[0]));
            });
        }),
        set: (doc) => new Promise((resolve, reject) => {
            db.Set(doc, (err) => { if (err) { reject(new Error('MeshCentral\'s database: ' + err)); } else { resolve(); } });
        })
    };
}

/**
 * People of ours live in MeshCentral's memory only: a restart or a removed shim leaves no account and no right behind.
 * MeshCentral saves user objects from dozens of places (a changed language is enough), so its two write functions skip ours.
 * A socket that closes late saves the object of somebody who has just ended: ours by the object, not only by the id.
 * @param {object} db MeshCentral's database object. @param {(user: object) => boolean} isOurs
 */
function keepOutOfDatabase(db, isOurs) {
    const { Set: set, SetUser: setUser } = db;
    db.SetUser = function (user, ...rest) { if (user != null && isOurs(user)) { return; } return setUser.call(db, user, ...rest); };
    db.Set = function (doc, func) {
        if (doc != null && doc.type === 'user' && isOurs(doc)) { if (func) { func(null); } return; }
        return set.call(db, doc, func);
    };
}

module.exports = { createStore, keepOutOfDatabase };
