'use strict';
// <meshcentral-embed> without a mouse, without a screen, with settings of a person's own.

const assert = require('node:assert/strict');
const { after, afterEach, before, beforeEach, describe, test } = require('node:test');
const { newProfile, startBrowser } = require('../lab/browser');
const { addDashboard, openDashboard } = require('../lab/embed-page');
const { until } = require('../lab/process');
const { startStandin } = require('../lab/session-standin');

describe('the embed element for everybody', { timeout: 120000 }, () => {
    let browser, profile, api;
    before(async () => { browser = await startBrowser(); });
    after(() => browser.close());
    beforeEach(async () => { profile = await newProfile(browser); api = await startStandin(); addDashboard(api); });
    afterEach(async () => { await profile.close(); await api.close(); });

    const open = (options) => openDashboard(profile, api.url + '/', options);
    const tree = (page) => page.locator('main').ariaSnapshot();
    const focused = (page) => page.evaluate(() => { const inner = document.activeElement.shadowRoot?.activeElement; return inner ? inner.textContent || inner.tagName : document.activeElement.tagName; });

    test('what a screen reader meets, state by state', async () => {
        const { page, make, state } = await open();
        api.hold = true;
        await make({ 'view-mode': '12' });
        await state('loading');
        const tabs = (selected) => ['General', 'Desktop', 'Terminal', 'Files'].map((name) => `      - tab "${name}"${name === selected ? ' [selected]' : ''}`).join('\n');
        assert.equal(await tree(page), `- main:
  - region "Remote control":
    - tablist "View":
${tabs('Terminal')}
    - tabpanel "Terminal":
      - status: Connecting …`);
        assert.equal(await page.locator('meshcentral-embed [role=tabpanel]').getAttribute('aria-busy'), 'true');
        api.next({ status: 409, body: { code: 'AGENT_OFFLINE' } });
        api.release();
        await state('offline');
        assert.equal(await tree(page), `- main:
  - region "Remote control":
    - tablist "View":
${tabs('Terminal')}
    - tabpanel "Terminal":
      - status: The device is offline. It can be opened when it is connected again.
      - button "Try again"`);
        await page.getByRole('button', { name: 'Try again' }).click();
        await state('ready');
        assert.equal(await tree(page), `- main:
  - region "Remote control of acme-pc-1":
    - tablist "View":
${tabs('Terminal')}
    - button "Full screen"
    - tabpanel "Terminal":
      - status: "Connected to acme-pc-1: Terminal."
      - iframe`);
        assert.equal(await page.locator('meshcentral-embed iframe').getAttribute('title'), 'Terminal of acme-pc-1');
    });

    test('the tab list by keyboard: arrows move, Enter opens, one stop for Tab; in a right-to-left page the other way round', async () => {
        const { page, make, state } = await open();
        await make({ 'view-mode': '11' });
        await state('ready');
        const keys = async (...names) => { for (const name of names) { await page.keyboard.press(name); } return focused(page); };
        assert.equal(await keys('Tab'), 'Desktop');
        assert.equal(await keys('ArrowRight'), 'Terminal');
        assert.equal(await keys('End'), 'Files');
        assert.equal(await keys('ArrowRight'), 'General');
        assert.equal(await keys('ArrowLeft'), 'Files');
        assert.equal(await keys('Home', 'ArrowRight', 'ArrowRight'), 'Terminal');
        assert.equal(api.asked('GET').length, 1, 'moving opens nothing');
        assert.equal(await keys('Enter'), 'Terminal');
        await until(() => api.asked('GET').length === 2, 5000, 'the view is loaded');
        await state('ready');
        assert.equal(await focused(page), 'Terminal', 'the focus stays where it was');
        assert.equal(await keys('Tab'), 'Full screen');
        await page.keyboard.press('Tab');
        assert.equal(await focused(page), 'IFRAME');
        await page.evaluate(() => { document.documentElement.dir = 'rtl'; });
        await page.getByRole('tab', { name: 'Terminal' }).focus();
        assert.equal(await keys('ArrowLeft'), 'Files');
    });

    test('the focus is not lost: a session that ends under it, a renewal that takes its button away', async () => {
        const { page, make, state } = await open({ time: Date.now() });
        await make({ 'view-mode': '11' });
        await state('ready');
        const outline = await page.getByRole('tab', { name: 'Desktop' }).evaluate((tab) => { tab.focus({ focusVisible: true }); return getComputedStyle(tab).outlineStyle; });
        assert.equal(outline, 'solid', 'one sees where the focus is');
        api.next({ status: 503, body: {} });
        await page.clock.fastForward('03:56:00');
        const renew = page.getByRole('button', { name: 'Stay connected' });
        await renew.waitFor();
        await until(async () => /timer: The session could not be renewed. This session ends in (4:0|3:5)\d/.test(await page.locator('meshcentral-embed').ariaSnapshot()), 5000, 'a countdown that says why');
        assert.equal(await page.locator('meshcentral-embed [role=timer]').getAttribute('aria-live'), 'off');
        await renew.focus();
        await page.keyboard.press('Enter');
        await until(() => api.asked('POST', /renew/).length === 2, 5000, 'the renewal');
        await renew.waitFor({ state: 'hidden' });
        assert.equal(await focused(page), 'IFRAME', 'back in the device');
        await page.clock.fastForward('04:10:00');
        await state('ended');
        assert.notEqual(await focused(page), 'BODY');
    });

    test('the last minutes are told at marks, not each second', async () => {
        const { page, make, state } = await open({ time: Date.now() });
        await make({ 'view-mode': '11' });
        await state('ready');
        api.next(...Array(20).fill({ status: 503, body: {} }));
        await page.evaluate(() => {
            const status = document.querySelector('meshcentral-embed').shadowRoot.querySelector('[role=status]');
            window.told = [];
            new MutationObserver(() => window.told.push(status.textContent)).observe(status, { childList: true, characterData: true, subtree: true });
        });
        await page.clock.fastForward('03:54:50');
        await page.clock.runFor(200 * 1000);
        const told = (await page.evaluate(() => window.told)).filter((text) => text.startsWith('This session ends'));
        assert.equal(told.length, 2, String(told)); // at five minutes and at two
    });

    test('full screen and back; motion and colours as the person wants them', async () => {
        const { page, make, state, button } = await open();
        await page.emulateMedia({ reducedMotion: 'reduce', colorScheme: 'dark' });
        api.hold = true;
        await make({ 'view-mode': '11' });
        await state('loading');
        const style = (selector, name) => page.locator('meshcentral-embed ' + selector).evaluate((node, property) => getComputedStyle(node)[property], name);
        assert.equal(await style('.spinner', 'animationName'), 'none');
        assert.equal(await style('.root', 'backgroundColor'), 'rgb(23, 27, 34)');
        await page.emulateMedia({ reducedMotion: 'no-preference', colorScheme: 'light' });
        assert.equal(await style('.spinner', 'animationName'), 'turn');
        assert.equal(await style('.root', 'backgroundColor'), 'rgb(255, 255, 255)');
        await page.evaluate(() => { document.querySelector('meshcentral-embed').style.setProperty('--meshcentral-background', 'rgb(1, 2, 3)'); });
        assert.equal(await style('.root', 'backgroundColor'), 'rgb(1, 2, 3)');
        api.release();
        await state('ready');
        await button('Full screen').click();
        await button('Exit full screen').waitFor();
        assert.equal(await page.evaluate(() => document.fullscreenElement.tagName), 'MESHCENTRAL-EMBED');
        await button('Exit full screen').click();
        await page.waitForFunction(() => document.fullscreenElement === null);
        await button('Full screen').waitFor();
        assert.deepEqual([api.asked('POST').length, api.asked('GET').length], [1, 1]);
    });

    test('parts can be styled from the page\'s own style sheet', async () => {
        const { page, make, state } = await open();
        await make();
        await state('ready');
        const parts = await page.evaluate(() => [...document.querySelector('meshcentral-embed').shadowRoot.querySelectorAll('[part]')].map((node) => node.part.value));
        for (const part of ['root state-ready', 'bar', 'tabs', 'tab', 'tab tab-selected', 'timer', 'button renew', 'button full-screen', 'panel', 'message', 'status', 'wait', 'button retry', 'frame', 'spinner']) { assert.ok(parts.includes(part), part); }
        assert.equal(await page.evaluate(() => document.querySelector('meshcentral-embed').shadowRoot.querySelectorAll('style, link, [style]').length), 0);
    });
});
