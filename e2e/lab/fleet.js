'use strict';
// Tenants with many devices and people, written as data: rows in the platform, documents in MeshCentral. None of these devices
// is a running agent, which is all that is asked of them: how long lists, links and moves take does not depend on it.

const crypto = require('crypto');
const fs = require('fs');
const { documentsOf } = require('./documents');
const { until } = require('./process');

const key = () => crypto.randomBytes(48).toString('base64').replace(/\+/g, '@').replace(/\//g, '$');

/**
 * Makes a tenant with `devices` devices and `people` technicians (t1@NAME.example …); its documents are in `home`, a device
 * group's id, or in the tenant's own.
 * @returns {Promise<{id, emails: string[], nodes: string[]}>}
 */
async function addTenant(lab, name, { devices, people }) {
    const id = crypto.randomUUID();
    const nodes = Array.from({ length: devices }, () => 'node//' + key());
    await lab.postgres.query('INSERT INTO tenants (tenant_id, name) VALUES ($1, $2)', [id, name]);
    await lab.postgres.query("INSERT INTO users (email, full_name, tenant_id, role) SELECT 't' || i || '@' || $1 || '.example', 'Technician ' || i, $2::uuid, 'technician' FROM generate_series(1, $3::int) i", [name, id, people]);
    await lab.postgres.query('INSERT INTO agents (hostname, tenant_id, meshcentral_nodeid) SELECT $1 || n, $2::uuid, node FROM unnest($3::text[]) WITH ORDINALITY AS x(node, n)', [name, id, nodes]);
    return { id, nodes, emails: Array.from({ length: people }, (_, i) => `t${i + 1}@${name}.example`) };
}

/** Writes the devices of a tenant into MeshCentral's database, which must be stopped. */
async function addDocuments(lab, database, { nodes }, meshid) {
    await documentsOf(lab, database).write(nodes.map((_id, i) => ({
        _id, type: 'node', mtype: 2, icon: 1, name: 'device-' + i, rname: 'device-' + i, domain: '', meshid, host: '192.0.2.' + (i % 250), agent: { ver: 0, id: 6, caps: 29 }, links: {}
    })));
}

/** How long MeshCentral's event loop was held up since the last call, in milliseconds: {p50, p99, max}. */
async function delaySince(lab, file) {
    const lines = () => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean) : []);
    const before = lines().length;
    process.kill(lab.mesh.pid(), 'SIGUSR2');
    await until(() => lines().length > before, 20000, 'MeshCentral says how long it was held up');
    return JSON.parse(lines().at(-1));
}

module.exports = { addTenant, addDocuments, delaySince };
