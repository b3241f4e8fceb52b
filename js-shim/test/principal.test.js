'use strict';
// Principals of the proxy's sessions: how one comes to be, and what it must never be. MeshCentral itself is driven in
// e2e/test/principal.test.js; here the sidecar's answers are ones that the real one never gives.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { createPeople } = require('../lib/people');
const { createSignIn } = require('../lib/signin');
const { isPrincipalId, isPrincipalName, principalId } = require('../lib/ids');
const { keepOutOfDatabase } = require('../lib/db');
const { linkAnswers } = require('../lib/guard/answers');
const { createRules } = require('../lib/rules');
const { reserveNames, sweepPrincipals } = require('../lib/reserve');
const { sessionToken } = require('../lib/token');

const SESSION = '0f8fad5b-d9cb-469f-a165-70867728950e';
const ID = 'user//~s:0f8fad5bd9cb:tina@acme.example';
const STOCK = 'user//`~s-0f8fad5bd9cb469fa16570867728950e@session.invalid'; // as the proxy names it where there is no shim
const NODE = 'node//' + 'a'.repeat(64);
const NOW = 1_700_000_000_000;
const AHEAD = { seconds: NOW / 1000 + 3600, nanos: 0 };

function reply(changes = {}, user = {}) {
    return {
        user: { id: ID, name: 'Tina', realName: 'Tina', email: 'tina@acme.example', domain: '', siteadmin: 5184, tenantId: '1a', userId: 7, links: [{ id: NODE, rights: 8 }], ...user },
        expiresAt: AHEAD, freshFor: { seconds: 60, nanos: 0 }, session: { id: SESSION }, tenant: null, userGroup: null, policyVersion: 'v', ...changes
    };
}

function world() {
    const events = [];
    const webserver = { users: {}, userGroups: {}, meshes: {}, parent: { DispatchEvent: (ids, source, event) => events.push({ ids, event }) }, CloneSafeUser: (user) => ({ ...user }) };
    const never = new Proxy({}, { get: (target, name) => () => { throw new Error('a principal asked for ' + String(name)); } });
    const people = createPeople(webserver, { accounts: never, groups: never, meshes: never, nodes: never, placement: never, meshLinks: { setMember() { } }, now: () => NOW, changed() { } });
    return { webserver, people, events };
}

test('an answer about a session becomes an account in memory, with one device, and nothing is written', async () => {
    const { webserver, people, events } = world(); // whoever writes or makes groups throws
    const { user, settled } = await people.admit(reply(), 1, SESSION, true);
    assert.equal(webserver.users[ID], user);
    assert.deepEqual([user.name, user.realname, user.email, user.siteadmin, user.links], ['Tina', 'Tina', 'tina@acme.example', 5184, { [NODE]: { rights: 8 } }]);
    assert.deepEqual([people.has(ID), people.isPrincipal(ID), people.maskOf(ID, NODE), people.maskOf(ID, NODE.replace('a', 'b')), settled], [true, true, 8, 0, null]);
    assert.ok(events.every(({ ids }) => ids.length === 1 && ids[0] === ID), 'nobody else hears of it');
    people.end(ID);
    assert.deepEqual([webserver.users[ID], people.isPrincipal(ID), events.at(-1)], [undefined, false, { ids: [ID], event: 'close' }]);
    assert.equal(people.isOurs(user), true, 'a socket that closes late must not save it');
});

test('two sessions of one person are two accounts, and one id is one session', async () => {
    const { webserver, people } = world();
    const other = { session: { id: SESSION.replace('0', '1') } };
    await people.admit(reply(), 1, SESSION, true);
    await people.admit(reply(other, { id: ID.replace(':0', ':1') }), 2, other.session.id, true);
    assert.equal(Object.keys(webserver.users).length, 2);
    const same = SESSION.replace(/.$/, 'f'); // the first 12 digits are the same
    await assert.rejects(people.admit(reply({ session: { id: same } }), 3, same, true), { reason: 'ACCOUNT_CONFLICT' });
    people.end(ID);
    assert.deepEqual(Object.keys(webserver.users), [ID.replace(':0', ':1')]);
    webserver.users[ID] = { _id: ID };
    await assert.rejects(people.admit(reply(), 4, SESSION, true), { reason: 'ACCOUNT_CONFLICT' }, 'an account that MeshCentral made');
});

test('an answer about a session that is not one person on one device gives nothing', async () => {
    const bad = {
        'a person\'s id': reply({}, { id: 'user//tina@acme.example' }), 'another e-mail': reply({}, { email: 'bob@acme.example' }), 'another session': reply({ session: { id: SESSION.replace('0', '1') } }),
        'no session': reply({ session: null }), 'a session out of shape': reply({ session: { id: 'x' } }), 'another domain': reply({}, { domain: 'second' }), 'an e-mail with a slash': reply({}, { email: 'a/b@x.example', id: 'user//~s:0f8fad5bd9cb:a/b@x.example' }),
        'no device': reply({}, { links: [] }), 'two devices': reply({}, { links: [{ id: NODE, rights: 8 }, { id: NODE.replace('a', 'b'), rights: 8 }] }), 'a device group': reply({}, { links: [{ id: 'mesh//' + 'm'.repeat(64), rights: 8 }] }),
        'a user group': reply({ userGroup: { id: 'ugrp//' + 'g'.repeat(64), version: 'v' } }), 'a tenant': reply({ tenant: { id: '1a', name: 'A', deviceGroupId: 'mesh//' + 'm'.repeat(64) } }),
        'a full administrator': reply({}, { siteadmin: 0xFFFFFFFF }), 'who manages users': reply({}, { siteadmin: 5184 | 2 }), 'the bit that breaks the page': reply({}, { links: [{ id: NODE, rights: 12 }] })
    };
    for (const [name, answer] of Object.entries(bad)) {
        const { webserver, people } = world();
        await assert.rejects(people.admit(answer, 1, SESSION, true), { reason: 'INTERNAL' }, name);
        assert.deepEqual(webserver.users, {}, name);
    }
});

function desk(answer = reply()) {
    const asked = [];
    const opened = [];
    const parts = {
        config: { cookieName: null }, client: { validate: async (asking) => { asked.push(asking); return typeof answer === 'function' ? answer(asking) : answer; } },
        people: () => ({ has: () => true, admit: async (given) => ({ user: { _id: given.user.id }, settled: null }) }), cookies: () => ({ holder: () => ({ userId: 'user//admin', key: 'k' }) }),
        sessions: () => ({ knows: () => true, confirm: async (key, userId) => ({ userId, key: 'of a cookie', proof: { token: 't' } }), open: (proof) => { opened.push(proof); return { userId: ID, key: 'k', expires: 5, proof }; } }),
        policy: { ensure: async () => { } }, rules: createRules({ changed() { }, now: Date.now }), refusals: { note() { } }, log: { ok() { }, denied() { } }
    };
    return { signIn: createSignIn(parts), asked, opened };
}

function request(headers, more = {}) {
    return { headers, rawHeaders: Object.entries(headers).flatMap(([name, value]) => [].concat(value).flatMap((one) => [name, one])), query: {}, url: '/', originalUrl: '/', session: {}, ...more };
}

const SMUGGLED = { auth: 'c', login: 'c', user: 'admin', pass: 'p', token: 't' };

test('the internal token wins over every other identity, which is taken off', async () => {
    const { signIn, asked, opened } = desk();
    const url = '/?auth=c&login=c&user=admin&pass=p&token=t&viewmode=11';
    const req = request({ 'x-meshsso-session': 'i.n.t', authorization: 'Bearer t', 'x-meshauth': 'YWRtaW4=,cA==', cookie: 'xid=1' }, { query: { ...SMUGGLED, viewmode: '11' }, url, originalUrl: url, session: { userid: 'user//admin', x: 'k', expire: 9 } });
    const session = await signIn.decide(req, 'HOOK_ROOT', { cookie: true, login: true });
    assert.deepEqual([asked.length, asked[0].token, asked[0].sessionToken, asked[0].session, asked[0].hook], [1, 'i.n.t', true, '', 'HOOK_ROOT']);
    assert.deepEqual(opened, [{ session: SESSION }], 'the token itself is good once and not kept');
    signIn.signIn(req, session);
    assert.deepEqual([req.query, req.url, req.originalUrl, req.headers['x-meshauth'], req.headers.authorization], [{ viewmode: '11' }, '/?viewmode=11', '/?viewmode=11', undefined, undefined]);
    assert.deepEqual(req.session, { userid: ID, domainid: '', ip: undefined, x: 'k' });
    assert.equal(await signIn.decide(req, 'HOOK_WEBSOCKET', { cookie: true, login: true }), session, 'a second hook asks nothing');
    assert.equal(asked.length, 1);
});

test('a refused internal token leaves nobody else\'s identity behind', async () => {
    const { Denied } = require('../lib/denied');
    for (const reason of ['TOKEN_REPLAYED', 'TOKEN_SIGNATURE', 'SESSION_UNKNOWN', 'STORE_UNAVAILABLE']) {
        const { signIn } = desk(() => { throw new Denied(reason); });
        const req = request({ 'x-meshsso-session': 'x', 'x-meshauth': 'a,b' }, { query: { ...SMUGGLED }, session: { userid: 'user//admin', x: 'k' } });
        await assert.rejects(signIn.decide(req, 'HOOK_HTTP', { cookie: true, login: true }), { reason });
        assert.deepEqual([req.query, req.session, req.headers['x-meshauth']], [{}, {}, undefined]);
    }
});

test('there is exactly one internal token, of a sane size, or nobody', async () => {
    const cases = [[['a', 'b'], 'TOKEN_AMBIGUOUS'], [['a', 'a'], 'TOKEN_AMBIGUOUS'], [[''], 'TOKEN_MISSING'], [['x'.repeat(1025)], 'TOKEN_MALFORMED']];
    for (const [values, reason] of cases) {
        const { signIn, asked } = desk();
        const req = request({ 'X-MeshSSO-Session': values, authorization: 'Bearer t' });
        req.headers['x-meshsso-session'] = values.join(', '); // as Node joins them
        await assert.rejects(signIn.decide(req, 'HOOK_ROOT', { cookie: true, login: true }), { reason });
        assert.deepEqual(asked, []);
    }
    assert.equal(sessionToken(request({})), null);
    assert.equal(sessionToken(request({ 'x-meshsso-session': 'x' })), 'x');
});

test('the sidecar\'s answer is about what was asked', async () => {
    for (const [proof, answer] of [[{ token: 't' }, reply()], [{ token: 't', internal: true }, reply({ session: null })], [{ session: SESSION }, reply({ session: null })], [{ session: SESSION.replace('0', '1') }, reply()]]) {
        await assert.rejects(desk(answer).signIn.ask(proof, {}), { reason: 'INTERNAL' });
    }
    const { signIn, asked } = desk();
    assert.equal((await signIn.ask({ session: SESSION }, { hook: 'HOOK_REVALIDATE' })).sessionId, SESSION);
    assert.deepEqual([asked[0].token, asked[0].sessionToken, asked[0].session], ['', false, SESSION]);
});

test('a request that is not looked at loses its other identities all the same; one without the header keeps them', () => {
    const { signIn } = desk();
    const req = request({ 'x-meshsso-session': 'x' }, { query: { ...SMUGGLED, a: '1' }, session: { userid: 'user//admin' } });
    signIn.shed(req);
    assert.deepEqual([req.query, req.session], [{ a: '1' }, {}]);
    const plain = request({ 'x-meshauth': 'a,b' }, { query: { ...SMUGGLED }, session: { userid: 'user//admin' } });
    signIn.shed(plain);
    assert.deepEqual([plain.query, plain.session, plain.headers['x-meshauth']], [SMUGGLED, { userid: 'user//admin' }, 'a,b']);
});

test('ids of principals: one spelling, which is nobody else\'s', () => {
    assert.equal(principalId('', SESSION, 'tina@acme.example'), ID);
    for (const name of ['~s', '~s:0f8f:x@y.example', '~S:x', '~s0f8fad5bd9cb', '~stina']) { assert.ok(isPrincipalName(name) && isPrincipalId('user//' + name) && isPrincipalId('user/second/' + name), name); }
    for (const name of ['~saml:tina@acme.example', '~t:x', '~', 's:x', 'tina@acme.example', '', undefined, 5]) { assert.ok(!isPrincipalName(name) && !isPrincipalId('user//' + name), String(name)); }
    for (const id of [undefined, null, 5, '', 'ugrp//~s', 'user/', '~s:x']) { assert.equal(isPrincipalId(id), false, String(id)); }
});

test('MeshCentral makes no account of that shape and lets none in', () => {
    const common = { validateUsername: () => true, validateEmail: () => true };
    const calls = [];
    const webserver = { parent: { common }, authenticate: (name) => calls.push(name) };
    reserveNames(webserver);
    assert.deepEqual(['~s:x:tina@acme.example', '~saml:x', 'tina'].map((name) => common.validateUsername(name, 1, 64)), [false, true, true]);
    assert.deepEqual(['~s:x:tina@acme.example', 'tina@acme.example'].map((name) => common.validateEmail(name, 1, 64)), [false, true]);
    let refused = null;
    webserver.authenticate('~S:x:tina@acme.example', 'p', {}, (err) => { refused = err; });
    assert.ok(refused instanceof Error);
    webserver.authenticate('admin', 'p', {}, () => { });
    webserver.authenticate(undefined, 'p', {}, () => { });
    assert.deepEqual(calls, ['admin', undefined]);
});

test('what a database holds of principals is swept at start, and nothing else', async () => {
    const docs = new Map([
        { _id: ID, type: 'user' }, { _id: STOCK, type: 'user' }, { _id: 'ws' + STOCK }, { _id: 'ws' + ID }, { _id: 'im' + ID }, { _id: 'user//admin', type: 'user' }, { _id: 'wsuser//admin' }, { _id: 'lt1', type: 'logintoken', userid: ID }, { _id: 'lt2', type: 'logintoken', userid: 'user//admin' },
        { _id: NODE, type: 'node', links: { [ID]: { rights: 8 }, [STOCK]: { rights: 8 }, 'user//~s0f8fad5bd9cb': { rights: 8 }, 'user//admin': { rights: 8 } }, ssh: { [ID]: { p: 'x' } } }, { _id: 'mesh//m', type: 'mesh', links: { 'user//admin': { rights: 1 } } }
    ].map((doc) => [doc._id, doc]));
    const written = [];
    const store = { all: async (type) => [...docs.values()].filter((doc) => doc.type === type).map((doc) => structuredClone(doc)), get: async (id) => structuredClone(docs.get(id) || null), set: async (doc) => { written.push(doc._id); docs.set(doc._id, doc); }, remove: async (id) => { docs.delete(id); } };
    const webserver = { users: { [ID]: docs.get(ID), [STOCK]: docs.get(STOCK), 'user//admin': docs.get('user//admin') }, meshes: { 'mesh//m': { links: { [ID]: {}, 'user//admin': {} } } }, userGroups: {} };
    const said = [];
    const done = sweepPrincipals(webserver, store, { info: (text) => said.push(text), fault: (text) => said.push(text) });
    assert.deepEqual(Object.keys(webserver.users), ['user//admin'], 'at once, before anybody can connect');
    assert.deepEqual(Object.keys(webserver.meshes['mesh//m'].links), ['user//admin']);
    await done;
    assert.deepEqual([...docs.keys()].sort(), ['lt2', 'mesh//m', NODE, 'user//admin', 'wsuser//admin'].sort());
    assert.deepEqual([docs.get(NODE).links, docs.get(NODE).ssh, written], [{ 'user//admin': { rights: 8 } }, {}, [NODE]]);
    assert.equal(said.length, 1);
    await sweepPrincipals({ users: {}, meshes: {} }, { all: async () => { throw new Error('database'); } }, { info: (text) => said.push(text), fault: (text) => said.push(text) });
    assert.match(said[1], /could not be removed: database/);
});

test('nothing of a principal is ever written', () => {
    const written = [];
    const db = { Set(doc, func) { written.push(doc); if (func) { func(null); } }, SetUser(user) { this.Set(user); } };
    keepOutOfDatabase(db, () => false, () => false);
    const called = [];
    db.SetUser({ type: 'user', _id: ID });
    for (const doc of [{ type: 'user', _id: ID }, { _id: 'ws' + ID, state: '{}' }, { _id: 'im' + ID }, { _id: 'nt' + ID }, { _id: 'ntp' + ID }]) { db.Set(doc, () => called.push(doc._id)); }
    assert.deepEqual([written, called.length], [[], 5]);
    const plain = { type: 'node', _id: NODE, links: { 'user//admin': { rights: 8 } } };
    db.Set({ ...plain, links: { ...plain.links, [ID]: { rights: 8 } } });
    db.Set(plain);
    db.Set({ _id: 'wsuser//admin' });
    assert.deepEqual(written, [plain, plain, { _id: 'wsuser//admin' }]);
});

test('a principal\'s page reads its own link in every device that it is told of, and nobody else\'s', () => {
    const sent = [];
    const ws = { send: (data, ...rest) => sent.push([data, ...rest]) };
    linkAnswers(ws, ID, (node) => (node === NODE ? 8 : 0));
    const links = { 'user//admin': { rights: 0xFFFFFFFF }, 'ugrp//x': { rights: 8 } };
    const say = (message, ...rest) => { ws.send(typeof message === 'string' ? message : JSON.stringify(message), ...rest); const [data] = sent.at(-1); return typeof message === 'string' ? data : JSON.parse(data); };
    const own = { [ID]: { rights: 8 } };
    assert.deepEqual(say({ action: 'nodes', nodes: { 'mesh//m': [{ _id: NODE, links }, { _id: 'node//b', links }, { _id: NODE }] } }).nodes['mesh//m'].map((node) => node.links), [own, {}, own]);
    assert.deepEqual(say({ action: 'event', event: { action: 'changenode', node: { _id: NODE, links } } }).event.node.links, own);
    assert.deepEqual(say({ action: 'getdevicedetails', node: { _id: NODE } }).node.links, own);
    for (const text of ['{"action":"nodes","nodes":null}', '{"action":"event","event":null,"node":null}', '{"nodes" : 5}', '["node":', '{"action":"pong"}', '{"action":"event","event":{"node":5}}']) { assert.deepEqual(say(text).replace(/\s/g, ''), text.replace(/\s/g, '')); }
    const bytes = Buffer.from('"node":');
    ws.send(bytes, 'cb');
    assert.deepEqual(sent.at(-1), [bytes, 'cb']);
});
