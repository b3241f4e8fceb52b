'use strict';
// A tenant's pool: in whose name the proxy asks MeshCentral which devices are online. It looks and does nothing else.
const assert = require('node:assert/strict');
const { EventEmitter } = require('node:events');
const { test } = require('node:test');
const { createPeople } = require('../lib/people');
const { createRequestGuard } = require('../lib/guard/request');
const { guardControl } = require('../lib/guard/control');
const { isPrincipalId, poolId } = require('../lib/ids');

const TENANT = 'aaaaaaaa-0000-4000-8000-000000000001';
const SUBJECT = 'tenant:' + TENANT;
const ID = poolId('', TENANT);
const NODE = 'node//' + 'a'.repeat(64);
const NOW = 1_700_000_000_000;

function reply(changes = {}, user = {}) {
    return {
        user: { id: ID, name: 'MeshSSO', realName: 'MeshSSO', email: '', domain: '', siteadmin: 5312, tenantId: TENANT, userId: 0, links: [{ id: NODE, rights: 1800 }, { id: NODE.replace('a', 'b'), rights: 1800 }], ...user },
        expiresAt: { seconds: NOW / 1000 + 3600, nanos: 0 }, freshFor: { seconds: 60, nanos: 0 }, session: { id: SUBJECT }, tenant: { id: TENANT, name: 'A', deviceGroupId: 'mesh//' + 'm'.repeat(64), version: '' }, userGroup: null, ...changes
    };
}

function world() {
    const webserver = { users: {}, userGroups: {}, meshes: {}, parent: { DispatchEvent() { } }, CloneSafeUser: (user) => ({ ...user }) };
    const never = new Proxy({}, { get: (target, name) => () => { throw new Error('a pool asked for ' + String(name)); } });
    const people = createPeople(webserver, { accounts: never, groups: never, meshes: { async ensure() { } }, nodes: never, placement: never, meshLinks: { setMember() { } }, now: () => NOW, changed() { } });
    return { webserver, people };
}

test('an answer about a pool becomes an account in memory that sees its tenant\'s devices', async () => {
    const { webserver, people } = world();
    await people.admit(reply(), 1, SUBJECT, true);
    assert.deepEqual([people.isPrincipal(ID), people.isPool(ID), people.maskOf(ID, NODE), Object.keys(webserver.users)], [true, true, 1800, [ID]]);
    assert.ok(isPrincipalId(ID), 'its name is nobody else\'s');
    assert.match(ID, /^user\/\/~p:[0-9a-f]{16}$/);
});

test('an answer about a pool that is not one gives nothing', async () => {
    const other = 'bbbbbbbb-0000-4000-8000-000000000001';
    const bad = {
        'a person\'s id': reply({}, { id: 'user//tina@acme.example' }), 'a person\'s e-mail': reply({}, { email: 'tina@acme.example' }), 'another tenant\'s subject': reply({ session: { id: 'tenant:' + other } }), 'no tenant': reply({ tenant: null }),
        'another tenant': reply({ tenant: { ...reply().tenant, id: other } }), 'a user group': reply({ userGroup: { id: 'ugrp//' + 'g'.repeat(64), version: 'v' } }), 'an administrator': reply({}, { siteadmin: 0xFFFFFFFF }), 'no session': reply({ session: null }),
        'a subject out of shape': reply({ session: { id: 'tenant:x' } }), 'a subject that is no text': reply({ session: { id: 5 } })
    };
    for (const [name, answer] of Object.entries(bad)) {
        const { webserver, people } = world();
        await assert.rejects(people.admit(answer, 1, SUBJECT, true), { reason: 'INTERNAL' }, name);
        assert.deepEqual(webserver.users, {}, name);
    }
});

// The guards, with everything allowed by the policy.
function stage(pool) {
    const session = { userId: ID, key: 'k' };
    const refused = [], got = [];
    const any = [{ fields: new Map(), required: [], need: { all: 0, none: 0 } }];
    const parts = {
        people: { has: () => true, isPrincipal: () => false, isPool: () => pool, sessionMask: () => 1800, isSiteAdmin: () => false, sessionMasks: () => [] }, sessions: { find: () => session }, live: { add: () => () => { } },
        refusals: { note: (...args) => refused.push(args.slice(0, 3).join(' ')) }, cookies: { during: (who, action) => action() }, log: { fault() { } },
        policy: { table: () => ({ frames: new Map(['nodes', 'events'].map((action) => [action, any])), tunnels: new Map(), requests: ['control.ashx', 'devicefile.ashx'].map((pattern) => ({ ...any[0], pattern, methods: new Set(['GET', 'WS']) })) }) }
    };
    const webserver = { meshUserHandler: { CreateMeshUser: () => 'made' } };
    guardControl(webserver, parts);
    const ws = Object.assign(new EventEmitter(), { terminate() { }, send() { } });
    webserver.meshUserHandler.CreateMeshUser(null, null, ws, { session: { userid: ID, x: 'k' } }, null, { id: '' }, { _id: ID });
    ws.on('message', (data) => got.push(JSON.parse(data).action));
    return { parts, ws, session, refused, got };
}

test('it asks which devices there are, and nothing else, whatever the policy would allow', () => {
    for (const [pool, passed, refusals] of [[true, ['nodes'], ['control events RIGHT_MISSING']], [false, ['nodes', 'events'], []]]) {
        const { ws, got, refused } = stage(pool);
        for (const action of ['nodes', 'events']) { ws.emit('message', Buffer.from(JSON.stringify({ action }))); }
        assert.deepEqual([got, refused], [passed, refusals]);
    }
});

test('it has its control channel and no other path', () => {
    for (const pool of [true, false]) {
        const { parts, session, refused } = stage(pool);
        const guard = createRequestGuard(parts);
        const request = (path) => guard({ query: {}, method: 'GET', url: '/' + path }, null, path, session);
        request('control.ashx');
        if (pool) { assert.throws(() => request('devicefile.ashx'), { reason: 'RIGHT_MISSING' }); } else { request('devicefile.ashx'); }
        assert.deepEqual(refused, pool ? ['http devicefile.ashx RIGHT_MISSING'] : []);
    }
});
