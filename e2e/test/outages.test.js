'use strict';
// What is down denies with a reason, and what comes back is used again with no restart of anything else.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { after, before, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { until } = require('../lab/process');
const { watchDenials } = require('../lab/reasons');
const { openSocket } = require('../lab/sockets');

const HTML = { accept: 'text/html' };

describe('outages', { timeout: 280000 }, () => {
    let lab, token;
    before(async () => { lab = await startLab({ agents: false }); token = await lab.token('tina@acme.example'); });
    after(async () => { if (lab) { await lab.stop(); } });

    const open = () => lab.mesh.get('/?token=' + token, HTML);
    const recovered = () => until(async () => (await open()).status === 200, 20000, 'sign-in works again');

    async function denied(reason) {
        const denial = watchDenials(lab.mesh);
        const page = await open();
        assert.equal(page.status, 503);
        assert.equal(page.headers['retry-after'], '5');
        assert.match(page.body, /data-meshsso="SERVICE_UNAVAILABLE"/);
        assert.equal(await denial('root'), reason);
        const socket = openSocket(lab.mesh.url, '/control.ashx?token=' + token);
        await socket.closed;
        assert.deepEqual(socket.messages, [{ action: 'close', cause: 'noauth', msg: 'SERVICE_UNAVAILABLE' }]);
    }

    test('the sidecar is killed and comes back', async () => {
        assert.equal((await open()).status, 200);
        await lab.sidecar.stop('SIGKILL');
        await denied('SERVICE_UNAVAILABLE');
        assert.equal((await lab.mesh.get('/health.ashx')).status, 200, 'MeshCentral itself runs');
        await lab.sidecar.start();
        await recovered();
    });

    test('the sidecar is stopped gently and comes back', async () => {
        await lab.sidecar.stop('SIGTERM');
        assert.ok(!fs.existsSync(lab.sidecar.socket), 'it takes its socket with it');
        await denied('SERVICE_UNAVAILABLE');
        await lab.sidecar.start();
        await recovered();
    });

    test('Postgres is stopped and comes back; a person who was just here is not served from memory', async () => {
        assert.equal((await open()).status, 200);
        await lab.postgres.stop();
        await until(async () => (await open()).status === 503, 10000, 'the outage is noticed');
        await denied('STORE_UNAVAILABLE');
        await lab.postgres.start();
        await recovered();
    });

    test('MeshCentral starts while the sidecar is down, denies, and recovers', async () => {
        await lab.sidecar.stop();
        await lab.mesh.stop();
        await lab.mesh.start();
        await denied('SERVICE_UNAVAILABLE');
        await until(() => /JWT Auth: not available/.test(lab.mesh.output()), 10000, 'the log says so');
        await lab.sidecar.start();
        await recovered();
    });

    test('a process that squats on the socket\'s place is not believed', async () => {
        await lab.sidecar.stop();
        const squatter = await squat(lab.sidecar.socket);
        try {
            await denied('SERVICE_UNAVAILABLE');
            assert.match(lab.mesh.output(), /auth\.sock belongs to uid 65534/);
            assert.equal(squatter.calls(), 0, 'it never saw a token');
        } finally { await squatter.stop(); }
        await lab.sidecar.start();
        await recovered();
    });

    test('start-up lines that operators grep for', () => {
        assert.match(lab.mesh.output(), /^JWT Authentication Module Initialized$/m);
        assert.match(lab.mesh.output(), /^JWT Auth: PostgreSQL connected$/m);
        assert.ok(!/UnhandledPromise|unhandledRejection|TypeError|ReferenceError/.test(lab.mesh.output()));
    });

    // What must keep MeshCentral from starting, each as a preloaded line that brings it about.
    const faults = {
        'a shim that does not load': ["const m=require('module'),r=m._resolveFilename;m._resolveFilename=function(q,...a){if(q==='meshsso-shim'){throw new Error('Cannot find module meshsso-shim')}return r.call(this,q,...a)};", /Cannot find module meshsso-shim/],
        'a hook that was lost': ["const fs=require('fs'),r=fs.readFileSync;fs.readFileSync=function(f,...a){const t=r.call(fs,f,...a);return String(f).endsWith('webserver.js')&&typeof t==='string'?t.replace('// meshsso:websocket','//'):t};", /the websocket hook is missing from webserver\.js/],
        'an option that is not known': ["process.env.MESHSSO_DEADLINE_MS='soon';", /deadlineMs must be/]
    };
    for (const [name, [preload, said]] of Object.entries(faults)) {
        test('with jwtAuth set and ' + name + ', MeshCentral does not start', async () => {
            await lab.mesh.stop();
            const file = path.join(lab.dir, 'preload.js');
            fs.writeFileSync(file, preload);
            const child = spawn(process.execPath, ['--require', file, '--disable-proto=delete', path.join(lab.mesh.fork, 'meshcentral.js'), '--datapath', lab.mesh.data, '--launch', '1'], { stdio: ['pipe', 'pipe', 'pipe'] });
            let output = '';
            for (const stream of [child.stdout, child.stderr]) { stream.on('data', (data) => { output += data; }); }
            const code = await new Promise((resolve) => child.on('exit', resolve));
            assert.notEqual(code, 0);
            assert.match(output, said);
            assert.ok(!/server running on/.test(output));
        });
    }
});

// A sidecar of somebody else, as another user, that would say yes to everything.
async function squat(socket) {
    const folder = path.join(path.dirname(socket), '..', 'squat');
    fs.mkdirSync(folder, { mode: 0o777 });
    fs.chmodSync(folder, 0o777);
    const program = path.join(folder, 'squatter.js');
    fs.writeFileSync(program, "const net=require('net');let n=0;net.createServer(()=>{n++;process.send({calls:n})}).listen(process.argv[2],()=>process.send({ready:true}));");
    const place = path.join(folder, 'auth.sock');
    const child = spawn(process.execPath, [program, place], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], uid: 65534, gid: 65534, cwd: '/' });
    let calls = 0;
    await new Promise((resolve, reject) => { child.on('exit', reject); child.on('message', (message) => { if (message.ready) { resolve(); } else { calls = message.calls; } }); });
    child.removeAllListeners('exit');
    const exited = new Promise((resolve) => child.on('exit', resolve));
    fs.renameSync(place, socket);
    return { calls: () => calls, stop: async () => { child.kill('SIGKILL'); await exited; fs.rmSync(socket, { force: true }); fs.rmSync(folder, { recursive: true, force: true }); } };
}
