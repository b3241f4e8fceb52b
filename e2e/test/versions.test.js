'use strict';
// The fork tool and the shim on every MeshCentral version that can be had, not only the newest.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { deviceUrl, looks, newProfile, startBrowser, useDesktop, useFiles, useTerminal } = require('../lab/browser');
const { watchDenials } = require('../lab/reasons');
const { listNodes, openSocket } = require('../lab/sockets');

for (const version of ['1.1.51', '0.7.99']) {
    describe('MeshCentral ' + version, { timeout: 280000 }, () => {
        let lab, browser;
        before(async () => { lab = await startLab({ version }); browser = await startBrowser(); });
        after(async () => { if (browser) { await browser.close(); } if (lab) { await lab.stop(); } });

        test('terminal, files and desktop', async () => {
            const profile = await newProfile(browser);
            try {
                const token = await lab.token('tina@acme.example');
                const open = async (viewMode) => {
                    const page = await profile.newPage();
                    await page.goto(deviceUrl(lab.mesh, token, lab.agents['acme-frontdesk'].nodeId, viewMode));
                    return page;
                };
                const terminal = await open(12);
                assert.equal(await useTerminal(terminal, 'echo sum-$((30+4))', /^sum-\d+$/), 'sum-34');
                const look = await looks(terminal);
                assert.ok(!look.loginForm && !look.href.includes('token='));
                assert.ok((await useFiles(await open(13))).length > 3);
                assert.ok(await useDesktop(await open(11)) > 1);
            } finally { await profile.close(); }
        });

        test('every hook signs in, and refuses with the reason', async () => {
            const token = await lab.token('tina@acme.example');
            assert.match((await lab.mesh.get('/?token=' + token, { accept: 'text/html' })).body, /Tina/);
            assert.equal(JSON.parse((await lab.mesh.get('/meshagents?meshaction=generic&token=' + token)).body).username, 'Tina Technician');
            assert.equal((await lab.mesh.get('/xterm?nodeid=' + encodeURIComponent(lab.agents['acme-frontdesk'].nodeId), { authorization: 'Bearer ' + token })).status, 200);
            const socket = openSocket(lab.mesh.url, '/control.ashx?token=' + token);
            assert.deepEqual((await listNodes(socket)).map((node) => node._id), [lab.agents['acme-frontdesk'].nodeId]);
            socket.close();
            const expired = await lab.token('tina@acme.example', { exp: 1 });
            for (const [target, hook] of [['/?token=', 'root'], ['/meshagents?meshaction=generic&token=', 'meshaction'], ['/xterm?token=', 'http']]) {
                const denial = watchDenials(lab.mesh);
                assert.equal((await lab.mesh.get(target + expired, { accept: 'text/html' })).status, 401);
                assert.equal(await denial(hook), 'TOKEN_EXPIRED');
            }
            const denial = watchDenials(lab.mesh);
            const refused = openSocket(lab.mesh.url, '/control.ashx?token=' + expired);
            await refused.closed;
            assert.equal(await denial('websocket'), 'TOKEN_EXPIRED');
        });
    });
}
