'use strict';
// What goes wrong around the session proxy: each fault is said clearly and names nobody, ends what it must, and is over when its cause
// is, with no restart of anything else and the same session.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { GARBAGE, MARK, ownCertificate, startImpostor, strangeCertificate } = require('../lab/impostor');
const { auditOf, startPeer } = require('../lab/peers');
const { until } = require('../lab/process');
const { API, DASHBOARD, HOST, ask, call, openSession } = require('../lab/through');
const { runIn } = require('../lab/tunnel');
const { MIB, watchPeak } = require('../lab/vitals');
const { startWire } = require('../lab/wire');

const TINA = 'tina@acme.example';
const LIFETIME = 6; // seconds: the cache's
const ROOM = 48 * MIB; // what the process may grow by, whatever is thrown at it

describe('faults around the session proxy', { timeout: 580000 }, () => {
    let lab, wire, agent, session, token, pid, silence;
    const stops = [];
    before(async () => {
        wire = await startWire();
        stops.push(() => wire.close());
        lab = await startLab({ cacheTtl: LIFETIME + 's', proxy: { dashboards: [DASHBOARD], env: { MESHCENTRAL_URL: wire.url } } });
        stops.push(() => lab.stop());
        wire.to(lab.mesh.port);
        [agent, token, pid] = [lab.agents['acme-frontdesk'], await lab.token(TINA), lab.sidecar.pid()];
        session = await openSession(lab, TINA, agent);
        silence = await askSilence();
    });
    after(async () => { while (stops.length > 0) { await stops.pop()(); } });

    // A MeshCentral that takes everything and answers nothing, before another replica. The waiting goes on beside the other tests.
    async function askSilence() {
        const dumb = await startImpostor(ownCertificate(lab.mesh));
        const peer = await startPeer(lab, 'silent', { MESHCENTRAL_URL: 'https://127.0.0.1:' + dumb.port });
        stops.push(() => dumb.close(), () => peer.stop());
        const there = session.at(peer.api);
        const answers = Promise.all([there.get('/', { timeoutMs: 200000 }), there.get('/images/logoback.png', { timeoutMs: 200000 }), there.knock('/control.ashx', { timeoutMs: 200000 }), there.knock(relay(), { timeoutMs: 200000 })]);
        answers.catch(() => { }); // looked at by its test
        await until(() => dumb.heard() >= 4, 30000, 'all four wait for MeshCentral');
        return { answers };
    }

    const relay = () => `/meshrelay.ashx?browser=1&p=1&nodeid=${agent.nodeId}&id=${crypto.randomBytes(12).toString('hex')}`;

    /** A control channel and a terminal that works. */
    async function use() {
        const control = await session.control();
        const terminal = await session.terminal(control);
        await runIn(terminal, 'echo up-$((40+2))', /up-42/);
        return { control, terminal };
    }
    const works = () => until(() => use().catch(() => null), 90000, 'control channel and terminal work again');
    function leave({ control, terminal }) { control.close(); terminal.close(); }

    /** All four ways to MeshCentral answer with one of these codes, for a person and for a program, and name nobody. */
    async function answered(codes) {
        const got = [];
        for (const way of [() => session.get('/'), () => session.get('/images/logoback.png'), () => session.knock(), () => session.knock(relay())]) {
            const answer = await way();
            const { status, code, message, retry, text, headers } = answer;
            assert.ok(codes.includes(code), `${status} ${code}`);
            assert.ok(status >= 502 && status <= 504 && message.length > 10, `${status} ${code}`);
            assert.equal(retry, code === 'UPSTREAM_UNAVAILABLE' ? '5' : undefined);
            for (const name of [MARK, String(lab.mesh.port), new URL(wire.url).port, 'MeshCentral']) { assert.ok(!(text + JSON.stringify(headers)).includes(name), code + ' names ' + name); }
            got.push(code);
        }
        const page = await session.get('/', { headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'same-origin' } });
        assert.ok(page.status >= 502 && codes.some((code) => page.text.includes(`data-code="${code}"`)) && !page.text.includes(MARK));
        return got;
    }

    async function unavailable() {
        const refused = await until(async () => { const made = await call(lab.sessionApi, 'POST', '/session/' + agent.agentId, token, { viewMode: 12 }); return made.status === 503 && made; }, 90000, 'a new session is refused');
        assert.deepEqual([refused.code, refused.retry], ['MESHCENTRAL_UNAVAILABLE', '5']);
    }
    const served = async () => { assert.equal((await call(lab.sessionApi, 'GET', '/sessions', token)).status, 200); };
    const available = () => until(async () => (await call(lab.sessionApi, 'POST', '/session/' + agent.agentId, token, { viewMode: 12 })).status === 200, 90000, 'new sessions are made again');

    test('a tunnel is dropped halfway: both sockets and a download end with a word, and the next ones work', async () => {
        const open = await use();
        const file = path.join(agent.dir, 'half');
        fs.writeFileSync(file, '');
        fs.truncateSync(file, 200 * MIB);
        const { status, res } = await session.stream(await session.file(open.control, file));
        assert.equal(status, 200);
        await new Promise((resolve) => res.once('data', resolve));
        wire.cut();
        for (const socket of [open.control, open.terminal]) { assert.deepEqual((await socket.end).slice(0, 2), [1014, '']); }
        await assert.rejects(async () => { for await (const part of res) { assert.ok(part.length > 0); } }, { code: 'ECONNRESET' });
        const closed = await until(async () => (await auditOf(lab, session.id)).find((line) => line.event === 'tunnel_closed'), 20000, 'the audit says so');
        assert.ok(closed.kind === 'terminal' && closed.bytesUp > 0 && closed.bytesDown > 0);
        leave(await works());
    });

    test('MeshCentral is slow: what waits is answered late, others meanwhile', async () => {
        const { control, terminal } = await use();
        wire.hold();
        const late = [session.get('/', { timeoutMs: 60000 }), session.knock('/control.ashx', { timeoutMs: 60000 }), runIn(terminal, 'echo late-$((40+2))', /late-42/)];
        await served();
        assert.equal((await ask(lab.sessionApi + API + '/embed.js')).status, 200);
        wire.release();
        const [page, upgrade, echo] = await Promise.all(late);
        assert.deepEqual([page.status, upgrade.status, echo], [200, 101, 'late-42']);
        leave({ control, terminal });
    });

    test('another certificate than the pinned one: nothing is said to it, and nothing of it shown', async () => {
        const stranger = await startImpostor(strangeCertificate());
        stranger.say(GARBAGE['a page of somebody else']);
        wire.to(stranger.port);
        wire.cut();
        await answered(['UPSTREAM_UNTRUSTED']);
        await unavailable();
        assert.equal(stranger.heard(), 0);
        wire.to(lab.mesh.port);
        await stranger.close();
        assert.equal((await session.get('/')).status, 200);
        await available();
    });

    test('MeshCentral answers garbage', async (t) => {
        const impostor = await startImpostor(ownCertificate(lab.mesh));
        stops.push(() => impostor.close());
        const peak = watchPeak(pid);
        wire.to(impostor.port);
        for (const [name, words] of Object.entries(GARBAGE)) {
            impostor.say(words);
            wire.cut();
            t.diagnostic(name + ': ' + [...new Set(await answered(['UPSTREAM_INVALID', 'UPSTREAM_UNAVAILABLE']))].join(' '));
        }
        await unavailable();
        await served();
        assert.ok(peak.growth() < ROOM, `it grew by ${peak.growth() / MIB} MiB`);
        wire.to(lab.mesh.port);
        wire.cut();
        assert.equal((await session.get('/')).status, 200);
        await available();
        leave(await works());
    });

    test('MeshCentral goes down and comes back: the session is still good', async () => {
        const open = await use();
        await lab.mesh.stop();
        for (const socket of [open.control, open.terminal]) { assert.deepEqual((await socket.end).slice(0, 2), [1014, '']); }
        assert.deepEqual([...new Set(await answered(['UPSTREAM_UNAVAILABLE']))], ['UPSTREAM_UNAVAILABLE']);
        await unavailable();
        await served();
        await lab.mesh.start();
        await until(async () => (await session.get('/')).status === 200, 30000, 'the page is back');
        await agent.restart(); // by itself it would try again in a while
        leave(await works());
        await available();
    });

    test('Postgres goes down and comes back: what is open ends within the cache lifetime, what is new is refused', async () => {
        const { control, terminal } = await use();
        const from = performance.now();
        await lab.postgres.stop();
        try {
            assert.equal(await runIn(terminal, 'echo on-$((40+2))', /on-42/), 'on-42', 'what is open goes on');
            for (const way of [() => until(async () => { const answer = await session.get('/'); return answer.status === 503 && answer; }, 20000, 'the outage is noticed'), () => session.knock(relay()), () => call(lab.sessionApi, 'GET', '/sessions', token), () => call(lab.sessionApi, 'POST', '/session/' + agent.agentId, token, {})]) {
                const { status, code, retry } = await way();
                assert.deepEqual([status, code, retry], [503, 'STORE_UNAVAILABLE', '5']);
            }
            for (const socket of [control, terminal]) {
                const [code, reason, at] = await socket.end;
                // The proxy says why; the shim, whose answers are as old, may have been a moment earlier.
                assert.ok(['4401 STORE_UNAVAILABLE', '1014 '].includes(code + ' ' + reason), code + ' ' + reason);
                assert.ok(at - from < LIFETIME * 1000 + 2000, `after ${at - from} ms`); // two rounds on top, for a busy machine
            }
        } finally { await lab.postgres.start(); }
        await until(async () => (await session.get('/')).status === 200, 60000, 'the session is served again');
        leave(await works());
        await available();
    });

    test('slow-loris: connections that say nothing, or half of something, are given up, and others are served', async () => {
        const peak = watchPeak(pid);
        const { hostname, port } = new URL(lab.sessionApi);
        const heads = ['', 'GET ' + session.base.slice(lab.sessionApi.length) + '/ HTTP/1.1\r\nHost: ' + HOST + '\r\nX-A: ', `POST ${API}/session/${agent.agentId} HTTP/1.1\r\nHost: ${HOST}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n{`];
        const lorises = Array.from({ length: 600 }, (_, at) => {
            const socket = net.connect(Number(port), hostname, () => socket.write(heads[at % heads.length]));
            socket.on('error', () => { }).resume();
            const drip = setInterval(() => socket.write('a'), 500);
            return new Promise((resolve) => socket.on('close', resolve)).finally(() => clearInterval(drip));
        });
        let left = lorises.length;
        for (const gone of lorises) { gone.then(() => { left--; }); }
        await served();
        assert.equal((await session.get('/')).status, 200);
        assert.ok(left > 0, 'they are still there');
        leave(await use());
        await until(() => left === 0, 60000, 'all are given up');
        assert.ok(peak.growth() < ROOM, `it grew by ${peak.growth() / MIB} MiB`);
    });

    test('10,000 tokens of sessions that do not exist: the same clear answer, and nothing stays', async () => {
        const rows = async () => (await lab.postgres.query("SELECT (SELECT count(*) FROM meshcentral_sessions) || ' ' || (SELECT count(*) FROM meshsso.audit) AS counts")).rows[0].counts;
        const series = async () => (await (await fetch(lab.sidecar.metricsUrl)).text()).split('\n').length;
        const knocker = new http.Agent({ keepAlive: true, maxSockets: 16 });
        const bogus = async () => {
            const made = crypto.randomBytes(32).toString('base64url');
            const cookie = `__Secure-meshsso_session=${crypto.randomBytes(32).toString('base64url')}; __Secure-meshsso_person=${crypto.randomBytes(32).toString('base64url')}`;
            const { status, code } = await ask(`${lab.sessionApi}${API}/proxy/${made}/`, { agent: knocker, headers: { cookie } });
            return status + ' ' + code + ' ' + (fs.readFileSync(lab.sidecar.log, 'utf8').includes(made) ? 'logged' : '');
        };
        assert.equal(await bogus(), '401 SESSION_UNKNOWN ');
        const [counts, lines, peak] = [await rows(), await series(), watchPeak(pid)];
        const said = new Map();
        let asked = 0;
        await Promise.all(Array.from({ length: 16 }, async () => {
            while (asked++ < 10000) {
                const { status, code } = await ask(`${lab.sessionApi}${API}/proxy/${crypto.randomBytes(32).toString('base64url')}/`, { agent: knocker, headers: { cookie: session.headers.cookie } });
                said.set(status + ' ' + code, (said.get(status + ' ' + code) || 0) + 1);
            }
        }));
        knocker.destroy();
        assert.deepEqual([...said], [['401 SESSION_UNKNOWN', 10000]]);
        assert.ok(peak.growth() < ROOM, `it grew by ${peak.growth() / MIB} MiB`);
        assert.deepEqual([await rows(), await series()], [counts, lines]);
        assert.equal((await session.get('/')).status, 200);
    });

    test('MeshCentral takes everything and answers nothing: that is said too', async () => {
        for (const { status, code, retry } of await silence.answers) { assert.deepEqual([status, code, retry], [504, 'UPSTREAM_TIMEOUT', undefined]); }
    });

    test('nothing of all this ended the process, and no secret is in its log', () => {
        assert.equal(lab.sidecar.pid(), pid);
        const log = fs.readFileSync(lab.sidecar.log, 'utf8');
        for (const [name, secret] of Object.entries({ ...lab.secrets, session: session.made.sessionToken, token })) { assert.ok(!log.includes(secret), name); }
        assert.ok(!/panic/.test(log));
    });
});
