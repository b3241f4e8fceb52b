'use strict';
// The surface of the old in-process module, with no sidecar to ask: nothing throws, nobody gets in, the log says why.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { CreateJWTAuth } = require('..');

function meshcentral(jwtauth = { address: 'unix:///nonexistent/auth.sock' }) {
    const printed = [];
    return { printed, args: { jwtauth }, config: { settings: {} }, db: { Set() { }, SetUser() { } }, debug: (source, text) => printed.push(text), authLog: (server, text) => printed.push(text) };
}

test('without a sidecar every token is nobody\'s, with the reason in the log only', async () => {
    const parent = meshcentral();
    const shim = CreateJWTAuth(parent);
    const user = await new Promise((resolve) => shim.validateToken('eyJhbGciOiJIUzI1NiJ9.e30.x', resolve));
    assert.equal(user, null);
    assert.ok(parent.printed.every((text) => text.includes('SERVICE_UNAVAILABLE') && text.includes('is `meshsso serve` running?') && !text.includes('eyJ')), parent.printed.join('\n'));
    const { ok, reason } = await shim.healthCheck();
    assert.equal(ok, false);
    assert.match(reason, /SERVICE_UNAVAILABLE/);
    await assert.rejects(shim.ensureTenantMesh({ id: '1', name: 'x', deviceGroupId: 'mesh//x' }), { reason: 'INTERNAL' });
    for (const odd of [undefined, null, {}, 5]) { assert.equal(await new Promise((resolve) => shim.validateToken(odd, resolve)), null); }
    shim.close();
});

test('extractToken gives the one token of a request, or null', () => {
    const shim = CreateJWTAuth(meshcentral());
    assert.equal(shim.extractToken({ url: '/?token=abc', query: { token: 'abc' }, headers: {}, rawHeaders: [] }), 'abc');
    assert.equal(shim.extractToken({ url: '/?token=abc&token=abd', query: { token: ['abc', 'abd'] }, headers: {}, rawHeaders: [] }), null);
    assert.equal(shim.extractToken({ url: '/', query: {}, headers: {}, rawHeaders: [] }), null);
    shim.close();
});

test('init keeps MeshCentral\'s debug output free of tokens, and frames bounded where a dashboard is named', () => {
    const parent = meshcentral({ address: 'unix:///nonexistent/auth.sock', dashboardorigins: ['https://d.example'] });
    const shim = CreateJWTAuth(parent);
    shim.init();
    parent.debug('web', '/?token=abc');
    assert.equal(parent.printed.at(-1), '/?token=[redacted]');
    assert.equal(parent.config.settings.allowframing, true);
    shim.close();
});

test('a configuration that cannot be read makes no shim', () => assert.throws(() => CreateJWTAuth(meshcentral({ colour: 'red' })), /colour is not known/));
