'use strict';
// Large tenants in a real MeshCentral: what a person of a tenant with 500 devices (user group way, NeDB and PostgreSQL) or
// 10,000 (device group way, PostgreSQL) waits for, beside a person of a tenant with 10 in the same server, 200 people being
// signed in; and how long MeshCentral's event loop is held up by the first fill and by a change of many devices, beside idle.

const fs = require('fs');
const os = require('os');
const path = require('path');
const { startLab } = require('.');
const { documentsOf } = require('./documents');
const { addDocuments, addTenant, delaySince } = require('./fleet');
const { openSocket } = require('./sockets');
const { until } = require('./process');

const CASES = [
    { way: 'links', database: 'nedb', devices: 500, changed: 500 },
    { way: 'links', database: 'postgres', devices: 500, changed: 500 },
    { way: 'group', database: 'postgres', devices: 10000, changed: 1000 }
];
const PEOPLE = 200;
const PAGES = 60;
const LIFETIME = '20s';

/**
 * Measures one case. Times are in milliseconds.
 * @returns {Promise<{label, ratios: {validation, page} (p50 ÷ a tenant of ten's), medians, delays: {idle, fill, change}, bytes: {large, small} of the user object}>}
 */
async function measure({ way, database, devices, changed }) {
    const label = `${way}, ${database}, ${devices} devices`;
    const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'meshsso-delay-'));
    const delays = path.join(scratch, 'delay');
    const lab = await startLab({
        database, agents: false, cacheTtl: LIFETIME, debug: 'none', sidecarEnv: { MESHSSO_DEVICE_RIGHTS: way },
        env: { NODE_OPTIONS: '--require ' + require.resolve('./delay'), MESHSSO_LAB_DELAY: delays }
    });
    const sockets = [];
    try {
        const large = await addTenant(lab, 'large', { devices, people: PEOPLE + 1 });
        const small = await addTenant(lab, 'small', { devices: 10, people: 1 });
        const away = await addTenant(lab, 'away', { devices: 0, people: 1 });
        const group = (await lab.ask.validate(await lab.token(large.emails[0]))).tenant.deviceGroupId;
        // At its start MeshCentral throws away the devices of groups that it does not know.
        for (const { emails } of [large, small]) { await lab.mesh.get('/?token=' + await lab.token(emails[0])); }
        await lab.mesh.stop();
        for (const tenant of [large, small]) { await addDocuments(lab, database, tenant, (await lab.ask.validate(await lab.token(tenant.emails[0]))).tenant.deviceGroupId); }
        await lab.mesh.start();
        await lab.mesh.get('/health.ashx');
        await delaySince(lab, delays);
        await new Promise((resolve) => setTimeout(resolve, 5000)); // five seconds of nothing are what is measured
        const idle = await delaySince(lab, delays);

        const socket = openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token(large.emails[0]));
        await socket.next((m) => m.action === 'userinfo', 120000);
        await until(() => settled(lab, { way, database, group }, large.nodes, []), 300000, 'the first fill');
        const fill = await delaySince(lab, delays);

        for (const email of large.emails.slice(0, PEOPLE)) { sockets.push(openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token(email))); }
        await Promise.all(sockets.map((one) => one.next((m) => m.action === 'userinfo', 120000)));
        const times = await compare(lab, large, small);

        await delaySince(lab, delays);
        const gone = large.nodes.slice(0, changed);
        await lab.postgres.query('UPDATE agents SET tenant_id = $1 WHERE meshcentral_nodeid = ANY($2)', [away.id, gone]);
        await until(() => settled(lab, { way, database, group }, large.nodes.slice(changed), gone), 300000, 'the change of ' + changed);
        const change = await delaySince(lab, delays);
        return { label, ratios: { validation: times.validation, page: times.page }, medians: times.medians, delays: { idle, fill, change }, bytes: { large: await userBytes(lab, large), small: await userBytes(lab, small) } };
    } finally {
        for (const one of sockets) { one.ws.terminate(); }
        await lab.stop();
        fs.rmSync(scratch, { recursive: true, force: true });
    }
}

async function userBytes(lab, { emails }) {
    const socket = openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token(emails[0]));
    const { userinfo } = await socket.next((m) => m.action === 'userinfo');
    socket.close();
    return JSON.stringify(userinfo).length;
}

/** Whether MeshCentral's documents are as they must be: read from the outside, so that looking costs it nothing. */
async function settled(lab, { way, database, group }, inside, outside) {
    const documents = await documentsOf(lab, database).read();
    const of = (id) => JSON.parse(documents.get(id));
    const linked = (id) => Object.keys(of(id).links || {}).some((holder) => holder.startsWith('ugrp/'));
    const there = (id) => ((way === 'group') ? of(id).meshid === group : linked(id));
    return inside.every(there) && !outside.some((id) => ((way === 'group') ? there(id) : stillHeld(of(id), documents, inside)));
}

// A device that moved is linked to its new tenant's group if anybody of that tenant came; here nobody does.
function stillHeld(node) { return Object.keys(node.links || {}).some((holder) => holder.startsWith('ugrp/')); }

// Both kinds alternate, one by one, so that a busy moment of the machine meets both.
async function compare(lab, large, small) {
    const tokens = [await lab.token(large.emails.at(-1)), await lab.token(small.emails[0])];
    const samples = { validation: [[], []], page: [[], []] };
    for (const token of tokens) { await lab.mesh.get('/?token=' + token); }
    for (let i = 0; i < PAGES; i++) {
        for (const [which, token] of tokens.entries()) {
            samples.validation[which].push(await timed(() => lab.ask.validate(token)));
            samples.page[which].push(await timed(() => lab.mesh.get('/?token=' + token)));
        }
    }
    const ratio = (kind) => median(samples[kind][0]) / median(samples[kind][1]);
    const medians = Object.fromEntries(Object.entries(samples).map(([kind, [a, b]]) => [kind, [median(a), median(b)].map(round)]));
    return { validation: ratio('validation'), page: ratio('page'), medians };
}

async function timed(action) {
    const from = process.hrtime.bigint();
    await action();
    return Number(process.hrtime.bigint() - from) / 1e6;
}

function median(list) { return list.slice().sort((a, b) => a - b)[Math.floor(list.length / 2)]; }
function round(value) { return Math.round(value * 1000) / 1000; }

module.exports = { CASES, measure };
