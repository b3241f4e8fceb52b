'use strict';
// MeshCentral's database through MeshCentral's own functions, as promises.

const { isPrincipalId } = require('./ids');

/** @param {object} parent MeshCentral's server object. */
function createStore(parent) {
    const { db, common } = parent;
    const { Get: get, GetAllType: getAllType } = db; // as MeshCentral made them: what is hidden from it later (hide.js) is not from us
    const failed = (err) => new Error('MeshCentral\'s database: ' + err);
    const writes = watchWrites(db);
    const one = (id) => new Promise((resolve, reject) => {
        get.call(db, id, (err, docs) => {
            if (err) { return reject(failed(err)); }
            if (!Array.isArray(docs) || docs.length !== 1) { return resolve(null); }
            resolve(common.unEscapeLinksFieldName(docs[0]));
        });
    });
    const set = (doc) => new Promise((resolve, reject) => {
        db.Set(doc, (err) => { if (err) { reject(failed(err)); } else { resolve(); } });
    });
    return {
        /** The document of this id, or null. */
        get: one,
        set,
        /**
         * Reads, changes and writes a document as one step: what MeshCentral writes of it meanwhile is not lost.
         * @param {(doc: object|null) => object|null} edit what to write, or null. Called anew for a document that was written meanwhile.
         * @returns {Promise<object|null>} what was written.
         */
        change: (id, edit) => writes.watch(id, async (since) => {
            for (;;) {
                since.written = false;
                const doc = await one(id);
                if (since.written) { continue; }
                const made = edit(doc);
                if (made !== null) { await set(made); }
                return made;
            }
        }),
        /** Has every device's document pass here on its way into the database, whoever writes it. @param {(node: object) => void} complete changes it in place */
        completeNodes: writes.completeNodes,
        /** A page of the devices in these device groups of one domain. */
        nodesIn: (meshIds, skip, limit) => new Promise((resolve, reject) => {
            const page = [meshIds, null, meshIds[0].split('/')[1], 'node', null, skip, limit];
            const whole = db.GetAllTypeNoTypeFieldMeshFiltered.length < page.length + 1; // MeshCentral before 1.0
            db.GetAllTypeNoTypeFieldMeshFiltered(...(whole ? page.slice(0, 5) : page), (err, docs) => {
                if (err || !Array.isArray(docs)) { return reject(failed(err)); }
                resolve(whole ? docs.slice(skip, skip + limit) : docs);
            });
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

// MeshCentral reads a document, changes it and writes all of it, from many places, also about one device at once: the later
// writer takes back what the earlier one wrote. What is ours must neither be lost so nor undo what is MeshCentral's.
function watchWrites(db) {
    const watched = new Map(); // id → Set of {written}
    let complete = () => { };
    const { Set: set } = db;
    db.Set = function (doc, func) {
        if (doc != null && doc.type === 'node') { complete(doc); }
        if (doc != null && watched.has(doc._id)) { for (const since of watched.get(doc._id)) { since.written = true; } }
        return set.call(db, doc, func);
    };

    async function watch(id, job) {
        const since = { written: false };
        if (!watched.has(id)) { watched.set(id, new Set()); }
        watched.get(id).add(since);
        try { return await job(since); } finally {
            const all = watched.get(id);
            all.delete(since);
            if (all.size === 0) { watched.delete(id); }
        }
    }
    return { watch, completeNodes(next) { complete = next; } };
}

/**
 * People of ours live in MeshCentral's memory only: a restart or a removed shim leaves no account and no right behind.
 * MeshCentral saves user objects from dozens of places (a changed language is enough), so its two write functions skip ours.
 * A socket that closes late saves the object of somebody who has just ended: ours by the object, not only by the id.
 * Of principals, whose ids are known by their shape, nothing is written at all: no page state, and no link anywhere.
 * @param {object} db MeshCentral's database object. @param {(user: object) => boolean} isOurs @param {(id: string) => boolean} isPerson
 */
function keepOutOfDatabase(db, isOurs, isPerson) {
    const { Set: set, SetUser: setUser } = db;
    const kept = (user) => isPrincipalId(user._id) || isOurs(user);
    db.SetUser = function (user, ...rest) { if (user != null && kept(user)) { return; } return setUser.call(db, user, ...rest); };
    db.Set = function (doc, func) {
        if (doc != null && ((doc.type === 'user' && kept(doc)) || isStateOfPrincipal(doc))) { if (func) { func(null); } return; }
        return set.call(db, withoutPeople(doc), func);
    };

    // Groups keep their links to people of ours in memory only, too.
    function withoutPeople(doc) {
        if (doc == null || !HOLDERS.has(doc.type) || !doc.links) { return doc; }
        const goes = (id) => isPrincipalId(id) || (doc.type !== 'node' && isPerson(id));
        if (!Object.keys(doc.links).some(goes)) { return doc; }
        return { ...doc, links: Object.fromEntries(Object.entries(doc.links).filter(([id]) => !goes(id))) };
    }
}

const HOLDERS = new Set(['mesh', 'ugrp', 'node']);

// MeshCentral's page state, picture and notes of an account: the account's id behind a prefix.
function isStateOfPrincipal({ _id: id }) { return typeof id === 'string' && /^(?:ws|im|ntp?)user\//.test(id) && isPrincipalId(id.slice(id.indexOf('user/'))); }

module.exports = { createStore, keepOutOfDatabase };
