'use strict';
// The main job, on both of MeshCentral's databases: a dashboard JWT opens a device's terminal, files and desktop, at the
// top of a window and in a frame of another site whose cookies are blocked.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { deviceUrl, looks, newProfile, startBrowser, useDesktop, useFiles, useTerminal } = require('../lab/browser');

let outside; // a dashboard: another site than MeshCentral's 127.0.0.1
let outsideUrl;
before(async () => {
    outside = http.createServer((req, res) => {
        const src = Buffer.from(new URL(req.url, 'http://x').searchParams.get('frame') || '', 'base64url').toString();
        res.setHeader('Content-Type', 'text/html');
        res.end(`<!DOCTYPE html><title>dashboard</title><script>window.told=[];addEventListener('message',function(e){told.push([e.origin,e.data])})</script><iframe name="device" referrerpolicy="no-referrer" style="width:1200px;height:800px" src="${src.replace(/&/g, '&amp;').replace(/"/g, '&quot;')}"></iframe>`);
    });
    await new Promise((resolve) => outside.listen(0, '127.0.0.1', resolve));
    outsideUrl = 'http://localhost:' + outside.address().port;
});
after(() => { outside.close(); outside.closeAllConnections(); });

for (const database of ['nedb', 'postgres']) {
    describe('MeshCentral on ' + database, { timeout: 280000 }, () => {
        let lab, browser, device;
        before(async () => {
            lab = await startLab({ database, debug: 'web,webrequest,authlog,relay', jwtAuth: { dashboardOrigins: [outsideUrl], loginUrl: outsideUrl + '/login' } });
            browser = await startBrowser();
            device = lab.agents['acme-frontdesk'];
        });
        after(async () => { if (browser) { await browser.close(); } if (lab) { await lab.stop(); } });

        // Opens a device at the top of a window or in the other site's frame; gives what holds the page.
        async function open(profile, where, url) {
            const page = await profile.newPage();
            if (where === 'top') { await page.goto(url); return { page, view: page }; }
            await page.goto(outsideUrl + '/?frame=' + Buffer.from(url).toString('base64url'));
            const view = await (await page.waitForSelector('iframe')).contentFrame();
            await view.waitForLoadState('load');
            return { page, view };
        }

        for (const where of ['top', 'frame']) {
            test('terminal, files and desktop: ' + where, async () => {
                const profile = await newProfile(browser);
                const token = await lab.token('tina@acme.example');
                try {
                    const terminal = await open(profile, where, deviceUrl(lab.mesh, token, device.nodeId, 12));
                    const [a, b] = [crypto.randomInt(1000, 9999), crypto.randomInt(1000, 9999)];
                    assert.equal(await useTerminal(terminal.view, `echo sum-$((${a}+${b}))`, /^sum-\d+$/), 'sum-' + (a + b));
                    const look = await looks(terminal.view);
                    assert.equal(look.loginForm, false);
                    assert.equal(look.ours, null);
                    assert.ok(!look.href.includes('token='), 'the token is in the address bar');
                    // The condition that the frame stands for: a cookie of another site, even one made for that, is blocked.
                    const cookies = await terminal.view.evaluate(() => { document.cookie = 'probe=1; SameSite=None; Secure'; return document.cookie; });
                    assert.equal(cookies.includes('probe=1'), where === 'top');
                    const files = await open(profile, where, deviceUrl(lab.mesh, token, device.nodeId, 13));
                    assert.ok((await useFiles(files.view)).includes('etc') || (await useFiles(files.view)).length > 3);
                    const desktop = await open(profile, where, deviceUrl(lab.mesh, token, device.nodeId, 11));
                    assert.ok(await useDesktop(desktop.view) > 1);
                } finally { await profile.close(); }
            });
        }

        test('no token is in any log file, whatever MeshCentral is told to print', () => {
            const logs = [lab.mesh.log, lab.sidecar.log].concat(fs.readdirSync(lab.mesh.data).filter((name) => /\.(txt|log)$/.test(name)).map((name) => path.join(lab.mesh.data, name)));
            assert.ok(fs.readFileSync(lab.mesh.log, 'utf8').includes('WEBREQUEST'), 'the log shows requests');
            assert.match(fs.readFileSync(lab.mesh.log, 'utf8'), /JWT auth ok for user\/\/tina@acme\.example/);
            for (const file of logs) {
                const text = fs.readFileSync(file, 'utf8');
                assert.ok(!/eyJ[A-Za-z0-9_-]{10,}\./.test(text), 'a token in ' + file);
                for (const secret of Object.values(lab.secrets)) { assert.ok(!text.includes(secret), 'a secret in ' + file); }
            }
        });

        test('a reload in a frame ends in "reopen from the dashboard", which tells the dashboard', async () => {
            const profile = await newProfile(browser);
            try {
                const { page, view } = await open(profile, 'frame', deviceUrl(lab.mesh, await lab.token('tina@acme.example'), device.nodeId, 10));
                await view.waitForSelector('#MainDevTerminal');
                await view.evaluate(() => location.reload());
                await view.waitForSelector('[data-meshsso=REOPEN]');
                assert.deepEqual((await looks(view)).loginForm, false);
                await page.waitForFunction(() => window.told.length > 0);
                assert.deepEqual(await page.evaluate(() => window.told), [[lab.mesh.url, { type: 'meshsso:expired' }]]);
            } finally { await profile.close(); }
        });

        test('at the top of a window a reload goes on: the session is the JWT\'s', async () => {
            const profile = await newProfile(browser);
            try {
                const { page } = await open(profile, 'top', deviceUrl(lab.mesh, await lab.token('tina@acme.example'), device.nodeId, 10));
                await page.waitForSelector('#MainDevTerminal');
                await page.reload();
                await page.waitForSelector('#MainDevTerminal');
                assert.equal((await looks(page)).loginForm, false);
            } finally { await profile.close(); }
        });

        test('a frame with neither session nor token never shows a login form', async () => {
            const profile = await newProfile(browser);
            try {
                const { view } = await open(profile, 'frame', lab.mesh.url + '/');
                await view.waitForSelector('[data-meshsso=REOPEN]');
                assert.equal((await looks(view)).loginForm, false);
                const top = await open(profile, 'top', lab.mesh.url + '/');
                assert.equal((await looks(top.view)).loginForm, true, 'at the top MeshCentral is as it is');
            } finally { await profile.close(); }
        });

        test('a dashboard that is not configured may not frame MeshCentral', async () => {
            const { headers } = await lab.mesh.get('/');
            assert.match(headers['content-security-policy'], new RegExp("frame-ancestors 'self' " + outsideUrl + '$'));
        });

        test('what Postgres gives is what MeshCentral has: role by role', async () => {
            const expected = { 'tina@acme.example': 1, 'adam@acme.example': 1, 'vera@acme.example': 1, 'bob@borealis.example': 1, 'sue@platform.example': 2 };
            const { listNodes, openSocket } = require('../lab/sockets');
            for (const [email, count] of Object.entries(expected)) {
                const socket = openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token(email));
                const info = await socket.next((m) => m.action === 'userinfo');
                assert.equal(info.userinfo._id, 'user//' + email);
                assert.equal(info.userinfo.siteadmin, email.startsWith('sue') ? 0xFFFFFFFF : email.startsWith('vera') ? 64 + 128 + 1024 + 4096 : 64 + 1024 + 4096);
                const nodes = await listNodes(socket);
                assert.equal(nodes.length, count, email);
                for (const node of nodes) { assert.equal(Object.values(node.links).some((link) => (link.rights & 4) !== 0), false, 'a mask that breaks the page'); }
                socket.close();
            }
        });

        test('MeshCentral restarted: reopening works, and nothing of the people was kept', async () => {
            const profile = await newProfile(browser);
            try {
                const token = await lab.token('tina@acme.example');
                const framed = await open(profile, 'frame', deviceUrl(lab.mesh, token, device.nodeId, 10));
                await framed.view.waitForSelector('#MainDevTerminal');
                await lab.mesh.stop();
                if (database === 'nedb') { assert.ok(!fs.readFileSync(path.join(lab.mesh.data, 'meshcentral.db'), 'utf8').includes('"_id":"user//tina@')); }
                await lab.mesh.start();
                // The page that was open polls, and loads itself again when MeshCentral answers.
                await framed.view.waitForSelector('[data-meshsso=REOPEN]', { timeout: 60000 });
                assert.equal((await looks(framed.view)).loginForm, false);
                const { until } = require('../lab/process');
                const { nodesOfAdmin } = require('../lab');
                await until(async () => (await nodesOfAdmin(lab)).some((node) => node._id === device.nodeId && node.conn === 1), 120000, 'the agent came back');
                const again = await open(profile, 'frame', deviceUrl(lab.mesh, token, device.nodeId, 12));
                assert.equal(await useTerminal(again.view, 'echo back-$((40+2))', /^back-\d+$/), 'back-42');
            } finally { await profile.close(); }
        });

        test('MeshCentral\'s log shows no unhandled rejection and no crash', () => {
            assert.ok(!/UnhandledPromise|unhandledRejection|TypeError|ReferenceError|RangeError/.test(lab.mesh.output()), lab.mesh.output().split('\n').filter((line) => /Error|Unhandled/.test(line)).join('\n'));
        });
    });
}
