'use strict';
// The engine of the policy, on a small policy of its own; the real one is data of the sidecar and tested there and end to end.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { compile, meets } = require('../lib/policy/table');
const { judgeFrame, MAX_BYTES } = require('../lib/policy/frames');
const { judgeRequest } = require('../lib/policy/requests');
const { both, union } = require('../lib/rights');

const KEY = (c) => c.repeat(64);
const NODE = (c) => 'node//' + KEY(c);
const ME = 'user//tina@acme.example';
const CONTROL = { all: 8, none: 256 };
const VIEWER = 8 | 256 | 512 | 1024;

const field = (name, type, more = {}) => ({ name, type: 'FIELD_TYPE_' + type, required: false, values: [], max: 0, most: 0, ...more });
const must = (name, type, more = {}) => field(name, type, { required: true, ...more });
const rule = (action, fields, more = {}) => ({ action, fields, need: null, siteAdmin: false, ...more });
const TABLE = compile({
    version: 'v1', reviewedVersions: [], tunnels: [{ protocol: 1, kind: 'terminal', need: { all: 8, none: 256 | 512 } }, { protocol: 2, kind: 'desktop', need: { all: 8, none: 0 } }],
    frames: [
        rule('ping', []), rule('getsysinfo', [must('nodeid', 'DEVICE')]),
        rule('events', [field('limit', 'INTEGER', { max: 1000 })]), rule('events', [must('nodeid', 'DEVICE'), field('limit', 'INTEGER')]), rule('events', [must('user', 'SELF')]),
        rule('wake', [must('nodeids', 'DEVICES', { most: 3 })], { need: { all: 64, none: 0 } }),
        rule('msg', [must('type', 'STRING', { values: ['ps'] }), must('nodeid', 'DEVICE'), field('tag', 'TAG')], { need: CONTROL }),
        rule('msg', [must('type', 'STRING', { values: ['tunnel'] }), must('nodeid', 'DEVICE'), must('value', 'TUNNEL')], { need: { all: 8, none: 0 } }),
        rule('users', [], { siteAdmin: true }), rule('names', [must('list', 'STRINGS', { max: 4, most: 2 }), field('deep', 'BOOLEAN'), field('mode', 'INTEGER', { values: ['1', '2'] })]),
        rule('future', [must('x', 'NEWER')])
    ],
    requests: [
        { path: '', methods: ['GET'], arguments: [field('viewmode', 'INTEGER'), field('gotonode', 'STRING')], need: null },
        { path: 'meshrelay.ashx', methods: ['WS'], arguments: [must('p', 'PROTOCOL'), must('nodeid', 'DEVICE'), must('id', 'RELAY_ID')], need: null },
        { path: 'meshrelay.ashx', methods: ['WS'], arguments: [must('id', 'CHAT_ID')], need: { all: 16384, none: 0 } },
        { path: 'devicefile.ashx', methods: ['GET'], arguments: [must('c', 'COOKIE'), must('n', 'DEVICE_KEY'), must('f', 'STRING')], need: CONTROL },
        { path: 'batch', methods: ['POST'], arguments: [], need: CONTROL, needEverywhere: true },
        { path: 'pages/*', methods: ['GET'], arguments: [], need: null, siteAdmin: true }
    ]
});

function person(masks = { [NODE('a')]: 8 | 64 | 16384 }, more = {}) {
    return { id: ME, domain: '', domainUrl: '/', siteAdmin: false, maskOf: (node) => masks[node] || 0, everyDevice: () => Object.values(masks),
        ownsCookie: (cookie) => cookie === 'mine', ownsRelayCookie: (cookie) => cookie === 'myrelay@$', ...more };
}
const send = (frame, who = person()) => judgeFrame(TABLE, typeof frame === 'string' ? frame : Buffer.from(JSON.stringify(frame)), who);
const ok = (frame, who) => { const verdict = send(frame, who); assert.equal(verdict.reason, undefined, JSON.stringify(verdict)); return JSON.parse(verdict.text); };
const TUNNEL = `*/meshrelay.ashx?p=1&nodeid=${NODE('a')}&id=abc1&rauth=myrelay@$`;

test('frames that the policy knows go on, built anew', () => {
    assert.deepEqual(ok({ action: 'ping', responseid: 'r1' }), { action: 'ping', responseid: 'r1' });
    assert.deepEqual(ok({ action: 'events', limit: 5 }), { action: 'events', limit: 5 });
    assert.deepEqual(ok({ action: 'events', nodeid: NODE('a') }), { action: 'events', nodeid: NODE('a') });
    assert.deepEqual(ok({ action: 'wake', nodeids: [NODE('a'), NODE('a')] }).nodeids.length, 2);
    assert.deepEqual(ok({ action: 'msg', type: 'ps', nodeid: NODE('a'), tag: null }).type, 'ps');
    assert.deepEqual(ok({ action: 'names', list: ['a', 'abcd'], deep: true, mode: 2 }).mode, 2);
    assert.deepEqual(ok({ action: 'users' }, person({}, { siteAdmin: true })), { action: 'users' });
    const dropped = send({ action: 'ping', colour: 'red', '__proto__x': 1 });
    assert.deepEqual(JSON.parse(dropped.text), { action: 'ping' });
    assert.deepEqual(dropped.dropped, ['colour', '__proto__x']);
});

test('each frame that does not fit is refused with its reason', () => {
    const cases = [
        ['{', 'FRAME_MALFORMED'], ['null', 'FRAME_MALFORMED'], ['[]', 'FRAME_MALFORMED'], ['5', 'FRAME_MALFORMED'], ['{"action":5}', 'FRAME_MALFORMED'], ['"x"', 'FRAME_MALFORMED'], ['', 'FRAME_MALFORMED'],
        [JSON.stringify({ action: 'ping', x: 'x'.repeat(MAX_BYTES) }), 'FRAME_MALFORMED'],
        [{ action: 'createmesh' }, 'FRAME_UNKNOWN'], [{ action: 'constructor' }, 'FRAME_UNKNOWN'], [{ action: '__proto__' }, 'FRAME_UNKNOWN'],
        [{ action: 'ping', responseid: { a: 1 } }, 'FRAME_FIELD'], [{ action: 'ping', responseid: 'x'.repeat(129) }, 'FRAME_FIELD'],
        [{ action: 'getsysinfo' }, 'FRAME_FIELD'], [{ action: 'getsysinfo', nodeid: 5 }, 'FRAME_FIELD'], [{ action: 'getsysinfo', nodeid: [NODE('a')] }, 'FRAME_FIELD'], [{ action: 'getsysinfo', nodeid: NODE('a').slice(1) }, 'FRAME_FIELD'],
        [{ action: 'getsysinfo', nodeid: NODE('b') }, 'DEVICE_DENIED'], [{ action: 'getsysinfo', nodeid: 'node/other/' + KEY('a') }, 'DEVICE_DENIED'],
        [{ action: 'events', nodeid: NODE('b'), limit: 5 }, 'DEVICE_DENIED'], [{ action: 'events', nodeid: 5 }, 'FRAME_FIELD'], [{ action: 'events', limit: -1 }, 'FRAME_FIELD'], [{ action: 'events', limit: 1001 }, 'FRAME_FIELD'],
        [{ action: 'events', limit: '5' }, 'FRAME_FIELD'], [{ action: 'events', user: 'user//bob' }, 'RIGHT_MISSING'], [{ action: 'events', nodeid: NODE('a'), user: ME }, 'FRAME_FIELD'],
        [{ action: 'wake', nodeids: NODE('a') }, 'FRAME_FIELD'], [{ action: 'wake', nodeids: [NODE('a'), NODE('b')] }, 'DEVICE_DENIED'], [{ action: 'wake', nodeids: Array(4).fill(NODE('a')) }, 'FRAME_FIELD'],
        [{ action: 'msg', type: 'pskill', nodeid: NODE('a') }, 'FRAME_FIELD'], [{ action: 'msg', type: 'ps', nodeid: NODE('a'), value: TUNNEL }, 'FRAME_FIELD'], [{ action: 'msg', type: 'ps', nodeid: NODE('a'), tag: {} }, 'FRAME_FIELD'],
        [{ action: 'users' }, 'RIGHT_MISSING'], [{ action: 'names', list: ['abcde'] }, 'FRAME_FIELD'], [{ action: 'names', list: ['a\ud800'] }, 'FRAME_FIELD'], [{ action: 'msg', type: 'ps', nodeid: NODE('a'), tag: '\udfff' }, 'FRAME_FIELD'], [{ action: 'names', list: ['a', 'b', 'c'] }, 'FRAME_FIELD'], [{ action: 'names', list: 'ab' }, 'FRAME_FIELD'],
        [{ action: 'names', list: [], mode: 3 }, 'FRAME_FIELD'], [{ action: 'msg', nodeid: NODE('a'), type: { toString: 1 } }, 'FRAME_FIELD'], [{ action: 'names', list: [], mode: { toString: 1, valueOf: 1 } }, 'FRAME_FIELD'], [{ action: 'names', list: [], deep: 1 }, 'FRAME_FIELD'], [{ action: 'future', x: 1 }, 'FRAME_FIELD']
    ];
    for (const [frame, reason] of cases) { assert.equal(send(frame).reason, reason, JSON.stringify(frame).slice(0, 200)); }
    assert.equal(send({ action: 'msg', type: 'ps', nodeid: NODE('a') }, person({ [NODE('a')]: VIEWER })).reason, 'RIGHT_MISSING');
    assert.equal(judgeFrame(null, '{"action":"ping"}', person()).reason, 'POLICY_MISSING');
});

test('a tunnel\'s target is rebuilt from its parts: own server, own device, one kind, one name, own cookie', () => {
    const frame = (value, nodeid = NODE('a')) => ({ action: 'msg', type: 'tunnel', nodeid, value });
    assert.equal(ok(frame(TUNNEL)).value, TUNNEL);
    assert.equal(ok(frame(TUNNEL + '&tcpaddr=10.0.0.1&tcpport=22')).value, TUNNEL, 'what it has no use for is left out');
    assert.equal(ok(frame('*/meshrelay.ashx?rauth=myrelay%40%24&id=abc1&p=1')).value, TUNNEL);
    for (const value of ['//evil.example/meshrelay.ashx?p=1&id=a&rauth=myrelay@$', TUNNEL.replace('*', 'wss://evil'), TUNNEL.replace('*/', '*/x/'), TUNNEL.replace('p=1', 'p=5'), TUNNEL.replace('p=1', 'p=1x'), TUNNEL.replace('p=1', 'p=1&p=2'),
        TUNNEL.replace('abc1', 'a/b'), TUNNEL.replace('abc1', ''), TUNNEL.replace(NODE('a'), NODE('b')), TUNNEL.replace('&id=abc1', ''), TUNNEL + '&%', 5, null, {}, TUNNEL + '&x=' + 'x'.repeat(3000)]) {
        assert.equal(send(frame(value)).reason, 'TUNNEL_INVALID', String(value));
    }
    assert.equal(send(frame(TUNNEL.replace('myrelay@$', 'theirs'))).reason, 'SESSION_ENDED');
    const lenient = person(undefined, { ownsRelayCookie: (cookie) => cookie.split('=')[0] === 'myrelay@$' }); // as a base64 decoder is
    assert.equal(ok(frame(TUNNEL + '=='), lenient).value, TUNNEL + '==');
    for (const tail of ['=#@evil.example', '=%26tcpport%3D22', '==%26p%3D5', '=a', '===', '%0a']) { assert.equal(send(frame(TUNNEL + tail), lenient).reason, 'SESSION_ENDED', tail); }
    assert.equal(send(frame(TUNNEL), person({ [NODE('a')]: VIEWER })).reason, 'RIGHT_MISSING');
    assert.equal(send(frame(TUNNEL.replace('p=1', 'p=2')), person({ [NODE('a')]: VIEWER })).reason, undefined);
});

test('requests: known paths with a query built anew, all else refused', () => {
    const ask = (method, path, query, who = person()) => judgeRequest(TABLE, method, path, query, who);
    assert.deepEqual(ask('GET', '', { viewmode: '12', gotonode: 'x', evil: '1' }), { query: { viewmode: '12', gotonode: 'x' }, dropped: ['evil'], needs: [{ all: 0, none: 0 }], node: undefined, protocol: undefined, cookies: [] });
    assert.equal(ask('HEAD', '', {}).reason, undefined);
    const relay = ask('WS', 'meshrelay.ashx', { p: '1', nodeid: NODE('a'), id: 'abc', tcpport: '22' });
    assert.deepEqual([relay.node, relay.protocol, relay.query.tcpport, relay.query.p], [NODE('a'), 1, undefined, '1']);
    assert.equal(ask('WS', 'meshrelay.ashx', { id: 'meshmessenger/' + NODE('a') + '/' + ME }).node, NODE('a'));
    assert.deepEqual(ask('GET', 'devicefile.ashx', { c: 'mine', n: KEY('a'), f: '/etc/hosts' }).cookies, ['mine']);
    for (const [method, path, query, reason, who] of [
        ['POST', '', {}, 'REQUEST_UNKNOWN'], ['PUT', '', {}, 'REQUEST_UNKNOWN'], ['GET', 'backup.zip', {}, 'REQUEST_UNKNOWN'], ['GET', '', { viewmode: 'x' }, 'REQUEST_UNKNOWN'], ['GET', '', { viewmode: ['1', '2'] }, 'REQUEST_UNKNOWN'],
        ['GET', '', { gotonode: { a: '1' } }, 'REQUEST_UNKNOWN'], ['GET', '', { viewmode: '1e3' }, 'REQUEST_UNKNOWN'],
        ['WS', 'meshrelay.ashx', { p: '7', nodeid: NODE('a'), id: 'a' }, 'TUNNEL_INVALID'], ['WS', 'meshrelay.ashx', { nodeid: NODE('a'), id: 'a' }, 'REQUEST_UNKNOWN'], ['WS', 'meshrelay.ashx', { p: '1', nodeid: NODE('b'), id: 'a' }, 'DEVICE_DENIED'],
        ['WS', 'meshrelay.ashx', { id: 'meshmessenger/' + NODE('a') + '/user//bob' }, 'TUNNEL_INVALID'], ['WS', 'meshrelay.ashx', { id: 'meshmessenger/' + NODE('b') + '/' + ME }, 'DEVICE_DENIED'],
        ['WS', 'meshrelay.ashx', { id: 'meshmessenger/' + NODE('a') + '/' + ME }, 'RIGHT_MISSING', person({ [NODE('a')]: VIEWER })],
        ['GET', 'devicefile.ashx', { c: 'theirs', n: KEY('a'), f: 'x' }, 'SESSION_ENDED'], ['GET', 'devicefile.ashx', { c: 'mine', n: KEY('b'), f: 'x' }, 'DEVICE_DENIED'], ['GET', 'devicefile.ashx', { c: 'mine', n: '../x', f: 'x' }, 'REQUEST_UNKNOWN'],
        ['GET', 'devicefile.ashx', { c: 'mine', n: KEY('a'), f: 'x' }, 'RIGHT_MISSING', person({ [NODE('a')]: VIEWER })],
        ['POST', 'batch', {}, 'RIGHT_MISSING', person({ [NODE('a')]: 8, [NODE('b')]: VIEWER })], ['POST', 'batch', {}, 'DEVICE_DENIED', person({})], ['GET', 'pages/x', {}, 'RIGHT_MISSING']]) {
        assert.equal(ask(method, path, query, who || person()).reason, reason, [method, path, JSON.stringify(query)].join(' ').slice(0, 200));
    }
    assert.equal(ask('GET', 'pages/x', {}, person({}, { siteAdmin: true })).reason, undefined);
    assert.equal(judgeRequest(null, 'GET', '', {}, person()).reason, 'POLICY_MISSING');
});

test('masks: a need, the sum of two, what two have in common', () => {
    assert.ok(meets(8, { all: 8, none: 256 }));
    for (const [mask, need] of [[0, { all: 0, none: 0 }], [VIEWER, { all: 8, none: 256 }], [64, { all: 8, none: 0 }]]) { assert.ok(!meets(mask, need), String(mask)); }
    assert.equal(union(VIEWER, 0), VIEWER);
    assert.equal(union(VIEWER, 8 | 64), 8 | 64, 'a grant raises a viewer');
    assert.equal(union(VIEWER, 8 | 512), 8 | 512);
    assert.equal(both(8 | 64, VIEWER), VIEWER);
    assert.equal(both(8, 0), 0);
});

test('twenty thousand random and mutated frames: never a throw, never a device that is not hers, never an unknown field', () => {
    let state = 20261122;
    const random = (n) => { state = (Math.imul(state, 1103515245) + 12345) >>> 0; return Math.floor(state / 4294967296 * n); };
    const seeds = ['{"action":"ping"}', JSON.stringify({ action: 'msg', type: 'tunnel', nodeid: NODE('a'), value: TUNNEL }), JSON.stringify({ action: 'events', nodeid: NODE('b'), limit: 5 }), JSON.stringify({ action: 'wake', nodeids: [NODE('a'), NODE('b')] })];
    const odd = ['null', '{}', '[]', '-1', '1e999', '"x"', 'true', '""', '"\\u0000"', '{"a":{"b":[]}}', '{"toString":1}', JSON.stringify(NODE('b')), JSON.stringify(NODE('a'))];
    let passed = 0;
    for (let i = 0; i < 20000; i++) {
        let text = seeds[random(seeds.length)];
        for (let n = random(4); n > 0; n--) {
            const at = random(text.length);
            text = [() => text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1), () => text.slice(0, at) + text.slice(at + random(9)), () => text.replace(/:("[^"]*"|\d+|\[[^\]]*\])/, ':' + odd[random(odd.length)]),
                () => text.replace('{', '{"' + ['nodeid', 'x', 'limit', 'type'][random(4)] + '":' + odd[random(odd.length)] + ',')][random(4)]();
        }
        const verdict = send(text);
        if (verdict.reason !== undefined) { continue; }
        passed++;
        assert.ok(!verdict.text.includes(NODE('b')), text);
        const known = new Set(['action', 'responseid', ...TABLE.frames.get(JSON.parse(verdict.text).action).flatMap((one) => [...one.fields.keys()])]);
        for (const name of Object.keys(JSON.parse(verdict.text))) { assert.ok(known.has(name), text); }
    }
    assert.ok(passed > 1000, 'only ' + passed + ' got as far as passing');
});
