'use strict';
// What happens when the operator's rules change in the sidecar: answers are as each test wants, time is the test's.
const assert = require('node:assert/strict');
const { mock, test } = require('node:test');
const { createLive } = require('../lib/live');
const { createRules } = require('../lib/rules');
const { createSessions } = require('../lib/sessions');
const { createSignIn } = require('../lib/signin');
const { Denied } = require('../lib/denied');

const SESSION = '0f8fad5b-d9cb-469f-a165-70867728950e';
const POOL = 'tenant:aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa';
const turn = async () => { for (let i = 0; i < 5; i++) { await new Promise(setImmediate); } };

// The sidecar's questions wait in `open` until a test answers them.
function world(t, { rulesVersion = 'one' } = {}) {
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_700_000_000_000 });
    t.after(() => mock.timers.reset());
    const here = new Set();
    const w = { asked: [], open: [], ended: [], admitted: [], rulesVersion, held: false, slow: null };
    const client = {
        validate(question) {
            w.asked.push(question);
            return new Promise((resolve, reject) => {
                const answer = (version = w.rulesVersion, pool = false) => {
                    const session = question.sessionToken || question.session ? { id: pool ? POOL : SESSION } : null;
                    resolve({ session, rulesVersion: version, name: session ? session.id : question.token });
                };
                if (w.held) { w.open.push({ question, answer, fail: (reason) => reject(new Denied(reason)) }); } else { answer(); }
            });
        }
    };
    const people = {
        has: (id) => here.has(id), end: (id) => here.delete(id), unlead() { },
        async admit(reply, ticket, proof, presented) {
            w.admitted.push([reply.rulesVersion, presented]);
            if (w.slow) { await w.slow; }
            const id = 'user//' + reply.name;
            here.add(id);
            return { user: { _id: id }, expires: Date.now() + 3600_000, freshFor: 300_000, reach: {}, settled: null };
        }
    };
    w.rules = createRules({ changed: () => { w.sessions.askAll(); }, now: () => Date.now() });
    w.signIn = createSignIn({
        config: { cookieName: null }, client, people: () => people, sessions: () => w.sessions, cookies: () => ({}), rules: w.rules,
        policy: { ensure: async () => { } }, refusals: { note() { } }, log: { ok() { }, denied() { } }
    });
    w.sessions = createSessions({
        ask: w.signIn.ask, people, live: createLive({ wsrelays: {} }, () => 8), destroyed: () => ({}), now: () => Date.now(), random: () => 0.5,
        log: { ended: (session, denied) => w.ended.push(session.proof.token + ' ' + denied.reason) }
    });
    w.come = (token) => w.signIn.present({ token }, { hook: 'HOOK_ROOT' });
    w.found = (session) => w.sessions.find(session.key, session.userId) === session;
    w.asking = () => w.open.map(({ question }) => question.token || question.session);
    return w;
}

test('the same rules, also none, ask nobody anew', async (t) => {
    const w = world(t, { rulesVersion: '' });
    const [one, two] = [await w.come('a'), await w.come('b')];
    assert.deepEqual([w.asked.length, w.found(one), w.found(two)], [2, true, true]);
});

test('other rules: every session\'s answer is stale at once, and each is asked about once', async (t) => {
    const w = world(t);
    const sessions = [await w.come('a'), await w.come('b'), await w.come('c')];
    w.rulesVersion = 'two';
    w.held = true;
    const coming = w.come('d');
    w.open.pop().answer();
    const fourth = await coming;
    assert.deepEqual(sessions.map(w.found), [false, false, false], 'nothing of before counts');
    assert.equal(w.found(fourth), true, 'its own answer is of the new rules');
    assert.deepEqual(w.asking(), ['a', 'b', 'c']);
    const confirming = [w.sessions.confirm(sessions[0].key, sessions[0].userId), w.sessions.confirm(sessions[0].key, sessions[0].userId)];
    assert.equal(w.open.length, 3, 'whoever needs one meanwhile shares the question');
    w.open[0].answer();
    w.open[1].answer();
    w.open[2].fail('RULE_DENIED');
    assert.deepEqual(await Promise.all(confirming), [sessions[0], sessions[0]]);
    await turn();
    assert.deepEqual([sessions.map(w.found), w.ended, w.open.length], [[true, true, false], ['c RULE_DENIED'], 3]);
});

test('no answer about the new rules: the old ones are not used, and what is open closes', async (t) => {
    const w = world(t);
    const session = await w.come('a');
    w.held = true;
    w.rules.note('two', 100, 100);
    assert.deepEqual([w.found(session), w.asking()], [false, ['a']]);
    w.open[0].fail('STORE_UNAVAILABLE');
    await turn();
    assert.deepEqual(w.ended, ['a STORE_UNAVAILABLE']);
});

test('an answer that was on its way when the rules changed is asked for again, not used', async (t) => {
    const w = world(t);
    await w.come('a');
    w.held = true;
    const [late, first] = [w.come('late'), w.come('b')];
    w.open[1].answer('two');
    await first;
    w.admitted.length = 0;
    w.open[0].answer('one');
    await turn();
    assert.deepEqual([w.admitted, w.asking().at(-1)], [[], 'late'], 'an old answer makes nobody');
    w.open.at(-1).answer('two');
    assert.equal(w.found(await late), true);
    assert.deepEqual(w.admitted, [['two', true]], 'it was presented, and leads');
});

test('rules that change while an answer is taken in', async (t) => {
    const w = world(t);
    let go;
    w.slow = new Promise((resolve) => { go = resolve; });
    const coming = w.come('a');
    await turn();
    w.slow = null;
    w.rules.note('two', 50, 50);
    w.rulesVersion = 'two';
    w.held = true;
    go();
    await turn();
    assert.deepEqual(w.asking(), ['a']);
    w.open[0].answer('two');
    assert.equal(w.found(await coming), true);
    assert.deepEqual(w.admitted.map(([version]) => version), ['one', 'two']);
});

test('rules that never stand still are an outage, not a verdict', async (t) => {
    const w = world(t);
    w.rules.note('other', 1000, 1000);
    await assert.rejects(w.come('a'), { reason: 'SERVICE_UNAVAILABLE', temporary: true });
    assert.equal(w.asked.length, 3);
    assert.deepEqual(w.admitted, []);
});

test('an internal token is good once: later questions name its session', async (t) => {
    const w = world(t);
    await w.come('a');
    w.held = true;
    const coming = w.signIn.present({ token: 'i.n.t', internal: true }, { hook: 'HOOK_ROOT', domain: '' });
    w.rules.note('two', 1, 2);
    w.rules.note('two', 3, 3);
    w.open[0].answer('one');
    await turn();
    const { question, answer } = w.open.at(-1);
    assert.deepEqual([question.token, question.sessionToken, question.session, question.hook], ['', false, SESSION, 'HOOK_REVALIDATE']);
    answer('two');
    assert.equal((await coming).proof.session, SESSION);
    assert.deepEqual(w.admitted.at(-1), ['two', true]);
});

test('a tenant\'s pool says nothing about rules', async (t) => {
    const w = world(t);
    const session = await w.come('a');
    w.held = true;
    const coming = w.signIn.present({ token: 'i.n.t', internal: true }, { hook: 'HOOK_ROOT' });
    w.open[0].answer('', true);
    await coming;
    assert.deepEqual([w.found(session), w.open.length], [true, 1]);
});

test('two sidecars that differ do not have everybody asked about in circles', async (t) => {
    const w = world(t);
    await w.come('a');
    let told = 0;
    const rules = createRules({ changed: () => { told++; }, now: () => Date.now() });
    for (let i = 1; i <= 1000; i++) { rules.note(String(i % 2), i, i); }
    assert.equal(told, 1, 'the first change is told of at once');
    mock.timers.tick(1000);
    assert.equal(told, 2, 'and the rest together, later');
    rules.note('x', 2000, 2000);
    rules.close();
    mock.timers.tick(5000);
    assert.equal(told, 2);
});
