'use strict';
// A forked MeshCentral: the package from npm, our fork tool on it, one data folder an instance.

const fs = require('fs');
const https = require('https');
const path = require('path');
const { CACHE, SHIM } = require('./paths');
const { verifyHooks } = require('../../js-shim/lib/fork/markers');
const { freePort } = require('./ports');
const { run, start, until } = require('./process');

const VERSION = '1.1.55';
const TOOL = path.join(SHIM, 'bin', 'meshsso-fork');

/** Installs MeshCentral once a version and applies the fork tool of this checkout. Resolves to the patched folder. */
async function installFork(version = VERSION) {
    const home = path.join(CACHE, 'meshcentral', version);
    const dir = path.join(home, 'node_modules', 'meshcentral');
    if (!fs.existsSync(path.join(home, 'installed'))) {
        fs.rmSync(home, { recursive: true, force: true });
        fs.mkdirSync(home, { recursive: true });
        fs.writeFileSync(path.join(home, 'package.json'), JSON.stringify({ name: 'meshcentral-lab', private: true }) + '\n');
        // MeshCentral compares optional modules by exact version and would install this one at start.
        await run(['npm', 'install', '--no-audit', '--no-fund', '--save-exact', 'meshcentral@' + version, 'pg@8.16.3'], { cwd: home });
        fs.writeFileSync(path.join(home, 'installed'), version + '\n');
    }
    const linked = path.join(home, 'node_modules', 'meshsso-shim');
    if (!verifyHooks(dir).ok || !fs.existsSync(linked) || fs.realpathSync(linked) !== SHIM) {
        await run([process.execPath, TOOL, 'revert', dir]).catch(() => { }); // what an older tool left, if anything
        await run([process.execPath, TOOL, 'apply', dir, '--install']);
    }
    return dir;
}

/**
 * Starts a MeshCentral on loopback.
 * @param {string} dir an existing folder for its data. @param {string} fork of installFork.
 * @param {object} options {jwtAuth, secrets, database: 'nedb'|'postgres', postgres, settings, domain, port, host}
 */
async function startMeshCentral(dir, fork, options) {
    const host = options.host || '127.0.0.1'; // or another address of the loopback network
    const port = await freePort(options.port, host);
    const data = path.join(dir, 'data');
    fs.mkdirSync(data, { recursive: true });
    const settings = {
        cert: host, WANonly: true, port, portBind: host, redirPort: 0, mpsPort: 0, exactPorts: true, selfUpdate: false, autoBackup: false, amtManager: false,
        noAgentUpdate: true, agentTimeStampServer: false, no2FactorAuth: true, allowFraming: true, manageAllDeviceGroups: ['user//admin'], ...options.settings
    };
    if (options.jwtAuth) { settings.jwtAuth = options.jwtAuth; }
    if (options.database === 'postgres') {
        const { host: dbHost, port: dbPort, user, password } = options.postgres;
        settings.postgres = { host: dbHost, port: dbPort, user, password, database: 'meshcentral' };
    }
    fs.writeFileSync(path.join(data, 'config.json'), JSON.stringify({ settings, domains: { '': { title: 'Lab', newAccounts: false, ...options.domain } } }), { mode: 0o600 });
    if (!options.host) { borrowCertificates(data); } // which are the usual address's
    const log = path.join(dir, 'meshcentral.log');
    const base = [process.execPath, '--disable-proto=delete', path.join(fork, 'meshcentral.js'), '--datapath', data, '--filespath', path.join(dir, 'files')];
    const env = { ...process.env, ...options.env };
    if (!fs.existsSync(path.join(dir, 'files'))) {
        await run(base.concat('--createaccount', 'admin', '--pass', options.secrets.admin, '--email', 'admin@lab.example'), { env });
        await run(base.concat('--adminaccount', 'admin'), { env });
        fs.mkdirSync(path.join(dir, 'files'), { recursive: true });
    }
    let running = null;
    const up = async () => {
        running = await start('MeshCentral', base.concat('--debug', options.debug || 'web', '--launch', '1'), { log, cwd: dir, env, stdin: 'hold', ready: /server running on|Server running on/, timeoutMs: 90000 });
    };
    await up();
    if (!options.host) { keepCertificates(data); }
    const url = 'https://' + host + ':' + port;
    const names = options.domain?.title ? { title: options.domain.title } : {}; // what else names it, for the search for leaks
    return { dir, data, url, port, log, fork, names, output: () => fs.readFileSync(log, 'utf8'), start: up, stop: (signal = 'SIGKILL') => running.stop(signal), pid: () => running.pid, exited: () => running.exited, get: (target, headers) => get(url + target, headers) };
}

// Making certificates takes seconds of a start; an earlier instance's do as well.
function borrowCertificates(data) {
    const kept = path.join(CACHE, 'meshcentral-certificates');
    if (!fs.existsSync(path.join(kept, 'complete'))) { return; }
    for (const name of fs.readdirSync(kept)) { if (name !== 'complete') { fs.cpSync(path.join(kept, name), path.join(data, name), { recursive: true }); } }
}

function keepCertificates(data) {
    const kept = path.join(CACHE, 'meshcentral-certificates');
    if (fs.existsSync(path.join(kept, 'complete'))) { return; }
    fs.mkdirSync(kept, { recursive: true, mode: 0o700 });
    for (const name of fs.readdirSync(data)) { if (/\.(crt|key)$/.test(name) || name === 'signedagents') { fs.cpSync(path.join(data, name), path.join(kept, name), { recursive: true }); } }
    fs.writeFileSync(path.join(kept, 'complete'), '');
}

/** A GET (or another method) on loopback, whose certificate is the lab's own. Resolves to {status, headers, body}. */
function get(url, headers = {}, { method = 'GET', body } = {}) {
    return new Promise((resolve, reject) => {
        const req = https.request(url, { rejectUnauthorized: false, headers, method, agent: false }, (res) => {
            const parts = [];
            res.on('data', (part) => parts.push(part));
            res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, raw: Buffer.concat(parts), body: Buffer.concat(parts).toString() }));
        });
        req.on('error', reject);
        req.setTimeout(20000, () => req.destroy(new Error('no answer in 20 s: ' + method)));
        req.end(body);
    });
}

module.exports = { installFork, startMeshCentral, get, until, VERSION };
