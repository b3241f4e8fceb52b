'use strict';
// Whose socket is believed. The cases with another owner need root, which the test machines give; elsewhere they are
// driven with the roles turned round: our own socket, and a list of owners that we are not on.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { trustedSocket } = require('../lib/socket');

const ME = process.getuid();

async function withSocket(t, use) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'meshsso-socket-'));
    const inner = path.join(dir, 'run');
    fs.mkdirSync(inner, { mode: 0o750 });
    const file = path.join(inner, 'auth.sock');
    const server = net.createServer().listen(file);
    await new Promise((resolve) => server.once('listening', resolve));
    t.after(() => { server.close(); fs.rmSync(dir, { recursive: true, force: true }); });
    return use({ dir, inner, file, server });
}

const refused = (file, owners, pattern) => assert.throws(() => trustedSocket(file, owners), (err) => err.reason === 'SERVICE_UNAVAILABLE' && pattern.test(err.message));

test('our own socket in our own folder is believed', (t) => withSocket(t, ({ file }) => {
    assert.equal(typeof trustedSocket(file, [0, ME]), 'string');
}));

test('a socket of somebody else is not', (t) => withSocket(t, ({ file }) => refused(file, [ME + 1], /belongs to uid/)));

test('a file in the socket\'s place is not', (t) => withSocket(t, ({ inner }) => {
    fs.writeFileSync(path.join(inner, 'file'), '');
    refused(path.join(inner, 'file'), [0, ME], /is not a socket/);
}));

test('a link to a socket is not', (t) => withSocket(t, ({ inner, file }) => {
    fs.symlinkSync(file, path.join(inner, 'link'));
    refused(path.join(inner, 'link'), [0, ME], /is not a socket/);
}));

test('a folder that everybody may write to is not', (t) => withSocket(t, ({ inner, file }) => {
    fs.chmodSync(inner, 0o777);
    refused(file, [0, ME], /writable by everybody/);
}));

test('no socket says that the sidecar may not run', () => refused('/nonexistent/auth.sock', [0, ME], /is `meshsso serve` running/));

test('a replaced socket is another one', (t) => withSocket(t, async ({ file, server }) => {
    const before = trustedSocket(file, [0, ME]);
    await new Promise((resolve) => server.close(resolve));
    const second = net.createServer().listen(file);
    await new Promise((resolve) => second.once('listening', resolve));
    t.after(() => second.close());
    assert.notEqual(trustedSocket(file, [0, ME]), before);
}));
