#!/usr/bin/env node
'use strict';
// `make demo`: the whole thing on this machine. See `--help`.

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { check } = require('../demo/check');
const { checkProxy } = require('../demo/check-proxy');
const { serveDashboard } = require('../demo/dashboard');
const { createRecorder } = require('../demo/record');
const { startLab } = require('../lab');
const { createSearch } = require('../lab/leaks');
const { namesAsText, namesOf } = require('../lab/mesh-names');
const { CACHE } = require('../lab/paths');
const { freePort } = require('../lab/ports');

const HELP = `make demo                 brings up PostgreSQL, meshsso serve, a forked MeshCentral, two agents with screens, and a small
                          dashboard; Ctrl-C takes everything down again
DEMO_CHECK=1 make demo    does one headless sign-in instead and prints one JSON object as its last line
DEMO_CHECK=proxy make demo  the same through the session proxy, and looks for MeshCentral's names in all that the browser got

DEMO_PORT=8765            the dashboard's port (loopback only)
DEMO_DATABASE=nedb        MeshCentral's own database: nedb or postgres
DEMO_NONCE=text           (check) echoed through the terminal; letters, digits, - and _
DEMO_OUT=DIR              (check) keeps screenshots, the file listing and the browser's recorded traffic there; with proxy every
                          byte, and the names that were looked for
MESHSSO_LAB_DATABASE_URL  another PostgreSQL for the platform's tables: an empty database, or one that the lab made`;

async function main() {
    if (process.argv.includes('--help')) { console.log(HELP); return 0; }
    const checking = Boolean(process.env.DEMO_CHECK);
    if (checking && !['1', 'proxy'].includes(process.env.DEMO_CHECK)) { throw new Error('DEMO_CHECK=' + process.env.DEMO_CHECK + ' is not known; DEMO_CHECK=1 and DEMO_CHECK=proxy are'); }
    const direct = process.env.DEMO_CHECK === '1';
    const nonce = process.env.DEMO_NONCE || '';
    if (!/^[A-Za-z0-9_-]{0,64}$/.test(nonce)) { throw new Error('DEMO_NONCE may hold up to 64 letters, digits, - and _'); }
    const out = process.env.DEMO_OUT ? path.resolve(process.env.DEMO_OUT) : null;
    if (out) { fs.mkdirSync(out, { recursive: true, mode: 0o700 }); }
    const port = await freePort(dashboardPort(checking));
    const unlock = lock(port);
    const began = Date.now();
    const say = (text) => console.log(`[${((Date.now() - began) / 1000).toFixed(1).padStart(5)} s] ${text}`);
    const stopping = interruption();
    let lab = null, dashboard = null;
    try {
        const origin = 'http://localhost:' + port;
        const starting = startLab({ say, database: process.env.DEMO_DATABASE || 'nedb', jwtAuth: { loginUrl: origin + '/', dashboardOrigins: [origin] }, ...(direct ? {} : proxied(origin)) });
        const interrupted = await Promise.race([starting.then(() => false), stopping.then(() => true)]);
        if (interrupted) { say('interrupted: stopping as soon as the start is through'); }
        lab = await starting;
        if (interrupted) { return 130; }
        const recorder = checking && !direct ? await recorderOf(lab, out) : null;
        dashboard = await serveDashboard(lab, port, { api: direct ? null : lab.sessionApi, recorder });
        if (checking) {
            const result = await (direct ? check(lab, dashboard.url, { nonce, out, say }) : checkProxy(dashboard.url, { recorder, nonce, out, say }));
            console.log(JSON.stringify(result));
            return result.ok ? 0 : 1;
        }
        say('ready');
        console.log(`\n  dashboard    ${dashboard.url}\n  MeshCentral  ${lab.mesh.url}/  (its certificate is its own: accept it once)\n  secrets      ${path.join(lab.dir, 'secrets.json')}  (of this run only)\n\nCtrl-C ends it.`);
        await stopping;
        say('taking everything down');
        return 0;
    } finally {
        if (dashboard) { await dashboard.close(); }
        if (lab) { await lab.stop(); }
        unlock();
    }
}

// MeshCentral has an address and a title of its own, so that either is known wherever it turns up.
function proxied(origin) {
    const [a, b] = [crypto.randomInt(2, 250), crypto.randomInt(2, 250)];
    return { host: `127.${a}.${b}.77`, domain: { title: 'Lab' + crypto.randomBytes(6).toString('hex') }, proxy: { dashboards: [origin] } };
}

async function recorderOf(lab, out) {
    const names = await namesOf(lab);
    if (out) { fs.writeFileSync(path.join(out, 'names.json'), namesAsText(names), { mode: 0o600 }); }
    return createRecorder({ file: out ? path.join(out, 'traffic.jsonl') : null, search: createSearch(names) });
}

function dashboardPort(checking) {
    const wanted = process.env.DEMO_PORT;
    if (wanted === undefined || wanted === '') { return checking ? 0 : 8765; }
    if (!/^\d{1,5}$/.test(wanted) || Number(wanted) < 1 || Number(wanted) > 65535) { throw new Error('DEMO_PORT must be a port'); }
    return Number(wanted);
}

// One demo a checkout: two would build into each other's folders.
function lock(port) {
    fs.mkdirSync(CACHE, { recursive: true });
    const file = path.join(CACHE, 'demo.lock');
    try {
        fs.writeFileSync(file, process.pid + ' ' + port, { flag: 'wx' });
    } catch (err) {
        const [pid, at] = fs.readFileSync(file, 'utf8').split(' ');
        if (alive(Number(pid))) { throw new Error(`a demo of this checkout is running already (process ${pid}, http://localhost:${at}/): end it with Ctrl-C there`); }
        fs.writeFileSync(file, process.pid + ' ' + port);
    }
    return () => fs.rmSync(file, { force: true });
}

function alive(pid) { try { process.kill(pid, 0); return true; } catch (err) { return err.code === 'EPERM'; } }

function interruption() { return new Promise((resolve) => { for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) { process.once(signal, resolve); } }); }

main().then((code) => process.exit(code), (err) => { console.error('demo: ' + err.message); process.exit(1); });
