'use strict';
// Child processes of the lab: output into a file, readiness by a line of output, an end that is certain.

const fs = require('fs');
const { spawn } = require('child_process');

/**
 * Starts a program.
 * @param {string} name for errors. @param {string[]} command
 * @param {object} options {log: file, cwd, env, uid, gid, ready: RegExp|null, timeoutMs, stdin: 'hold'|'none'}
 * @returns {Promise<{pid, exited: Promise<number|null>, stop(signal?): Promise<void>, output(): string}>} when it is ready.
 */
function start(name, command, options) {
    const from = fs.existsSync(options.log) ? fs.statSync(options.log).size : 0;
    const log = fs.openSync(options.log, 'a', 0o600);
    const child = spawn(command[0], command.slice(1), {
        cwd: options.cwd, env: options.env || process.env, uid: options.uid, gid: options.gid,
        stdio: [options.stdin === 'hold' ? 'pipe' : 'ignore', log, log]
    });
    fs.closeSync(log);
    const exited = new Promise((resolve) => { child.on('exit', (code) => resolve(code)); child.on('error', () => resolve(null)); });
    const output = () => fs.readFileSync(options.log, 'utf8').slice(from);
    const handle = {
        name, pid: child.pid, exited, output,
        async stop(signal = 'SIGTERM') {
            if (child.exitCode !== null || child.signalCode !== null) { return; }
            child.kill(signal);
            const kill = setTimeout(() => child.kill('SIGKILL'), 10000);
            await exited;
            clearTimeout(kill);
        }
    };
    if (!options.ready) { return Promise.resolve(handle); }
    return untilReady(handle, options);
}

async function untilReady(handle, { ready, timeoutMs = 60000, log }) {
    let gone = false;
    handle.exited.then(() => { gone = true; });
    try {
        await until(() => {
            if (ready.test(handle.output())) { return true; }
            if (gone) { throw new Error(handle.name + ' ended before it was ready; its last words: ' + handle.output().slice(-800).trim()); }
            return false;
        }, timeoutMs, handle.name + ' is not ready (see ' + log + ')');
        return handle;
    } catch (err) {
        await handle.stop('SIGKILL');
        throw err;
    }
}

/** Resolves with the first truthy answer of `condition`; rejects when it throws or the time is over. */
async function until(condition, timeoutMs, what) {
    const end = Date.now() + timeoutMs;
    for (;;) {
        const value = await condition();
        if (value) { return value; }
        if (Date.now() > end) { throw new Error('waited ' + timeoutMs / 1000 + ' s: ' + what); }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

/** Runs a program to its end; rejects with its output if it fails. Resolves to its standard output. */
function run(command, options = {}) {
    return new Promise((resolve, reject) => {
        const child = spawn(command[0], command.slice(1), Object.assign({ stdio: ['ignore', 'pipe', 'pipe'] }, options));
        let out = '', err = '';
        child.stdout.on('data', (data) => { out += data; });
        child.stderr.on('data', (data) => { err += data; });
        child.on('error', reject);
        child.on('close', (code) => {
            if (code === 0) { resolve(out); } else { reject(new Error(command.slice(0, 3).join(' ') + ' failed (' + code + '): ' + (err + out).trim().slice(-1500))); }
        });
    });
}

module.exports = { start, run, until };
