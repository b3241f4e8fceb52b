#!/usr/bin/env node
'use strict';
// What the policy and the live sessions cost in MeshCentral's process:
//   - Node CPU of judging one control frame, by the real policy, of a technician with 500 devices;
//   - relay throughput with the guard on the socket ÷ without it;
//   - Node CPU of revalidating 1,000 live sessions once, spread over the default cache lifetime, as a share of one core.
//
//   node bench/policy.js FILE     writes a JSON array of figures

const fs = require('fs');
const os = require('os');
const path = require('path');
const { EventEmitter } = require('events');
const { createClient } = require('../js-shim/lib/client');
const { createSessions } = require('../js-shim/lib/sessions');
const { compile } = require('../js-shim/lib/policy/table');
const { guardControl } = require('../js-shim/lib/guard/control');
const { guardRelay } = require('../js-shim/lib/guard/relay');
const { readConfig } = require('../js-shim/lib/config');
const { makeSecrets, startPostgres } = require('../e2e/lab/postgres');
const { buildSidecar, startSidecar } = require('../e2e/lab/sidecar');
const { claimsOf, sign } = require('../e2e/lab/tokens');

const ROUNDS = 9;
const FRAMES = 20000;
const BATCH = 50; // messages of one turn
const BATCHES = 200;
const SESSIONS = 1000;
const LIFETIME = 300; // seconds: the default of MESHSSO_CACHE_TTL
const ME = 'user//tina@acme.example';
const DEVICES = Array.from({ length: 500 }, (_, i) => 'node//' + String(i).padStart(64, '0'));
const TECHNICIAN = 1327304;

async function main(file) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'meshsso-bench-'));
    fs.chmodSync(dir, 0o711);
    const room = (name) => { const folder = path.join(dir, name); fs.mkdirSync(folder, { mode: 0o711 }); return folder; };
    const stops = [];
    try {
        const secrets = makeSecrets(path.join(dir, 'secrets.json'));
        const postgres = await startPostgres(room('postgres'), secrets);
        if (!postgres.foreign) { stops.push(() => postgres.stop()); }
        await postgres.query(fs.readFileSync(path.join(__dirname, '..', 'e2e', 'lab', 'platform.sql'), 'utf8'));
        await postgres.query("INSERT INTO users (email, full_name, tenant_id, role) SELECT 'p' || i || '@acme.example', 'P', tenant_id, 'technician' FROM users, generate_series(1, " + SESSIONS + ") i WHERE email = 'tina@acme.example'");
        await buildSidecar();
        const sidecar = await startSidecar(room('sidecar'), postgres, secrets, { cacheTtl: LIFETIME + 's' });
        stops.push(() => sidecar.stop());
        const client = createClient(readConfig({ jwtauth: { address: sidecar.address } }, {}));
        stops.push(async () => client.close());
        const table = compile((await client.policy('', '')).policy);
        const { rows } = await postgres.query("SELECT * FROM users WHERE email LIKE 'p%@acme.example'");
        const tokens = rows.map((row) => sign(claimsOf(row), secrets.jwtSecret));
        fs.writeFileSync(file, JSON.stringify([await frames(table), await relay(), await revalidation(client, tokens)], null, 2) + '\n');
    } finally {
        while (stops.length > 0) { await stops.pop()(); }
        fs.rmSync(dir, { recursive: true, force: true });
    }
}

// MeshCentral with nothing behind its functions: what is measured is ours alone.
function stage(table) {
    const links = new Map(DEVICES.map((node) => [node, TECHNICIAN]));
    const session = { userId: ME, key: 'k', reach: {} };
    const parts = {
        people: { has: (id) => id === ME, sessionMask: (_, node) => links.get(node) || 0, isSiteAdmin: () => false, sessionMasks: () => [...links.values()] },
        sessions: { find: () => session }, live: { add: () => () => { } }, refusals: { note() { throw new Error('refused'); } }, policy: { table: () => table },
        cookies: { during: (_, action) => action(), owns: () => true, ownsRelay: () => true }
    };
    const webserver = { meshUserHandler: { CreateMeshUser() { } }, meshRelayHandler: { CreateMeshRelay() { } } };
    const req = { session: { userid: ME, x: 'k' }, query: {}, meshssoRelay: { node: DEVICES[0], protocol: 5, needs: [] } };
    return { parts, webserver, req, domain: { id: '', url: '/' }, user: { _id: ME } };
}

function cpuMicroseconds(action) {
    const from = process.cpuUsage();
    action();
    const { user, system } = process.cpuUsage(from);
    return user + system;
}

async function frames(table) {
    const { parts, webserver, req, domain, user } = stage(table);
    guardControl(webserver, parts);
    const ws = new EventEmitter();
    let passed = 0;
    webserver.meshUserHandler.CreateMeshUser(null, null, ws, req, null, domain, user);
    ws.on('message', () => { passed++; });
    const mix = [{ action: 'ping' }, { action: 'nodes', id: '', skip: 0 }, { action: 'events', limit: 100, filter: '' }, { action: 'getsysinfo', nodeid: DEVICES[250] }, { action: 'lastconnect', nodeid: DEVICES[499] },
        { action: 'msg', type: 'ps', nodeid: DEVICES[1] }, { action: 'msg', type: 'tunnel', nodeid: DEVICES[2], usage: 2, value: `*/meshrelay.ashx?p=2&nodeid=${DEVICES[2]}&id=abc123&rauth=${'x'.repeat(160)}` },
        { action: 'wakedevices', nodeids: DEVICES.slice(0, 10) }].map((frame) => JSON.stringify(frame));
    const send = (count) => { for (let i = 0; i < count; i++) { ws.emit('message', mix[i % mix.length], false); } };
    send(FRAMES);
    const rounds = Array.from({ length: ROUNDS }, () => cpuMicroseconds(() => send(FRAMES)) / FRAMES);
    if (passed !== FRAMES * (ROUNDS + 1)) { throw new Error('only ' + passed + ' frames passed'); }
    return figure('policy: Node CPU a control frame', rounds, 'µs', 'Frame policy: ≤ 20 µs of Node CPU per control frame', { frames: FRAMES, mix: mix.length });
}

// The same socket with and without the guard, and behind both what MeshCentral's relay does: hand the bytes to the other peer's
// socket, here one on loopback that is read to the end.
async function relay() {
    const net = require('net');
    const server = net.createServer((socket) => socket.resume());
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const peer = net.connect(server.address().port, '127.0.0.1');
    await new Promise((resolve) => peer.once('connect', resolve));
    const { parts, webserver, req, domain, user } = stage(null);
    guardRelay(webserver, parts);
    const [bare, guarded] = [new EventEmitter(), new EventEmitter()];
    webserver.meshRelayHandler.CreateMeshRelay(null, guarded, req, domain, user, null);
    guarded.emit('message', '5');
    const chunk = Buffer.alloc(16 * 1024);
    let done;
    for (const ws of [bare, guarded]) { ws.on('message', (data) => { peer.write(data, done); }); }
    const batch = (ws) => new Promise((resolve) => {
        const from = process.hrtime.bigint();
        let left = BATCH;
        done = () => { if (left-- > 0) { ws.emit('message', chunk, true); } else { resolve(Number(process.hrtime.bigint() - from)); } };
        done();
    });
    const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
    const rounds = [];
    for (let i = 0; i <= ROUNDS; i++) { // short turns, so that a busy moment of the machine meets both; the first round warms up
        const times = [[], []];
        for (let n = 0; n < BATCHES; n++) { for (const [which, ws] of [bare, guarded].entries()) { times[which].push(await batch(ws)); } }
        if (i > 0) { rounds.push(median(times[0]) / median(times[1])); }
    }
    peer.destroy();
    server.close();
    return figure('policy: relay throughput with the guard ÷ without', rounds, 'ratio of rates', 'Relay throughput with the guard ÷ without it: ≥ 0.97', { messages: BATCH * BATCHES, bytes: chunk.length });
}

async function revalidation(client, tokens) {
    const verdict = { user: { _id: ME }, expires: Date.now() + 3600_000, freshFor: LIFETIME * 1000, reach: {} };
    const round = async () => {
        const sessions = createSessions({
            ask: async (token, { hook, maxAgeMs }) => { await client.validate({ token, domain: '', clientIp: '', hook, maxAgeMs }); return verdict; },
            people: { has: () => true, end() { }, unlead() { } }, live: { endSession() { } }, destroyed: () => ({}), log: { ended() { throw new Error('a session ended'); } }, now: () => Date.now() + shift, random: Math.random
        });
        let shift = 0;
        const open = tokens.map((token) => sessions.open(token, '', verdict));
        shift = LIFETIME * 1000 + 1; // every answer is too old now
        const from = process.cpuUsage();
        for (const session of open) { await sessions.confirm(session.key, ME); }
        const { user, system } = process.cpuUsage(from);
        sessions.close();
        return (user + system) / 1e6;
    };
    await round();
    const rounds = [];
    // Each session is asked about after 0.5 to 0.9 of a lifetime, 0.7 on the whole.
    for (let i = 0; i < ROUNDS; i++) { rounds.push(await round() / 0.7 / LIFETIME * 100); }
    return figure('sessions: CPU of revalidating 1,000, spread over a cache lifetime', rounds, '% of one core', 'Revalidation of 1,000 live sessions spread over a cache lifetime: ≤ 1 % of one core', { sessions: SESSIONS, lifetimeSeconds: LIFETIME });
}

function figure(name, rounds, unit, goal, raw) {
    const sorted = rounds.slice().sort((a, b) => a - b);
    console.error(name + ': ' + sorted[(ROUNDS - 1) / 2].toFixed(3) + ' ' + unit);
    return { name, value: round3(sorted[(ROUNDS - 1) / 2]), unit, goal, spread: [round3(sorted[0]), round3(sorted.at(-1))], raw: { ...raw, rounds: rounds.map(round3) } };
}

function round3(value) { return Math.round(value * 1000) / 1000; }

main(process.argv[2] || 'policy.json').catch((err) => { console.error(err); process.exit(1); });
