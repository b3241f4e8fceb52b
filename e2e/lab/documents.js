'use strict';
// MeshCentral's database seen from outside, as it lies on the disk: what other versions wrote, and what this one left.

const fs = require('fs');
const path = require('path');
const { Client } = require('pg');

/**
 * @param {object} lab of startLab. @param {string} database 'nedb' or 'postgres'
 * @returns {{read(): Promise<Map<string, string>> (id → the document's text), write(docs) and erase(id) while MeshCentral is stopped, query}}
 */
function documentsOf(lab, database) { return (database === 'postgres') ? inPostgres(lab.postgres) : inNeDB(path.join(lab.mesh.data, 'meshcentral.db')); }

function inNeDB(file) {
    const append = async (lines) => fs.appendFileSync(file, lines.map((line) => JSON.stringify(line) + '\n').join(''));
    return {
        async read() {
            const found = new Map();
            for (const line of fs.readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
                const doc = JSON.parse(line);
                if (doc.$$deleted) { found.delete(doc._id); } else if (doc._id) { found.set(doc._id, line); }
            }
            return found;
        },
        write: (docs) => append(docs.map(escaped)),
        erase: (id) => append([{ $$deleted: true, _id: id }])
    };
}

function inPostgres({ host, port, user, password }) {
    async function query(sql, args) {
        const client = new Client({ host, port, user, password, database: 'meshcentral' });
        await client.connect();
        try { return (await client.query(sql, args)).rows; } finally { await client.end(); }
    }
    return {
        query,
        async read() { return new Map((await query('SELECT id, doc::text AS text FROM main')).map(({ id, text }) => [id, text])); },
        async write(docs) {
            for (const doc of docs) {
                const extra = doc.meshid || (doc.email && 'email/' + doc.email) || doc.nodeid || null;
                await query('INSERT INTO main VALUES ($1, $2, $3, $4, NULL, $5) ON CONFLICT (id) DO UPDATE SET doc = $5, extra = $4', [doc._id, doc.type, doc.domain, extra, JSON.stringify(escaped(doc))]);
            }
        },
        erase: (id) => query('DELETE FROM main WHERE id = $1', [id])
    };
}

// MeshCentral's databases hold no "." in the names of links.
function escaped(doc) {
    const copy = { ...doc };
    for (const field of ['links', 'ssh', 'rdp']) {
        if (copy[field]) { copy[field] = Object.fromEntries(Object.entries(copy[field]).map(([key, value]) => [key.replace(/[%.$,]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase()), value])); }
    }
    return copy;
}

module.exports = { documentsOf };
