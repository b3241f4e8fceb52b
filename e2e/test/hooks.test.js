'use strict';
// All hooks with every source of a token, a slow sidecar that must not cost an early frame, and everything that MeshSSO
// must leave as it was: public routes, agents, password login.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { nodesOfAdmin, startLab } = require('../lab');
const { deviceAnswers } = require('../lab/answers');
const { until } = require('../lab/process');
const { slowSidecar } = require('../lab/slow');
const { listNodes, openSocket, passwordHeader } = require('../lab/sockets');
const { openTerminal, runIn } = require('../lab/tunnel');

const HTML = { accept: 'text/html' };

describe('hooks', { timeout: 280000 }, () => {
    let lab, slow, scratch, token;
    before(async () => {
        scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'meshsso-slow-'));
        slow = await slowSidecar(scratch, 0);
        lab = await startLab({ cacheTtl: '30s', jwtAuth: { address: slow.address, cookieName: 'dashboard' }, onSidecar: (sidecar) => slow.forwardTo(sidecar.socket), env: { NODE_OPTIONS: '--require ' + require.resolve('../lab/hold'), MESHSSO_LAB_HOLD: path.join(scratch, 'hold') } });
        token = await lab.token('tina@acme.example');
    });
    after(async () => { if (lab) { await lab.stop(); } await slow.close(); fs.rmSync(scratch, { recursive: true, force: true }); });

    const SAME = { 'sec-fetch-site': 'same-origin' };
    const sources = {
        query: (target, jwt) => [target + (target.includes('?') ? '&' : '?') + 'token=' + jwt, {}],
        header: (target, jwt) => [target, { authorization: 'Bearer ' + jwt }],
        cookie: (target, jwt) => [target, { cookie: 'dashboard=' + jwt, ...SAME }]
    };

    for (const [source, carry] of Object.entries(sources)) {
        test('root by ' + source, async () => {
            const [target, headers] = carry('/?viewmode=12', token);
            const { status, body, headers: answer } = await lab.mesh.get(target, { ...HTML, ...headers });
            assert.equal(status, 200);
            assert.match(body, /Tina/);
            assert.match(body, /MeshServerCreateControl',\{configurable/);
            assert.ok(!JSON.stringify(answer).includes(token) && !body.includes(token), 'the token is in the answer');
        });

        test('meshaction by ' + source, async () => {
            const [target, headers] = carry('/meshagents?meshaction=generic', token);
            const { status, body } = await lab.mesh.get(target, headers);
            assert.equal(status, 200);
            assert.equal(JSON.parse(body).username, 'Tina Technician');
        });

        test('any other page by ' + source, async () => {
            const [target, headers] = carry('/xterm?nodeid=' + encodeURIComponent(lab.agents['acme-frontdesk'].nodeId), token);
            const { status, body } = await lab.mesh.get(target, headers);
            assert.equal(status, 200);
            assert.match(body, /xterm/i);
            assert.ok(!body.includes(token) && body.includes('history.replaceState'), 'the token leaves this address bar too');
        });

        test('control.ashx by ' + source, async () => {
            const [target, headers] = carry('/control.ashx', token);
            const socket = openSocket(lab.mesh.url, target, { headers });
            assert.equal((await socket.next((m) => m.action === 'userinfo')).userinfo._id, 'user//tina@acme.example');
            socket.close();
        });
    }

    test('control.ashx by urlargs', async () => {
        const socket = openSocket(lab.mesh.url, '/control.ashx?moreargs=1', { first: [{ action: 'urlargs', args: { token } }] });
        assert.equal((await socket.next((m) => m.action === 'userinfo')).userinfo._id, 'user//tina@acme.example');
        socket.close();
    });

    test('the session ends with the JWT, and with it the page and the sockets', async () => {
        const short = await lab.token('adam@acme.example', { exp: Math.floor(Date.now() / 1000) + 3 });
        const { headers } = await lab.mesh.get('/?token=' + short, HTML);
        const cookie = headers['set-cookie'].map((value) => value.split(';')[0]).join('; ');
        assert.match((await lab.mesh.get('/', { cookie })).body, /Adam/);
        const socket = openSocket(lab.mesh.url, '/control.ashx?token=' + short);
        await socket.next((m) => m.action === 'userinfo');
        await socket.closed;
        assert.match((await lab.mesh.get('/', { cookie })).body, /loginpanel/);
        const framed = await lab.mesh.get('/', { ...HTML, cookie, 'sec-fetch-dest': 'iframe' });
        assert.match(framed.body, /data-meshsso="REOPEN"/);
        // A browser that does not say what it loads a page for gets a login form that leaves a frame by itself.
        assert.match((await lab.mesh.get('/', HTML)).body, /window\.top!==window\.self/);
        assert.doesNotMatch((await lab.mesh.get('/', { ...HTML, 'sec-fetch-dest': 'document' })).body, /window\.top!==window\.self/);
        assert.match((await lab.mesh.get('/?meshsso=reopen', HTML)).body, /data-meshsso="REOPEN"/);
    });

    test('a validation that takes 300 ms loses no early frame', async () => {
        slow.delay(300);
        try {
            const frames = Array.from({ length: 20 }, (_, i) => ({ action: 'nodes', responseid: 'early-' + i }));
            const direct = openSocket(lab.mesh.url, '/control.ashx?token=' + token, { first: frames });
            for (const { responseid } of frames) { await direct.next((m) => m.responseid === responseid); }
            direct.close();
            // In one packet with urlargs: MeshCentral has read them before anybody could have asked the sidecar.
            const packed = openSocket(lab.mesh.url, '/control.ashx?moreargs=1');
            await packed.opened;
            packed.ws._socket.cork();
            for (const frame of [{ action: 'urlargs', args: { token } }].concat(frames)) { packed.send(frame); }
            packed.ws._socket.uncork();
            for (const { responseid } of frames) { await packed.next((m) => m.responseid === responseid); }
            assert.deepEqual(packed.messages.filter((m) => /^early-/.test(m.responseid)).map((m) => m.responseid), frames.map((f) => f.responseid), 'in their order');
            packed.close();
        } finally { slow.delay(0); }
    });

    test('early frames of a relay socket arrive too', async () => {
        slow.delay(300);
        try {
            const control = openSocket(lab.mesh.url, '/control.ashx?token=' + token);
            const relay = await openTerminal(lab.mesh, control, lab.agents['acme-frontdesk'].nodeId, 'token=' + token, { first: [{ ctrlChannel: '102938', type: 'options', cols: 200, rows: 30 }, '1'] });
            relay.selected = true; // the protocol was chosen in the early frames
            assert.equal(await runIn(relay, 'echo early-$((20+3))', /early-\d+/), 'early-23');
            relay.close();
            control.close();
        } finally { slow.delay(0); }
    });

    test('a socket that only the middleware guards answers no early frame of somebody who may not have it', async () => {
        slow.delay(300);
        try {
            const echo = openSocket(lab.mesh.url, '/echo.ashx?token=' + token, { first: ['one', 'two', 'three'] });
            await echo.closed;
            assert.deepEqual(echo.messages, [{ action: 'close', cause: 'noauth', msg: 'FORBIDDEN' }]);
            const refused = openSocket(lab.mesh.url, '/echo.ashx?token=garbage', { first: ['one'] });
            await refused.closed;
            assert.deepEqual(refused.messages, [{ action: 'close', cause: 'noauth', msg: 'ACCESS_DENIED' }]);
        } finally { slow.delay(0); }
    });

    test('a client that hangs up while it is validated leaves nothing behind', async () => {
        slow.delay(300);
        try {
            const gone = openSocket(lab.mesh.url, '/control.ashx?token=' + token);
            await gone.opened;
            gone.ws.terminate();
            await gone.closed;
        } finally { slow.delay(0); }
        const admin = openSocket(lab.mesh.url, '/control.ashx', { headers: passwordHeader('admin', lab.secrets.admin) });
        await admin.next((m) => m.action === 'userinfo');
        await until(async () => {
            const from = admin.messages.length;
            admin.send({ action: 'wssessioncount' });
            const { wssessions } = await admin.next((m) => m.action === 'wssessioncount' && admin.messages.indexOf(m) >= from);
            return !('user//tina@acme.example' in wssessions);
        }, 10000, 'no session of hers is counted');
        admin.close();
    });

    test('somebody whose token ends while MeshCentral sets the control channel up gets none, and MeshCentral goes on', async () => {
        const hold = path.join(scratch, 'hold');
        await lab.postgres.query("INSERT INTO users (email, full_name, tenant_id, role) SELECT 'leo@acme.example', 'Leo Leaver', tenant_id, role FROM users WHERE email = 'tina@acme.example'");
        const pid = lab.mesh.pid();
        fs.writeFileSync(hold, '');
        const soon = await lab.token('leo@acme.example', { exp: Math.floor(Date.now() / 1000) + 3 });
        const socket = openSocket(lab.mesh.url, '/control.ashx?token=' + soon);
        await socket.opened;
        await until(() => lab.mesh.output().includes('JWT auth ok for user//leo@acme.example'), 10000, 'he is let in');
        await until(() => /JWT session ended: .*leo@acme/.test(lab.mesh.output()), 20000, 'and out again');
        fs.rmSync(hold);
        await socket.closed;
        assert.deepEqual(socket.messages.filter((m) => m.action === 'userinfo'), []);
        assert.equal((await lab.mesh.get('/health.ashx')).status, 200);
        assert.equal(lab.mesh.pid(), pid);
    });

    test('MeshCentral goes on while a validation waits', async () => {
        slow.delay(1000);
        try {
            const waiting = lab.mesh.get('/?token=' + token, HTML);
            let answered = 0;
            const done = waiting.then(() => 'done');
            while (await Promise.race([done, lab.mesh.get('/health.ashx').then(() => 'health')]) !== 'done') { answered++; }
            assert.ok(answered > 3, 'only ' + answered + ' other requests were answered meanwhile');
        } finally { slow.delay(0); }
    });

    test('a sidecar that does not answer in time is an outage, not a verdict', async () => {
        slow.delay(5000);
        try { assert.equal((await lab.mesh.get('/?token=' + token, HTML)).status, 503); } finally { slow.delay(0); }
        await until(async () => (await lab.mesh.get('/?token=' + token, HTML)).status === 200, 20000, 'sign-in works again');
    });

    test('an agent download that carries a bad token is refused, whatever else its query says', async () => {
        for (const target of ['/meshagents?id=6&meshaction=generic&token=garbage', '/meshagents?script=1&token=garbage', '/MESHAGENTS?meshaction=generic&token=garbage', '/LOGIN?token=garbage', '/login/?token=garbage']) {
            assert.equal((await lab.mesh.get(target)).status, 401, target);
        }
    });

    test('public routes are untouched, with a bad token too', async () => {
        const meshId = (await lab.ask.validate(token)).tenant.deviceGroupId.split('/')[2];
        for (const target of ['/health.ashx', '/MeshServerRootCert.cer', '/scripts/common-0.0.1.js', '/favicon.ico', '/terms', '/meshsettings?id=' + encodeURIComponent(meshId), '/meshagents?id=6']) {
            const plain = await lab.mesh.get(target);
            assert.equal(plain.status, 200, target);
            if (/^\/(meshsettings|meshagents)/.test(target)) { continue; } // these may ask for a person: a token that is there decides
            const withToken = await lab.mesh.get(target + (target.includes('?') ? '&' : '?') + 'token=garbage');
            assert.equal(withToken.status, 200, target);
        }
    });

    test('agents connect and reconnect, and an agent that came back works', async () => {
        const agent = lab.agents['acme-frontdesk'];
        await agent.restart();
        await until(async () => (await nodesOfAdmin(lab)).some((node) => node._id === agent.nodeId && node.conn === 1), 60000, 'the agent is back');
        await deviceAnswers(lab, agent.nodeId);
        const control = openSocket(lab.mesh.url, '/control.ashx?token=' + token);
        await until(async () => (await listNodes(control)).some((node) => node._id === agent.nodeId && Object.keys(node.links || {}).some((id) => id.startsWith('ugrp/'))), 20000, 'its document has the link that the page needs');
        const relay = await openTerminal(lab.mesh, control, agent.nodeId, 'token=' + token);
        assert.equal(await runIn(relay, 'echo again-$((1+1))', /again-\d+/), 'again-2');
        relay.close();
        control.close();
    });

    test('password login works as before, and MeshCentral\'s own second factor is not taken for a token', async () => {
        const socket = openSocket(lab.mesh.url, '/control.ashx', { headers: passwordHeader('admin', lab.secrets.admin) });
        assert.equal((await socket.next((m) => m.action === 'userinfo')).userinfo._id, 'user//admin');
        socket.close();
        const byUrl = openSocket(lab.mesh.url, '/control.ashx?user=admin&pass=' + encodeURIComponent(lab.secrets.admin) + '&token=123456');
        assert.equal((await byUrl.next((m) => m.action === 'userinfo')).userinfo._id, 'user//admin');
        byUrl.close();
        const { get } = require('../lab/meshcentral');
        const form = 'action=login&username=admin&password=' + encodeURIComponent(lab.secrets.admin);
        const login = await get(lab.mesh.url + '/login', { ...HTML, 'content-type': 'application/x-www-form-urlencoded' }, { method: 'POST', body: form });
        const cookie = (login.headers['set-cookie'] || []).map((value) => value.split(';')[0]).join('; ');
        assert.doesNotMatch((await lab.mesh.get('/', { cookie })).body, /id=loginpanel/);
    });

    test('MeshCentral lived through all of it', () => assert.ok(!/UnhandledPromise|TypeError|ReferenceError/.test(lab.mesh.output())));
});
