'use strict';
// Every tab of MeshCentral's page, in a real browser, as each role: the page itself sends nothing that the policy refuses,
// but for what is listed here and why.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { deviceUrl, newProfile, startBrowser, useDesktop, useFiles, useTerminal } = require('../lab/browser');
const { refusalsSoFar } = require('../lab/metrics');
const { until } = require('../lab/process');

// What the page sends by itself though the person may not, as "reason surface kind", and why it stays refused.
const EXPECTED = {
    technician: [], admin: [], superadmin: [],
    viewer: ['RIGHT_MISSING relay input'] // it lets go of the keys of a desktop that it only watches
};
const PEOPLE = { technician: 'tina@acme.example', admin: 'adam@acme.example', viewer: 'vera@acme.example', superadmin: 'sue@platform.example' };

for (const version of ['1.1.51', '1.1.55']) {
    describe('every tab of MeshCentral ' + version, { timeout: 600000 }, () => {
        let lab, browser, counts;
        before(async () => { lab = await startLab({ version, cacheTtl: '30s' }); browser = await startBrowser(); });
        after(async () => { if (browser) { await browser.close(); } if (lab) { await lab.stop(); } });

        /** What was refused since the last time. */
        async function refused(email) {
            const key = ({ reason, surface, kind }) => reason + ' ' + surface + ' ' + kind;
            const now = new Map((await refusalsSoFar(lab, email)).map((one) => [key(one), one.value]));
            const more = [...now].filter(([name, value]) => value > ((counts && counts.get(name)) || 0)).map(([name]) => name).filter((name) => name !== 'FRAME_UNKNOWN control print');
            counts = now;
            return more.sort();
        }

        // The page's own channel: what it sent so far was read when its pong is here.
        async function settled(page) {
            await page.evaluate(() => new Promise((resolve) => {
                const { socket } = window.meshserver;
                const look = ({ data }) => { if (JSON.parse(data).action === 'pong') { socket.removeEventListener('message', look); resolve(); } };
                socket.addEventListener('message', look);
                window.meshserver.send({ action: 'ping' });
            }));
        }

        /** Clicks every tab that shows, and those that show after it, each once. Resolves to the views that were visited. */
        async function visit(page, visited) {
            for (;;) {
                const tab = await page.evaluate((known) => [...document.querySelectorAll('[onmouseup^="go("]')].filter((one) => one.offsetParent !== null)
                    .map((one) => ({ id: one.id, view: Number(/^go\((\d+)/.exec(one.getAttribute('onmouseup'))[1]) })).find(({ id, view }) => id && !known.includes(view)) || null, [...visited]);
                if (tab === null) { return visited; }
                visited.add(tab.view);
                await page.click('#' + tab.id);
                await page.waitForFunction((view) => window.xxcurrentView === view || document.getElementById('p' + view) === null || document.getElementById('p' + view).style.display !== 'none', tab.view);
                await settled(page);
            }
        }

        for (const [role, email] of Object.entries(PEOPLE)) {
            test(role, async () => {
                await refused(email);
                const profile = await newProfile(browser);
                try {
                    const page = await profile.newPage();
                    page.setDefaultTimeout(30000);
                    const errors = [];
                    page.on('pageerror', (err) => errors.push(err.message));
                    const token = await lab.token(email);
                    const open = async (target) => {
                        await page.goto(target);
                        await page.waitForFunction(() => typeof window.meshserver === 'object' && window.meshserver !== null && window.meshserver.State === 2 && Boolean(window.userinfo));
                    };
                    await open(lab.mesh.url + '/?token=' + token);
                    const visited = await visit(page, new Set());
                    const top = role === 'superadmin' ? [1, 2, 3, 4, 6] : [1, 2, 3];
                    assert.deepEqual(top.filter((view) => !visited.has(view)), [], 'these did not show');

                    const node = lab.agents['acme-frontdesk'].nodeId;
                    await open(deviceUrl(lab.mesh, token, node, 10));
                    await until(() => page.evaluate(() => Boolean(window.currentNode)), 30000, 'the device');
                    const tabs = await visit(page, new Set([1, 2, 3, 4, 5, 6]));
                    const wanted = { viewer: [10, 11], technician: [10, 11, 12, 13, 16, 17], admin: [10, 11, 12, 13, 15, 16, 17], superadmin: [10, 11, 12, 13, 15, 16, 17] }[role];
                    assert.deepEqual(wanted.filter((view) => view !== 10 && !tabs.has(view)), [], 'these tabs did not show');
                    const tab = async (id, use) => { await page.click('#' + id); return use(page); };
                    assert.ok(await tab('MainDevDesktop', useDesktop) > 1);
                    if (role !== 'viewer') {
                        assert.equal(await tab('MainDevTerminal', (on) => useTerminal(on, 'echo sum-$((20+3))', /^sum-\d+$/)), 'sum-23');
                        assert.ok((await tab('MainDevFiles', useFiles)).length > 3);
                    }
                    await settled(page);
                    const all = await refused(email);
                    assert.deepEqual(all.filter((line) => !EXPECTED[role].includes(line)), [], role + ' was refused what the page sends by itself');
                    assert.deepEqual(errors, []);
                } finally { await profile.close(); }
            });
        }
    });
}
