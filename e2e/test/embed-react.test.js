'use strict';
// <MeshCentralEmbed> with a real React (its development build, which runs effects twice in StrictMode) in a real Chromium.

const assert = require('node:assert/strict');
const { after, afterEach, before, beforeEach, describe, test } = require('node:test');
const { newProfile, startBrowser } = require('../lab/browser');
const { openDashboard } = require('../lab/embed-page');
const { until } = require('../lab/process');
const { addReactDashboard } = require('../lab/react-page');
const { startStandin } = require('../lab/session-standin');

describe('the React component', { timeout: 120000 }, () => {
    let browser, profile, api, dashboard, page, state;
    before(async () => { browser = await startBrowser(); });
    after(() => browser.close());
    beforeEach(async () => {
        profile = await newProfile(browser);
        api = await startStandin();
        addReactDashboard(api);
        dashboard = await openDashboard(profile, api.url + '/');
        ({ page, state } = dashboard);
    });
    afterEach(async () => { await profile.close(); await api.close(); });

    const show = (props, strict) => page.evaluate(([p, s]) => { window.dashboard.show(p, s); }, [props, strict]);
    const posts = () => api.asked('POST').map((r) => [r.path.split('/').pop(), JSON.parse(r.body).viewMode]);
    const ends = () => api.asked('DELETE').length;
    const frames = () => api.asked('GET').map((r) => r.viewMode);

    test('the old component\'s props: agentId, viewMode, title', async () => {
        await show({ agentId: 7, viewMode: await page.evaluate(() => window.dashboard.VIEWMODE.TERMINAL), title: 'Front desk' });
        await state('ready');
        assert.deepEqual(posts(), [['7', 12]]);
        assert.equal(await dashboard.frame().getAttribute('title'), 'Front desk');
        assert.equal(await page.locator('meshcentral-embed').getByRole('region', { name: 'Front desk' }).count(), 1);
        assert.deepEqual(await page.evaluate(() => window.dashboard.states), ['loading', 'loading', 'ready']);
        assert.deepEqual(dashboard.complaints, []);
        const html = await page.evaluate(() => document.documentElement.outerHTML + document.querySelector('meshcentral-embed').shadowRoot.innerHTML);
        assert.ok(!html.includes('secret-'));
    });

    test('StrictMode makes one session, not two, and asks for one token', async () => {
        await show({ agentId: '7', viewMode: 11 }, true);
        await state('ready');
        assert.ok(await page.evaluate(() => window.dashboard.renders) >= 2, 'this is not StrictMode');
        assert.deepEqual([posts(), ends(), frames(), await page.evaluate(() => window.dashboard.asked)], [[['7', 11]], 0, ['11'], 1]);
        await show(null);
        await until(() => ends() === 1, 5000, 'unmounted: the session ends');
        assert.equal(api.sessions.size, 0);
    });

    test('changed props: nothing for a new callback, another view of the same session, another session for another device', async () => {
        await show({ agentId: 7, viewMode: 11, title: 'one' });
        await state('ready');
        for (let i = 0; i < 3; i++) { // each by itself: React may draw several at once
            const drawn = await page.evaluate(() => window.dashboard.renders);
            await show({ agentId: 7, viewMode: 11, title: 'two' });
            await page.waitForFunction((count) => window.dashboard.renders > count, drawn);
        }
        assert.equal(await dashboard.frame().getAttribute('title'), 'two');
        assert.deepEqual([posts().length, frames().length], [1, 1]);
        await show({ agentId: 7, viewMode: 13 });
        await until(() => frames().length === 2, 5000, 'another view');
        await state('ready');
        assert.deepEqual([posts(), ends(), frames()], [[['7', 11]], 0, ['11', '13']]);
        await show({ agentId: 8, viewMode: 12 });
        await until(() => posts().length === 2, 5000, 'another session');
        await state('ready');
        assert.deepEqual(posts()[1], ['8', 12]);
        await until(() => ends() === 1, 5000, 'the first session ends');
        await page.evaluate(() => window.dashboard.unmount());
        await until(() => ends() === 2, 5000, 'unmounted: the second too');
        assert.deepEqual(dashboard.complaints, []);
    });

    test('errors reach the latest callback; the other props reach the element', async () => {
        api.next({ status: 409, body: { code: 'AGENT_NOT_ENROLLED' } });
        await show({ agentId: 7, viewMode: 11, tabs: [11, 'files'], messages: { AGENT_NOT_ENROLLED: 'Nicht eingerichtet' }, className: 'wide', style: { height: '500px' }, id: 'device' });
        await state('not-enrolled');
        assert.equal(await dashboard.status(), 'Nicht eingerichtet');
        assert.deepEqual(await page.getByRole('tab').allTextContents(), ['Desktop', 'Files']);
        assert.deepEqual(await page.evaluate(() => { const node = document.querySelector('#device.wide'); return [node.localName, node.getBoundingClientRect().height]; }), ['meshcentral-embed', 500]);
        api.next({ status: 403, body: { code: 'ROLE_TOO_LOW' } });
        await show({ agentId: 7, viewMode: 11, restrict: true });
        await state('error');
        assert.deepEqual(JSON.parse(api.asked('POST').at(-1).body), { viewMode: 11, restrict: true });
        assert.deepEqual(await page.evaluate(() => window.dashboard.errors), [[1, 'AGENT_NOT_ENROLLED'], [2, 'ROLE_TOO_LOW']]);
    });

    test('without getToken of its own: the one of all elements', async () => {
        await page.evaluate(() => { window.dashboard.MeshCentralEmbedElement.getToken = () => 'for.all.elements'; window.dashboard.show({ agentId: 7, getToken: undefined }); });
        await state('ready');
        assert.equal(api.asked('POST')[0].headers.authorization, 'Bearer for.all.elements');
    });
});
