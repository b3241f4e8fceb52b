'use strict';
// The attack suite (e2e/attack): everything that a signed-in person could send, with and without MeshSSO.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { before, describe, test } = require('node:test');
const { attack, cells, SURFACES } = require('../attack');
const { installFork } = require('../lab/meshcentral');
const { ROOT } = require('../lab/paths');

// Paths without a cell, and why.
const NOT_HERE = /^(terms|MeshServerRootCert\.cer|manifest\.json|health\.ashx|.*\.(png|jpg|js)|messenger\.png|agent\.ashx|meshserver\.ashx|auth-.*|firebaserelay\.aspx|serverpic\.ashx|\.well-known)$/; // public, agents' and other servers' own, not configured

describe('the attack table', () => {
    test('every action that MeshCentral knows is sent', () => {
        const known = fs.readFileSync(path.join(ROOT, 'meshbridge/policy/testdata/actions.txt'), 'utf8').split(/\s+/).filter(Boolean);
        const cell = new Proxy({}, { get: (_, name) => (['site', 'person', 'devices', 'own', 'foreign', 'victim', 'listener'].includes(name) ? cell : name === 'cookies' ? async () => ({}) : String(name)) });
        const sent = new Set(SURFACES.frames.map((row) => row.frame(cell)).map((frame) => frame.action));
        assert.deepEqual(known.filter((action) => !sent.has(action)), []);
    });

    test('every path that MeshCentral serves is asked for', async () => {
        const source = fs.readFileSync(path.join(await installFork(), 'webserver.js'), 'utf8');
        const served = [...source.matchAll(/obj\.app\.(get|post|ws)\(url \+ '([^'*]+?)\/?\*?'/g)].map(([, method, where]) => [method, where]).filter(([, where]) => !NOT_HERE.test(where));
        assert.ok(served.length > 60);
        const text = JSON.stringify(['requests-data', 'requests-page', 'tunnels-join'].map((file) => fs.readFileSync(path.join(ROOT, 'e2e/attack', file + '.js'), 'utf8')));
        assert.deepEqual(served.filter(([, where]) => !text.includes(where)), []);
    });

    test('names of cells are given once', () => {
        const seen = new Set();
        assert.deepEqual(cells().map(({ name }) => name).filter((name) => seen.size === seen.add(name).size), []);
    });
});

describe('every cell', { timeout: 1200000 }, () => {
    let result;
    before(async () => { result = await attack({}); });

    test('comes out as it should with MeshSSO', () => { assert.deepEqual(result.guarded.wrong, []); });

    test('and what was refused is counted, by reason', () => {
        const { logged, counted } = result.guarded.refusals;
        const sum = counted.reduce((total, { value }) => total + value, 0);
        assert.ok(sum >= result.guarded.frames, `${sum} counted, ${result.guarded.frames} frames were refused`);
        const reasons = ['FRAME_MALFORMED', 'FRAME_UNKNOWN', 'FRAME_FIELD', 'FIELD_UNKNOWN', 'DEVICE_DENIED', 'RIGHT_MISSING', 'REQUEST_UNKNOWN', 'TUNNEL_INVALID', 'SESSION_ENDED'];
        for (const reason of reasons) {
            assert.ok(counted.some((one) => one.reason === reason), reason + ' is not in the metric');
            assert.ok(logged.some((line) => line.reason === reason), reason + ' is not in the log');
        }
    });

    test('and without MeshSSO much of it gets through', () => { assert.ok(result.stock.breaches.length > 50, JSON.stringify(result.stock.breaches)); });
});
