'use strict';
// Much through the session proxy: three hundred tunnels for a minute, clients that stop reading, two gigabytes. What arrives is what
// was sent, and the process holds no more of it afterwards than before.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { createFlow, flood, openPairs } = require('../lab/flows');
const { until } = require('../lab/process');
const { DASHBOARD, openSession } = require('../lab/through');
const { MIB, descriptors, gauge, watchPeak } = require('../lab/vitals');

const TINA = 'tina@acme.example';
const TUNNELS = 300, SECONDS = 60;
const STALLED = 5;
const ROOM = 64 * MIB; // what the process may grow by, whatever goes through it

describe('much through the session proxy', { timeout: 600000 }, () => {
    let lab, session, control, pid, first;
    const stalled = { flows: [], pairs: [] };
    before(async () => {
        // A lifetime of its own: the lab's usual one is a second, which so busy a machine may need for an answer.
        lab = await startLab({ debug: 'none', cacheTtl: '60s', proxy: { dashboards: [DASHBOARD] } });
        pid = lab.sidecar.pid();
        session = await openSession(lab, TINA, lab.agents['acme-frontdesk']);
        control = await session.control();
        for (const pair of await openPairs(lab, session, 8)) { pair.close(); } // what is made once is there
        await idle();
        first = { files: await held(), goroutines: await gauge(lab.sidecar.metricsUrl, 'go_goroutines') };
    });
    after(async () => {
        for (const pair of stalled.pairs) { pair.close(); }
        if (lab) { await lab.stop(); }
    });

    const idle = () => until(async () => !/^meshsso_proxy_tunnels\{[^}]*\} [1-9]/m.test(await (await fetch(lab.sidecar.metricsUrl)).text()), 120000, 'no tunnel is left');

    // Without the connections to PostgreSQL, which have a bound of their own and are kept.
    async function held() {
        const { rows: [{ count }] } = await lab.postgres.query("SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'meshsso'");
        return descriptors(pid) - count;
    }

    /** A file of the device's: all but nothing on its disk, and no two MiB alike. @returns {{file, sum}} */
    function makeFile(name, size) {
        const file = path.join(session.agent.dir, name);
        const to = fs.openSync(file, 'w', 0o600);
        fs.ftruncateSync(to, size);
        const sum = crypto.createHash('sha256');
        const piece = Buffer.alloc(MIB);
        for (let at = 0; at < size; at += MIB) {
            piece.writeUInt32BE(at / MIB + 1, 0);
            fs.writeSync(to, piece, 0, 8, at);
            sum.update(piece);
        }
        fs.closeSync(to);
        return { file, sum: sum.digest('hex') };
    }

    test('clients stop reading: what is sent to them stops too', async () => {
        const peak = watchPeak(pid);
        stalled.pairs = await openPairs(lab, session, STALLED);
        for (const { near } of stalled.pairs) { near.pause(); }
        stalled.flows = stalled.pairs.map(({ far }) => flood(far));
        stalled.download = await session.stream(await session.file(control, makeFile('unread', 512 * MIB).file), { timeoutMs: 300000 });
        assert.equal(stalled.download.status, 200);
        stalled.download.res.on('error', () => { });
        const total = () => stalled.flows.reduce((sum, flow) => sum + flow.sent(), 0);
        let last = -1, still = 0;
        await until(() => { still = (total() === last) ? still + 1 : 0; last = total(); return still > 40; }, 60000, 'the far ends are held back');
        assert.ok(last > 0);
        assert.ok(peak.growth() < ROOM, `it grew by ${peak.growth() / MIB} MiB`);
    });

    // A real device sends some 30 MB a second, so the two gigabytes come from a hand-made far end of the real relay.
    test('2 GiB through a tunnel: memory stays flat', async (t) => {
        const [{ near, far, close }] = await openPairs(lab, session, 1);
        const flow = createFlow(far, near, 1);
        const peak = watchPeak(pid);
        const started = performance.now();
        for (let sent = 0; sent < 2048 * MIB; sent += 512 << 10) { await flow.send(512 << 10); }
        await until(() => flow.over(), 120000, 'all of it is there');
        assert.deepEqual([flow.fault, flow.bytes], [null, 2048 * MIB]);
        assert.ok(peak.growth() < ROOM, `it grew by ${peak.growth() / MIB} MiB`);
        t.diagnostic(`${Math.round((performance.now() - started) / 1000)} s, grew by ${Math.round(peak.growth() / MIB)} MiB`);
        close();
    });

    test('a file of a real device: memory stays flat', async (t) => {
        const { file, sum } = makeFile('large', 256 * MIB);
        const peak = watchPeak(pid);
        const { status, headers, res } = await session.stream(await session.file(control, file));
        assert.deepEqual([status, headers['content-length']], [200, String(256 * MIB)]);
        const got = crypto.createHash('sha256');
        for await (const part of res) { got.update(part); }
        assert.equal(got.digest('hex'), sum);
        assert.ok(peak.growth() < ROOM, `it grew by ${peak.growth() / MIB} MiB`);
        t.diagnostic(`grew by ${Math.round(peak.growth() / MIB)} MiB`);
    });

    test(`${TUNNELS} tunnels for ${SECONDS} s: nothing lost, nothing reordered, both ways`, async (t) => {
        const peak = watchPeak(pid);
        const pairs = await openPairs(lab, session, TUNNELS);
        const closed = pairs.map(({ far }) => new Promise((resolve) => far.once('close', resolve)));
        const flows = pairs.flatMap(({ near, far }, tunnel) => [createFlow(near, far, 2 * tunnel), createFlow(far, near, 2 * tunnel + 1)]);
        try {
            const end = performance.now() + SECONDS * 1000;
            await Promise.all(flows.map(async (flow) => {
                while (performance.now() < end && flow.fault === null) {
                    await flow.send(16 + Math.floor(Math.random() ** 4 * 60000));
                    await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 600)); // the load, not a wait
                }
            }));
            await until(() => flows.every((flow) => flow.over()), 120000, 'all that was sent is there');
            assert.deepEqual(flows.map((flow) => flow.fault).filter(Boolean), []);
            assert.ok(flows.every((flow) => flow.received > SECONDS / 4));
            assert.ok(pairs.every(({ near, far }) => near.readyState === near.OPEN && far.readyState === far.OPEN), 'all were open to the end');
            assert.ok(peak.growth() < 2 * ROOM, `it grew by ${peak.growth() / MIB} MiB`);
            t.diagnostic(`${flows.reduce((sum, { received }) => sum + received, 0)} blocks, ${Math.round(flows.reduce((sum, { bytes }) => sum + bytes, 0) / MIB)} MiB; it grew by ${Math.round(peak.growth() / MIB)} MiB`);
        } finally { for (const { near } of pairs) { near.close(1000); } }
        await Promise.all(closed);
    });

    test('clients that stopped reading were given up', async () => {
        await Promise.all(stalled.flows.map((flow) => flow.ended));
        for (const flow of stalled.flows) { assert.ok(flow.sent() < ROOM, 'and got no more than what lies in between'); }
        // It was not looked at for longer than a client is waited for: what is left of it ends early.
        await assert.rejects(async () => { for await (const part of stalled.download.res) { assert.ok(part.length > 0); } }, { code: 'ECONNRESET' });
    });

    test('descriptors and goroutines are back to where they were', async () => {
        await idle();
        await until(async () => await held() <= first.files + 4, 120000, `${first.files} descriptors, and now more`);
        await until(async () => await gauge(lab.sidecar.metricsUrl, 'go_goroutines') <= first.goroutines + 8, 120000, `${first.goroutines} goroutines, and now more`);
    });
});
