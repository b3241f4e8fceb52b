'use strict';
// The demo's dashboard with a session API (a server that stands for it): the embed element, one origin, a strict policy,
// everything recorded.

const assert = require('node:assert/strict');
const { after, afterEach, before, beforeEach, describe, test } = require('node:test');
const { serveDashboard } = require('../demo/dashboard');
const { createRecorder } = require('../demo/record');
const { newProfile, startBrowser } = require('../lab/browser');
const { createSearch } = require('../lab/leaks');
const { freePort } = require('../lab/ports');
const { startStandin } = require('../lab/session-standin');

const PEOPLE = [{ email: 'tina@acme.example', name: 'Tina', role: 'technician', superadmin: false, tenant: 'Acme' }];
const DEVICES = [{ id: 7, hostname: 'acme-pc-1', platform: 'linux', tenant: 'Acme', enrolled: true }];

describe('the demo\'s dashboard', { timeout: 60000 }, () => {
    let browser, api, dashboard, recorder, port, profile, page, complaints;
    before(async () => { browser = await startBrowser(); });
    after(() => browser.close());
    beforeEach(async () => {
        api = await startStandin();
        port = await freePort();
        recorder = createRecorder({ search: createSearch({ title: '<title>device</title>', address: 'mesh.secret.example:4433' }) });
        const lab = { mesh: { url: 'https://mesh.secret.example:4433' }, postgres: { query: async (sql) => ({ rows: sql.includes('FROM users u LEFT') ? PEOPLE : DEVICES }) }, token: async (email) => 'token.of.' + email.split('@')[0] };
        dashboard = await serveDashboard(lab, port, { api: api.url.replace('localhost', '127.0.0.1'), recorder });
        profile = await newProfile(browser);
        page = await profile.newPage();
        complaints = [];
        page.on('console', (message) => { if (message.type() === 'error') { complaints.push(message.text()); } });
        await page.goto(dashboard.url);
    });
    afterEach(async () => { await profile.close(); await dashboard.close(); await api.close(); });

    test('opens a device in the embed element, on its own origin, under its policy; what came is searched', async () => {
        await page.click('[data-person="tina@acme.example"]');
        await page.click('[data-open$=":12"]');
        const frame = await (await page.waitForSelector('meshcentral-embed iframe[title^="Terminal"]:not(.waiting)')).contentFrame();
        assert.equal(await frame.textContent('h1'), 'view 12');
        await page.getByRole('tab', { name: 'Files' }).click();
        await page.waitForSelector('meshcentral-embed iframe[title^="Files"]:not(.waiting)');
        assert.deepEqual(api.asked('POST').map((r) => [r.path, r.headers.authorization, r.headers.origin, r.headers.host]), [['/api/meshcentral/session/7', 'Bearer token.of.tina', 'http://localhost:' + port, 'localhost:' + port]]);
        assert.deepEqual(complaints, []);
        assert.ok(!(await page.content()).includes('token.of'));
        const { leaks, bytesInspected } = await recorder.close();
        assert.ok(bytesInspected > 30000, String(bytesInspected));
        assert.deepEqual([...new Set(leaks.map(({ what, where }) => what + where.replace(/^\d+/, ''))).values()], ['title GET /api/meshcentral/proxy/…/ body']);
    });

    test('a token is for the dashboard\'s own page and its people', async () => {
        const ask = (headers, person) => fetch(dashboard.url + 'api/token', { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify({ person }) }).then((r) => r.status);
        assert.equal(await ask({}, 'tina@acme.example'), 403);
        assert.equal(await ask({ origin: 'https://evil.example' }, 'tina@acme.example'), 403);
        assert.equal(await ask({ origin: 'http://localhost:' + port }, 'nobody@acme.example'), 404);
        assert.equal(await ask({ origin: 'http://localhost:' + port }, 'tina@acme.example'), 200);
        const direct = await fetch(dashboard.url + 'api/open', { method: 'POST', headers: { origin: 'http://localhost:' + port }, body: '{}' });
        assert.equal(direct.status, 404, 'MeshCentral\'s own address is not given');
    });
});
