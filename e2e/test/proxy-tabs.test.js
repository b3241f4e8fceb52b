'use strict';
// A device in the dashboard, through the session proxy: terminal, desktop and files in a real Chromium, in the embed element,
// under the strict policies; with the shim and on a stock MeshCentral, on the dashboard's origin and on one of its own. In each
// of these nothing that reaches the browser names MeshCentral, and nothing that the page got is of use past the proxy.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { createRecorder } = require('../demo/record');
const { startLab } = require('../lab');
const { downloadFile, goToFolder, newProfile, startBrowser, uploadFile, useDesktop, useFiles, useTerminal } = require('../lab/browser');
const { opens } = require('../lab/direct');
const { openDashboard } = require('../lab/embed-page');
const { keeping } = require('../lab/kept');
const { createSearch } = require('../lab/leaks');
const { namesOf } = require('../lab/mesh-names');
const { minted } = require('../lab/minted');
const { until } = require('../lab/process');
const { switchProxyOn } = require('../lab/proxy');
const { openSites } = require('../lab/sites');

const SIZE = 50 << 20;
const LABEL = { 11: 'Desktop', 12: 'Terminal', 13: 'Files' };
const TINA = 'tina@acme.example';

const sha256 = (file) => crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex');
const random = (file, size) => { fs.writeFileSync(file, crypto.randomBytes(size)); return sha256(file); };
const sorted = (values) => [...new Set(values)].sort();

for (const kind of ['with the shim', 'on a stock MeshCentral']) {
    describe('a device in the dashboard, ' + kind, { timeout: 290000 }, () => {
        let lab, browser, notes;

        before(async () => {
            const [a, b] = [crypto.randomInt(2, 250), crypto.randomInt(2, 250)];
            notes = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'minted-')), 'minted.jsonl');
            lab = await startLab({
                stock: kind !== 'with the shim', cacheTtl: '30s', host: `127.${a}.${b}.77`, domain: { title: 'Lab' + crypto.randomBytes(6).toString('hex') },
                env: { NODE_OPTIONS: '--require ' + require.resolve('../lab/minted'), MESHSSO_LAB_MINTED: notes }
            });
            browser = await startBrowser(['--ignore-certificate-errors']); // a profile's own exception does not hold for downloads
        });
        after(async () => {
            if (browser) { await browser.close(); }
            if (lab) { await lab.stop(); }
            fs.rmSync(path.dirname(notes), { recursive: true, force: true });
        });

        for (const separate of [false, true]) {
            test(separate ? 'on an origin of its own' : 'on the dashboard\'s origin', async () => {
                const site = await openSites({ separate });
                try { await visit(site, separate); } finally { await site.close(); }
            });
        }

        /** Everything, on one kind of origin. */
        async function visit(site, separate) {
            await switchProxyOn(lab, { dashboards: [site.dashboard], env: { MESHSSO_PROXY_ORIGIN: site.proxy } });
            const { search, again } = keeping(createSearch(await namesOf(lab)));
            const recorder = createRecorder({ search });
            await site.serve(lab.sessionApi, recorder);
            const profile = await newProfile(browser);
            try { await useAll(await openDevice(profile, site), profile, separate); } finally { await profile.close(); }
            assertNoLeak(await recorder.close(), again);
        }

        /** The dashboard's page with the device's terminal in it. */
        async function openDevice(profile, site) {
            const dashboard = await openDashboard(profile, site.dashboard + '/');
            const { page, state } = dashboard;
            page.setDefaultTimeout(30000);
            const sockets = [], policies = [];
            page.on('websocket', (socket) => sockets.push(socket.url()));
            page.on('response', (response) => { if (/\/proxy\/[\w-]{43}\/\?/.test(response.url()) && response.status() === 200) { policies.push(response.headers()['content-security-policy']); } });
            await page.exposeFunction('signIn', () => lab.token(TINA));
            await page.evaluate((id) => { window.dashboard.make({ 'agent-id': id, 'view-mode': '12' }, { getToken: () => window.signIn() }); }, String(lab.agents['acme-frontdesk'].agentId));
            await state('ready').catch(async () => {
                const seen = await page.evaluate(() => window.dashboard.states.map((one) => [one.state, one.code]));
                throw new Error('the device does not show: ' + JSON.stringify(seen) + '; meshsso said: ' + fs.readFileSync(lab.sidecar.log, 'utf8').split('\n').slice(-8).join('\n'));
            });
            return { ...dashboard, sockets, policies, own: site.proxy || site.dashboard, site };
        }

        async function inside({ page }, viewMode) {
            const element = await page.waitForSelector(`meshcentral-embed iframe[title^="${LABEL[viewMode]}"]:not(.waiting)`, { timeout: 60000 });
            assert.equal(await element.getAttribute('sandbox'), 'allow-same-origin allow-scripts allow-forms allow-downloads');
            const frame = await element.contentFrame();
            await frame.waitForLoadState('load');
            return frame;
        }

        async function view(device, viewMode) {
            await device.page.getByRole('tab', { name: LABEL[viewMode] }).click();
            return inside(device, viewMode);
        }

        /** What a person does, and then what somebody does with what the page got. */
        async function useAll(device, profile, separate) {
            const [a, b] = [crypto.randomInt(1000, 9999), crypto.randomInt(1000, 9999)];
            assert.equal(await useTerminal(await inside(device, 12), `echo sum-$((${a}+${b}))`, /^sum-\d+$/), 'sum-' + (a + b));
            assert.ok(await useDesktop(await view(device, 11)) > 1);
            const frame = await view(device, 13);
            await transfer(frame);
            assertPolicies(device);
            const credentials = await credentialsOf(frame, profile, device, separate);
            await assertUseless(device, credentials);
        }

        /** A large file to the device and another back, and a small one with all that must not be seen. */
        async function transfer(frame) {
            const { dir } = lab.agents['acme-frontdesk'];
            const here = path.join(lab.dir, 'up-' + crypto.randomBytes(4).toString('hex') + '.bin');
            const there = fs.mkdtempSync(path.join(dir, 'files-'));
            const down = random(path.join(there, 'down.bin'), SIZE);
            const up = random(here, SIZE);
            fs.writeFileSync(path.join(there, 'planted.txt'), JSON.stringify({ url: lab.mesh.url, minted: minted(notes) }));
            assert.ok((await useFiles(frame)).length > 3);
            await goToFolder(frame, there, 'down.bin');
            await uploadFile(frame, here, path.basename(here));
            assert.equal(sha256(path.join(there, path.basename(here))), up);
            assert.equal(sha256(await (await downloadFile(frame, 'down.bin')).path()), down);
            await downloadFile(frame, 'planted.txt');
            fs.rmSync(there, { recursive: true });
            fs.rmSync(here);
        }

        /** The policies were strict, nobody had to break one, and the browser talked to nobody else. */
        function assertPolicies({ policies, complaints, urls, sockets, own, site }) {
            assert.ok(policies.length >= 3, 'a page for each view');
            const ancestors = site.proxy === '' ? `${own} 'self'` : `${site.dashboard} 'self'`;
            for (const policy of policies) {
                const rules = Object.fromEntries(policy.split('; ').map((rule) => [rule.split(' ')[0], rule.split(' ').slice(1).join(' ')]));
                assert.equal(rules['default-src'], "'none'");
                assert.equal(rules['frame-ancestors'], ancestors);
                const [, token] = /\/proxy\/([\w-]{43})\//.exec(rules['connect-src']);
                const below = `${own}/api/meshcentral/proxy/${token}/`;
                assert.equal(rules['connect-src'], below + ' ' + below.replace('https:', 'wss:'));
            }
            assert.deepEqual(complaints, []);
            const origins = urls.concat(sockets.map((url) => url.replace(/^ws/, 'http'))).map((url) => new URL(url)).filter(({ protocol }) => /^https?:$/.test(protocol)).map(({ origin }) => origin);
            assert.deepEqual(sorted(origins), sorted([site.dashboard, own]));
            assert.ok(sockets.length >= 6, 'a control channel and a tunnel for each view');
        }

        /** All that the page and the browser have for a credential. */
        async function credentialsOf(frame, profile, { page, site }, separate) {
            assert.deepEqual(await page.evaluate(() => window.dashboard.violations), []);
            const cookies = (await profile.cookies()).filter(({ name }) => name.startsWith('__Secure-meshsso_'));
            assert.deepEqual(sorted(cookies.map(({ name }) => name)), ['__Secure-meshsso_person', '__Secure-meshsso_session']);
            for (const one of cookies) {
                assert.ok(one.httpOnly && one.secure);
                assert.equal(one.sameSite, separate ? 'None' : 'Strict');
                assert.equal(one.domain, new URL(site.proxy || site.dashboard).hostname);
                if (separate) { assert.equal(one.partitionKey, 'https://dashboard.localhost'); }
            }
            const inPage = await frame.evaluate(() => ({ page: window.authCookie, relay: window.authRelayCookie }));
            const renewed = await frame.evaluate(() => new Promise((resolve) => {
                const { socket } = window.meshserver;
                const look = ({ data }) => { const said = JSON.parse(data); if (said.action === 'authcookie') { socket.removeEventListener('message', look); resolve({ page: said.cookie, relay: said.rcookie }); } };
                socket.addEventListener('message', look);
                window.meshserver.send({ action: 'authcookie' });
            }));
            const cookie = cookies.map(({ name, value }) => name + '=' + value).join('; ');
            return [inPage, renewed, ...cookies.map(({ value }) => ({ page: value, relay: value }))].map((one) => ({ ...one, cookie }));
        }

        /** None opens anything at MeshCentral itself, where what it made for this session does until the session has ended. */
        async function assertUseless({ page, state }, credentials) {
            const { nodeId } = lab.agents['acme-frontdesk'];
            const pid = lab.mesh.pid();
            const made = minted(notes);
            const real = { page: made['page cookie'].at(-1), relay: made['relay cookie'].at(-1), cookie: 'xid=none' };
            const ways = await opens(lab.mesh, nodeId, real);
            assert.deepEqual(['control.ashx?auth=', 'devicefile.ashx?c=', 'meshrelay.ashx'].filter((way) => !ways.includes(way)), [], 'the ways in that are tried are ways in');
            for (const given of credentials) { assert.deepEqual(await opens(lab.mesh, nodeId, given), []); }
            const sessionId = await page.evaluate(() => window.dashboard.states.at(-1).sessionId);
            const ended = await fetch(lab.sessionApi + '/api/meshcentral/session/' + sessionId, { method: 'DELETE', headers: { authorization: 'Bearer ' + await lab.token(TINA) } });
            assert.equal(ended.status, 204);
            await state('ended'); // by the frame's page, which lost its control channel
            // A download that is under way when the session ends is cut off. Nothing else is, and MeshCentral goes on.
            const cutOff = (err) => { if (err.way === 'devicefile.ashx?c=' && err.code === 'ECONNRESET') { return [err.way]; } throw err; };
            await until(async () => (await opens(lab.mesh, nodeId, real).catch(cutOff)).length === 0, 10000, 'MeshCentral forgets what it made for the session');
            for (const given of credentials) { assert.deepEqual(await opens(lab.mesh, nodeId, given), []); }
            assert.equal(lab.mesh.pid(), pid, 'MeshCentral is the same process');
        }

        /** What was planted is found, and nothing anywhere else. */
        function assertNoLeak({ leaks, bytesInspected }, again) {
            assert.ok(bytesInspected > SIZE + (3 << 20), bytesInspected + ' bytes');
            const made = minted(notes);
            for (const what of ['page cookie', 'relay cookie']) { assert.ok(made[what].length >= 3, what); }
            const all = leaks.concat(again(made));
            const plant = all.filter(({ where }) => /GET \/api\/meshcentral\/proxy\/…\/devicefile\.ashx body$/.test(where));
            assert.deepEqual(all.filter((one) => !plant.includes(one)), []);
            assert.equal(sorted(plant.map(({ where }) => where)).length, 1);
            assert.deepEqual(['authority', 'host', 'port', 'page cookie', 'relay cookie'].filter((wanted) => !plant.some(({ what }) => what === wanted)), [], 'the search finds what is there');
        }
    });
}
