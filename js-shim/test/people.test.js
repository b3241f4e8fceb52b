'use strict';
// What the sidecar's answers become in MeshCentral's memory. MeshCentral itself is driven end to end in e2e/; here its
// objects are stand-ins, so that answers can be given that the real sidecar never gives.
const assert = require('node:assert/strict');
const { mock, test } = require('node:test');
const { createAccounts } = require('../lib/accounts');
const { createGroups } = require('../lib/groups');
const { createMeshes } = require('../lib/meshes');
const { createMeshLinks } = require('../lib/meshlinks');
const { createNodeLinks } = require('../lib/nodes');
const { createLive } = require('../lib/live');
const { createPeople } = require('../lib/people');
const { createSessions } = require('../lib/sessions');
const { keepOutOfDatabase } = require('../lib/db');
const { standInDatabase, standInStore } = require('./database.helper');

const NODE = (c) => 'node//' + c.repeat(64);
const GROUP = { id: 'ugrp//' + 'g'.repeat(64), version: 'v1', name: 'meshsso-g' };
const TENANT = { id: '1a', name: 'Acme', deviceGroupId: 'mesh//' + 'm'.repeat(64) };
const NOW = 1_700_000_000_000;

function reply(changes = {}, user = {}) {
    return {
        user: { id: 'user//tina@acme.example', name: 'Tina', realName: 'Tina', email: 'tina@acme.example', domain: '', siteadmin: 5184, tenantId: '1a', links: [], ...user },
        expiresAt: { seconds: NOW / 1000 + 3600, nanos: 0 }, freshFor: { seconds: 86400, nanos: 0 }, tenant: TENANT, userGroup: GROUP, ...changes
    };
}

function world({ links = { v1: [{ id: NODE('a'), rights: 8 }] }, docs = {}, hang = null } = {}) {
    const events = [];
    const stored = new Map(Object.entries(docs));
    const webserver = {
        users: {}, userGroups: {}, meshes: {}, wsrelays: {}, destroyedSessions: {}, events,
        parent: { config: { domains: {} }, db: {}, DispatchEvent: (ids, source, event) => events.push({ ids, event }), AddEventDispatch(ids, listener) { webserver.listener = listener; } },
        cleanDevice: (node) => node, CloneSafeUser: (user) => ({ ...user }), CloneSafeNode: (node) => ({ ...node }), CreateNodeDispatchTargets: (mesh, node) => ['*', node]
    };
    const db = standInDatabase(stored, { hang });
    const store = standInStore(db);
    const faults = [];
    const nodes = createNodeLinks(webserver, store, (text) => faults.push(text));
    const fetches = [];
    const groups = createGroups(webserver, store, nodes, async (group, version) => {
        fetches.push([group, version]);
        const now = Object.keys(links).pop();
        return { group: { ...GROUP, version: now }, unchanged: false, links: links[now] };
    }, () => live.sweep());
    const accounts = createAccounts(webserver, { store, adopt: false, log: {} });
    const made = createPeople(webserver, { accounts, groups, meshes: createMeshes(webserver, store), nodes, placement: null, meshLinks: createMeshLinks(webserver), now: () => Date.now(), changed: () => live.sweep() });
    const live = createLive(webserver, made.sessionMask);
    const never = () => new Promise(() => { });
    const sessions = createSessions({ ask: never, people: made, live, destroyed: () => webserver.destroyedSessions, log: { ended() { } }, now: () => Date.now(), random: () => 0.5 });
    accounts.start(made, sessions.endAll);
    let tickets = 0;
    // As signin.js: the session exists before the documents have followed.
    const admit = async (answer, ticket = ++tickets) => {
        const token = 'until ' + (answer && answer.expiresAt && answer.expiresAt.seconds);
        const verdict = await made.admit(answer, ticket, token, true);
        const session = sessions.open({ token }, '', verdict);
        await verdict.settled;
        return { ...verdict, session };
    };
    const people = { ...made, ticket: () => ++tickets, admit };
    nodes.start();
    return { webserver, db, stored, people, live, links, fetches, faults, nodes };
}

function timers(t) { mock.timers.enable({ apis: ['setTimeout', 'Date'], now: NOW }); t.after(() => mock.timers.reset()); }

test('an answer becomes a user, a group with its links on both sides, and a device group', async (t) => {
    timers(t);
    const { webserver, stored, people } = world({ docs: { [NODE('a')]: { _id: NODE('a'), type: 'node', domain: '', meshid: TENANT.deviceGroupId } } });
    const { user } = await people.admit(reply());
    assert.equal(webserver.users['user//tina@acme.example'], user);
    assert.deepEqual(user.links, { [GROUP.id]: { rights: 1 } });
    assert.deepEqual(Object.keys(webserver.userGroups[GROUP.id].links).sort(), [NODE('a'), user._id]);
    assert.deepEqual(stored.get(NODE('a')).links, { [GROUP.id]: { rights: 8 } });
    assert.deepEqual(Object.keys(stored.get(GROUP.id).links), [NODE('a')], 'no person is written');
    assert.deepEqual(webserver.meshes[TENANT.deviceGroupId].links, {}, 'the device group gives nobody a right');
});

test('a second validation changes the same object, and links are fetched only for a new version', async (t) => {
    timers(t);
    const w = world({ docs: { [NODE('a')]: { _id: NODE('a'), type: 'node', domain: '' }, [NODE('b')]: { _id: NODE('b'), type: 'node', domain: '' } } });
    const { user } = await w.people.admit(reply());
    await Promise.all(Array.from({ length: 50 }, () => w.people.admit(reply())));
    assert.equal(w.fetches.length, 1);
    w.links.v2 = [{ id: NODE('b'), rights: 8 }];
    await Promise.all(Array.from({ length: 50 }, () => w.people.admit(reply({ userGroup: { ...GROUP, version: 'v2' } }, { siteadmin: 5312 }))));
    assert.deepEqual(w.fetches.map(([, version]) => version), ['', 'v1']);
    assert.equal(w.webserver.users[user._id], user);
    assert.equal(user.siteadmin, 5312);
    assert.deepEqual(w.stored.get(NODE('a')).links, {});
    assert.deepEqual(w.stored.get(NODE('b')).links, { [GROUP.id]: { rights: 8 } });
});

test('a device that left the tenant while MeshCentral was down loses the group\'s link', async (t) => {
    timers(t);
    const { webserver, stored, people } = world({ docs: { [NODE('b')]: { _id: NODE('b'), type: 'node', domain: '', links: { [GROUP.id]: { rights: 8 } } } } });
    webserver.userGroups[GROUP.id] = { type: 'ugrp', _id: GROUP.id, domain: '', name: 'old', links: { [NODE('b')]: { rights: 8 } } }; // as MeshCentral loaded it
    await people.admit(reply());
    assert.deepEqual(stored.get(NODE('b')).links, {});
    assert.equal(webserver.userGroups[GROUP.id].links[NODE('b')], undefined);
});

test('what a device\'s document holds of people who are gone is taken out', async (t) => {
    timers(t);
    const { webserver, stored, people } = world({ docs: { [NODE('a')]: { _id: NODE('a'), type: 'node', domain: '', links: { 'user//gone@acme.example': { rights: 8 }, 'user//admin': { rights: 8 }, 'ugrp//theirs': { rights: 8 } } } } });
    webserver.users['user//admin'] = { _id: 'user//admin' };
    await people.admit(reply());
    assert.deepEqual(stored.get(NODE('a')).links, { 'user//admin': { rights: 8 }, 'ugrp//theirs': { rights: 8 }, [GROUP.id]: { rights: 8 } });
});

test('a role without devices takes the group away again', async (t) => {
    timers(t);
    const { webserver, people } = world();
    const { user } = await people.admit(reply());
    await people.admit(reply({ userGroup: null }));
    assert.deepEqual(user.links, {});
    assert.equal(webserver.userGroups[GROUP.id].links[user._id], undefined);
});

test('a device that MeshCentral makes anew gets its links again', async (t) => {
    timers(t);
    const { webserver, stored, people, nodes } = world();
    await people.admit(reply());
    stored.set(NODE('a'), { _id: NODE('a'), type: 'node', domain: '' });
    webserver.listener.HandleEvent(null, { action: 'addnode', node: { _id: NODE('a') } });
    await nodes.setHolder('user//somebody', new Map([[NODE('a'), 8]])); // queued behind the run that the event started
    assert.deepEqual(stored.get(NODE('a')).links, { [GROUP.id]: { rights: 8 }, 'user//somebody': { rights: 8 } });
    for (const event of [null, 'resubscribe', {}, { action: 'addnode' }, { action: 'nodeconnect', nodeid: 5 }]) { webserver.listener.HandleEvent(null, event); }
});

test('what MeshCentral writes of a device while its links are written is not lost, nor are the links', async (t) => {
    timers(t);
    const id = NODE('a');
    const { db, stored, people, nodes } = world({ docs: { [id]: { _id: id, type: 'node', domain: '', name: 'old' } } });
    nodes.start();
    await people.admit(reply({ userGroup: null }));
    // MeshCentral reads a device's document, and writes all of it when it has thought about it.
    const rename = (name) => new Promise((resolve) => { db.Get(id, (err, [node]) => { node.name = name; db.Set(node, resolve); }); });
    for (const [first, second] of [['rename', 'link'], ['link', 'rename']]) {
        const name = first + ' first';
        const rights = first.length;
        const acts = { rename: () => rename(name), link: () => nodes.setHolder('user//somebody', new Map([[id, rights]])) };
        await Promise.all([acts[first](), acts[second]()]);
        assert.deepEqual([stored.get(id).name, stored.get(id).links], [name, { 'user//somebody': { rights } }], name);
    }
});

test('a device that MeshCentral makes anew has its links from the first write on', async (t) => {
    timers(t);
    const { db, stored, people, nodes } = world();
    nodes.start();
    await people.admit(reply());
    const made = { _id: NODE('a'), type: 'node', domain: '', links: { [GROUP.id]: { rights: 0xFFFFFFFF } } };
    await new Promise((resolve) => { db.Set(made, resolve); });
    assert.deepEqual(stored.get(NODE('a')).links, { [GROUP.id]: { rights: 8 } });
    assert.deepEqual(made.links, { [GROUP.id]: { rights: 8 } }, 'what pages are told of it has them too');
});

test('an account that MeshCentral keeps is not taken over', async (t) => {
    timers(t);
    const { webserver, people } = world();
    const kept = webserver.users['user//tina@acme.example'] = { _id: 'user//tina@acme.example', siteadmin: 0 };
    await assert.rejects(people.admit(reply()), { reason: 'ACCOUNT_CONFLICT' });
    assert.deepEqual(kept, { _id: 'user//tina@acme.example', siteadmin: 0 });
});

test('an answer that was asked for earlier does not overwrite a later one', async (t) => {
    timers(t);
    const { people } = world();
    const early = people.ticket();
    const late = people.ticket();
    const { user } = await people.admit(reply({ userGroup: null }, { siteadmin: 5312 }), late);
    await people.admit(reply({}, { siteadmin: 0xFFFFFFFF }), early);
    assert.equal(user.siteadmin, 5312, 'a right that was taken away came back');
    assert.deepEqual(user.links, {});
    await people.admit(reply({}, { siteadmin: 5184 }), people.ticket());
    assert.equal(user.siteadmin, 5184);
});

test('the JWT\'s end is kept while MeshCentral\'s database hangs', async (t) => {
    timers(t);
    const w = world({ hang: NODE('z') });
    w.people.admit(reply({}, { links: [{ id: NODE('z'), rights: 8 }] }), w.people.ticket());
    for (let i = 0; i < 50 && !w.webserver.users['user//tina@acme.example']; i++) { await new Promise(setImmediate); }
    await new Promise(setImmediate); // its session is open
    assert.ok(w.webserver.users['user//tina@acme.example']);
    mock.timers.tick(3_700_000);
    assert.equal(w.webserver.users['user//tina@acme.example'], undefined);
});

test('an account that MeshCentral made under a live person\'s id is not overwritten, hidden from the database or removed', async (t) => {
    timers(t);
    const { webserver, people } = world();
    const { user } = await people.admit(reply());
    const own = webserver.users[user._id] = { type: 'user', _id: user._id, siteadmin: 0 };
    await assert.rejects(people.admit(reply()), { reason: 'ACCOUNT_CONFLICT' });
    assert.equal(people.isOurs(own), false);
    assert.equal(people.isOurs(user), true);
    mock.timers.tick(3_700_000);
    assert.equal(webserver.users[user._id], own);
});

test('an answer out of shape gives nothing', async (t) => {
    timers(t);
    const bad = [
        null, {}, reply({ user: null }), reply({ expiresAt: null }), reply({ freshFor: null }), reply({ freshFor: { seconds: -1, nanos: 0 } }), reply({}, { id: 'user//' }), reply({}, { id: 'user/other/tina@acme.example' }), reply({}, { id: 'user//~s:x' }), reply({}, { id: 'user//a/b' }),
        reply({}, { name: '' }), reply({}, { siteadmin: null }), reply({}, { links: [{ id: NODE('a'), rights: 0xFFFFFFFF }] }), reply({}, { links: [{ id: 'mesh//x', rights: 8 }] }),
        reply({ tenant: { ...TENANT, deviceGroupId: 'mesh//../x' } }), reply({ userGroup: { ...GROUP, id: 'mesh//' + 'g'.repeat(64) } })
    ];
    for (const answer of bad) {
        const { webserver, people } = world();
        await assert.rejects(people.admit(answer), { reason: 'INTERNAL' }, JSON.stringify(answer));
        assert.deepEqual(webserver.users, {});
    }
    const expired = world();
    await assert.rejects(expired.people.admit(reply({ expiresAt: { seconds: NOW / 1000, nanos: 0 } })), { reason: 'TOKEN_EXPIRED' });
    const manage = world({ links: { v1: [{ id: NODE('a'), rights: 12 }] } });
    await assert.rejects(manage.people.admit(reply()), { reason: 'INTERNAL' });
    assert.deepEqual(manage.webserver.users, {});
});

test('at the end of the last JWT the person, its sockets and tunnels end', async (t) => {
    timers(t);
    const { webserver, people, live } = world();
    const { user, session } = await people.admit(reply());
    const short = (await people.admit(reply({ expiresAt: { seconds: NOW / 1000 + 60, nanos: 0 } }))).session;
    const closed = [];
    const peer = (name) => ({ ws: { terminate: () => closed.push(name) } });
    webserver.wsrelays = { 1: { peer1: peer('hers'), peer2: peer('hers-agent') }, 2: { peer1: peer('bobs') }, 3: { peer1: { res: { destroy: () => closed.push('download') } } } };
    live.add({ session, kind: 'tunnel', node: NODE('a'), needs: [], relay: () => '1', close() { } });
    live.add({ session, kind: 'request', relay: () => '3', close() { } });
    live.add({ session: short, kind: 'control', close: () => closed.push('control of the short one') });
    mock.timers.tick(61_000);
    assert.ok(webserver.users[user._id], 'a longer token keeps her in');
    assert.deepEqual(closed, ['control of the short one']);
    mock.timers.tick(3_600_000);
    assert.equal(webserver.users[user._id], undefined);
    assert.deepEqual(closed.slice(1), ['hers', 'hers-agent', 'download']);
    assert.ok(webserver.events.some(({ ids, event }) => event === 'close' && ids[0] === user._id));
    assert.equal(people.has(user._id), false);
    assert.equal(people.isOurs(user), true, 'a socket that closes late must not save her');
    assert.equal(people.isOurs({ _id: user._id }), false, 'an account made later under this id is MeshCentral\'s own');
});

test('people of ours are kept out of MeshCentral\'s database, everybody else is not', () => {
    const written = [];
    const db = { Set(doc, func) { written.push(doc._id); if (func) { func(null); } }, SetUser(user) { if (user != null) { this.Set(user); } } };
    keepOutOfDatabase(db, (user) => user._id === 'user//ours');
    db.SetUser({ type: 'user', _id: 'user//ours' });
    let called = false;
    db.Set({ type: 'user', _id: 'user//ours' }, () => { called = true; });
    db.SetUser({ type: 'user', _id: 'user//admin' });
    db.Set({ type: 'node', _id: 'node//x' });
    db.SetUser(null);
    assert.equal(called, true);
    assert.deepEqual(written.slice(0, 2), ['user//admin', 'node//x']);
});
