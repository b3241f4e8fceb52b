'use strict';
// Live sessions against a sidecar that answers as each test wants; time is the test's.
const assert = require('node:assert/strict');
const { mock, test } = require('node:test');
const { sameClient } = require('../lib/addresses');
const { createCookies } = require('../lib/cookies');
const { createLive } = require('../lib/live');
const { createEndedPoll } = require('../lib/ended');
const { createSessions } = require('../lib/sessions');
const { Denied } = require('../lib/denied');

const ME = 'user//tina@acme.example';
const HOUR = 3600_000;
const turn = () => new Promise(setImmediate);

function world(t, { answer, lifetime = 10_000 } = {}) {
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_700_000_000_000 });
    t.after(() => mock.timers.reset());
    const here = new Set();
    const w = { asked: [], ended: [], closed: [], destroyed: {}, answer: answer || (async () => w.verdict()) };
    w.verdict = (more = {}) => { here.add(ME); return { user: { _id: ME }, expires: Date.now() + HOUR, freshFor: lifetime, reach: {}, ...more }; };
    const people = { has: (id) => here.has(id), end: (id) => { here.delete(id); w.closed.push('person'); }, unlead() { } };
    w.live = createLive({ wsrelays: {} }, () => 8);
    w.sessions = createSessions({
        ask: (proof, request) => { w.asked.push({ ...proof, ...request, at: Date.now() }); return w.answer(proof.token || proof.session); }, people, live: w.live, destroyed: () => w.destroyed,
        log: { ended: (session, denied) => w.ended.push(denied.reason) }, now: () => Date.now(), random: () => 0.5
    });
    w.open = (token = 't', more = {}) => w.openBy({ token }, more);
    w.openBy = (proof, more = {}) => {
        const session = w.sessions.open(proof, '', w.verdict(more));
        w.live.add({ session, kind: 'control', close: () => w.closed.push(proof.token || proof.session) });
        return session;
    };
    w.tick = async (ms, step = 100) => { for (let done = 0; done < ms; done += step) { mock.timers.tick(step); await turn(); } };
    return w;
}

test('a session is asked about again well before its answer is too old, with fresh data wanted', async (t) => {
    const w = world(t);
    const session = w.open();
    await w.tick(60_000);
    assert.ok(w.asked.length >= 6 && w.asked.length <= 12, String(w.asked.length));
    for (let i = 1; i < w.asked.length; i++) { assert.ok(w.asked[i].at - w.asked[i - 1].at < 10_000); }
    assert.deepEqual([w.asked[0].hook, w.asked[0].maxAgeMs, w.asked[0].token], ['HOOK_REVALIDATE', 2500, 't']);
    assert.equal(w.sessions.find(session.key, ME), session);
    assert.equal(w.sessions.find(session.key, 'user//bob'), null);
    assert.equal(w.sessions.find('other', ME), null);
    assert.deepEqual(w.closed, []);
});

test('sessions that began together are not asked about together', async (t) => {
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_700_000_000_000 });
    t.after(() => mock.timers.reset());
    let asked = 0;
    const sessions = createSessions({ ask: () => { asked++; return new Promise(() => { }); }, people: { has: () => true, end() { }, unlead() { } }, live: { endSession() { }, sweep() { } }, destroyed: () => ({}), log: { ended() { } }, now: () => Date.now(), random: Math.random });
    for (let i = 0; i < 1000; i++) { sessions.open({ token: 't' + i }, '', { user: { _id: ME }, expires: Date.now() + HOUR, freshFor: 300_000, reach: {} }); }
    const counts = [];
    for (let s = 0; s < 300; s += 10) { const before = asked; mock.timers.tick(10_000); counts.push(asked - before); }
    assert.equal(asked, 1000);
    assert.ok(Math.max(...counts) < 150, 'a spike of ' + Math.max(...counts));
    sessions.close();
});

test('a denial ends the session, what is open in it, and with the last one the person', async (t) => {
    const w = world(t);
    const [first, second] = [w.open('one'), w.open('two')];
    w.answer = async (token) => { if (token === 'one') { throw new Denied('USER_DISABLED'); } return w.verdict(); };
    await w.tick(9000);
    assert.deepEqual([w.ended, w.closed], [['USER_DISABLED'], ['one']]);
    assert.equal(w.sessions.find(first.key, ME), null);
    assert.equal(w.sessions.find(second.key, ME), second);
    assert.ok(w.destroyed[ME + '/' + first.key] > 0, 'MeshCentral ends the page session too');
    await assert.rejects(w.sessions.confirm(first.key, ME), { reason: 'SESSION_ENDED' });
    w.answer = async () => { throw new Denied('TENANT_MISMATCH'); };
    await w.tick(9000);
    assert.deepEqual(w.closed, ['one', 'two', 'person']);
    assert.equal(w.sessions.count(), 0);
});

test('an outage: nothing happens while the last answer holds, then the session is suspended, and comes back by itself', async (t) => {
    const w = world(t);
    const session = w.open();
    w.answer = async () => { throw new Denied('STORE_UNAVAILABLE'); };
    await w.tick(9500);
    assert.deepEqual(w.closed, []);
    assert.ok(w.asked.length >= 2, 'it asks again meanwhile');
    await w.tick(1000);
    assert.deepEqual([w.closed, w.ended], [['t', 'person'], ['STORE_UNAVAILABLE']]);
    assert.equal(w.sessions.find(session.key, ME), null);
    await assert.rejects(w.sessions.confirm(session.key, ME), { reason: 'STORE_UNAVAILABLE' });
    w.answer = async () => w.verdict();
    await w.tick(1500);
    assert.equal(w.sessions.find(session.key, ME), session, 'the same cookie is good again');
    assert.deepEqual(w.ended, ['STORE_UNAVAILABLE'], 'said once');
});

test('an answer that never comes does not keep a session alive', async (t) => {
    const w = world(t);
    const session = w.open();
    w.answer = () => new Promise(() => { });
    await w.tick(11_000);
    assert.deepEqual([w.closed, w.ended], [['t', 'person'], ['SERVICE_UNAVAILABLE']]);
    assert.equal(w.sessions.find(session.key, ME), null);
});

test('an answer for a session that ended meanwhile brings nobody back', async (t) => {
    const w = world(t);
    w.open();
    let answer;
    w.answer = () => new Promise((resolve) => { answer = resolve; });
    await w.tick(8000);
    w.sessions.endAll(ME, new Denied('SESSION_ENDED'));
    assert.deepEqual(w.closed, ['t', 'person']);
    answer(w.verdict());
    await turn();
    assert.deepEqual(w.closed, ['t', 'person', 'person'], 'whom the late answer made is ended at once');
    assert.equal(w.sessions.count(), 0);
});

test('the JWT\'s end is the end, whatever the sidecar says', async (t) => {
    const w = world(t, { lifetime: 2 * HOUR });
    w.open('short', { expires: Date.now() + 60_000 });
    await w.tick(61_000, 1000);
    assert.deepEqual(w.ended, ['TOKEN_EXPIRED']);
    assert.equal(w.sessions.count(), 0);
});

test('one token is one session; after a logout the token gets a new key and the old one stays dead', (t) => {
    const w = world(t);
    const session = w.open();
    const before = session.key;
    assert.equal(w.sessions.open({ token: 't' }, '', w.verdict()), session);
    assert.equal(session.key, before);
    w.destroyed[ME + '/' + before] = Date.now();
    assert.equal(w.sessions.find(before, ME), null);
    delete w.destroyed[ME + '/' + before]; // MeshCentral forgets it after a while
    assert.equal(w.sessions.find(before, ME), null);
    w.sessions.open({ token: 't' }, '', w.verdict());
    assert.notEqual(session.key, before);
    assert.equal(w.sessions.find(session.key, ME), session);
    assert.equal(w.sessions.find(before, ME), null);
    assert.notEqual(w.sessions.open({ token: 't' }, 'other', w.verdict()), session, 'another domain is another session');
    w.sessions.close();
});

test('lowering closes the tunnels that lost their right, and only those', (t) => {
    const w = world(t);
    const session = w.open();
    const closed = [];
    const masks = { desk: 8 | 64, shell: 8, gone: 8 };
    const live = createLive({ wsrelays: { r1: { peer1: { ws: { terminate: () => closed.push('agent of gone') } } } } }, (who, node) => masks[node]);
    const add = (node, need, relay) => live.add({ session, kind: 'tunnel', node, needs: [need], relay: () => relay, close: () => closed.push(node) });
    add('desk', { all: 8, none: 0 });
    add('shell', { all: 8, none: 512 });
    add('gone', { all: 8, none: 0 }, 'r1');
    live.add({ session, kind: 'control', close: () => closed.push('control') });
    live.sweep();
    assert.deepEqual(closed, []);
    masks.gone = 0;
    live.sweep();
    assert.deepEqual(closed, ['agent of gone', 'gone']);
    masks.desk = 8; // without "wake", which no tunnel needs
    live.sweep();
    assert.deepEqual(closed.slice(2), []);
    masks.desk = 8 | 256;
    masks.shell = 8 | 256 | 512;
    live.sweep();
    assert.deepEqual(closed.slice(2).sort(), ['desk', 'shell'], 'the device was told that input is allowed');
    w.sessions.close();
});

test('what a logged-out session left open ends at its next question', async (t) => {
    const w = world(t);
    const session = w.open();
    w.destroyed[ME + '/' + session.key] = Date.now();
    await w.tick(9000);
    assert.deepEqual([w.closed, w.ended, w.asked.length], [['t', 'person'], ['SESSION_ENDED'], 0]);
});

const PROXY = '0f8fad5b-d9cb-469f-a165-70867728950e';

test('a session of the proxy is asked about by its id, is one whatever tokens it comes by, and has the same key after a restart', async (t) => {
    const w = world(t);
    const session = w.openBy({ session: PROXY });
    assert.equal(w.openBy({ session: PROXY }), session);
    assert.notEqual(w.open(PROXY), session, 'a dashboard\'s token that reads like an id');
    assert.deepEqual(w.sessions.ofProxy(), [PROXY]);
    await w.tick(9000);
    assert.ok(w.asked.some((asked) => asked.session === PROXY && asked.token === undefined && asked.hook === 'HOOK_REVALIDATE'));
    const again = createSessions({ ask: () => new Promise(() => { }), people: { has: () => true }, live: { sweep() { } }, destroyed: () => ({}), log: {}, now: () => Date.now(), random: () => 0.5 });
    assert.equal(again.open({ session: PROXY }, '', w.verdict()).key, session.key);
    assert.notEqual(again.open({ session: PROXY.replace('0', '1') }, '', w.verdict()).key, session.key);
    again.close();
    const before = session.key;
    w.destroyed[ME + '/' + before] = Date.now();
    w.openBy({ session: PROXY });
    assert.notEqual(session.key, before, 'logged out');
    assert.equal(w.sessions.find(before, ME), null);
    w.sessions.close();
});

test('a session of the proxy that is renewed shortly before its end goes on; else it ends in time', async (t) => {
    const w = world(t, { lifetime: HOUR });
    w.openBy({ session: PROXY }, { expires: Date.now() + 60_000 });
    await w.tick(57_500);
    assert.equal(w.asked.length, 0);
    w.answer = async () => w.verdict({ expires: Date.now() + 62_000 });
    await w.tick(2000);
    assert.deepEqual([w.asked.length, w.closed], [1, []]);
    w.answer = async () => { throw new Denied('SERVICE_UNAVAILABLE'); };
    await w.tick(61_000);
    assert.deepEqual([w.closed, w.ended], [[PROXY, 'person'], ['TOKEN_EXPIRED']], 'the sidecar is away at the end');
});

test('the sidecar is asked twice a second which of the proxy\'s sessions ended, while there are any', async (t) => {
    const w = world(t);
    const [one, two] = [PROXY, PROXY.replace('0', '1')];
    const asked = [];
    let answer = async () => ({ ended: [] });
    const poll = createEndedPoll({ ask: (ids) => { asked.push(ids); return answer(ids); }, ids: w.sessions.ofProxy, end: (id) => w.sessions.endOfProxy(id, new Denied('SESSION_UNKNOWN')) });
    w.open();
    poll.wake();
    await w.tick(3000);
    assert.deepEqual(asked, [], 'none is of the proxy');
    const session = w.openBy({ session: one });
    w.openBy({ session: two });
    poll.wake();
    poll.wake();
    await w.tick(1100);
    assert.deepEqual(asked, [[one, two], [one, two]]);
    answer = async () => { throw new Denied('SERVICE_UNAVAILABLE'); };
    await w.tick(1100);
    assert.deepEqual([asked.length, w.closed], [4, []], 'no answer is no verdict');
    answer = async () => ({ ended: [one, 'never-heard-of'] });
    await w.tick(600);
    assert.deepEqual([w.closed, w.ended, w.sessions.find(session.key, ME)], [[one], ['SESSION_UNKNOWN'], null]);
    answer = async () => ({ ended: [two] });
    await w.tick(600);
    assert.deepEqual(w.closed, [one, two]);
    const before = asked.length;
    await w.tick(3000);
    assert.equal(asked.length, before, 'none is left to ask about');
    w.sessions.close();
    poll.stop();
});

test('a question that is not answered is not asked again meanwhile, and many ids go in several', async (t) => {
    const w = world(t);
    const asked = [];
    let answer = () => { };
    const ids = Array.from({ length: 2500 }, (_, i) => 'id' + i);
    const poll = createEndedPoll({ ask: (some) => { asked.push(some.length); return new Promise((resolve) => { answer = () => resolve({ ended: [] }); }); }, ids: () => ids, end() { } });
    poll.wake();
    await w.tick(3000);
    assert.deepEqual(asked, [1000]);
    for (let i = 0; i < 3; i++) { answer(); await turn(); }
    assert.deepEqual(asked, [1000, 1000, 500]);
    poll.stop();
    answer();
    await w.tick(2000);
    assert.equal(asked.length, 3, 'stopped');
});

// MeshCentral's two functions, without the sealing.
function cookieJar(t) {
    const w = world(t);
    const parent = { args: { cookieipcheck: 'lax' }, loginCookieEncryptionKey: 'k', cookieUseOnceTable: {}, encodeCookie: (o) => JSON.stringify({ ...o, time: Date.now() }) };
    parent.decodeCookie = (text) => { try { const o = JSON.parse(text); if (o.once) { if (parent.cookieUseOnceTable[o.once]) { return null; } parent.cookieUseOnceTable[o.once] = 1; } return o; } catch (err) { return null; } };
    const session = w.open();
    const cookies = createCookies(parent, { people: { has: (id) => id === ME, since: (id) => (id === ME ? 0 : Infinity) }, sessions: w.sessions, isThere: (id) => id !== 'user//nobody', now: () => Date.now() });
    return { w, parent, session, cookies };
}

test('a cookie of ours counts only where a hook let it in, and only while its session lives', (t) => {
    const { w, parent, session, cookies } = cookieJar(t);
    const bare = parent.encodeCookie({ userid: ME, domainid: '', ip: '127.0.0.1' });
    const stamped = cookies.during(session, () => parent.encodeCookie({ userid: ME, domainid: '', ip: '127.0.0.1' }));
    const login = parent.encodeCookie({ u: ME, a: 3 });
    for (const cookie of [bare, stamped, login]) { assert.equal(parent.decodeCookie(cookie), null, 'in a form, for example'); }
    assert.deepEqual(cookies.holder(bare, '127.0.0.1'), { userId: ME, key: null });
    assert.deepEqual(cookies.holder(stamped, '127.0.0.1'), { userId: ME, key: session.key });
    assert.deepEqual(cookies.holder(stamped, '203.0.113.5'), { userId: ME, key: null }, 'from elsewhere');
    assert.equal(cookies.owns(stamped, ME), true);
    assert.equal(cookies.owns(bare, ME), false);
    assert.equal(cookies.owns(stamped, 'user//bob'), false);
    cookies.admit(stamped);
    assert.equal(parent.decodeCookie(stamped).userid, ME);
    assert.equal(parent.decodeCookie(stamped), null, 'once');
    cookies.admit(bare);
    assert.equal(parent.decodeCookie(bare), null, 'one that names no session is never let in');
    w.sessions.endAll(ME, new Denied('SESSION_ENDED'));
    cookies.admit(stamped);
    assert.equal(parent.decodeCookie(stamped), null);
});

test('relay cookies: the page\'s live with the session, MeshCentral\'s own for a device for a minute', async (t) => {
    const { w, parent, session, cookies } = cookieJar(t);
    const page = JSON.parse(cookies.forPage(session, '', '127.0.0.1').authRelayCookie);
    assert.deepEqual([page.ruserid, page.x], [ME, session.key]);
    const text = JSON.stringify(page);
    assert.equal(cookies.ownsRelay(text, ME), true);
    assert.equal(parent.decodeCookie(text).ruserid, ME);
    const device = parent.encodeCookie({ ruserid: ME });
    assert.equal(parent.decodeCookie(device).ruserid, ME);
    await w.tick(61_000, 1000);
    assert.equal(parent.decodeCookie(device).ruserid, undefined, 'not null: MeshCentral reads a field of it');
    w.sessions.endAll(ME, new Denied('SESSION_ENDED'));
    assert.equal(parent.decodeCookie(text).ruserid, undefined);
    assert.equal(cookies.ownsRelay(text, ME), false);
});

test('cookies of others are MeshCentral\'s business, and looking at one does not use it up', (t) => {
    const { parent, cookies } = cookieJar(t);
    const theirs = parent.encodeCookie({ userid: 'user//admin', once: 'x' });
    assert.equal(cookies.holder(theirs), null);
    assert.equal(parent.decodeCookie(theirs).userid, 'user//admin');
    assert.equal(parent.decodeCookie(theirs), null);
    assert.equal(parent.decodeCookie(parent.encodeCookie({ userid: 'user//nobody' })), null, 'of an account that is not there');
    assert.equal(parent.decodeCookie(parent.encodeCookie({ u: 'nobody', p: 'x' })).u, 'nobody', 'not an account\'s id');
    for (const odd of [null, undefined, '', 5, {}, [], 'x', 'x'.repeat(5000), '5', 'null', '"x"']) { assert.equal(cookies.holder(odd), null); assert.equal(cookies.owns(odd, ME), false); }
    assert.equal(cookies.during({ userId: ME, key: 'k' }, () => JSON.parse(parent.encodeCookie({ userid: 'user//admin' }))).meshsso, undefined);
});

test('a cookie goes with its client\'s address, by MeshCentral\'s own rule', () => {
    for (const [made, used, rule, same] of [
        ['203.0.113.5', '203.0.113.5', 'strict', true], ['203.0.113.5', '203.0.113.6', 'strict', false], ['203.0.113.5', '203.0.113.6', 'lax', true], ['203.0.113.5', '203.0.114.5', 'lax', false], ['203.0.113.5', '8.8.8.8', 'none', true],
        ['10.1.1.1', '192.168.7.7', 'lax', true], ['10.1.1.1', '::1', 'lax', true], ['::ffff:203.0.113.5', '203.0.113.5', 'strict', true], ['2001:db8::1', '2001:db8::2', 'lax', false], ['2001:db8::1', '2001:db8::1', 'lax', true],
        [undefined, '8.8.8.8', 'lax', false], [undefined, undefined, 'lax', false], [undefined, undefined, 'none', true], ['127.0.0.1', '8.8.8.8', 'odd', false], [5, {}, 'strict', false]
    ]) { assert.equal(sameClient(made, used, rule), same, [made, used, rule].join(' ')); }
});
