'use strict';
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { readConfig } = require('../lib/config');

test('true alone works', () => {
    const config = readConfig({ jwtauth: true }, {});
    assert.equal(config.address.path, '/run/meshsso/auth.sock');
    assert.equal(config.deadlineMs, 2000);
    assert.deepEqual(config.dashboardOrigins, []);
    assert.equal(config.cookieName, null);
});

test('an object adds options, in MeshCentral\'s lower case too, and the environment wins', () => {
    const config = readConfig({ jwtauth: { address: 'tcp://127.0.0.1:9000', deadlinems: 500, loginUrl: 'https://d.example/login', dashboardorigins: ['https://d.example'], _note: 'x' } }, { MESHSSO_DEADLINE_MS: '700', MESHSSO_COOKIE_NAME: 'sid' });
    assert.equal(config.address.target, '127.0.0.1:9000');
    assert.equal(config.deadlineMs, 700);
    assert.equal(config.loginUrl, 'https://d.example/login');
    assert.deepEqual(config.dashboardOrigins, ['https://d.example']);
    assert.equal(config.cookieName, 'sid');
});

test('every fault is told at once', () => {
    const bad = { jwtauth: { address: 'unix://relative', deadlinems: 0, loginurl: 'javascript:alert(1)', dashboardorigins: ['*', 'https://d.example/path'], cookiename: 'xid', socketowner: 'root', colour: 'red' }, nousers: true, user: 'admin' };
    assert.throws(() => readConfig(bad, {}), (err) => {
        for (const part of ['address', 'deadlineMs', 'loginUrl', 'dashboardOrigins: "*"', '/path', 'cookieName', 'socketOwner', 'colour', 'nousers', 'settings.user ']) { assert.ok(err.message.includes(part), part + ' in ' + err.message); }
        return true;
    });
});

test('adoptAccounts is yes or no, and nothing else is taken for a yes', () => {
    const adopt = (value, env = {}) => readConfig({ jwtauth: { adoptaccounts: value } }, env).adoptAccounts;
    assert.equal(readConfig({ jwtauth: true }, {}).adoptAccounts, false);
    for (const [value, wanted] of [[true, true], ['true', true], [false, false], ['false', false]]) { assert.equal(adopt(value), wanted); }
    assert.equal(adopt(false, { MESHSSO_ADOPT_ACCOUNTS: 'true' }), true);
    for (const value of [1, 0, 'yes', 'TRUE', '', null, {}, []]) { assert.throws(() => adopt(value), /adoptAccounts must be true or false/, JSON.stringify(value)); }
    assert.throws(() => adopt(undefined, { MESHSSO_ADOPT_ACCOUNTS: '1' }), /adoptAccounts/);
});

test('an address beyond this machine needs mutual TLS', () => {
    assert.throws(() => readConfig({ jwtauth: { address: 'tcp://10.0.0.5:9000' } }, {}), /mutual TLS/);
    assert.throws(() => readConfig({ jwtauth: { address: 'tcp://localhost.evil.example:9000' } }, {}), /mutual TLS/);
    assert.equal(readConfig({ jwtauth: { address: 'tcp://10.0.0.5:9000', tlsca: __filename, tlscert: __filename, tlskey: __filename } }, {}).tls.key.length > 0, true);
    assert.throws(() => readConfig({ jwtauth: { address: 'tcp://127.0.0.1:9000', tlsca: __filename } }, {}), /belong together/);
    assert.throws(() => readConfig({ jwtauth: { address: 'tcp://127.0.0.1:9000', tlsca: '/nonexistent', tlscert: __filename, tlskey: __filename } }, {}), /ca cannot be read/);
});
