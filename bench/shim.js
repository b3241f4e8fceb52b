#!/usr/bin/env node
'use strict';
// What a call costs from MeshCentral's side: the shim's validation of a warm person beside the emptiest call that the same
// server answers (grpc.health.v1 Check), both by grpc-js on one unix socket.
//
//   node bench/shim.js FILE     writes a JSON array of figures

const fs = require('fs');
const os = require('os');
const path = require('path');
const { performance } = require('perf_hooks');
const { createClient } = require('../js-shim/lib/client');
const { readConfig } = require('../js-shim/lib/config');
const { makeSecrets, startPostgres } = require('../e2e/lab/postgres');
const { buildSidecar, startSidecar } = require('../e2e/lab/sidecar');
const { claimsOf, sign } = require('../e2e/lab/tokens');

const ROUNDS = 9;
const CALLS = 2000;

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
        await buildSidecar();
        const sidecar = await startSidecar(room('sidecar'), postgres, secrets, { cacheTtl: '5m' });
        stops.push(() => sidecar.stop());
        const client = createClient(readConfig({ jwtauth: { address: sidecar.address } }, {}));
        stops.push(async () => client.close());
        const { rows } = await postgres.query("SELECT * FROM users WHERE email = 'tina@acme.example'");
        const request = { token: sign(claimsOf(rows[0]), secrets.jwtSecret), domain: '', clientIp: '127.0.0.1', hook: 'HOOK_ROOT' };
        fs.writeFileSync(file, JSON.stringify([await measure(() => client.validate(request), () => client.health())], null, 2) + '\n');
    } finally {
        while (stops.length > 0) { await stops.pop()(); }
        fs.rmSync(dir, { recursive: true, force: true });
    }
}

async function measure(validate, nothing) {
    await round(validate, nothing); // warm both up
    const rounds = [];
    for (let i = 0; i < ROUNDS; i++) {
        const { call, noop } = await round(validate, nothing);
        rounds.push({ noopMicroseconds: noop, validateMicroseconds: call, ratio: call / noop });
        console.error(`round ${i + 1}/${ROUNDS}: ${call.toFixed(0)} µs ÷ ${noop.toFixed(0)} µs = ${(call / noop).toFixed(2)}`);
    }
    const ratios = rounds.map((one) => one.ratio).sort((a, b) => a - b);
    return {
        name: 'shim: ValidateToken ÷ no-op call', value: round3(ratios[(ROUNDS - 1) / 2]), unit: 'ratio of p50', goal: 'Shim unary call ÷ a grpc-js no-op, p50: ≤ 1.6',
        spread: [round3(ratios[0]), round3(ratios[ROUNDS - 1])], raw: { calls: CALLS, rounds: rounds.map((one) => Object.fromEntries(Object.entries(one).map(([key, value]) => [key, round3(value)]))) }
    };
}

// The two alternate call by call, so that a busy moment of the machine meets both. Microseconds, p50.
async function round(validate, nothing) {
    const times = { call: new Float64Array(CALLS), noop: new Float64Array(CALLS) };
    for (let i = 0; i < CALLS; i++) {
        times.call[i] = await timed(validate);
        times.noop[i] = await timed(nothing);
    }
    return { call: times.call.sort()[CALLS / 2], noop: times.noop.sort()[CALLS / 2] };
}

async function timed(call) {
    const from = performance.now();
    await call();
    return (performance.now() - from) * 1000;
}

function round3(value) { return Math.round(value * 1000) / 1000; }

main(process.argv[2] || 'shim.json').catch((err) => { console.error(err); process.exit(1); });
