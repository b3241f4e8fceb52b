'use strict';
// config.template.json: JSON, MeshCentral's own names, options that the shim takes, and no secret.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const { ROOT, SAMPLE, published } = require('./fork.helper.js');
const { readConfig } = require('../lib/config.js');

const text = fs.readFileSync(path.join(ROOT, 'config.template.json'), 'utf8');
const template = JSON.parse(text);

/** The names that MeshCentral's own sample shows, switched on or not, as MeshCentral compares them: in lower case. */
function sampleNames(section) {
    const names = new Set();
    for (const version of ['1.1.55', '1.1.51']) {
        const sample = JSON.parse(fs.readFileSync(path.join(published(version), SAMPLE), 'utf8'));
        const objects = section === 'settings' ? [sample.settings] : Object.values(sample.domains);
        for (const object of objects) for (const key of Object.keys(object)) names.add(key.replace(/^_+/, '').toLowerCase());
    }
    return names;
}

const OURS = ['jwtauth'];
// In MeshCentral's code and documentation, but not in its sample.
const UNSAMPLED = ['postgres'];

test('every stock key is one of MeshCentral', () => {
    const settings = sampleNames('settings');
    for (const key of Object.keys(template.settings)) {
        const name = key.replace(/^_+/, '').toLowerCase();
        assert.ok(settings.has(name) || OURS.includes(name) || UNSAMPLED.includes(name), `settings.${key}`);
    }
    const domains = sampleNames('domains');
    assert.deepEqual(Object.keys(template.domains), ['']);
    for (const key of Object.keys(template.domains[''])) assert.ok(domains.has(key.replace(/^_+/, '').toLowerCase()), `domains[""].${key}`);
    assert.deepEqual(Object.keys(template.settings.postgres), ['host', 'port', 'user', 'password', 'database']);
});

test('the values that sign-on depends on', () => {
    const { settings, domains } = template;
    assert.equal(settings.allowFraming, true);
    assert.equal(settings.selfUpdate, false);
    assert.equal(settings.WANonly, true);
    assert.equal(settings._trustedProxy !== undefined && settings.trustedProxy === undefined, true);
    assert.equal(settings.postgres.port, 5432);
    assert.equal(domains[''].newAccounts, false);
    assert.ok(settings.jwtAuth);
});

test('the shim takes its options as they stand, switched on too, and true alone', () => {
    const { jwtAuth } = template.settings;
    const shown = readConfig({ jwtauth: jwtAuth }, {});
    assert.equal(shown.address.path, '/run/meshsso/auth.sock');
    assert.equal(shown.deadlineMs, 2000);
    assert.equal(shown.deadlineMs, readConfig({ jwtauth: true }, {}).deadlineMs, 'what is shown as default is the default');
    assert.deepEqual(shown.address, readConfig({ jwtauth: true }, {}).address);
    const all = Object.fromEntries(Object.entries(jwtAuth).filter(([key]) => !key.startsWith('__')).map(([key, value]) => [key.replace('_', ''), value]));
    assert.deepEqual(readConfig({ jwtauth: all }, {}).socketOwners.includes(65532), true);
});

test('placeholders are obvious and nothing is a secret', () => {
    assert.match(template.settings.postgres.password, /^REPLACE/);
    assert.match(template.domains[''].title, /^REPLACE/);
    for (const [, host] of text.matchAll(/https?:\/\/([^/":]+)/g)) assert.match(host, /(^|\.)example\.com$/);
    assert.doesNotMatch(text, /JWT_SECRET"|AGENT_SIGN_KEY"/);
});
