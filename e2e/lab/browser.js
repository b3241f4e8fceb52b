'use strict';
// A real Chromium, and what a person does in MeshCentral's page.

const { chromium } = require('playwright-core');
const { until } = require('./process');

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--test-third-party-cookie-phaseout'];

/** Starts a headless browser. @param {string[]} [more] flags @returns {Promise<import('playwright-core').Browser>} */
function startBrowser(more = []) { return chromium.launch({ executablePath: process.env.MESHSSO_CHROMIUM || '/usr/bin/chromium', args: FLAGS.concat(more) }); }

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

const TRANSFER = { timeout: 120000 };

// What the files tab lists, each name without what stands beside it.
const listed = (page) => page.$$eval('#p13files .filelist a', (links) => links.map((link) => link.textContent.trim()));

/** Goes to a folder of the device, in the connected files tab; resolves when `name` is listed there. */
async function goToFolder(page, folder, name) {
    await page.click('#p13GoToFolderButton');
    await page.fill('#p13folderinput', folder);
    await page.click('#idx_dlgOkButton');
    await until(async () => (await listed(page)).includes(name), PATIENCE.timeout, name + ' in the listing of files');
}

/** Uploads a file of this machine into the folder that shows; resolves when the page lists it with its whole size. */
async function uploadFile(page, file, name) {
    await page.click('#p13UploadButton');
    await page.setInputFiles('#p13uploadinput', file);
    await page.click('#idx_dlgOkButton');
    await until(async () => (await listed(page)).includes(name) && !(await page.isVisible('#d2progressBar')), TRANSFER.timeout, 'the upload');
}

/** Clicks on a file of the folder that shows. Resolves to the browser's download, which is through. */
async function downloadFile(page, name) {
    const owner = page.page ? page.page() : page;
    const [download] = await Promise.all([owner.waitForEvent('download', TRANSFER), page.click(`#p13files .filelist a:text-is("${name}")`)]);
    const failure = await download.failure();
    if (failure !== null) { throw new Error('the download of ' + name + ' failed: ' + failure); }
    return download;
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

module.exports = { startBrowser, newProfile, deviceUrl, useTerminal, useFiles, goToFolder, uploadFile, downloadFile, useDesktop, looks };
