'use strict';
// The headless check: one person, one device, through the dashboard's page as anybody would do it.

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { looks, newProfile, startBrowser, useDesktop, useFiles, useTerminal } = require('../lab/browser');
const { record } = require('./record');

/**
 * @param {object} lab of startLab. @param {string} dashboardUrl
 * @param {object} options {nonce: string|'', out: folder|null, say(text)}
 * @returns {Promise<object>} the figures of the demo's last line.
 */
async function check(lab, dashboardUrl, { nonce, out, say }) {
    const started = Date.now();
    const browser = await startBrowser();
    try {
        const profile = await newProfile(browser, out ? { recordHar: { path: path.join(out, 'traffic.har'), content: 'embed' } } : {});
        const page = await profile.newPage();
        const recorder = out ? record(page, path.join(out, 'websockets.jsonl')) : null;
        await page.goto(dashboardUrl);
        await page.click('[data-person="tina@acme.example"]');
        const seen = [];
        const open = async (viewMode, label) => {
            await page.click(`[data-open$=":${viewMode}"]`);
            const frame = await (await page.waitForSelector(`iframe[title^="${label}"]`)).contentFrame();
            await frame.waitForLoadState('load');
            return frame;
        };
        const shoot = async (name, frame) => { seen.push(await looks(frame)); if (out) { await page.screenshot({ path: path.join(out, name + '.png') }); } };

        say('terminal');
        const [a, b] = [crypto.randomInt(1000, 9999), crypto.randomInt(1000, 9999)];
        let frame = await open(12, 'Terminal');
        const terminal = await useTerminal(frame, `echo hello-$((${a}+${b}))${nonce ? '-' + nonce : ''}`, new RegExp('^hello-\\d+' + (nonce ? '-' + nonce : '') + '$'));
        await shoot('terminal', frame);
        say('files');
        frame = await open(13, 'Files');
        const files = await useFiles(frame);
        await shoot('files', frame);
        say('desktop');
        frame = await open(11, 'Desktop');
        const desktopColours = await useDesktop(frame);
        await shoot('desktop', frame);

        if (out) { fs.writeFileSync(path.join(out, 'files.txt'), files.join('\n') + '\n', { mode: 0o600 }); }
        await profile.close();
        if (recorder) { await recorder.close(); }
        const right = terminal.startsWith('hello-' + (a + b));
        const loginForm = seen.some((look) => look.loginForm);
        const tokenInAddressBar = seen.some((look) => /[?&]token=/.test(look.href));
        const ok = right && files.length > 0 && desktopColours > 1 && !loginForm && !tokenInAddressBar;
        return { ok, terminal, files: files.length, desktopColours, loginForm, tokenInAddressBar, seconds: Math.round((Date.now() - started) / 100) / 10 };
    } finally {
        await browser.close();
    }
}

module.exports = { check };
