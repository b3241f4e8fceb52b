'use strict';
// Rights follow Postgres while pages, tunnels and downloads are open: each within one cache lifetime, and nobody else notices.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, beforeEach, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { deviceAnswers } = require('../lab/answers');
const { until } = require('../lab/process');
const { listNodes, openSocket } = require('../lab/sockets');
const { openDesktop, openDownload, openTerminal, runIn } = require('../lab/tunnel');

const LIFETIME = 4000; // ms: the cache lifetime of this lab's sidecar
const HTML = { accept: 'text/html' };

describe('rights while pages are open', { timeout: 900000 }, () => {
    let lab, acme, tom, tina, big;
    before(async () => {
        lab = await startLab({ cacheTtl: LIFETIME + 'ms' });
        acme = lab.agents['acme-frontdesk'];
        await lab.postgres.query("INSERT INTO users (email, full_name, tenant_id, role) SELECT 'tom@acme.example', 'Tom Technician', tenant_id, 'technician' FROM users WHERE email = 'tina@acme.example'");
        big = path.join(acme.dir, 'big.bin');
        fs.writeFileSync(big, '');
        fs.truncateSync(big, 2 ** 31);
        tom = await until(() => everythingOpen('tom@acme.example').catch(() => null), 30000, 'tom has everything open');
    });
    after(async () => { if (lab) { await lab.stop(); } });
    beforeEach(async () => {
        await lab.postgres.query("UPDATE users SET role = 'technician', disabled = false, tenant_id = (SELECT tenant_id FROM users WHERE email = 'tom@acme.example') WHERE email = 'tina@acme.example'");
        await lab.postgres.query('UPDATE agents SET tenant_id = (SELECT tenant_id FROM users WHERE email = \'tom@acme.example\') WHERE agent_id = $1', [acme.agentId]);
        await deviceAnswers(lab, acme.nodeId);
        tina = await until(() => everythingOpen('tina@acme.example').catch(() => null), 30000, 'tina has everything open');
    });

    // An idle page (its session cookie and its control channel), a terminal, a desktop and a download.
    async function everythingOpen(email) {
        const token = await lab.token(email, { iat: Math.floor(Date.now() / 1000), nonce: Math.random() });
        const page = await lab.mesh.get('/?token=' + token, HTML);
        const cookie = page.headers['set-cookie'].map((line) => line.split(';')[0]).join('; ');
        const auth = /authCookie = '([^']+)'/.exec(page.body)[1];
        const control = openSocket(lab.mesh.url, '/control.ashx', { headers: { cookie } });
        const open = { token, cookie, auth, control };
        open.terminal = await openTerminal(lab.mesh, control, acme.nodeId, 'token=' + token);
        await runIn(open.terminal, 'echo up-$((2+3))', /up-5/);
        open.desktop = await openDesktop(lab.mesh, control, acme.nodeId, 'token=' + token);
        open.download = await openDownload(lab.mesh, control, acme.nodeId, big);
        assert.equal(open.download.status, 200);
        for (const name of ['control', 'terminal', 'desktop', 'download']) { open[name].closed.then(() => { open[name].endedAt = Date.now(); }); }
        return open;
    }

    /** Changes the database and waits for what must end; what must not is looked at afterwards. */
    async function follow(sql, args, names) {
        const at = Date.now();
        await lab.postgres.query(sql, args);
        for (const name of names) {
            await until(() => tina[name].endedAt, 2 * LIFETIME, name + ' ends');
            const grace = (name === 'download') ? 2500 : 1000; // bytes that are on their way still arrive
            assert.ok(tina[name].endedAt - at <= LIFETIME + grace, `${name} ended only after ${tina[name].endedAt - at} ms, the cache lifetime is ${LIFETIME} ms`);
        }
    }

    async function othersNoticeNothing() {
        for (const name of ['control', 'terminal', 'desktop', 'download']) { assert.equal(tom[name].endedAt, undefined, 'tom\'s ' + name + ' ended'); }
        await deviceAnswers(lab, acme.nodeId);
        const mark = 'tom-' + Math.random().toString(36).slice(2);
        await runIn(tom.terminal, 'echo ' + mark.slice(0, 4) + '""' + mark.slice(4), new RegExp(mark));
    }

    async function nothingOfTinaLives() {
        const page = await lab.mesh.get('/', { ...HTML, cookie: tina.cookie });
        assert.ok(!page.body.includes('Tina Technician'), 'the page session lives');
        for (const target of ['/control.ashx?auth=' + encodeURIComponent(tina.auth), '/control.ashx?token=' + tina.token, '/control.ashx']) {
            const socket = openSocket(lab.mesh.url, target, { headers: { cookie: tina.cookie } });
            await socket.next((m) => m.action === 'close' || m.action === 'userinfo'); // MeshCentral says no at once, and hangs up half a minute later
            assert.ok(!socket.messages.some((m) => m.action === 'userinfo'), target.slice(0, 20) + ' lives');
            socket.ws.terminate();
        }
        const file = await lab.mesh.get('/devicefile.ashx?c=' + encodeURIComponent(tina.auth) + '&n=' + encodeURIComponent(acme.nodeId.split('/')[2]) + '&f=/etc/hostname');
        assert.equal(file.status, 404);
    }

    test('role lowered to viewer: terminal, download and the desktop with input end; the page stays and shows what is left', async () => {
        await follow("UPDATE users SET role = 'viewer' WHERE email = 'tina@acme.example'", [], ['terminal', 'download', 'desktop']);
        assert.equal(tina.control.endedAt, undefined, 'the page is still hers');
        const [node] = await listNodes(tina.control);
        assert.ok(node && Object.values(node.links).some(({ rights }) => rights === 1800));
        const again = await openDesktop(lab.mesh, tina.control, acme.nodeId, 'token=' + tina.token);
        again.close();
        await othersNoticeNothing();
    });

    test('user disabled: everything ends, cookies and token included', async () => {
        await follow("UPDATE users SET disabled = true WHERE email = 'tina@acme.example'", [], ['control', 'terminal', 'desktop', 'download']);
        await nothingOfTinaLives();
        await othersNoticeNothing();
    });

    test('tenant changed: everything ends', async () => {
        await follow("UPDATE users SET tenant_id = (SELECT tenant_id FROM users WHERE email = 'bob@borealis.example') WHERE email = 'tina@acme.example'", [], ['control', 'terminal', 'desktop', 'download']);
        await nothingOfTinaLives();
        await othersNoticeNothing();
    });

    test('the JWT\'s end: everything ends at that second', async () => {
        const exp = Math.floor(Date.now() / 1000) + 6;
        const token = await lab.token('tina@acme.example', { exp });
        const control = openSocket(lab.mesh.url, '/control.ashx?token=' + token);
        const terminal = await openTerminal(lab.mesh, control, acme.nodeId, 'token=' + token);
        const closed = await Promise.all([control, terminal].map((socket) => socket.closed.then(() => Date.now())));
        for (const at of closed) { assert.ok(at >= exp * 1000 - 50 && at < exp * 1000 + 1500, 'ended ' + (at - exp * 1000) + ' ms after the JWT'); }
        for (const name of ['control', 'terminal', 'desktop', 'download']) { assert.equal(tina[name].endedAt, undefined, 'her other session\'s ' + name + ' ended'); }
    });

    test('device moved to another tenant: its tunnels and download end, the pages stay', async () => {
        const sql = "UPDATE agents SET tenant_id = (SELECT tenant_id FROM users WHERE email = 'bob@borealis.example') WHERE agent_id = $1";
        await follow(sql, [acme.agentId], ['terminal', 'desktop', 'download']);
        assert.equal(tina.control.endedAt, undefined);
        assert.deepEqual(await listNodes(tina.control), []);
        await until(() => tom.terminal.endedAt, LIFETIME * 2, 'tom lost the device too');
        assert.equal(tom.control.endedAt, undefined);
    });
});
