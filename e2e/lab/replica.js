'use strict';
// One replica's control connections, by themselves: e2e/control, built from this checkout, on a MeshCentral without MeshSSO.

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { pinOf } = require('./proxy');
const { spawn } = require('child_process');
const { CACHE, ROOT } = require('./paths');
const { run } = require('./process');

const BINARY = path.join(CACHE, 'control');

function buildReplica() { return run(['go', 'build', '-trimpath', '-o', BINARY, './e2e/control'], { cwd: ROOT, env: { ...process.env, CGO_ENABLED: '0' } }); }

/**
 * @param {string} log a file. @param {object} mesh of startMeshCentral. @param {object} account {username, password} @param {object} [env]
 * @returns {Promise<{ask(do, args): Promise, stop(): Promise, output(): string}>}
 */
async function startReplica(log, mesh, { username, password }, env = {}) {
    const into = fs.openSync(log, 'a', 0o600);
    const child = spawn(BINARY, [], {
        stdio: ['pipe', 'pipe', into],
        env: { PATH: process.env.PATH, MESHCENTRAL_URL: mesh.url, MESHCENTRAL_CERT_PIN: await pinOf('127.0.0.1', mesh.port), MESHCENTRAL_USERNAME: username, MESHCENTRAL_PASSWORD: password, ...env }
    });
    fs.closeSync(into);
    const waiting = new Map();
    const exited = new Promise((resolve) => child.on('exit', resolve));
    exited.then((code) => { for (const { reject } of waiting.values()) { reject(new Error('the replica ended with ' + code)); } });
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
        const { id, answer, error } = JSON.parse(line);
        const { resolve, reject } = waiting.get(id);
        waiting.delete(id);
        if (error === undefined) { resolve(answer); } else { reject(new Error(error)); }
    });
    let last = 0;
    return {
        ask: (what, args = {}) => new Promise((resolve, reject) => {
            const id = ++last;
            waiting.set(id, { resolve, reject });
            child.stdin.write(JSON.stringify({ id, do: what, ...args }) + '\n');
        }),
        output: () => fs.readFileSync(log, 'utf8'),
        async stop() {
            child.stdin.end();
            const kill = setTimeout(() => child.kill('SIGKILL'), 30000);
            const code = await exited;
            clearTimeout(kill);
            return code;
        }
    };
}

module.exports = { buildReplica, startReplica };
