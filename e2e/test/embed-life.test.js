'use strict';
// The life of a session in <meshcentral-embed>: renewed, counted down, ended, moved, shown in several views, on another origin.

const assert = require('node:assert/strict');
const { after, afterEach, before, beforeEach, describe, test } = require('node:test');
const { newProfile, startBrowser } = require('../lab/browser');
const { addDashboard, openDashboard } = require('../lab/embed-page');
const { until } = require('../lab/process');
const { startStandin } = require('../lab/session-standin');

const HOUR = 3600 * 1000;

describe('the life of an embedded session', { timeout: 240000 }, () => {
    let browser, profile, api;
    before(async () => { browser = await startBrowser(); });
    after(() => browser.close());
    beforeEach(async () => { profile = await newProfile(browser); api = await startStandin(); addDashboard(api); });
    afterEach(async () => { await profile.close(); await api.close(); });

    const open = (options) => openDashboard(profile, api.url + '/', options);
    const posts = () => api.asked('POST', /session\/\w+$/);
    const renewals = () => api.asked('POST', /renew$/);
    const ends = () => api.asked('DELETE');
    const frames = () => api.asked('GET', /^frame$/);
    // What the page has to send it has sent when a later request of its is answered.
    const settled = (page) => page.evaluate(async () => { await new Promise((resolve) => setTimeout(resolve)); await fetch(new URL('embed.js', window.dashboard.api)); });

    describe('its end', () => {
        test('a session that is looked at is renewed before its end, with a fresh token; the frame stays', async () => {
            const { page, make, state, frame } = await open({ time: Date.now() });
            await make();
            await state('ready');
            const source = await frame().getAttribute('src');
            await page.clock.fastForward(4 * HOUR - 400 * 1000);
            await page.clock.runFor(1000);
            assert.equal(renewals().length, 0, 'six minutes before the end, and not sooner');
            await page.clock.fastForward(60 * 1000);
            await until(() => renewals().length === 1, 5000, 'the renewal');
            assert.equal(renewals()[0].path, '/api/meshcentral/session/' + [...api.sessions.keys()][0] + '/renew');
            assert.equal(renewals()[0].headers.authorization, 'Bearer head.secret-2.tail');
            assert.deepEqual(await page.evaluate(() => window.dashboard.asked.at(-1)), { refresh: true });
            await page.waitForFunction(() => document.querySelector('meshcentral-embed').shadowRoot.querySelector('[role=status]').textContent === 'The session goes on.');
            assert.equal(await page.locator('meshcentral-embed').getByRole('timer').count(), 0);
            await page.clock.fastForward(HOUR);
            assert.equal(await frame().getAttribute('src'), source);
            assert.deepEqual([posts().length, frames().length, ends().length, renewals().length], [1, 1, 0, 1]);
        });

        test('one that cannot be renewed is counted down, tried again, and ends; "reconnect" opens another', async () => {
            const { page, make, state, button, status } = await open({ time: Date.now() });
            await make();
            await state('ready');
            const away = { status: 503, headers: { 'Retry-After': '60' }, body: { code: 'STORE_UNAVAILABLE' } };
            api.next(...Array(8).fill(away));
            const timer = page.locator('meshcentral-embed').getByRole('timer');
            await page.clock.fastForward(4 * HOUR - 290 * 1000);
            await until(() => renewals().length === 1, 5000, 'the first attempt');
            await until(async () => /could not be renewed. This session ends in 4:\d\d\./.test(await timer.textContent()), 5000, 'the countdown');
            await page.clock.runFor(30 * 1000);
            assert.equal(renewals().length, 1, 'Retry-After is kept');
            await page.clock.runFor(40 * 1000);
            await until(() => renewals().length === 2, 5000, 'the second attempt');
            await page.waitForFunction(() => window.dashboard.embed && !document.querySelector('meshcentral-embed').shadowRoot.querySelector('[aria-disabled=true]'));
            await button('Stay connected').click();
            await until(() => renewals().length === 3, 5000, 'a person may ask at any time');
            await page.clock.fastForward(230 * 1000);
            await state('ended');
            assert.equal(await status(), 'The session has expired.');
            assert.equal(await page.locator('meshcentral-embed iframe').count(), 0);
            api.answers.length = 0;
            await button('Reconnect').click();
            await state('ready');
            assert.deepEqual([posts().length, frames().length], [2, 2]);
        });

        test('one that nobody sees is not renewed until it is seen', async () => {
            const { page, make, state } = await open({ time: Date.now() });
            await make();
            await state('ready');
            await page.evaluate(() => { document.querySelector('main').hidden = true; document.querySelector('meshcentral-embed').parentNode.hidden = true; });
            await page.clock.fastForward(4 * HOUR - 200 * 1000);
            await page.clock.runFor(20 * 1000);
            assert.equal(renewals().length, 0);
            await page.evaluate(() => { document.querySelector('main').hidden = false; });
            await page.clock.runFor(2000);
            await until(() => renewals().length === 1, 5000, 'the renewal');
        });

        test('a renewal that prolongs nothing is not asked for all the time', async () => {
            api.lifetime = 10 * 60 * 1000;
            const { page, make, state } = await open({ time: Date.now() });
            await make();
            await state('ready');
            api.lifetime = 4 * 60 * 1000;
            await page.clock.fastForward(5 * 60 * 1000 + 2000);
            await until(() => renewals().length === 1, 5000, 'the renewal');
            await page.waitForFunction(() => window.dashboard.states.length === 4);
            await page.clock.runFor(60 * 1000);
            assert.equal(renewals().length, 1);
            api.lifetime = 25 * 1000;
            await page.clock.runFor(60 * 1000 + 2000);
            await until(() => renewals().length === 2, 5000, 'the second renewal');
            await page.waitForFunction(() => window.dashboard.states.length === 5);
            await page.clock.runFor(20 * 1000);
            assert.equal(renewals().length, 2, 'not in the last seconds either');
        });

        test('the server says that it is over: at a renewal, and through the frame\'s page; nobody else may say so', async () => {
            const { page, make, state, status, button, frame } = await open({ time: Date.now() });
            await make();
            await state('ready');
            api.sessions.clear();
            await page.clock.fastForward(4 * HOUR - 200 * 1000);
            await state('ended');
            assert.equal(await status(), 'The session was ended.');
            await button('Reconnect').click();
            await state('ready');

            const inside = await (await frame().elementHandle()).contentFrame();
            const tell = (data) => inside.evaluate((message) => { window.tell(message); }, data);
            for (const data of [null, 'meshsso:expired', { type: 'other' }, { type: ['meshsso:expired'] }, { type: 'meshsso:problem' }, { type: 'meshsso:problem', code: '<b>', status: 401 }]) { await tell(data); }
            await page.evaluate(() => { // the frame, on another origin than the session's
                const source = document.querySelector('meshcentral-embed').shadowRoot.querySelector('iframe').contentWindow;
                window.dispatchEvent(new MessageEvent('message', { source, origin: 'https://evil.example', data: { type: 'meshsso:expired' } }));
            });
            await page.evaluate(() => new Promise((resolve) => { addEventListener('message', ({ source }) => { if (source === window) { resolve(); } }); window.postMessage({ type: 'meshsso:expired' }, '*'); }));
            await page.evaluate((url) => new Promise((resolve) => { // another frame of the same origin
                const other = document.createElement('iframe');
                other.src = url;
                other.onload = () => { addEventListener('message', () => resolve(), { once: true }); other.contentWindow.tell({ type: 'meshsso:expired' }); };
                document.querySelector('aside').append(other);
            }), api.url + '/api/meshcentral/proxy/x/?viewmode=10');
            await page.clock.runFor(1000);
            assert.equal(await page.evaluate(() => document.querySelector('meshcentral-embed').state), 'ready');
            await tell({ type: 'meshsso:expired' });
            await state('ended');
            assert.equal(await status(), 'The session was ended.');
        });

        test('what the frame\'s page says: a session that is no more has ended; another problem is one to try again after', async () => {
            const { make, state, status, button, frame } = await open();
            await make();
            const problem = async (code, httpStatus, wanted) => {
                await state('ready');
                const inside = await (await frame().elementHandle()).contentFrame();
                await inside.evaluate((data) => { window.tell(data); }, { type: 'meshsso:problem', code, status: httpStatus });
                await state(wanted);
                return status();
            };
            assert.equal(await problem('SESSION_IDLE', 401, 'ended'), 'The session was not used for a while and has ended.');
            await button('Reconnect').click();
            assert.equal(await problem('SESSION_NOT_YOURS', 403, 'ended'), 'This session belongs to somebody else, or to another browser.');
            await button('Reconnect').click();
            assert.equal(await problem('UPSTREAM_UNAVAILABLE', 503, 'error'), 'Remote control is not available at the moment.');
            await button('Try again').click();
            await state('ready');
            await until(() => ends().length === 3, 5000, 'none is left behind');
            assert.deepEqual([posts().length, api.sessions.size], [4, 1]);
        });

        test('a browser whose clock is wrong takes the server\'s', async () => {
            const { page, make, state } = await open({ time: Date.now() + 6 * HOUR });
            await make();
            await state('ready');
            await page.clock.runFor(5000);
            assert.equal(await page.evaluate(() => document.querySelector('meshcentral-embed').state), 'ready');
            assert.equal(renewals().length, 0);
        });
    });

    describe('its views', () => {
        test('tabs show another view of the same session', async () => {
            const { page, make, state, frame } = await open();
            await make({ 'view-mode': '11' });
            await state('ready');
            const tab = (name) => page.getByRole('tab', { name });
            await tab('Files').click();
            await until(() => frames().length === 2, 5000, 'the second view');
            await state('ready');
            assert.equal(await (await (await frame().elementHandle()).contentFrame()).textContent('h1'), 'view 13');
            assert.equal(await tab('Files').getAttribute('aria-selected'), 'true');
            assert.equal(await tab('Desktop').getAttribute('aria-selected'), 'false');
            assert.equal(await page.evaluate(() => document.querySelector('meshcentral-embed').viewMode), 13);
            await page.evaluate(() => { document.querySelector('meshcentral-embed').setAttribute('view-mode', '12'); });
            await until(() => frames().length === 3, 5000, 'the attribute changes the view as well');
            await state('ready');
            assert.deepEqual([posts().length, ends().length, api.sessions.size], [1, 0, 1]);
            assert.deepEqual(frames().map((f) => [f.viewMode, f.hide]), [['11', '31'], ['13', '31'], ['12', '31']]);
        });

        test('a view that is asked for while the session is made is the one that is shown', async () => {
            api.hold = true;
            const { page, make, state } = await open();
            await make({ 'view-mode': '11' });
            await until(() => api.held.length === 1, 5000, 'the session is asked for');
            await page.getByRole('tab', { name: 'Terminal' }).click();
            await settled(page);
            api.release();
            await state('ready');
            assert.deepEqual([posts().length, frames().map((f) => f.viewMode)], [1, ['12']]);
        });

        test('an offline device may still have a view that does without it', async () => {
            api.next({ status: 409, body: { code: 'AGENT_OFFLINE' } });
            const { page, make, state } = await open();
            await make({ 'view-mode': '11' });
            await state('offline');
            await page.getByRole('tab', { name: 'General' }).click();
            await state('ready');
            assert.deepEqual(posts().map((r) => JSON.parse(r.body).viewMode), [11, 10]);
        });

        test('the attribute `tabs` says which there are; `restrict` leaves one, and another view is another session', async () => {
            const { page, make, state } = await open();
            const names = () => page.getByRole('tab').allTextContents();
            await make({ 'view-mode': '15' });
            await state('ready');
            assert.deepEqual(await names(), ['General', 'Desktop', 'Terminal', 'Files', 'Console']);
            const set = (name, value) => page.evaluate(([n, v]) => { document.querySelector('meshcentral-embed').setAttribute(n, v); }, [name, value]);
            await set('tabs', 'terminal, 13 nonsense 18 intel-amt');
            assert.deepEqual(await names(), ['Terminal', 'Files', 'Intel AMT']);
            await set('tabs', 'none');
            assert.deepEqual(await names(), []);
            await page.evaluate(() => { document.querySelector('meshcentral-embed').removeAttribute('tabs'); });
            await set('restrict', '');
            await until(() => posts().length === 2, 5000, 'another session');
            await state('ready');
            assert.deepEqual(JSON.parse(posts()[1].body), { viewMode: 15, restrict: true });
            assert.deepEqual(await names(), []);
            await set('view-mode', '12');
            await until(() => posts().length === 3, 5000, 'a third session');
            await until(() => ends().length === 2 && api.sessions.size === 1, 5000, 'the others have ended');
            await state('ready');
            assert.equal(frames().at(-1).hide, '29', 'without tabs of its own MeshCentral\'s are there');
        });
    });

    describe('its place in the page', () => {
        test('removed: ended; moved: not', async () => {
            const { page, make, state } = await open();
            await make({ 'view-mode': '12' });
            await state('ready');
            await page.evaluate(() => { document.querySelector('aside').append(document.querySelector('meshcentral-embed')); });
            await until(() => frames().length === 2, 5000, 'the frame is loaded anew');
            await state('ready');
            assert.deepEqual([posts().length, ends().length], [1, 0]);
            await page.evaluate(() => {
                const { fetch } = window;
                window.fetch = (url, options) => { window.kept = options.keepalive; return fetch(url, options); };
                document.querySelector('meshcentral-embed').remove();
            });
            await until(() => ends().length === 1, 5000, 'the session ends');
            assert.equal(ends()[0].headers.authorization, 'Bearer head.secret-1.tail');
            assert.equal(await page.evaluate(() => window.kept), true, 'it would outlive the page');
            assert.equal(api.sessions.size, 0);
        });

        test('moved by moveBefore(): the frame is not even loaded anew', async () => {
            const { page, make, state } = await open();
            await make();
            await state('ready');
            await page.evaluate(() => { document.querySelector('aside').moveBefore(document.querySelector('meshcentral-embed'), null); });
            await settled(page);
            assert.deepEqual([posts().length, frames().length, ends().length], [1, 1, 0]);
        });

        test('removed before the answer came: what was made for nobody ends', async () => {
            api.hold = true;
            const { page, make } = await open();
            await make();
            await until(() => api.held.length === 1, 5000, 'the session is asked for');
            await page.evaluate(() => { document.querySelector('meshcentral-embed').remove(); });
            await settled(page);
            api.release();
            await until(() => ends().length === 1, 5000, 'the session ends');
            assert.deepEqual([api.sessions.size, frames().length], [0, 0]);
        });

        test('another device: the session ends and another begins', async () => {
            const { page, make, state } = await open();
            await make();
            await state('ready');
            await page.evaluate(() => { const element = document.querySelector('meshcentral-embed'); element.setAttribute('view-mode', '13'); element.setAttribute('agent-id', '8/../9'); });
            await until(() => api.asked('POST').length === 2, 5000, 'another session');
            await state('ready');
            assert.deepEqual(api.asked('POST').map((r) => [r.path, JSON.parse(r.body).viewMode]), [['/api/meshcentral/session/7', 10], ['/api/meshcentral/session/8%2F..%2F9', 13]]);
            await until(() => ends().length === 1, 5000, 'the first ends');
        });

        test('the page goes away: the session ends', async () => {
            const { page, make, state } = await open();
            await make();
            await state('ready');
            await page.goto('about:blank');
            await until(() => ends().length === 1, 5000, 'the session ends');
            await page.goBack();
            await page.waitForFunction(() => window.dashboard !== undefined);
        });
    });

    describe('on another origin', () => {
        let far;
        beforeEach(async () => { far = await startStandin({ dashboard: api.url }); addDashboard(api, far.url); });
        afterEach(() => far.close());

        test('the API\'s base is where the script came from; cookies go with requests; a ticket is used once, however the frame is loaded', async () => {
            const { page, make, state, urls, complaints } = await open();
            await make({ 'view-mode': '12' });
            await state('ready');
            await page.getByRole('tab', { name: 'Files' }).click();
            await until(() => far.asked('GET').length === 2, 5000, 'another view');
            await state('ready');
            await page.evaluate(() => { document.querySelector('aside').append(document.querySelector('meshcentral-embed')); });
            await until(() => far.asked('GET').length === 3, 5000, 'the frame is loaded anew');
            await state('ready');
            assert.deepEqual(far.asked('GET').map((f) => f.ticket !== null), [true, false, false]);
            assert.equal(far.asked('POST').length, 1);
            assert.equal(api.requests.length, 0);
            const inside = await (await page.locator('meshcentral-embed iframe').elementHandle()).contentFrame();
            await inside.evaluate(() => { window.tell({ type: 'meshsso:expired' }); });
            await state('ended');
            await until(() => far.asked('DELETE').length === 1, 5000, 'the session ends');
            assert.ok(!urls.some((url) => url.includes('secret-')));
            assert.deepEqual(await page.evaluate(() => window.dashboard.violations), []);
            assert.deepEqual(complaints, []);
        });

        test('cookies of the API\'s answer are kept and sent; `api-base` names another API', async () => {
            const { page, make, state } = await open();
            far.next({ status: 409, headers: { 'Set-Cookie': '__Secure-person=1; Path=/api/meshcentral; HttpOnly; SameSite=None; Secure; Partitioned' }, body: { code: 'AGENT_OFFLINE' } });
            await make({ 'api-base': far.url + '/api/meshcentral/' });
            await state('offline');
            await page.evaluate(() => { document.querySelector('meshcentral-embed').retry(); });
            await state('ready');
            assert.deepEqual(far.asked('POST').map((r) => r.headers.cookie), [undefined, '__Secure-person=1']);
            assert.equal(far.asked('GET')[0].headers.cookie, '__Secure-person=1', 'the frame has it too');
        });

        test('moved after its first load: the frame\'s address has no ticket any more', async () => {
            const { page, make, state, frame } = await open();
            await make();
            await state('ready');
            await page.evaluate(() => { document.querySelector('aside').append(document.querySelector('meshcentral-embed')); });
            assert.doesNotMatch(await frame().getAttribute('src'), /ticket/);
            await state('ready');
            assert.equal(await (await (await frame().elementHandle()).contentFrame()).textContent('h1'), 'view 10');
            assert.deepEqual([far.asked('POST').length, far.asked('DELETE').length], [1, 0]);
        });

        test('another view before the first load was through: it waits for the ticket to be redeemed', async () => {
            const { page, make, state } = await open();
            far.holdFrames = true;
            await make();
            await until(() => far.asked('GET').length === 1, 5000, 'the frame is being loaded');
            await page.getByRole('tab', { name: 'Files' }).click();
            await settled(page);
            assert.equal(await page.locator('meshcentral-embed iframe').getAttribute('title'), 'General of acme-pc-1');
            far.release();
            await until(() => far.asked('GET').length === 2, 5000, 'the other view');
            await state('ready');
            assert.deepEqual(far.asked('GET').map((f) => [f.viewMode, f.ticket !== null]), [['10', true], ['13', false]]);
        });

        test('moved before its first load was through: a ticket that may have been used is not tried again', async () => {
            const { page, make, state } = await open();
            far.holdFrames = true;
            await make();
            await until(() => far.asked('GET').length === 1, 5000, 'the frame is being loaded');
            await page.evaluate(() => { document.querySelector('aside').append(document.querySelector('meshcentral-embed')); });
            far.release();
            await state('ready');
            assert.equal(far.asked('POST').length, 2);
            await until(() => far.asked('DELETE').length === 1, 5000, 'the first session ends');
        });
    });
});
