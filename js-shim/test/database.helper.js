'use strict';
// MeshCentral's database object over a Map, as its NeDB: one operation after the other, in the order in which they were asked.

const { createStore } = require('../lib/db');

/**
 * @param {Map<string, object>} docs by id.
 * @param {object} [options] {hang: an id whose reading never answers, broken(): an id that cannot be written}
 * @returns {object} {Get, Set, Remove, GetAllType, GetAllTypeNoTypeFieldMeshFiltered}
 */
function standInDatabase(docs, { hang = null, broken = () => undefined } = {}) {
    let last = Promise.resolve();
    const later = (job) => { last = last.then(() => { job(); }); }; // a callback that waits holds nobody up
    const found = (test) => [...docs.values()].filter(test).map((doc) => structuredClone(doc));
    return {
        Get(id, func) { if (id !== hang) { later(() => func(null, found((doc) => doc._id === id))); } },
        Set(doc, func = () => { }) {
            const written = structuredClone(doc);
            later(() => { if (doc._id === broken()) { return func('disk'); } docs.set(doc._id, written); func(null); });
        },
        Remove(id, func) { later(() => { docs.delete(id); func(null); }); },
        GetAllType(type, func) { later(() => func(null, found((doc) => doc.type === type))); },
        GetAllTypeNoTypeFieldMeshFiltered(meshIds, extra, domain, type, id, skip, limit, func) { later(() => func(null, found((doc) => meshIds.includes(doc.meshid)).slice(skip, skip + limit))); }
    };
}

/** The shim's own view of such a database. */
function standInStore(db) { return createStore({ db, common: { unEscapeLinksFieldName: (doc) => doc } }); }

module.exports = { standInDatabase, standInStore };
