'use strict';
// The headless check through the session proxy: one person, one device, one session, in the embed element.

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { looks, newProfile, startBrowser, useDesktop, useFiles, useTerminal } = require('../lab/browser');

const LABEL = { 11: 'Desktop', 12: 'Terminal', 13: 'Files' };

/**
 * @param {string} dashboardUrl of a dashboard that shows devices by the embed element and has `recorder`.
 * @param {object} options {recorder: of demo/record.js, nonce: string|'', out: folder|null, say(text)}
 * @returns {Promise<object>} the figures of the demo's last line.
 */
async function checkProxy(dashboardUrl, { recorder, nonce, out, say }) {
    const started = Date.now();
    const browser = await startBrowser();
    const asked = []; // addresses of everything that the browser wanted
    let result;
    try {
        const profile = await newProfile(browser);
        profile.on('request', (request) => asked.push(request.url()));
        const page = await profile.newPage();
        page.on('websocket', (socket) => asked.push(socket.url()));
        await page.goto(dashboardUrl);
        await page.click('[data-person="tina@acme.example"]');
        await page.click('[data-open$=":12"]');
        result = await useDevice(page, { nonce, out, say });
        await endSession(page);
        await profile.close();
    } finally {
        await browser.close();
    }
    const { leaks, bytesInspected } = await recorder.close();
    for (const { what, encoding, where } of leaks) { say(`LEAK: ${what} (${encoding}) in ${where}`); }
    const foreign = [...new Set(asked.map((url) => new URL(url)).filter(({ protocol }) => /^(http|ws)s?:$/.test(protocol)).map(({ host }) => host))].filter((host) => host !== new URL(dashboardUrl).host);
    if (foreign.length > 0) { say('the browser also talked to ' + foreign.length + ' other origin(s)'); }
    const { right, ...figures } = result;
    const ok = right && figures.files > 0 && figures.desktopColours > 1 && !figures.loginForm && !figures.tokenInAddressBar && leaks.length === 0 && foreign.length === 0 && bytesInspected > 0;
    return { ok, ...figures, seconds: Math.round((Date.now() - started) / 100) / 10, via: 'proxy', leaks: leaks.length, bytesInspected };
}

// The first view is the one that was clicked on; the others are tabs of the same session.
async function useDevice(page, { nonce, out, say }) {
    const seen = [];
    const inside = async (viewMode) => {
        const frame = await (await page.waitForSelector(`meshcentral-embed iframe[title^="${LABEL[viewMode]}"]:not(.waiting)`, { timeout: 60000 })).contentFrame();
        await frame.waitForLoadState('load');
        return frame;
    };
    const tab = (viewMode) => page.getByRole('tab', { name: LABEL[viewMode] }).click();
    const shoot = async (name, frame) => { seen.push(await looks(frame)); if (out) { await page.screenshot({ path: path.join(out, name + '.png') }); } };

    say('terminal, through the proxy');
    const [a, b] = [crypto.randomInt(1000, 9999), crypto.randomInt(1000, 9999)];
    let frame = await inside(12);
    const terminal = await useTerminal(frame, `echo hello-$((${a}+${b}))${nonce ? '-' + nonce : ''}`, new RegExp('^hello-\\d+' + (nonce ? '-' + nonce : '') + '$'));
    await shoot('terminal', frame);
    say('files, through the proxy');
    await tab(13);
    frame = await inside(13);
    const files = await useFiles(frame);
    await shoot('files', frame);
    say('desktop, through the proxy');
    await tab(11);
    frame = await inside(11);
    const desktopColours = await useDesktop(frame);
    await shoot('desktop', frame);

    if (out) { fs.writeFileSync(path.join(out, 'files.txt'), files.join('\n') + '\n', { mode: 0o600 }); }
    const addresses = seen.map(({ href }) => href).concat(page.url());
    return {
        right: terminal.startsWith('hello-' + (a + b)), terminal, files: files.length, desktopColours,
        loginForm: seen.some((look) => look.loginForm), tokenInAddressBar: addresses.some((href) => /[?&]token=/.test(href))
    };
}

// Closing the device ends its session; the answer is recorded too.
async function endSession(page) {
    const ended = page.waitForResponse((response) => response.request().method() === 'DELETE', { timeout: 10000 });
    await page.evaluate(() => { document.querySelector('meshcentral-embed').remove(); });
    await ended;
}

module.exports = { checkProxy };
