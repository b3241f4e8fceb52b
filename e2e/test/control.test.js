'use strict';
// Session principals of a MeshCentral without MeshSSO, as two replicas make them through the service account; what outlives
// them: nothing. The pool's picture of who is online.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { get } = require('../lab/meshcentral');
const { until } = require('../lab/process');
const { buildReplica, startReplica } = require('../lab/replica');
const { listNodes, openSocket, passwordHeader } = require('../lab/sockets');
const { startStock } = require('../lab/stock');
const { openTerminal, runIn } = require('../lab/tunnel');

const TECHNICIAN = 8 | 64 | 128 | 16384 | 262144;
const VIEWER = 8 | 256 | 512 | 1024;
const RESTRICTED = 64 | 128 | 1024 | 4096;

describe('session principals on a stock MeshCentral', { timeout: 290000 }, () => {
    let lab, admin, replicas, one, two;

    before(async () => {
        await buildReplica();
        lab = await startStock({ accounts: [], devices: ['one', 'two'] });
        [one, two] = [lab.agents.one.nodeId, lab.agents.two.nodeId];
        admin = await adminSocket();
        const account = { username: 'admin', password: lab.secrets.admin };
        replicas = [await startReplica(path.join(lab.dir, 'a.log'), lab.mesh, account), await startReplica(path.join(lab.dir, 'b.log'), lab.mesh, account)];
    });
    after(async () => {
        for (const replica of replicas || []) { await replica.stop(); }
        if (lab) { await lab.stop(); }
    });

    async function adminSocket() {
        const socket = openSocket(lab.mesh.url, '/control.ashx', { headers: passwordHeader('admin', lab.secrets.admin) });
        await socket.next((m) => m.action === 'userinfo');
        return socket;
    }

    function makeSession(node = one, rights = TECHNICIAN) {
        return { ID: crypto.randomUUID(), Person: { Email: 'ann@acme.example', Name: 'Ann Technician' }, Agent: { NodeID: node }, Rights: rights };
    }
    const alive = (...sessions) => Promise.all(replicas.map((replica) => replica.ask('live', { ids: sessions.map((s) => s.ID) })));
    const identify = (session, replica = replicas[0], args = {}) => replica.ask('identify', { session, ...args });

    /** Every account whose name has the reserved shape. */
    async function principals() {
        const from = admin.messages.length;
        admin.send({ action: 'users', tag: 't' });
        const { users } = await admin.next((m) => m.action === 'users' && admin.messages.indexOf(m) >= from);
        return users.filter((user) => user.name.startsWith('`~s-'));
    }
    async function control(cookie) {
        const socket = openSocket(lab.mesh.url, '/control.ashx', { headers: { cookie } });
        await socket.next((m) => m.action === 'userinfo');
        return socket;
    }
    // What MeshCentral says first; it is slow to hang up.
    const refusal = async (target, headers) => {
        const socket = openSocket(lab.mesh.url, target, { headers });
        const said = await socket.next(() => true);
        socket.ws.terminate();
        return said;
    };

    test('the service account is checked', async () => {
        await replicas[0].ask('check');
        const wrong = await startReplica(path.join(lab.dir, 'wrong.log'), lab.mesh, { username: 'admin', password: 'not the password' });
        await assert.rejects(wrong.ask('check'), /does not accept our credentials/);
        assert.doesNotMatch(wrong.output(), /not the password/);
        await wrong.stop();

        admin.send({ action: 'adduser', username: 'nobody-special', pass: 'Lab1!' + lab.secrets.admin, responseid: 'few' });
        await admin.next((m) => m.responseid === 'few');
        const few = await startReplica(path.join(lab.dir, 'few.log'), lab.mesh, { username: 'nobody-special', password: 'Lab1!' + lab.secrets.admin });
        await assert.rejects(few.ask('check'), /too few rights: give the account the site right "manage users"/);
        await few.stop();
    });

    test('an account with one device and exactly the session\'s rights, which works', async () => {
        const session = makeSession();
        await alive(session);
        const { cookie, id } = await identify(session);
        const [account] = await principals();
        assert.equal(account._id, id);
        assert.equal(account.realname, 'Ann Technician');
        assert.equal(account.siteadmin, RESTRICTED);
        assert.equal(account.email, undefined);
        assert.deepEqual(account.links, { [one]: { rights: TECHNICIAN } });
        const page = await get(lab.mesh.url + '/', { cookie });
        assert.match(page.body, /authCookie = '/);
        const socket = await control(cookie);
        assert.deepEqual((await listNodes(socket)).map((node) => node._id), [one]);
        const terminal = await openTerminal(lab.mesh, socket, one, 'token=', { headers: { cookie } });
        await runIn(terminal, 'echo stock-$((4+4))', /stock-8/);
        terminal.close();
        socket.close();
        assert.equal((await identify(session)).cookie, cookie, 'another login for the same session');
    });

    test('lower rights arrive on the link, a stranger\'s device never', async () => {
        const session = makeSession();
        await alive(session);
        const { cookie } = await identify(session);
        await identify({ ...session, Rights: VIEWER }, replicas[1]);
        assert.deepEqual((await principals()).find((a) => a._id.includes(session.ID.replaceAll('-', ''))).links, { [one]: { rights: VIEWER } });
        const id = (await identify({ ...session, Rights: VIEWER })).id;
        admin.send({ action: 'adddeviceuser', nodeid: two, userids: [id], rights: 8, responseid: 'too many' });
        await admin.next((m) => m.responseid === 'too many');
        await identify({ ...session, Rights: VIEWER });
        assert.deepEqual((await principals()).find((a) => a._id === id).links, { [one]: { rights: VIEWER } });
        const socket = await control(cookie);
        assert.deepEqual((await listNodes(socket)).map((node) => node._id), [one]);
        socket.close();
        await assert.rejects(identify({ ...makeSession(), Rights: 8 | 4 }), /rights 12 on one device/);
    });

    test('two replicas that make the same session\'s account at once', async () => {
        const sessions = Array.from({ length: 5 }, () => makeSession());
        await alive(...sessions);
        const cookies = await Promise.all(sessions.flatMap((session) => [0, 1, 0, 1].map((n) => identify(session, replicas[n]))));
        for (const { cookie } of cookies) { assert.match((await get(lab.mesh.url + '/', { cookie })).body, /authCookie = '/); }
        const made = (await principals()).map((a) => a._id);
        for (const session of sessions) { assert.equal(made.filter((id) => id.includes(session.ID.replaceAll('-', ''))).length, 1); }
    });

    test('nothing outlives it: cookies, control sockets, login tokens', async () => {
        const session = makeSession();
        await alive(session);
        const { cookie, id } = await identify(session);
        const page = (await get(lab.mesh.url + '/', { cookie })).body;
        const auth = /authCookie = '([^']+)'/.exec(page)[1];
        const socket = await control(cookie);
        socket.send({ action: 'createLoginToken', name: 'stays', expire: 0 });
        const token = await socket.next((m) => m.action === 'createLoginToken');
        const download = async () => (await get(lab.mesh.url + '/devicefile.ashx?m=x&n=' + one.split('/')[2] + '&f=' + encodeURIComponent('/etc/hostname') + '&c=' + encodeURIComponent(auth))).status;
        assert.equal(await download(), 200);
        const works = openSocket(lab.mesh.url, '/control.ashx?auth=' + auth);
        await works.next((m) => m.action === 'userinfo');

        await replicas[1].ask('ended', { sessionId: session.ID });
        await Promise.all([socket.closed, works.closed]);
        assert.equal((await principals()).some((a) => a._id === id), false);
        assert.doesNotMatch((await get(lab.mesh.url + '/', { cookie })).body, /authCookie = '/);
        assert.equal((await refusal('/control.ashx', { cookie })).cause, 'noauth');
        assert.equal((await refusal('/control.ashx?auth=' + auth)).cause, 'noauth');
        assert.equal((await refusal('/control.ashx', passwordHeader(token.tokenUser, token.tokenPass))).cause, 'noauth');
        assert.notEqual(await download(), 200);
        const nodes = await listNodes(admin);
        assert.equal((nodes.find((n) => n._id === one).links || {})[id], undefined);
        await alive();
        await assert.rejects(identify(session), /the session has ended/);
        assert.equal((await principals()).some((a) => a._id === id), false, 'an ended session got an account again');
    });

    test('a session whose end nobody told is swept; a live one and other people\'s accounts stay', async () => {
        const [gone, kept] = [makeSession(), makeSession(two)];
        await alive(gone, kept);
        const [lost, stays] = [await identify(gone), await identify(kept)];
        admin.send({ action: 'adduser', username: '`~s-of-an-operator', pass: 'Lab1!' + lab.secrets.admin, responseid: 'op' });
        await admin.next((m) => m.responseid === 'op');
        await alive(kept);
        await replicas[1].ask('sweep');
        const left = (await principals()).map((a) => a._id);
        assert.deepEqual(left.sort(), ['user//`~s-of-an-operator', stays.id].sort());
        assert.equal((await refusal('/control.ashx', { cookie: lost.cookie })).cause, 'noauth');
    });

    test('the client\'s address goes with the login', async () => {
        const session = makeSession();
        await alive(session);
        const a = await identify(session, replicas[0], { forwarded: '198.51.100.7' });
        const b = await identify(session, replicas[0], { forwarded: '203.0.113.9' });
        assert.notEqual(a.cookie, b.cookie);
        assert.equal((await identify(session, replicas[0], { forwarded: '198.51.100.7' })).cookie, a.cookie);
    });

    test('online as MeshCentral sees it, and a change at once', async () => {
        const strange = 'node//' + 'A'.repeat(64);
        await replicas[0].ask('devices', { ids: [one, strange] });
        const online = () => replicas[0].ask('online', { tenant: 'acme' });
        assert.deepEqual(await online(), { [one]: true, [strange]: false }); // and not device two, which the account sees
        const session = makeSession();
        await alive(session);
        const { id } = await identify(session);
        const linkOfDevice = async () => ((await listNodes(admin)).find((n) => n._id === one).links || {})[id];
        assert.equal((await linkOfDevice()).rights, TECHNICIAN);
        await lab.agents.one.down();
        await until(async () => (await online())[one] === false, 10000, 'the device stays online');
        await lab.agents.one.up();
        await until(async () => (await online())[one] === true, 10000, 'the device stays offline');
        // An agent that is not installed comes back as a new document, without the link that the page looks at.
        await identify(session);
        assert.equal((await linkOfDevice()).rights, TECHNICIAN);
    });

    test('a device group is made once', async () => {
        const made = await Promise.all([1, 2].map(() => replicas[0].ask('group', { tenant: 'acme', name: 'Acme <b>' })));
        assert.match(made[0], /^mesh\/\/[A-Za-z0-9@$]{64}$/);
        assert.equal(made[0], made[1]);
        assert.equal(await replicas[0].ask('group', { tenant: 'acme', name: 'Acme' }), made[0]);
    });

    test('MeshCentral restarts: the session goes on, with another login', async () => {
        const session = makeSession(two);
        await alive(session);
        const first = await identify(session);
        await lab.mesh.stop();
        await assert.rejects(identify(session), /MeshCentral is not available/);
        await lab.mesh.start();
        const again = await until(() => identify(session).catch(() => null), 20000, 'no principal after a restart');
        assert.notEqual(again.cookie, first.cookie);
        assert.match((await get(lab.mesh.url + '/', { cookie: again.cookie })).body, /authCookie = '/);
        admin = await adminSocket();
        assert.deepEqual((await principals()).find((a) => a._id === again.id).links, { [two]: { rights: TECHNICIAN } });
    });
});

// The oldest version that is tested, set up as strictly as operators do.
describe('session principals where e-mails are names and passwords have rules', { timeout: 290000 }, () => {
    let lab, replica;
    before(async () => {
        await buildReplica();
        const domain = { userNameIsEmail: true, passwordRequirements: { min: 12, max: 32, upper: 1, lower: 1, numeric: 1, nonalpha: 1 } };
        lab = await startStock({ accounts: [], devices: ['one'], version: '1.1.51', domain });
        replica = await startReplica(path.join(lab.dir, 'a.log'), lab.mesh, { username: 'admin', password: lab.secrets.admin });
    });
    after(async () => {
        if (replica) { await replica.stop(); }
        if (lab) { await lab.stop(); }
    });

    test('an account is made, works and goes', async () => {
        const node = lab.agents.one.nodeId;
        const session = { ID: crypto.randomUUID(), Person: { Email: 'ann@acme.example', Name: 'Ann' }, Agent: { NodeID: node }, Rights: VIEWER };
        await replica.ask('live', { ids: [session.ID] });
        const { cookie } = await replica.ask('identify', { session });
        assert.match((await get(lab.mesh.url + '/', { cookie })).body, /authCookie = '/);
        const socket = openSocket(lab.mesh.url, '/control.ashx', { headers: { cookie } });
        assert.deepEqual((await listNodes(socket)).map((n) => n._id), [node]);
        await replica.ask('ended', { sessionId: session.ID });
        await socket.closed;
        assert.doesNotMatch((await get(lab.mesh.url + '/', { cookie })).body, /authCookie = '/);
    });
});
