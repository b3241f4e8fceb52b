'use strict';
// A real Chromium, and what a person does in MeshCentral's page.

const { chromium } = require('playwright-core');
const { until } = require('./process');

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--test-third-party-cookie-phaseout'];

/** Starts a headless browser. @returns {Promise<import('playwright-core').Browser>} */
function startBrowser() { return chromium.launch({ executablePath: process.env.MESHSSO_CHROMIUM || '/usr/bin/chromium', args: FLAGS }); }

/** A fresh profile that accepts the lab's certificate. */
function newProfile(browser, options = {}) { return browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 }, ...options }); }

/** The address of a device's page, as the dashboard makes it. */
function deviceUrl(mesh, token, nodeId, viewMode) {
    return mesh.url + '/?token=' + token + '&gotonode=' + Buffer.from(nodeId.split('/')[2].replace(/@/g, '+').replace(/\$/g, '/'), 'base64').toString('hex').toUpperCase() + '&viewmode=' + viewMode;
}

const PATIENCE = { timeout: 30000 };

/** Runs a shell command line in the terminal tab and resolves to the line of its output that matches. `page` may be a frame. */
async function useTerminal(page, line, expected) {
    await page.waitForSelector('#connectbutton2', PATIENCE);
    await page.waitForFunction(() => document.getElementById('connectbutton2').offsetParent !== null, null, PATIENCE);
    await page.click('#connectbutton2');
    await page.waitForFunction(() => document.getElementById('termstatus').textContent.startsWith('Connected'), null, PATIENCE);
    const screen = () => page.evaluate(() => {
        const buffer = (typeof xterm === 'object' && xterm) ? xterm._core.buffer : null;
        if (!buffer) { return []; }
        return Array.from({ length: buffer.lines.length }, (_, i) => buffer.lines.get(i).translateToString(true));
    });
    await until(async () => (await screen()).some((text) => /[#$] ?$/.test(text.trim())), PATIENCE.timeout, 'a prompt in the terminal');
    await page.focus('.xterm-helper-textarea');
    const { keyboard } = page.page ? page.page() : page; // a frame's keyboard is its page's
    await keyboard.type(line);
    await keyboard.press('Enter');
    return until(async () => (await screen()).map((text) => (expected.exec(text) || [])[0]).find(Boolean), PATIENCE.timeout, 'the answer of the terminal');
}

/** Connects the files tab and resolves to the names that it lists. */
async function useFiles(page) {
    await page.waitForFunction(() => { const b = document.getElementById('p13Connect'); return b && b.offsetParent !== null; }, null, PATIENCE);
    await page.click('#p13Connect');
    return until(async () => {
        const names = await page.$$eval('#p13files .filelist', (items) => items.map((item) => item.textContent.trim()).filter(Boolean));
        return names.length > 0 ? names : null;
    }, PATIENCE.timeout, 'a listing of files');
}

/** Connects the desktop tab and resolves to the number of distinct colours that its canvas shows (a blank one has 1). */
async function useDesktop(page) {
    await page.waitForFunction(() => { const b = document.getElementById('connectbutton1'); return b && b.offsetParent !== null; }, null, PATIENCE);
    await page.click('#connectbutton1');
    await page.waitForFunction(() => document.getElementById('deskstatus').textContent.startsWith('Connected'), null, PATIENCE);
    return until(async () => {
        const colours = await page.evaluate(() => {
            const canvas = document.getElementById('Desk');
            const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
            return new Set(pixels).size;
        });
        return colours > 1 ? colours : null;
    }, PATIENCE.timeout, 'more than one colour on the desktop');
}

/** What a person sees of MeshCentral in this page: a login form, our own page, or neither. */
async function looks(page) {
    return page.evaluate(() => ({
        loginForm: Boolean(document.querySelector('#loginpanel, input[type=password]:not([id^=d])')),
        ours: document.body.dataset.meshsso || null,
        href: location.href
    }));
}

module.exports = { startBrowser, newProfile, deviceUrl, useTerminal, useFiles, useDesktop, looks };
