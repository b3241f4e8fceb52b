'use strict';
// Accounts of MeshCentral's under a person's id, where stand-ins can do what a real server does only rarely: fail in the
// middle of an adoption, answer late, change hands while somebody waits. The rest is driven for real in e2e/.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { createAccounts } = require('../lib/accounts');
const { keepOutOfDatabase } = require('../lib/db');
const { isFoldedEmail } = require('../lib/ids');
const { conflictOf, unfinished } = require('../lib/ownership');
const emails = require('../../authsvc/testdata/emails.json');

const ID = 'user//tina@acme.example';
const WISH = { id: ID, domain: '', tenantId: '1a111111-1111-4111-8111-111111111111', userId: 7 };
const OTHER = { ...WISH, tenantId: '2b222222-2222-4222-8222-222222222222', userId: 9 };
const old = (more = {}) => ({ type: 'user', _id: ID, name: 'tina', domain: '', hash: 'h', salt: 's', siteadmin: 0xFFFFFFFF, links: {}, tenantId: WISH.tenantId.toUpperCase(), userId: 7, ...more });

function world({ users = {}, docs = [], adopt = false } = {}) {
    const stored = new Map([...Object.values(users), ...docs].map((doc) => [doc._id, doc]));
    const order = [], lines = [], events = [];
    const fail = { on: null };
    const written = (what, id) => { if (fail.on === what + ' ' + id) { throw new Error('the disk is full'); } order.push(what + ' ' + id); };
    const store = {
        get: async (id) => structuredClone(stored.get(id) || null),
        set: async (doc) => { written('set', doc._id); stored.set(doc._id, structuredClone(doc)); },
        all: async (type) => [...stored.values()].filter((doc) => doc.type === type).map((doc) => structuredClone(doc)),
        remove: async (id) => { written('remove', id); stored.delete(id); }
    };
    const db = { Get: (id, func) => func(null, stored.has(id) ? [stored.get(id)] : []), GetUserWithVerifiedEmail: (domain, email, func) => func(null, [...stored.values()].filter((doc) => doc.email === email)) };
    const webserver = {
        users: { ...users }, meshes: {}, userGroups: {},
        parent: { config: { domains: { '': {}, shared: { share: '/x' } } }, db, DispatchEvent: (ids, source, event) => events.push([ids, event]), AddEventDispatch(ids, listener) { webserver.listener = listener; } },
        CloneSafeNode: (node) => node, CreateNodeDispatchTargets: (mesh, node) => [node]
    };
    const people = { ours: new Map(), has: (id) => people.ours.has(id) && webserver.users[id] === people.ours.get(id), isOurs: () => false, end(id) { if (people.has(id)) { delete webserver.users[id]; } people.ours.delete(id); order.push('end ' + id); } };
    const accounts = createAccounts(webserver, { store, adopt, log: { info: (text) => lines.push(text), account: (text) => lines.push(text) } });
    accounts.start(people, (id, denied) => order.push('sessions of ' + id + ' ' + denied.reason));
    const enter = () => { const user = { _id: ID }; people.ours.set(ID, user); webserver.users[ID] = user; return user; };
    return { accounts, webserver, people, stored, order, lines, events, fail, enter };
}

test('whose an account is', () => {
    const cases = [ // account, adoptAccounts, taken over
        [{}, false, false], [{}, true, true], [{ userId: 8 }, true, false],
        [{ tenantId: WISH.tenantId }, false, true], [{ tenantId: WISH.tenantId.toUpperCase(), user_id: '7' }, false, true],
        [{ tenantId: OTHER.tenantId }, false, false], [{ tenantId: OTHER.tenantId }, true, false],
        [{ tenantId: WISH.tenantId, userId: 8 }, true, false], [{ tenantId: WISH.tenantId, userId: 7, user_id: 8 }, true, false], [{ tenantId: WISH.tenantId, userId: [7] }, true, false], [{ tenantId: WISH.tenantId, userId: null }, true, false],
        ...[null, '', 5, {}, [WISH.tenantId]].flatMap((tenantId) => [[{ tenantId }, false, false], [{ tenantId }, true, true], [{ tenantId, userId: 8 }, true, false]])
    ];
    for (const [account, adopt, taken] of cases) { assert.equal(conflictOf(account, WISH, adopt) === null, taken, JSON.stringify([account, adopt])); }
    const superadmin = { ...WISH, tenantId: '' };
    assert.equal(conflictOf(unfinished(superadmin), superadmin, false), null, 'an adoption by somebody without a tenant is finished');
    assert.notEqual(conflictOf(unfinished(superadmin), WISH, true), null);
    assert.notEqual(conflictOf(unfinished(WISH), OTHER, true), null);
});

test('only folded e-mails are names of people', () => {
    for (const { in: text, folded } of emails) { assert.equal(isFoldedEmail(text), folded === text, JSON.stringify(text)); if (folded) { assert.ok(isFoldedEmail(folded), folded); } }
    for (const text of [undefined, 5, '', '~s:ab12:tina@acme.example', 'TINA@acme.example', 'a b@c', 'a/b@c', 'a\u0000@c', 'a\n@c', 'a\u200B@c', '\u212A@c', '\u017F@c', 'É@c', '@c', 'a@', 'a', 'a@c\uD800']) { assert.equal(isFoldedEmail(text), false, JSON.stringify(text)); }
});

test('an older sign-on\'s account is not there, cannot be put there, and is not saved', () => {
    const account = old({ email: 'tina@acme.example' });
    const own = { type: 'user', _id: 'user//admin', name: 'admin', domain: '' };
    const w = world({ users: { [ID]: account, [own._id]: own } });
    assert.equal(w.webserver.users[ID], undefined);
    assert.deepEqual(Object.keys(w.webserver.users).sort(), ['user//admin', 'user//~meshsso']);
    w.webserver.users[ID] = { _id: ID };
    assert.equal(w.webserver.users[ID], undefined);
    assert.equal(w.webserver.users[own._id], own);
    const written = [];
    const db = { Set: (doc) => written.push(doc._id), SetUser(user) { this.Set(user); } };
    keepOutOfDatabase(db, w.accounts.keepsOut);
    for (const doc of [account, { ...account }, w.webserver.users['user//~meshsso'], own]) { db.SetUser(doc); }
    assert.deepEqual(written, ['user//admin']);
    let found;
    w.webserver.parent.db.GetUserWithVerifiedEmail('', 'tina@acme.example', (err, docs) => { found = docs; });
    assert.deepEqual(found, [], 'no mail is sent that would reset it');
    w.webserver.parent.db.Get(ID, (err, docs) => { found = docs; });
    assert.deepEqual(found, []);
    assert.ok(w.stored.has(ID));
});

test('one that another program writes while MeshCentral runs is held as well', () => {
    const w = world();
    w.webserver.users[ID] = old();
    w.webserver.listener.HandleEvent(null, { action: 'accountcreate', userid: ID });
    assert.equal(w.webserver.users[ID], undefined);
    for (const event of [null, 'close', {}, { action: 'accountcreate' }]) { w.webserver.listener.HandleEvent(null, event); }
});

test('adopting: first nothing that logs in, the account itself last, and once for all who come together', async () => {
    const links = { [ID]: { rights: 1 }, 'user//admin': { rights: 1 } };
    const docs = [{ _id: 'logintoken-a', type: 'logintoken', userid: ID }, { _id: 'logintoken-b', type: 'logintoken', userid: 'user//admin' }, { _id: 'deviceshare-a', type: 'deviceshare', userid: ID }, { _id: 'mesh//m', type: 'mesh', links }, { _id: 'ugrp//u', type: 'ugrp', links }, { _id: 'node//n', type: 'node', links: { [ID]: {} }, ssh: links, rdp: links }, { _id: 'node//o', type: 'node' }];
    const w = world({ users: { [ID]: old() }, docs });
    w.webserver.meshes['mesh//m'] = { _id: 'mesh//m', type: 'mesh', links: { ...links } };
    await Promise.all([w.accounts.settle(WISH, 1), w.accounts.settle(WISH, 2), w.accounts.settle(WISH, 3)]);
    assert.equal(w.order[0], 'set ' + ID);
    assert.equal(w.order.filter((step) => step === 'remove ' + ID).length, 1);
    assert.equal(w.order.indexOf('remove ' + ID), w.order.length - 1);
    assert.deepEqual([...w.stored.keys()].sort(), ['logintoken-b', 'mesh//m', 'node//n', 'node//o', 'ugrp//u']);
    assert.ok(![...w.stored.values(), w.webserver.meshes['mesh//m']].some((doc) => JSON.stringify(doc).includes(ID)));
    assert.ok(JSON.stringify(w.stored.get('node//n')).includes('user//admin'));
    assert.deepEqual(w.lines.filter((line) => line.startsWith('adopted')), ['adopted ' + ID]);
    assert.equal(Object.getOwnPropertyDescriptor(w.webserver.users, ID), undefined, 'the id is free');
    assert.equal(w.accounts.keepsOut({ _id: ID }), false);
});

test('a database that fails at any step lets nobody in, and the next sign-in ends what was begun', async () => {
    const steps = ['set ' + ID, 'remove logintoken-a', 'remove ws' + ID, 'set node//n', 'remove ' + ID];
    for (const step of steps) {
        for (const adopt of [true, false]) {
            const account = adopt ? old({ tenantId: undefined }) : old();
            const docs = [{ _id: 'logintoken-a', type: 'logintoken', userid: ID }, { _id: 'node//n', type: 'node', links: { [ID]: {} } }];
            const w = world({ users: { [ID]: account }, docs, adopt });
            w.fail.on = step;
            await assert.rejects(w.accounts.settle(WISH, 1), /disk is full/, step);
            assert.equal(w.webserver.users[ID], undefined, step);
            assert.throws(() => w.accounts.confirm(WISH), { reason: 'ACCOUNT_CONFLICT' });
            if (step !== steps[0]) { assert.deepEqual(w.stored.get(ID), unfinished(WISH), step); }
            await assert.rejects(w.accounts.settle(OTHER, 2), { reason: 'ACCOUNT_CONFLICT' });
            w.fail.on = null;
            await w.accounts.settle(WISH, 3);
            assert.deepEqual([...w.stored.keys()], ['node//n'], step);
        }
    }
});

test('an account that is in the database but not in memory is found', async () => {
    const own = old({ tenantId: undefined, userId: undefined });
    const w = world({ docs: [own] });
    await assert.rejects(w.accounts.settle(WISH, 1), { reason: 'ACCOUNT_CONFLICT' });
    assert.deepEqual(w.stored.get(ID), own);
});

test('what an account that is gone left behind is nobody\'s', async () => {
    const w = world({ docs: [{ _id: 'logintoken-a', type: 'logintoken', userid: ID }, { _id: 'deviceshare-a', type: 'deviceshare', userid: ID }, { _id: 'ws' + ID }, { _id: 'im' + ID }] });
    await w.accounts.settle(WISH, 1);
    assert.deepEqual([...w.stored.keys()], []);
});

test('an e-mail that changes hands: the former holder is ended, and late answers about him count for nothing', async () => {
    const w = world();
    await w.accounts.settle(WISH, 1);
    w.enter();
    await w.accounts.settle(WISH, 2);
    assert.deepEqual(w.order.filter((step) => step.startsWith('end')), []);
    const changing = w.accounts.settle(OTHER, 5);
    assert.deepEqual(w.order.slice(-2), ['sessions of ' + ID + ' USER_MISMATCH', 'end ' + ID], 'before anything is waited for');
    await assert.rejects(w.accounts.settle(WISH, 4), { reason: 'USER_MISMATCH' });
    assert.throws(() => w.accounts.confirm(WISH), { reason: 'USER_MISMATCH' });
    await changing;
    w.accounts.confirm(OTHER);
    w.enter();
    await w.accounts.settle(WISH, 6);
    assert.equal(w.order.filter((step) => step.startsWith('end')).length, 2, 'and back');
});
