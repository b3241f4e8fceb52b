'use strict';
// <meshcentral-embed> in a real Chromium, against a server that stands for the session API: each state, each answer.

const assert = require('node:assert/strict');
const { after, afterEach, before, beforeEach, describe, test } = require('node:test');
const { newProfile, startBrowser } = require('../lab/browser');
const { addDashboard, openDashboard } = require('../lab/embed-page');
const { until } = require('../lab/process');
const { startStandin } = require('../lab/session-standin');

describe('the embed element', { timeout: 240000 }, () => {
    let browser, profile, api;
    before(async () => { browser = await startBrowser(); });
    after(() => browser.close());
    beforeEach(async () => { profile = await newProfile(browser); api = await startStandin(); addDashboard(api); });
    afterEach(async () => { await profile.close(); await api.close(); });

    const open = (options) => openDashboard(profile, api.url + '/', options);
    const posts = () => api.asked('POST', /session\/\w+$/);
    const ends = () => api.asked('DELETE');

    test('asks for a session and shows it in a sandboxed frame; the token is in no attribute, address or storage; a strict policy has nothing to say', async () => {
        const { page, make, state, frame, urls, complaints } = await open();
        await make({ 'view-mode': '12' });
        await state('ready');
        assert.equal(posts().length, 1);
        const [{ path, headers, body }] = posts();
        assert.deepEqual([path, headers.authorization, JSON.parse(body)], ['/api/meshcentral/session/7', 'Bearer head.secret-1.tail', { viewMode: 12 }]);
        const attributes = await frame().evaluate((node) => Object.fromEntries([...node.attributes].map(({ name, value }) => [name, value])));
        assert.equal(attributes.sandbox, 'allow-same-origin allow-scripts allow-forms allow-downloads');
        assert.equal(attributes.allow, 'clipboard-read; clipboard-write; fullscreen');
        assert.equal(attributes.referrerpolicy, 'no-referrer');
        assert.equal(attributes.title, 'Terminal of acme-pc-1');
        assert.match(attributes.src, /\/proxy\/[\w-]{43}\/\?viewmode=12&gotonode=(A1){48}&hide=31$/);
        assert.equal(await (await (await frame().elementHandle()).contentFrame()).textContent('h1'), 'view 12');
        assert.equal(api.asked('GET', /frame/)[0].headers.referer, undefined);
        assert.deepEqual(api.asked('GET', /frame/)[0].headers.cookie.split('; ').sort(), ['__Secure-meshsso_person=1', '__Secure-meshsso_session=1']);

        const seen = await page.evaluate(async () => [document.documentElement.outerHTML, document.querySelector('meshcentral-embed').shadowRoot.innerHTML, JSON.stringify([localStorage, sessionStorage, document.cookie, await indexedDB.databases(), history.state, window.dashboard.states])].join('\n') + location.href);
        assert.ok(seen.includes('Terminal of acme-pc-1'));
        assert.ok(!seen.includes('secret-') && !urls.some((url) => url.includes('secret-')), 'the token is in the page');
        assert.deepEqual(await page.evaluate(() => window.dashboard.violations), []);
        assert.deepEqual(complaints, []);
    });

    test('each refusal has its state and its words', async () => {
        const { page, make, state, status } = await open();
        const problem = (httpStatus, code) => ({ status: httpStatus, body: { type: 'about:blank', status: httpStatus, code, message: 'said by the server' } });
        const cases = [
            [problem(409, 'AGENT_OFFLINE'), 'offline', /device is offline/],
            [problem(409, 'AGENT_NOT_ENROLLED'), 'not-enrolled', /not set up on this device/],
            [problem(403, 'ROLE_TOO_LOW'), 'error', /may not open this device/],
            [problem(404, 'AGENT_NOT_FOUND'), 'error', /no such device/],
            [problem(429, 'TOO_MANY_SESSIONS'), 'error', /Too many sessions/],
            [problem(503, 'STORE_UNAVAILABLE'), 'error', /not available at the moment/],
            [problem(500, 'FAULT'), 'error', /Something went wrong/],
            [{ status: 502, body: '<html>bad gateway</html>' }, 'error', /Something went wrong/],
            [{ status: 200, body: 'not JSON' }, 'error', /Something went wrong/],
            [{ status: 200, body: { success: true } }, 'error', /Something went wrong/],
            [{ status: 200, body: { sessionId: 'x', proxyUrl: 'javascript:alert(1)', expiresAt: '2100-01-01T00:00:00Z' } }, 'error', /Something went wrong/],
            [{ status: 200, body: { sessionId: 'x', proxyUrl: '/p/', expiresAt: 'never' } }, 'error', /Something went wrong/],
            [{ status: 302, headers: { Location: '/elsewhere' } }, 'error', /no connection to the server/],
            ['hang up', 'error', /no connection to the server/]
        ];
        for (const [answer, wanted, words] of cases) {
            api.next(answer);
            await page.evaluate(() => { document.querySelector('main').replaceChildren(); });
            await make();
            await state(wanted).catch(() => assert.fail(JSON.stringify(answer)));
            assert.match(await status(), words, JSON.stringify(answer));
            assert.equal(await page.locator('meshcentral-embed iframe').count(), 0);
        }
        const errors = await page.evaluate(() => window.dashboard.errors);
        assert.equal(errors.length, cases.length);
        assert.deepEqual(errors[2], { code: 'ROLE_TOO_LOW', status: 403, message: 'You may not open this device.', detail: 'said by the server', retryAfter: null });
        assert.equal(ends().length, 0);
    });

    test('"try again" opens a device that has come back, and the keyboard goes on in it', async () => {
        const { page, make, state, button } = await open();
        api.next({ status: 409, body: { code: 'AGENT_OFFLINE' } });
        await make({ 'view-mode': 'terminal' });
        await state('offline');
        await page.keyboard.press('Tab'); // the tab list
        await page.keyboard.press('Tab');
        assert.equal(await page.evaluate(() => document.activeElement.shadowRoot.activeElement.textContent), 'Try again');
        await page.keyboard.press('Enter');
        await state('ready');
        assert.equal(posts().length, 2);
        assert.equal(await page.evaluate(() => document.activeElement.shadowRoot.activeElement.tagName), 'IFRAME');
        assert.equal(await button('Try again').count(), 0);
    });

    test('a refused token is asked for anew, once', async () => {
        const { page, make, state, status } = await open();
        const refused = { status: 401, body: { code: 'UNAUTHENTICATED' } };
        api.next(refused);
        await make();
        await state('ready');
        assert.deepEqual(posts().map((r) => r.headers.authorization), ['Bearer head.secret-1.tail', 'Bearer head.secret-2.tail']);
        assert.deepEqual(await page.evaluate(() => window.dashboard.asked), [{ refresh: false }, { refresh: true }]);
        api.next(refused, refused);
        await page.evaluate(() => { document.querySelector('main').replaceChildren(); });
        await make();
        await state('error');
        assert.match(await status(), /no longer valid/);
        assert.equal(posts().length, 4);
    });

    test('a dashboard that gives no token is told, and nothing is sent', async () => {
        const { page, state, status, button } = await open();
        for (const fault of ['throw', 'reject', 'nothing', 'a header of its own']) {
            await page.evaluate((kind) => {
                document.querySelector('main').replaceChildren();
                const getToken = { throw() { throw new Error('x'); }, reject: () => Promise.reject(new Error('x')), nothing: () => undefined, 'a header of its own': () => 'a\r\nX-Evil: 1' }[kind];
                window.dashboard.make({ 'agent-id': '7' }, { getToken });
            }, fault);
            await state('error');
            assert.match(await status(), /gave no sign-in/, fault);
        }
        assert.equal(posts().length, 0);
        await page.evaluate(() => { document.querySelector('meshcentral-embed').getToken = window.dashboard.getToken; });
        await button('Try again').click();
        await state('ready');
    });

    test('waits for its agent and its callback, in whatever order they come', async () => {
        const { page, state } = await open();
        await page.evaluate(() => {
            const element = document.createElement('meshcentral-embed');
            document.querySelector('main').append(element);
            window.element = element;
        });
        assert.equal(await page.evaluate(() => window.element.state), 'idle');
        await page.evaluate(() => { window.element.getToken = window.dashboard.getToken; });
        await page.evaluate(() => { window.element.setAttribute('view-mode', '13'); window.element.agentId = 9; });
        await state('ready');
        assert.deepEqual(posts().map((r) => [r.path, r.body]), [['/api/meshcentral/session/9', '{"viewMode":13}']]);
        // One callback for all elements will do as well.
        await page.evaluate(() => { window.element.getToken = null; });
        await state('idle');
        await until(() => ends().length === 1, 5000, 'the session ends without a callback');
        await page.evaluate(() => { window.dashboard.embed.MeshCentralEmbedElement.getToken = () => 'static.to.ken'; window.element.agentId = '10'; });
        await state('ready');
        assert.equal(posts()[1].headers.authorization, 'Bearer static.to.ken');
    });

    test('an API that gives its sessions no name but their token', async () => {
        api.nameless = true;
        const { page, make, state } = await open();
        await make();
        await state('ready');
        const [token] = api.sessions.keys();
        await page.evaluate(() => document.querySelector('meshcentral-embed').renew());
        await page.evaluate(() => { document.querySelector('meshcentral-embed').remove(); });
        await until(() => api.sessions.size === 0, 5000, 'the session ends');
        assert.equal(api.asked('POST', /renew/)[0].path, `/api/meshcentral/session/${token}/renew`);
    });

    test('Retry-After: the button waits, the element tries again by itself', async () => {
        const { page, make, state, button } = await open({ time: Date.now() });
        api.next({ status: 503, headers: { 'Retry-After': '7' }, body: { code: 'MESHCENTRAL_UNAVAILABLE' } }, { status: 429, headers: { 'Retry-After': '5' }, body: { code: 'TOO_MANY_SESSIONS' } });
        await make();
        await state('error');
        await page.clock.pauseAt(Date.now() + 2000);
        assert.equal(await button('Try again').isDisabled(), true);
        assert.match(await page.locator('meshcentral-embed').ariaSnapshot(), /Trying again in [3-7] s/);
        await page.evaluate(() => document.querySelector('meshcentral-embed').retry());
        assert.equal(await page.evaluate(() => document.querySelector('meshcentral-embed').state), 'error', 'nor by script');
        await page.clock.runFor(9000);
        await until(() => posts().length === 2, 5000, 'the second attempt');
        await page.waitForFunction(() => window.dashboard.errors.length === 2);
        await page.clock.runFor(2000);
        assert.equal(posts().length, 2);
        await page.clock.runFor(6000);
        await page.clock.resume();
        await state('ready');
        assert.equal(posts().length, 3);
    });

    test('texts: of all elements, of one, by the API\'s code; a place that is not known stays', async () => {
        const { page, make, state, status } = await open();
        await page.evaluate(() => { Object.assign(window.dashboard.embed.MeshCentralEmbedElement.messages, { view12: 'Konsole', frame: '{view} von {host} {nobody}', ready: 'Verbunden mit {host}: {view}.', fullScreen: 'Vollbild', tabs: 'Ansicht' }); });
        await make({ 'view-mode': '12' });
        await state('ready');
        assert.equal(await status(), 'Verbunden mit acme-pc-1: Konsole.');
        assert.equal(await page.locator('meshcentral-embed iframe').getAttribute('title'), 'Konsole von acme-pc-1 {nobody}');
        await page.evaluate(() => { document.querySelector('meshcentral-embed').messages = { view12: 'Terminale', fullScreen: 'Schermo intero' }; });
        const tree = await page.locator('meshcentral-embed').ariaSnapshot();
        assert.match(tree, /tab "Terminale" \[selected\]/);
        assert.match(tree, /button "Schermo intero"/);
        assert.match(tree, /tablist "Ansicht"/);
        api.next({ status: 409, body: { code: 'MAINTENANCE' } });
        await page.evaluate(() => { document.querySelector('main').replaceChildren(); window.dashboard.make({ 'agent-id': '7' }, { messages: { MAINTENANCE: 'Wartung bis <b>acht</b>' } }); });
        await state('error');
        assert.equal(await status(), 'Wartung bis <b>acht</b>');
    });
});
