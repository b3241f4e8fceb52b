'use strict';
// MeshCentral's database through MeshCentral's own functions, as promises.

/** @param {object} parent MeshCentral's server object. */
function createStore(parent) {
    const { db, common } = parent;
    const { Get: get, GetAllType: getAllType } = db; // as MeshCentral made them: what is hidden from it later (hide.js) is not from us
    const failed = (err) => new Error('MeshCentral\'s database: ' + err);
    return {
        /** The document of this id, or null. */
        get: (id) => new Promise((resolve, reject) => {
            get.call(db, id, (err, docs) => {
                if (err) { return reject(failed(err)); }
                if (!Array.isArray(docs) || docs.length !== 1) { return resolve(null); }
                resolve(common.unEscapeLinksFieldName(docs[0]));
            });
        }),
        set: (doc) => new Promise((resolve, reject) => {
            db.Set(doc, (err) => { if (err) { reject(failed(err)); } else { resolve(); } });
        }),
        /** Every document of a type. */
        all: (type) => new Promise((resolve, reject) => {
            getAllType.call(db, type, (err, docs) => { if (err) { reject(failed(err)); } else { resolve((docs || []).map((doc) => common.unEscapeLinksFieldName(doc))); } });
        }),
        remove: (id) => new Promise((resolve, reject) => {
            db.Remove(id, (err) => { if (err) { reject(failed(err)); } else { resolve(); } });
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
