'use strict';
// The fork tool on MeshCentral as npm publishes it.

const { test, describe } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { VERSIONS, copyOf, runHere: run, snapshot, read, write } = require('./fork.helper.js');
const { HOOKS } = require('../lib/fork/hooks.js');
const { hookLines, verifyHooks } = require('../lib/fork/markers.js');

const names = HOOKS.map((hook) => hook.name);

/** The lines that are in `after` and not in `before`, which must otherwise be the same. */
function added(before, after) {
    const old = before.split(/(?<=\n)/);
    const lines = [];
    let at = 0;
    for (const line of after.split(/(?<=\n)/)) {
        if (line === old[at]) at++;
        else lines.push(line);
    }
    assert.equal(at, old.length, 'every old line is still there, in order');
    return lines;
}

for (const version of VERSIONS) {
    describe(`MeshCentral ${version}`, () => {
        test('apply, check, apply again, revert: five lines, then the same bytes', (t) => {
            const dir = copyOf(t, version);
            fs.chmodSync(path.join(dir, 'webserver.js'), 0o640);
            const before = snapshot(dir);
            const texts = Object.fromEntries(['meshcentral.js', 'webserver.js'].map((name) => [name, read(dir, name)]));

            assert.equal(run('check', dir).code, 0, 'check foresees success');
            assert.equal(run('check', '--applied', dir).code, 1, 'and --applied does not take that for an answer');
            assert.deepEqual(snapshot(dir), before, 'check writes nothing');

            const applied = run('apply', dir);
            assert.equal(applied.code, 0, applied.err);
            assert.match(applied.out, /npm install/);
            const lines = Object.keys(texts).flatMap((name) => added(texts[name], read(dir, name)));
            assert.deepEqual(lines.map((line) => line.trim()).sort(), hookLines().map((hook) => hook.line).sort());
            for (const line of lines) assert.match(line, /^ +if \(.*\} \/\/ meshsso:[a-z]+\r\n$/, 'one line, indented, CRLF as its file');
            for (const name of Object.keys(texts)) {
                assert.doesNotMatch(read(dir, name), /[^\r]\n/, `${name} is CRLF throughout`);
                execFileSync(process.execPath, ['--check', path.join(dir, name)]);
            }
            assert.equal(fs.statSync(path.join(dir, 'webserver.js')).mode & 0o777, 0o640, 'the mode is kept');
            assert.deepEqual(verifyHooks(dir).problems, []);

            const check = run('check', dir, '--json');
            assert.equal(check.code, 0);
            assert.equal(check.json.state, 'applied');
            assert.deepEqual(check.json.hooks.map((hook) => [hook.name, hook.state]), names.map((name) => [name, 'in place']));
            assert.match(check.json.notes.join(), /is not installed/);

            const once = snapshot(dir);
            const again = run('apply', dir);
            assert.equal(again.code, 0);
            assert.match(again.out, /nothing changed/);
            assert.deepEqual(snapshot(dir), once);

            const status = run('status', dir, '--json').json;
            assert.deepEqual([status.version, status.state, status.tested], [version, 'applied', true]);

            const reverted = run('revert', dir);
            assert.equal(reverted.code, 0, reverted.err);
            assert.match(reverted.out, /byte for byte/);
            assert.deepEqual(snapshot(dir), before);
            assert.match(run('revert', dir).out, /nothing changed/);
        });

        test('with LF instead of CRLF', (t) => {
            const dir = copyOf(t, version, (_, text) => text.replace(/\r\n/g, '\n'));
            const before = snapshot(dir);
            assert.equal(run('apply', dir).code, 0);
            for (const name of ['meshcentral.js', 'webserver.js', 'package.json']) assert.ok(!read(dir, name).includes('\r'));
            assert.equal(run('check', dir).code, 0);
            assert.equal(run('revert', dir).code, 0);
            assert.deepEqual(snapshot(dir), before);
        });

        test('each place is where it should be, seen with other eyes than the tool', (t) => {
            const dir = copyOf(t, version);
            run('apply', dir);
            const web = read(dir, 'webserver.js').split('\r\n');
            const after = (marker) => web[web.findIndex((line) => line.endsWith(marker)) - 1].trim();
            assert.match(after('meshsso:root'), /^function handleRootRequest\(.*\{$/);
            assert.match(after('meshsso:meshaction'), /^\} else if \(.*\.meshaction != null\) \{$/);
            assert.match(after('meshsso:websocket'), /^function PerformWSSessionAuth\(.*\{$/);
            const http = web.findIndex((line) => line.endsWith('meshsso:http'));
            const session = web.findIndex((line) => line.includes('obj.app.use(') && line.includes('essionOptions'));
            const route = web.findIndex((line) => line.includes('obj.app.get(url, handleRootRequest)'));
            assert.ok(session > 0 && session < http && http < route, 'http comes after the session and before the first page');
            const routesBefore = web.slice(session, http).filter((line) => /obj\.app\.(get|post|ws)\((?!'\/\*')[^)]*,/.test(line));
            assert.deepEqual(routesBefore, [], 'no route of the main app comes before it');
        });
    });
}

describe('a shape that is not the known one is refused, by name, and nothing is written', () => {
    const everywhere = (text, from, to) => {
        assert.ok(text.includes(from), `the test's own mutation finds ${from}`);
        return text.split(from).join(to);
    };
    const twice = (text, shape) => `${text}\n${shape}\n`;
    const web = (change) => (name, text) => (name === 'webserver.js' ? change(text) : text);
    const main = (change) => (name, text) => (name === 'meshcentral.js' ? change(text) : text);

    const mutations = [
        ['init', 'gone', main((text) => everywhere(text, '.CreateWebServer(obj', '.CreateAnotherServer(obj')), /init hook has 0 places/],
        ['init', 'twice', main((text) => twice(text, "{ const obj = {}; obj.webserver = require('./webserver.js').CreateWebServer(obj); }")), /init hook has 2 places/],
        ['init', 'without a block', main((text) => everywhere(text, 'obj.webserver = require(', 'if (true) obj.webserver = require(')), /init hook .*stands in no block/],
        ['root', 'renamed', web((text) => everywhere(text, 'handleRootRequest(', 'handleFrontRequest(')), /root hook has 0 places/],
        ['root', 'twice', web((text) => twice(text, 'function handleRootRequest(req, res, direct) {\n  return;\n}')), /root hook .*not inside CreateWebServer/],
        ['root', 'with fewer parameters', web((text) => everywhere(text, 'function handleRootRequest(req, res, direct)', 'function handleRootRequest(req, res)')), /root hook .*takes 2 parameters/],
        ['root', 'with destructured parameters', web((text) => everywhere(text, 'function handleRootRequest(req,', 'function handleRootRequest({ req },')), /root hook .*not a plain name/],
        ['root', 'with a body on the same line', web((text) => everywhere(text, 'function handleRootRequest(req, res, direct) {', 'function handleRootRequest(req, res, direct) { var one = 1;')), /root hook .*leaves no room/],
        ['root', 'with a parent of its own', web((text) => everywhere(text, 'function handleRootRequest(req, res, direct) {', 'function handleRootRequest(req, res, direct) {\n var parent = null;')), /root hook .*declares its own parent/],
        ['meshaction', 'gone', web((text) => everywhere(text, 'if (req.query.meshaction != null)', 'if (req.query.meshAction != null)')), /meshaction hook has 0 places/],
        ['meshaction', 'twice', web((text) => everywhere(text, '} else if (req.query.meshaction != null) {', '} else if (req.query.meshaction != null) {\n} else if (req.query.meshaction != null) {')), /meshaction hook .*no statement/],
        ['meshaction', 'twice, both filled', web((text) => everywhere(text, '} else if (req.query.meshaction != null) {', '} else if (req.query.meshaction != null) {\n res.end();\n} else if (req.query.meshaction != null) {')), /meshaction hook has 2 places/],
        ['meshaction', 'in another function', web((text) => everywhere(text, 'obj.handleMeshAgentRequest = function', 'obj.handleAgentRequest = function')), /meshaction hook has 0 places/],
        ['http', 'renamed', web((text) => everywhere(text, 'function setupHTTPHandlers(', 'function setupHandlers(')), /http hook .*security middleware would come too late/],
        ['http', 'twice', web((text) => everywhere(text, 'function setupHTTPHandlers() {', 'function setupHTTPHandlers() {\n return;\n }\n function setupHTTPHandlers() {')), /http hook has 2 places/],
        ['websocket', 'renamed', web((text) => everywhere(text, 'function PerformWSSessionAuth(', 'function PerformSocketAuth(')), /websocket hook has 0 places/],
        ['websocket', 'twice', web((text) => everywhere(text, 'function PerformWSSessionAuth(ws, req, noAuthOk, func) {', 'function PerformWSSessionAuth(ws, req, noAuthOk, func) {\n return;\n }\n function PerformWSSessionAuth(ws, req, noAuthOk, func) {')), /websocket hook has 2 places/],
        ['all of webserver.js', 'not JavaScript', web((text) => `${text}\n)`), /root hook .*cannot? be parsed|root hook .*not JavaScript/],
        ['all of webserver.js', 'with CreateWebServer renamed', web((text) => everywhere(text, 'exports.CreateWebServer', 'exports.MakeWebServer')), /websocket hook .*CreateWebServer is assigned a function 0 times/],
    ];
    for (const [hook, how, change, reason] of mutations) {
        test(`${hook}: ${how}`, (t) => {
            const dir = copyOf(t, '1.1.55', change);
            const before = snapshot(dir);
            const refused = run('apply', dir, '--allow-version');
            assert.equal(refused.code, 1);
            assert.match(refused.err, reason);
            assert.deepEqual(snapshot(dir), before);
        });
    }

    test('0.7.99 without its route loop: http is named with its syntactic reason', (t) => {
        const dir = copyOf(t, '0.7.99', web((text) => everywhere(text, ', handleRootRequest)', ', handleOtherRequest)')));
        const refused = run('apply', dir);
        assert.equal(refused.code, 1);
        assert.match(refused.err, /http hook has 0 places/);
        assert.doesNotMatch(refused.err, /(root|meshaction|websocket|init) hook/);
    });
});

describe('real parameter names are taken from the place', () => {
    test('a fork that renamed them', (t) => {
        const dir = copyOf(t, '1.1.55', (name, text) =>
            name === 'webserver.js' ? text.replace('function handleRootRequest(req, res, direct) {', 'function handleRootRequest(request, response, straight) { const [req, res, direct] = [request, response, straight];').replace('straight) { const', 'straight) {\r\n const') : text);
        assert.equal(run('apply', dir).code, 0);
        assert.match(read(dir, 'webserver.js'), /jwtAuth\.root\(obj, request, response, \(\) => handleRootRequest\(request, response, straight\)\)/);
    });
});

describe('versions', () => {
    const other = (name, text) => (name === 'package.json' ? text.replace('"version": "1.1.55"', '"version": "1.1.54"') : text);
    test('an untested one is refused', (t) => {
        const dir = copyOf(t, '1.1.55', other);
        const before = snapshot(dir);
        const refused = run('apply', dir);
        assert.equal(refused.code, 1);
        assert.match(refused.err, /1\.1\.54 was not tested \(tested: 0\.7\.99, 1\.1\.51, 1\.1\.55\).*--allow-version/);
        assert.deepEqual(snapshot(dir), before);
    });
    test('unless asked for, and then says so', (t) => {
        const dir = copyOf(t, '1.1.55', other);
        const before = snapshot(dir);
        assert.match(run('apply', dir, '--allow-version').out, /1\.1\.54 \(not a tested version\)/);
        assert.equal(run('check', dir).code, 0, 'what is in place needs no permission');
        assert.equal(run('revert', dir).code, 0);
        assert.deepEqual(snapshot(dir), before);
    });
});

describe('a tree that is neither applied nor clean', () => {
    const lines = (text) => text.split(/(?<=\n)/);
    const cases = {
        'one line deleted': [(text) => lines(text).filter((line) => !line.includes('meshsso:root')).join(''), 'root', 'missing'],
        'one line changed': [(text) => text.replace('jwtAuth.websocket(obj, ws, req, noAuthOk,', 'jwtAuth.websocket(obj, ws, req, true,'), 'websocket', 'altered'],
        'one line commented out': [(text) => text.replace('if (parent.jwtAuth) { parent.jwtAuth.http', '// if (parent.jwtAuth) { parent.jwtAuth.http'), 'http', 'altered'],
        'one line twice': [(text) => lines(text).flatMap((line) => (line.includes('meshsso:root') ? [line, line] : [line])).join(''), 'root', 'duplicated'],
        'one line moved': [(text) => { const all = lines(text); const i = all.findIndex((line) => line.includes('meshsso:root')); const [line] = all.splice(i, 1); all.splice(i + 3, 0, line); return all.join(''); }, 'root', 'moved'],
        'other line ending': [(text) => text.replace('// meshsso:root\r\n', '// meshsso:root\n'), null, 'altered'],
        'other indentation': [(text) => text.replace(/ {8}(if \(parent\.jwtAuth && parent\.jwtAuth\.root)/, '\t$1'), null, 'altered'],
    };
    for (const [what, [change, hook, state]] of Object.entries(cases)) {
        test(what, (t) => {
            const dir = copyOf(t, '1.1.55');
            const clean = snapshot(dir);
            run('apply', dir);
            const applied = read(dir, 'webserver.js');
            write(dir, 'webserver.js', change(applied));
            assert.notEqual(read(dir, 'webserver.js'), applied);
            const edited = snapshot(dir);

            for (const command of ['apply', 'check']) {
                const refused = run(command, dir);
                assert.equal(refused.code, 1);
                assert.match(refused.out + refused.err, /meshsso-fork revert/);
            }
            const seen = run('status', dir, '--json').json;
            assert.equal(seen.state, 'altered');
            assert.ok(seen.hooks.some((each) => each.state === state && (hook === null || each.name === hook)), JSON.stringify(seen.hooks));
            assert.deepEqual(snapshot(dir), edited);

            const reverted = run('revert', dir, '--json').json;
            assert.ok(reverted.exact, 'only our own lines were touched, so revert gets back to the original');
            assert.deepEqual(snapshot(dir), clean);
            assert.equal(run('apply', dir).code, 0);
        });
    }

    test('only one of the two files applied', (t) => {
        const dir = copyOf(t, '1.1.55');
        const original = read(dir, 'webserver.js');
        run('apply', dir);
        write(dir, 'webserver.js', original);
        assert.match(run('apply', dir).err, /webserver\.js: the root hook .*no line/);
        assert.match(verifyHooks(dir).problems.join('\n'), /root hook is missing from webserver\.js/);
        assert.equal(run('revert', dir).code, 0);
        assert.equal(run('apply', dir).code, 0);
    });

    test('our line joined with other code is left to a person', (t) => {
        const dir = copyOf(t, '1.1.55');
        run('apply', dir);
        write(dir, 'webserver.js', read(dir, 'webserver.js').replace(/( +)(if \(parent\.jwtAuth && parent\.jwtAuth\.root)/, '$1extra(); $2'));
        const before = snapshot(dir);
        const refused = run('revert', dir);
        assert.equal(refused.code, 1);
        assert.match(refused.err, /webserver\.js:\d+ carries our marker beside other code/);
        assert.deepEqual(snapshot(dir), before);
    });

    test('revert after somebody changed the file elsewhere takes only our lines and says so', (t) => {
        const dir = copyOf(t, '1.1.55');
        const original = read(dir, 'webserver.js');
        run('apply', dir);
        write(dir, 'webserver.js', `${read(dir, 'webserver.js')}// mine\r\n`);
        assert.equal(run('check', dir).code, 0, 'a change elsewhere is none of our business');
        const reverted = run('revert', dir);
        assert.equal(reverted.code, 0);
        assert.match(reverted.out, /webserver\.js was changed by something else since apply/);
        assert.doesNotMatch(reverted.out, /; every file is byte for byte/);
        assert.equal(read(dir, 'webserver.js'), `${original}// mine\r\n`);
    });

    test('revert without the record takes the lines out and says what it cannot prove', (t) => {
        const dir = copyOf(t, '1.1.55');
        const original = read(dir, 'webserver.js');
        run('apply', dir);
        fs.rmSync(path.join(dir, '.meshsso-fork.json'));
        const reverted = run('revert', dir);
        assert.equal(reverted.code, 0);
        assert.match(reverted.out, /cannot be proved/);
        assert.equal(read(dir, 'webserver.js'), original);
    });
});
