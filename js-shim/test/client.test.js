'use strict';
// The gRPC client against servers that misbehave: a real grpc-js server, with the service replaced.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const { createClient } = require('../lib/client');

const definition = grpc.loadPackageDefinition(loader.loadSync(path.join(__dirname, '..', 'proto', 'auth.proto'))).meshsso.v1.AuthService.service;
const field = (number, bytes) => Buffer.concat([Buffer.from([number << 3 | 2, bytes.length]), Buffer.from(bytes)]);

// google.rpc.Status with one ErrorInfo, written by hand.
function details(reason, domain = 'meshsso.v1', type = 'type.googleapis.com/google.rpc.ErrorInfo') {
    const info = Buffer.concat([field(1, reason), field(2, domain)]);
    const metadata = new grpc.Metadata();
    metadata.set('grpc-status-details-bin', field(3, Buffer.concat([field(1, type), field(2, info)])));
    return metadata;
}

async function sidecar(t, validateToken) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'meshsso-client-'));
    const file = path.join(dir, 'auth.sock');
    const server = new grpc.Server();
    server.addService(definition, { validateToken, getGroupLinks: validateToken });
    await new Promise((resolve, reject) => server.bindAsync('unix:' + file, grpc.ServerCredentials.createInsecure(), (err) => (err ? reject(err) : resolve())));
    const client = createClient({ address: { kind: 'unix', path: file, target: 'unix:' + file }, socketOwners: [0, process.getuid()], deadlineMs: 500, tls: null });
    t.after(() => { client.close(); server.forceShutdown(); fs.rmSync(dir, { recursive: true, force: true }); });
    return { client, server, file };
}

test('a denial carries its reason', async (t) => {
    const { client } = await sidecar(t, (call, cb) => cb({ code: grpc.status.UNAUTHENTICATED, details: 'x', metadata: details('TOKEN_EXPIRED') }));
    await assert.rejects(client.validate({ token: 't' }), { reason: 'TOKEN_EXPIRED', temporary: false, publicCode: 'ACCESS_DENIED' });
});

test('what cannot be read as a denial of ours is an outage', async (t) => {
    const odd = [undefined, details('TOKEN_EXPIRED', 'evil.example'), details('TOKEN_EXPIRED', 'meshsso.v1', 'x/other'), details('<script>'), details('lower_case')];
    const garbage = new grpc.Metadata();
    garbage.set('grpc-status-details-bin', Buffer.from([0xff, 0xff, 0xff]));
    odd.push(garbage);
    for (const metadata of odd) {
        const { client } = await sidecar(t, (call, cb) => cb({ code: grpc.status.PERMISSION_DENIED, details: 'x', metadata }));
        await assert.rejects(client.validate({ token: 't' }), { reason: 'SERVICE_UNAVAILABLE', temporary: true });
    }
});

test('a sidecar that never answers is given up at the deadline, and used again afterwards', async (t) => {
    let silent = true;
    const { client } = await sidecar(t, (call, cb) => { if (!silent) { cb(null, { verifiedBy: 1 }); } });
    await assert.rejects(client.validate({ token: 't' }), { reason: 'SERVICE_UNAVAILABLE' });
    silent = false;
    assert.equal((await client.validate({ token: 't' })).verifiedBy, 'VERIFIED_BY_DASHBOARD');
});

test('a connection made to one socket is not used when another stands in its place', async (t) => {
    let calls = 0;
    const { client, file } = await sidecar(t, (call, cb) => { calls++; cb(null, {}); });
    await client.validate({ token: 't' });
    fs.renameSync(file, file + '.old'); // the server lives on, and so does the connection
    await assert.rejects(client.validate({ token: 't' }), { reason: 'SERVICE_UNAVAILABLE' });
    fs.writeFileSync(file, '');
    await assert.rejects(client.validate({ token: 't' }), /is not a socket/);
    assert.equal(calls, 1);
    fs.renameSync(file + '.old', file);
    await client.validate({ token: 't' });
    assert.equal(calls, 2);
});
