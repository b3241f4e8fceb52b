'use strict';
// The guards on sockets, what becomes of refusals, and the parts that a MeshCentral must have.
const assert = require('node:assert/strict');
const { EventEmitter } = require('node:events');
const { mock, test } = require('node:test');
const { CreateJWTAuth } = require('..');
const { answerRights } = require('../lib/rights');
const { createRefusals } = require('../lib/refusals');
const { guardControl } = require('../lib/guard/control');
const { guardRelay, isLooking } = require('../lib/guard/relay');

const ME = 'user//tina@acme.example';
const NODE = 'node//' + 'a'.repeat(64);
const VIEWER = 8 | 256 | 512 | 1024;

function stage({ mask = 8, live = true, handlers = {} } = {}) {
    const session = { userId: ME, key: 'k' };
    const seen = [];
    const parts = {
        people: { has: (id) => id === ME, isPrincipal: () => false, sessionMask: () => mask, isPool: () => false, isSiteAdmin: () => false, sessionMasks: () => [mask] }, sessions: { find: (key, id) => (live && key === 'k' && id === ME ? session : null) },
        live: { add: (entry) => { seen.push(entry.kind); return () => { }; } }, refusals: { note: (...args) => seen.push(args.slice(0, 3).join(' ')) }, policy: { table: () => null }, log: { fault: (text) => seen.push(text) },
        cookies: { during: (who, action) => action() }
    };
    const webserver = { meshUserHandler: { CreateMeshUser: handlers.user || (() => 'made') }, meshRelayHandler: { CreateMeshRelay: (...args) => args } };
    guardControl(webserver, parts);
    guardRelay(webserver, parts);
    const ws = Object.assign(new EventEmitter(), { ended: false, terminate() { ws.ended = true; }, send: (text) => seen.push(text) });
    const got = [];
    return { webserver, parts, ws, seen, got, req: { session: { userid: ME, x: 'k' }, query: { id: 'r' }, meshssoRelay: { node: NODE, protocol: 2, needs: [] } }, user: { _id: ME } };
}

function relay(mask, protocol = 2) {
    const s = stage({ mask });
    s.req.meshssoRelay.protocol = protocol;
    s.webserver.meshRelayHandler.CreateMeshRelay(null, s.ws, s.req, { id: '' }, s.user, { tcpport: 22 });
    s.ws.on('message', (data) => s.got.push(data));
    return s;
}

const command = (type, size = 4) => { const bytes = Buffer.alloc(size); bytes.writeUInt16BE(type, 0); bytes.writeUInt16BE(size, 2); return bytes; };

test('whoever has left while MeshCentral sets the control channel up gets none, and it goes on', () => {
    const drawn = [];
    const crypto = { randomBytes: (size, done) => (done ? drawn.push(() => done(null, Buffer.alloc(size))) : Buffer.alloc(size)) };
    for (const left of [false, true]) {
        const s = stage({ handlers: { user(parent, db, ws, req, args, domain, user) {
            s.got.push(s.webserver.crypto.randomBytes(2).length);
            s.webserver.crypto.randomBytes(20, (err, bytes) => s.got.push(s.webserver.users[user._id].pastlogin, bytes.length));
        } } });
        Object.assign(s.webserver, { crypto, users: { [ME]: { pastlogin: 7 } } });
        s.webserver.meshUserHandler.CreateMeshUser(null, null, s.ws, s.req, null, { id: '' }, s.user);
        assert.equal(s.webserver.crypto, crypto);
        if (left) { delete s.webserver.users[ME]; s.parts.people.has = () => false; }
        drawn.pop()();
        assert.deepEqual([s.got, s.ws.ended], left ? [[2], true] : [[2, 7, 20], false]);
    }
});

test('a tunnel is what it was let in as: the device hears no other kind, and no detour', () => {
    const s = relay(8);
    assert.equal(s.seen[0], 'tunnel');
    s.ws.emit('message', '{"type":"options","cols":80,"file":"/etc/shadow"}');
    s.ws.emit('message', '{"ctrlChannel":"102938","type":"rtt"}');
    s.ws.emit('message', '2');
    s.ws.emit('message', command(1, 6));
    s.ws.emit('message', '{"ctrlChannel":"102938","type":"offer","sdp":"x"}');
    s.ws.emit('message', '{"ctrlChannel":102938,"type":"webrtc1"}');
    s.ws.emit('message', 'text');
    assert.deepEqual(s.got.map(String), ['{"type":"options","cols":80}', '{"ctrlChannel":"102938","type":"rtt"}', '2', String(command(1, 6)), 'text']);
    assert.deepEqual(s.seen.slice(1), ['relay webrtc TUNNEL_INVALID', 'relay webrtc TUNNEL_INVALID']);
    for (const early of ['1', '10', Buffer.from([1]), 'x', '[]', 'null', '{"type":"x"}']) {
        const other = relay(8);
        other.ws.emit('message', early);
        assert.deepEqual([other.got, other.ws.ended], [[], true], String(early));
    }
});

test('who may only look sends nothing but looks', () => {
    const s = relay(VIEWER);
    s.ws.emit('message', '{"ctrlChannel":"102938","type":"options","autolock":true,"file":"/x","desktop":{}}');
    s.ws.emit('message', '2');
    for (const input of [command(1, 6), command(2, 10), command(85, 7), Buffer.concat([command(6), command(1, 6)]), Buffer.concat([command(6), Buffer.from([0])]), Buffer.from([0, 6, 0, 0]), Buffer.from([0, 6, 0, 9]), 'text', '{"ctrlChannel":"102938","type":"lock"}']) { s.ws.emit('message', input); }
    s.ws.emit('message', Buffer.concat([command(6), command(8, 5)]));
    assert.deepEqual(s.got.map(String), ['{"ctrlChannel":"102938","type":"options","desktop":{}}', '2', String(Buffer.concat([command(6), command(8, 5)]))]);
    assert.ok(s.seen.slice(1).every((text) => text === 'relay input RIGHT_MISSING') && s.seen.length === 10);
    assert.equal(isLooking(Buffer.alloc(0)), true);
});

test('a socket that no hook has let in is nobody\'s, and others are MeshCentral\'s business', () => {
    for (const change of [(s) => { delete s.req.meshssoRelay; }, (s) => { s.req.session.x = 'other'; }, (s) => { s.req.session = null; }]) {
        const s = stage();
        change(s);
        assert.equal(s.webserver.meshRelayHandler.CreateMeshRelay(null, s.ws, s.req, { id: '' }, s.user, null), undefined);
        assert.deepEqual([s.ws.ended, s.seen], [true, ['relay meshrelay.ashx SESSION_ENDED']]);
    }
    const dead = stage({ live: false });
    assert.equal(dead.webserver.meshUserHandler.CreateMeshUser(null, null, dead.ws, dead.req, null, { id: '' }, dead.user), undefined);
    assert.equal(dead.ws.ended, true);
    const other = stage();
    const cookie = { tcpport: 22 };
    assert.equal(other.webserver.meshRelayHandler.CreateMeshRelay(null, other.ws, {}, {}, { _id: 'user//admin' }, cookie).at(-1), cookie);
    assert.equal(other.webserver.meshRelayHandler.CreateMeshRelay(null, other.ws, {}, {}, null, cookie).at(-1), cookie);
    assert.equal(other.webserver.meshUserHandler.CreateMeshUser(null, null, other.ws, {}, null, {}, { _id: 'user//admin' }), 'made');
    assert.equal(stage().webserver.meshRelayHandler.CreateMeshRelay(null, other.ws, other.req, {}, other.user, cookie).at(-1), null, 'what a cookie says of routes is dropped');
});

test('without a policy no frame passes, and whoever waits for an answer gets one', () => {
    const s = stage();
    s.webserver.meshUserHandler.CreateMeshUser(null, null, s.ws, s.req, null, { id: '' }, s.user);
    s.ws.on('message', (data) => s.got.push(data));
    s.ws.emit('message', Buffer.from('{"action":"ping","responseid":"r"}'));
    assert.deepEqual([s.got, s.seen], [[], ['control', 'control  POLICY_MISSING']]);
    s.parts.policy.table = () => ({ frames: new Map(), tunnels: new Map() });
    s.ws.emit('message', Buffer.from('{"action":"ping","responseid":"r"}'));
    assert.deepEqual(JSON.parse(s.seen.at(-1)), { action: 'ping', responseid: 'r', result: 'Access denied' });
});

test('a frame or message that cannot be judged is refused and does not end the server', () => {
    const s = stage();
    s.webserver.meshUserHandler.CreateMeshUser(null, null, s.ws, s.req, null, { id: '' }, s.user);
    s.ws.on('message', (data) => s.got.push(data));
    s.parts.policy.table = () => { throw new TypeError('of ours'); };
    s.ws.emit('message', Buffer.from('{"action":"ping"}'));
    assert.deepEqual([s.got, s.ws.ended], [[], false]);
    assert.ok(s.seen.includes('control  INTERNAL') && s.seen.some((text) => /of ours/.test(text)), String(s.seen));
    const odd = relay(VIEWER);
    odd.ws.emit('message', '{"ctrlChannel":{"toString":1},"type":"options"}');
    odd.ws.emit('message', '2');
    odd.ws.emit('message', '{"ctrlChannel":{"toString":1},"type":"lock"}');
    assert.deepEqual(odd.got.map((text) => (text === '2' ? text : JSON.parse(text).type)), ['options', '2']);
    odd.parts.people.sessionMask = () => { throw new TypeError('of ours'); };
    odd.ws.emit('message', command(1));
    assert.deepEqual([odd.got.length, odd.ws.ended, odd.seen.at(-1)], [2, true, 'relay fault INTERNAL']);
});

test('an exception behind a frame or a right does not end the server', () => {
    const faults = [];
    const s = stage();
    s.webserver.meshUserHandler.CreateMeshUser(null, null, s.ws, s.req, null, { id: '' }, s.user);
    s.parts.policy.table = () => ({ frames: new Map([['ping', [{ fields: new Map(), required: [], need: { all: 0, none: 0 } }]]]), tunnels: new Map() });
    s.ws.on('message', () => { throw new TypeError('of MeshCentral'); });
    s.ws.emit('message', Buffer.from('{"action":"ping"}'));
    assert.match(s.seen.at(-1), /of MeshCentral/);
    const webserver = { GetNodeRights: () => 99, GetNodeWithRights: (domain, user, nodeid, func) => func({ _id: nodeid }, 99, true) };
    answerRights(webserver, (id) => id === ME, (id, node) => (node === NODE ? VIEWER : 0), (text) => faults.push(text));
    webserver.GetNodeWithRights({ id: '' }, { _id: ME }, NODE, () => { throw new TypeError('of MeshCentral'); });
    assert.equal(faults.length, 1);
    const answers = [];
    for (const id of ['node//x', 5, null, ['node//x'], {}]) { webserver.GetNodeWithRights({ id: '' }, ME, id, (...args) => answers.push(args)); }
    assert.deepEqual(answers, Array(5).fill([null, 0, false]));
    webserver.GetNodeWithRights({ id: '' }, ME, NODE, (node, rights, visible) => assert.deepEqual([node._id, rights, visible], [NODE, VIEWER, true]));
    assert.equal(webserver.GetNodeRights({ _id: ME }, 'mesh//x', 'node//y'), 0);
    assert.equal(webserver.GetNodeRights({ _id: 'user//admin' }, 'mesh//x', 'node//y'), 99);
});

test('refusals: said once a kind, counted all, kept while the sidecar is away, bounded whoever invents names', async (t) => {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.after(() => mock.timers.reset());
    const said = [], reports = [];
    let away = true;
    const refusals = createRefusals({ log: { refused: (text) => said.push(text) }, report: async (list) => { if (away) { throw new Error('away'); } reports.push(list); } });
    for (let i = 0; i < 5; i++) { refusals.note('control', 'create mesh\n\x1b', 'FRAME_UNKNOWN', ME); }
    assert.deepEqual(said, ['FRAME_UNKNOWN: control create_mesh__ of ' + ME]);
    const turn = async () => { mock.timers.tick(2000); await new Promise(setImmediate); };
    await turn();
    refusals.note('control', 'create mesh\n\x1b', 'FRAME_UNKNOWN', ME);
    away = false;
    await turn();
    assert.deepEqual(reports, [[{ surface: 'control', kind: 'create_mesh__', reason: 'REASON_FRAME_UNKNOWN', userId: ME, count: 6 }]]);
    for (let i = 0; i < 5000; i++) { refusals.note('control', 'invented' + i, 'FRAME_UNKNOWN', ME); }
    await turn();
    assert.ok(reports[1].length <= 256 && said.length <= 502, said.length + ' lines');
    for (const reason of ['FRAME_MALFORMED', 'FRAME_MALFORMED', 'FRAME_UNKNOWN']) { refusals.note('control', 'late', reason, ME); }
    assert.deepEqual(said.slice(-2), ['FRAME_UNKNOWN: control other of ' + ME, 'FRAME_MALFORMED: control other of ' + ME]); // no reason goes unsaid
    assert.equal(reports[1].reduce((sum, { count }) => sum + count, 0), 5000);
    refusals.close();
});

test('a MeshCentral that lacks what the guards stand on gets no shim', () => {
    const parent = { args: { jwtauth: { address: 'unix:///nonexistent/auth.sock' } }, config: { settings: {} }, db: { Set() { }, SetUser() { } }, debug() { }, authLog() { }, encodeCookie() { }, decodeCookie() { } };
    const shim = CreateJWTAuth(parent);
    assert.throws(() => shim.http({ meshUserHandler: { CreateMeshUser() { } }, app: { use() { } } }), /lacks meshrelay.js CreateMeshRelay, meshagent.js CreateMeshAgent, GetNodeWithRights, GetNodeRights/);
    shim.close();
});
