'use strict';
// The demo as the README promises it: one command, one JSON object as the last line, clear words when it cannot.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { describe, test } = require('node:test');
const { until } = require('../lab/process');

const ROOT = path.resolve(__dirname, '..', '..');

function makeDemo(env) {
    const child = spawn('make', ['-s', 'demo'], { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const demo = { child, out: '', err: '', ended: new Promise((resolve) => child.on('close', resolve)) };
    child.stdout.on('data', (data) => { demo.out += data; });
    child.stderr.on('data', (data) => { demo.err += data; });
    return demo;
}

function ask(port, target, headers) {
    return new Promise((resolve, reject) => {
        http.get({ host: '127.0.0.1', port, path: target, headers, agent: false }, (res) => { let body = ''; res.on('data', (data) => { body += data; }); res.on('end', () => resolve({ status: res.statusCode, body })); }).on('error', reject);
    });
}

const labs = () => fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith('meshsso-lab-'));

describe('make demo', { timeout: 280000 }, () => {
    test('DEMO_CHECK=1 signs in once and says what it saw; nothing is left behind', async () => {
        const out = fs.mkdtempSync(path.join(os.tmpdir(), 'demo-out-'));
        const before = labs();
        const demo = makeDemo({ DEMO_CHECK: '1', DEMO_NONCE: 'nonce-42', DEMO_OUT: out });
        assert.equal(await demo.ended, 0, demo.err + demo.out);
        const result = JSON.parse(demo.out.trim().split('\n').pop());
        assert.match(result.terminal, /^hello-\d+-nonce-42$/);
        assert.ok(result.ok === true && result.files > 0 && result.desktopColours > 1 && result.loginForm === false && result.tokenInAddressBar === false && result.seconds > 0, JSON.stringify(result));
        assert.deepEqual(Object.keys(result), ['ok', 'terminal', 'files', 'desktopColours', 'loginForm', 'tokenInAddressBar', 'seconds']);
        for (const name of ['terminal.png', 'files.png', 'desktop.png', 'files.txt', 'traffic.har', 'websockets.jsonl']) { assert.ok(fs.statSync(path.join(out, name)).size > 0, name); }
        assert.equal(fs.readFileSync(path.join(out, 'files.txt'), 'utf8').trim().split('\n').length, result.files);
        fs.rmSync(out, { recursive: true });
        assert.deepEqual(labs(), before);
    });

    test('DEMO_CHECK=proxy does it through the session proxy; nothing of MeshCentral is in what the browser got, and all of that is kept', async () => {
        const out = fs.mkdtempSync(path.join(os.tmpdir(), 'demo-out-'));
        const demo = makeDemo({ DEMO_CHECK: 'proxy', DEMO_NONCE: 'nonce-43', DEMO_OUT: out });
        assert.equal(await demo.ended, 0, demo.err + demo.out);
        const result = JSON.parse(demo.out.trim().split('\n').pop());
        assert.match(result.terminal, /^hello-\d+-nonce-43$/);
        assert.ok(result.ok === true && result.files > 0 && result.desktopColours > 1 && result.loginForm === false && result.tokenInAddressBar === false && result.leaks === 0 && result.bytesInspected > 1e6, JSON.stringify(result));
        assert.deepEqual(Object.keys(result), ['ok', 'terminal', 'files', 'desktopColours', 'loginForm', 'tokenInAddressBar', 'seconds', 'via', 'leaks', 'bytesInspected']);
        assert.equal(result.via, 'proxy');
        for (const name of ['terminal.png', 'files.png', 'desktop.png', 'files.txt']) { assert.ok(fs.statSync(path.join(out, name)).size > 0, name); }
        const names = JSON.parse(fs.readFileSync(path.join(out, 'names.json'), 'utf8'));
        const { host: [host] } = names;
        const kept = fs.readFileSync(path.join(out, 'traffic.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
        const received = kept.filter(({ direction }) => direction === 'received').map(({ text, base64 }) => text ?? Buffer.from(base64, 'base64').toString('latin1'));
        assert.ok(received.some((text) => text.includes('nonce-43')), 'the terminal is among it');
        assert.ok(received.join('').length > 1e6 && !received.some((text) => text.includes(host)), 'another search of the same');
        fs.rmSync(out, { recursive: true });
    });

    test('a dashboard for its own origin only; a second demo and a taken port are told clearly; Ctrl-C takes all down', async () => {
        const before = labs();
        const taken = net.createServer().listen(0, '127.0.0.1');
        await new Promise((resolve) => taken.once('listening', resolve));
        const refused = makeDemo({ DEMO_PORT: String(taken.address().port) });
        assert.notEqual(await refused.ended, 0);
        assert.match(refused.err, /port \d+ on 127\.0\.0\.1 is taken/);
        const port = taken.address().port;
        await new Promise((resolve) => taken.close(resolve));

        const demo = makeDemo({ DEMO_PORT: String(port) });
        try {
            await until(() => { if (demo.child.exitCode !== null) { throw new Error(demo.err); } return demo.out.includes('Ctrl-C ends it.'); }, 120000, 'the demo is up');
            assert.match(demo.out, /\[ +\d+\.\d s\] starting MeshCentral/);
            const second = makeDemo({});
            assert.notEqual(await second.ended, 0);
            assert.match(second.err, /running already \(process \d+, http:\/\/localhost:\d+\/\)/);

            const own = 'localhost:' + port;
            assert.equal((await ask(port, '/api/people', { host: own })).status, 200);
            assert.equal((await ask(port, '/api/people', { host: 'evil.example' })).status, 403);
            assert.equal((await ask(port, '/', { host: 'evil.example' })).status, 403);
            assert.equal((await ask(port, '/api/people', { host: own, origin: 'https://evil.example' })).status, 403);
            assert.equal((await ask(port, '/api/people', { host: own, 'sec-fetch-site': 'cross-site' })).status, 403);
            const secrets = /(\S+secrets\.json)/.exec(demo.out)[1];
            assert.equal(fs.statSync(secrets).mode & 0o777, 0o600);
        } finally { process.kill(-demo.child.pid, 'SIGINT'); }
        await demo.ended;
        assert.deepEqual(labs(), before);
    });

    test('what is not understood is refused', async () => {
        for (const [env, pattern] of [[{ DEMO_NONCE: '$(reboot)', DEMO_CHECK: '1' }, /DEMO_NONCE may hold/], [{ DEMO_CHECK: 'proxy-of-mars' }, /DEMO_CHECK=/], [{ DEMO_PORT: 'http' }, /DEMO_PORT must be/]]) {
            const demo = makeDemo(env);
            assert.notEqual(await demo.ended, 0);
            assert.match(demo.err, pattern);
        }
    });
});
