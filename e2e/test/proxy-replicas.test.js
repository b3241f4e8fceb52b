'use strict';
// Two replicas on one Postgres and one MeshCentral: whichever made a session, the other serves it, and what ends it on the one ends it
// on the other.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { auditOf, command, startPeer } = require('../lab/peers');
const { until } = require('../lab/process');
const { API, DASHBOARD, ask, call, openSession } = require('../lab/through');
const { runIn } = require('../lab/tunnel');

const [TINA, ADAM] = ['tina@acme.example', 'adam@acme.example'];
const LIFETIME = 5; // seconds: the cache's
const PROMISE = 2000; // ms from the answer to the end of everything that is open, wherever
const TRIES = 4; // a machine that is busy with others is given the best of so many

describe('two replicas', { timeout: 400000 }, () => {
    let lab, peer, agent;
    before(async () => {
        lab = await startLab({ cacheTtl: LIFETIME + 's', proxy: { dashboards: [DASHBOARD] } });
        peer = await startPeer(lab, 'peer');
        agent = lab.agents['acme-frontdesk'];
    });
    after(async () => {
        if (peer) { await peer.stop(); }
        if (lab) { await lab.stop(); }
    });

    /** A session made at the first replica, with a control channel and a terminal at the second. */
    async function open(email = TINA) {
        const session = await openSession(lab, email, agent);
        const there = session.at(peer.api);
        const control = await there.control();
        const terminal = await there.terminal(control);
        return { session, there, sockets: [control, terminal] };
    }

    /** Ends what is open, and measures from then until the last socket is closed, which says why, and every replica refuses it. */
    async function ends(doIt, bound, said, email) {
        const took = [];
        while (took.length < TRIES) {
            const { session, there, sockets } = await open(email);
            await doIt(session);
            const from = performance.now();
            const ended = await Promise.all(sockets.map((socket) => socket.end));
            for (const [code, reason] of ended) { assert.ok(said.includes(code + ' ' + reason), code + ' ' + reason); }
            // What is asked meanwhile where nothing of it is known yet may still be answered.
            for (const where of [session, there]) { await until(async () => said.includes('4401 ' + (await where.get('/')).code), 10000, 'new requests are refused too'); }
            took.push(Math.round(performance.now() - from));
            if (took.at(-1) <= bound) { return took; }
        }
        return assert.fail(`not within ${bound} ms: ${took.join(', ')}`);
    }

    test('a session of the one is served by the other: pages, pictures, control channel, terminal, download', async () => {
        const { session, there, sockets: [control, terminal] } = await open();
        assert.equal(await runIn(terminal, 'echo there-$((40+2))', /there-42/), 'there-42');
        for (const where of [session, there]) {
            assert.equal((await where.get('/')).status, 200);
            assert.equal((await where.get('/images/logoback.png')).status, 200);
        }
        const file = await there.file(control, '/etc/hostname');
        const [one, other] = await Promise.all([session.get(file), there.get(file)]); // the page's sealed cookie of the one opens at the other
        assert.ok(one.status === 200 && one.text.length > 0 && one.text === other.text);
        const listed = JSON.parse((await call(peer.api, 'GET', '/sessions', session.token)).text).sessions;
        assert.ok(listed.some(({ id }) => id === session.id));
        for (const socket of [control, terminal]) { socket.close(); }
        assert.equal((await there.delete(peer.api)).status, 204);
        await until(async () => (await session.get('/')).code === 'SESSION_ENDED', 10000, 'the other one knows');
    });

    // MeshCentral's side may be first: the shim asks twice a second which sessions have ended.
    const ENDED = ['4401 SESSION_ENDED', '1014 '];
    const ways = {
        DELETE: async (session) => assert.equal((await session.delete(lab.sessionApi)).status, 204),
        logout: async (session) => assert.equal((await call(lab.sessionApi, 'POST', '/logout', session.token, {})).status, 200),
        'meshsso sessions kill': async (session) => assert.match(await command(lab, 'sessions', 'kill', session.id), new RegExp(session.id)),
        'an admin\'s DELETE': async (session) => assert.equal((await call(lab.sessionApi, 'DELETE', '/session/' + session.id, await lab.token(ADAM))).status, 204)
    };
    for (const [name, way] of Object.entries(ways)) {
        test(`${name} at the one ends what is open at the other within ${PROMISE / 1000} s`, async (t) => { t.diagnostic((await ends(way, PROMISE, ENDED)).join(', ') + ' ms'); });
    }

    test(`a demotion ends it within the cache lifetime, ${LIFETIME} s`, async (t) => {
        const role = (to) => lab.postgres.query('UPDATE users SET role = $1 WHERE email = $2', [to, ADAM]);
        const demote = async () => { await role('viewer'); };
        try { t.diagnostic((await ends(demote, LIFETIME * 1000, ['4401 ACCESS_REVOKED', '1014 '], ADAM)).join(', ') + ' ms'); } finally { await role('admin'); }
    });

    test('a replica that is gone takes its sockets along, and the other one goes on', async () => {
        const { session, there, sockets } = await open();
        await peer.stop('SIGKILL');
        for (const socket of sockets) { assert.equal((await socket.end)[0], 1006); }
        assert.equal((await session.get('/')).status, 200);
        const control = await session.control();
        const terminal = await session.terminal(control);
        assert.equal(await runIn(terminal, 'echo here-$((40+2))', /here-42/), 'here-42');
        await peer.start();
        assert.equal((await there.get('/')).status, 200);
        for (const socket of [control, terminal]) { socket.close(); }
    });

    test('what has expired is cleaned up, by one of them', async () => {
        const row = async (id) => (await lab.postgres.query('SELECT end_reason FROM meshcentral_sessions WHERE session_id = $1', [id])).rows[0];
        const session = await openSession(lab, TINA, agent, { viewMode: 10, claims: { exp: Math.floor(Date.now() / 1000) + 3 } }); // nobody has it open
        await until(async () => (await row(session.id)).end_reason === 'expiry', 60000, 'its end is noted');
        assert.equal((await auditOf(lab, session.id)).filter(({ event, reason }) => event === 'session_ended' && reason === 'expiry').length, 1);
        assert.equal((await session.get('/')).status, 401);
        await lab.postgres.query("UPDATE meshcentral_sessions SET ended_at = ended_at - interval '1 hour' WHERE session_id = $1", [session.id]);
        await until(async () => await row(session.id) === undefined, 60000, 'the row is deleted');
        assert.deepEqual([(await session.get('/')).code, (await session.at(peer.api).get('/')).code], ['SESSION_UNKNOWN', 'SESSION_UNKNOWN']);
        assert.equal((await ask(lab.sessionApi + API + '/sessions')).status, 401);
    });
});
