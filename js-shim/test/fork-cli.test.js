'use strict';
// The fork tool as a program: words, exit codes, folders that are not MeshCentral's, and writes that fail half way.

const { test, describe } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const { ROOT, MINIATURE, temporary, miniature, run, runHere, snapshot, read, write } = require('./fork.helper.js');
const { HOOKS } = require('../lib/fork/hooks.js');
const { hookLines, verifyHooks } = require('../lib/fork/markers.js');
const own = require('../package.json');

describe('words and exit codes', () => {
    test('--help teaches and exits with 0', () => {
        for (const word of ['--help', '-h', 'help']) {
            const help = run(word);
            assert.equal(help.code, 0);
            assert.equal(help.err, '');
            for (const needed of ['apply', 'check', 'revert', 'status', '--shim', '--allow-version', '--dry-run', '--json', '--install', 'file:', 'npm', 'exit codes', '1.1.55', ...HOOKS.map((hook) => hook.name)]) {
                assert.ok(help.out.includes(needed), `--help says ${needed}`);
            }
            assert.ok(help.out.split('\n').every((line) => line.length <= 160), 'and fits a terminal');
        }
        assert.equal(run('apply', '/nowhere', '--help').code, 0);
        assert.equal(run('--version').out.trim(), own.version);
    });

    for (const [what, words, reason] of [
        ['nothing', [], /apply, check, revert or status/],
        ['an unknown command', ['install', '.'], /no command "install"/],
        ['a name of Object.prototype', ['constructor', '.'], /no command/],
        ['no folder', ['apply'], /needs MeshCentral's folder/],
        ['two folders', ['apply', 'a', 'b'], /one folder at a time/],
        ['an unknown option', ['apply', '.', '--force'], /--force/],
        ['an option of another command', ['revert', '.', '--shim', '^1'], /revert has no option --shim/],
        ['an option without its value', ['apply', '.', '--shim'], /--shim/],
    ]) {
        test(`${what} is wrong usage`, () => {
            const refused = run(...words);
            assert.equal(refused.code, 2);
            assert.match(refused.err, reason);
            assert.match(refused.err, /--help/);
            assert.equal(refused.out, '');
        });
    }

    test('--json is one object on standard output, also when refused', (t) => {
        const dir = miniature(t);
        for (const [command, code] of [['status', 0], ['check', 0], ['apply', 0], ['apply', 0], ['revert', 0]]) {
            const done = run(command, dir, '--json');
            assert.equal(done.code, code, done.err);
            assert.equal(done.json.command, command);
        }
        const refused = run('apply', '/nowhere', '--json');
        assert.equal(refused.code, 1);
        assert.equal(refused.json.ok, false);
        assert.match(refused.json.problems[0], /does not exist/);
    });

    test('--dry-run tells and writes nothing', (t) => {
        const dir = miniature(t);
        const before = snapshot(dir);
        assert.match(run('apply', dir, '--dry-run', '--install').out, /would put the hooks in place/);
        assert.deepEqual(snapshot(dir), before);
        run('apply', dir);
        const applied = snapshot(dir);
        assert.match(run('revert', dir, '--dry-run').out, /would take 5 lines out/);
        assert.deepEqual(snapshot(dir), applied);
    });
});

test('status looks for settings.jwtAuth where MeshCentral keeps its config.json, in any case of letters', (t) => {
    const dir = miniature(t);
    const said = () => runHere('status', dir, '--json').json.jwtAuth;
    assert.deepEqual(said(), { config: null, set: null });
    const data = path.join(path.dirname(dir), 'meshcentral-data');
    fs.mkdirSync(data);
    for (const [text, set] of [['{"settings":{"JWTauth":{}}}', true], ['{"Settings":{"jwtAuth":true}}', true], ['{"settings":{"_jwtAuth":true}}', false], ['{"settings":{"jwtAuth":false}}', false], ['{}', false], ['{', null]]) {
        write(data, 'config.json', text);
        assert.deepEqual(said(), { config: path.join(data, 'config.json'), set }, text);
    }
    assert.match(runHere('status', dir).out, /config\.json could not be read/);
});

describe('the lines do what they say', () => {
    /** Loads the patched miniature with a shim that records. */
    function load(t, { taken }) {
        const dir = miniature(t);
        assert.equal(runHere('apply', dir).code, 0);
        fs.mkdirSync(path.join(dir, 'node_modules', 'meshsso-shim'), { recursive: true });
        write(dir, 'node_modules/meshsso-shim/index.js', `exports.start = (mesh) => {
      const calls = [];
      const hook = (name) => (...given) => { calls.push([name, ...given]); return ${taken}; };
      return { calls, mesh, root: hook('root'), meshaction: hook('meshaction'), http: hook('http'), websocket: hook('websocket') };
    };`);
        return require(path.join(dir, 'meshcentral.js'));
    }
    const ask = (obj) => {
        obj.app = { get: (...given) => obj.seen.push(['get', ...given]) };
        obj.setup();
        obj.root('req', 'res', true);
        obj.handleMeshAgentRequest({ query: { meshaction: 'x' } }, 'res');
        obj.handleMeshAgentRequest({ query: { id: '1' } }, 'res');
        obj.socket('ws', 'req', true, 'func');
    };

    test('a hook that takes the request ends it; its last argument starts over', (t) => {
        const mesh = load(t, { taken: true }).start({ jwtauth: true });
        ask(mesh.webserver);
        const { calls } = mesh.jwtAuth;
        assert.equal(mesh.jwtAuth.mesh, mesh);
        assert.deepEqual(calls.map((call) => call[0]), ['http', 'root', 'meshaction', 'websocket']);
        for (const call of calls) assert.equal(call[1], mesh.webserver);
        assert.deepEqual(calls[1].slice(2, 4), ['req', 'res']);
        assert.deepEqual(calls[3].slice(2, 5), ['ws', 'req', true]);
        assert.deepEqual(mesh.webserver.seen.map((each) => each[0]), ['get', 'id'], 'MeshCentral itself did nothing but what is not ours');
        calls[1].at(-1)();
        calls[2].at(-1)();
        calls[3].at(-1)();
        assert.deepEqual(calls.map((call) => call[0]), ['http', 'root', 'meshaction', 'websocket', 'root', 'meshaction', 'websocket'], 'with the same arguments');
        assert.deepEqual(calls[6].slice(1, 5), calls[3].slice(1, 5));
    });

    test('a hook that does not leaves everything as it was', (t) => {
        const mesh = load(t, { taken: false }).start({ jwtauth: true });
        ask(mesh.webserver);
        assert.deepEqual(mesh.webserver.seen.map((each) => each[0]), ['get', 'root', 'meshaction', 'id', 'websocket']);
    });

    test('without settings.jwtAuth nothing is loaded', (t) => {
        const mesh = load(t, { taken: true }).start({});
        ask(mesh.webserver);
        assert.equal(mesh.jwtAuth, undefined);
        assert.deepEqual(mesh.webserver.seen.map((each) => each[0]), ['get', 'root', 'meshaction', 'id', 'websocket']);
    });

    test('with it and a shim that cannot be loaded, MeshCentral does not start', (t) => {
        const dir = miniature(t);
        runHere('apply', dir);
        assert.throws(() => require(path.join(dir, 'meshcentral.js')).start({ jwtauth: true }), /Cannot find module 'meshsso-shim'/);
    });
});

describe('what the running shim checks by itself', () => {
    test('hookLines: five lines with plain names', () => {
        assert.deepEqual(hookLines().map((hook) => hook.name), ['init', 'root', 'meshaction', 'http', 'websocket']);
        assert.equal(hookLines()[3].line, 'if (parent.jwtAuth) { parent.jwtAuth.http(obj); } // meshsso:http');
    });

    test('verifyHooks: each exactly once and alive', (t) => {
        const dir = miniature(t);
        assert.equal(verifyHooks(dir).ok, false);
        assert.equal(verifyHooks(dir).problems.length, 5);
        runHere('apply', dir);
        assert.deepEqual(verifyHooks(dir), { ok: true, problems: [], hooks: HOOKS.map(({ name, file }) => ({ name, file, count: 1 })) });
        const whole = read(dir, 'webserver.js');
        const root = /^.*meshsso:root\n/m.exec(whole)[0];
        for (const [what, text, reason] of [
            ['gone', whole.replace(root, ''), /the root hook is missing from webserver\.js/],
            ['twice', whole.replace(root, root + root), /the root hook is in webserver\.js 2 times/],
            ['commented out', whole.replace(root, `// ${root.trim()}\n`), /the root hook in webserver\.js was altered and calls nothing/],
            ['emptied', whole.replace(root, ' // meshsso:root\n'), /was altered and calls nothing/],
        ]) {
            write(dir, 'webserver.js', text);
            assert.match(verifyHooks(dir).problems.join(), reason, what);
        }
        fs.rmSync(path.join(dir, 'webserver.js'));
        assert.match(verifyHooks(dir).problems.join(), /webserver\.js cannot be read \(ENOENT\)/);
        assert.match(verifyHooks('/nowhere').problems.join(), /meshcentral\.js cannot be read/);
    });

    test('it needs no package', () => {
        const code = `require(${JSON.stringify(path.join(ROOT, 'lib', 'fork', 'markers.js'))}); console.log(Object.keys(require.cache).length)`;
        const { execFileSync } = require('child_process');
        assert.equal(execFileSync(process.execPath, ['-e', code], { encoding: 'utf8' }).trim(), '2', 'itself and hooks.js');
    });
});

describe('folders', () => {
    const refuse = (dir, reason) => {
        for (const command of ['apply', 'check', 'revert', 'status']) {
            const refused = runHere(command, dir);
            assert.equal(refused.code, 1, command);
            assert.match(refused.err, reason);
        }
    };
    test('not there', () => refuse('/nowhere/at/all', /does not exist/));
    test('a file', () => refuse(__filename, /is not a folder|does not exist/));
    test('an empty one', (t) => refuse(temporary(t), /not a MeshCentral folder: it has no package\.json/));
    test('no webserver.js', (t) => refuse(miniature(t, { 'webserver.js': null }), /it has no webserver\.js/));
    test('another package, or a fork under its own name', (t) => {
        const dir = miniature(t, { 'package.json': '{"name":"express","version":"1.1.55"}' });
        const before = snapshot(dir);
        for (const command of ['apply', 'check']) {
            const refused = runHere(command, dir);
            assert.equal(refused.code, 1);
            assert.match(refused.err + refused.out, /names "express", not "meshcentral".*--allow-version/);
        }
        assert.deepEqual(snapshot(dir), before);
        assert.equal(runHere('apply', dir, '--allow-version').code, 0);
        assert.equal(runHere('revert', dir).code, 0);
        assert.deepEqual(snapshot(dir), before);
    });
    test('no version', (t) => refuse(miniature(t, { 'package.json': '{"name":"meshcentral"}' }), /no version/));
    test('a package.json that is not JSON', (t) => refuse(miniature(t, { 'package.json': '{' }), /is not JSON/));
    test('not UTF-8', (t) => {
        const dir = miniature(t);
        fs.appendFileSync(path.join(dir, 'webserver.js'), Buffer.from([0x2f, 0x2f, 0xff, 0x0a]));
        refuse(dir, /webserver\.js is not UTF-8/);
    });
    test('webserver.js is a folder', (t) => {
        const dir = miniature(t, { 'webserver.js': null });
        fs.mkdirSync(path.join(dir, 'webserver.js'));
        refuse(dir, /webserver\.js cannot be read \(EISDIR\)/);
    });
    test('a link that leads outside', (t) => {
        const dir = miniature(t);
        const outside = path.join(temporary(t), 'webserver.js');
        fs.renameSync(path.join(dir, 'webserver.js'), outside);
        fs.symlinkSync(outside, path.join(dir, 'webserver.js'));
        refuse(dir, /is a link to .*outside of/);
    });
    test('a link that leads nowhere', (t) => {
        const dir = miniature(t, { 'webserver.js': null });
        fs.symlinkSync('gone.js', path.join(dir, 'webserver.js'));
        refuse(dir, /leads nowhere/);
    });
    test('a link inside the folder is followed and stays a link', (t) => {
        const dir = miniature(t);
        fs.renameSync(path.join(dir, 'webserver.js'), path.join(dir, 'web.real.js'));
        fs.symlinkSync('web.real.js', path.join(dir, 'webserver.js'));
        const before = snapshot(dir);
        assert.equal(runHere('apply', dir).code, 0);
        assert.ok(fs.lstatSync(path.join(dir, 'webserver.js')).isSymbolicLink());
        assert.match(read(dir, 'web.real.js'), /meshsso:root/);
        assert.equal(runHere('revert', dir).code, 0);
        assert.deepEqual(snapshot(dir), before);
    });
    test('the folder itself may be a link', (t) => {
        const dir = miniature(t);
        const link = path.join(temporary(t), 'link');
        fs.symlinkSync(dir, link);
        assert.equal(runHere('apply', link).code, 0);
        assert.equal(runHere('check', dir).json, undefined);
        assert.ok(verifyHooks(dir).ok);
    });
    test('a hard link elsewhere (as pnpm makes) keeps its content', (t) => {
        const dir = miniature(t);
        const store = path.join(temporary(t), 'store.js');
        fs.linkSync(path.join(dir, 'webserver.js'), store);
        runHere('apply', dir);
        assert.equal(fs.readFileSync(store, 'utf8'), MINIATURE['webserver.js']);
    });
    test('not writable by this user', (t) => {
        const dir = miniature(t);
        const tool = path.join(temporary(t), 'tool');
        const options = { tool: path.join(tool, 'bin', 'meshsso-fork') };
        for (const part of ['bin', 'lib/fork', 'package.json', 'node_modules/acorn']) fs.cpSync(path.join(ROOT, part), path.join(tool, part), { recursive: true, dereference: true });
        if (process.getuid?.() === 0) Object.assign(options, { uid: 65534, gid: 65534, cwd: '/' });
        for (const each of [path.dirname(dir), path.dirname(tool)]) fs.chmodSync(each, 0o755);
        fs.chmodSync(dir, 0o555);
        const before = snapshot(dir);
        const [refused, looked] = ['apply', 'check'].map((command) => run(command, dir, options));
        const after = snapshot(dir);
        fs.chmodSync(dir, 0o755);
        assert.equal(refused.code, 1, refused.out + refused.err);
        assert.match(refused.err, /not writable by this user/);
        assert.deepEqual(after, before);
        assert.equal(looked.code, 0, 'looking is allowed');
    });
    test('a record that is not ours', (t) => {
        const dir = miniature(t);
        runHere('apply', dir);
        write(dir, '.meshsso-fork.json', '{"format":99}');
        assert.match(runHere('revert', dir).err, /not written by this version/);
        write(dir, '.meshsso-fork.json', '{');
        assert.match(runHere('revert', dir).err, /is not JSON/);
    });
});

describe('--shim', () => {
    const spec = (dir) => JSON.parse(read(dir, 'package.json')).dependencies['meshsso-shim'];
    test('by default this package', (t) => {
        const dir = miniature(t);
        runHere('apply', dir);
        assert.equal(spec(dir), `file:${ROOT}`);
    });
    test('by default its own version when it lies in a node_modules folder', (t) => {
        const dir = miniature(t);
        const place = path.join(temporary(t), 'node_modules', 'meshsso-shim');
        for (const part of ['bin', 'lib/fork', 'package.json', 'node_modules/acorn']) fs.cpSync(path.join(ROOT, part), path.join(place, part), { recursive: true, dereference: true });
        assert.equal(run('apply', dir, { tool: path.join(place, 'bin', 'meshsso-fork') }).code, 0);
        assert.equal(spec(dir), `^${own.version}`);
    });
    test('a version as it is, a path made absolute', (t) => {
        const dir = miniature(t);
        runHere('apply', dir, '--shim', '~1.2.3');
        assert.equal(spec(dir), '~1.2.3');
        runHere('apply', dir, '--shim', path.relative(process.cwd(), ROOT).replace(/^(?!\.)/, './'));
        assert.equal(spec(dir), `file:${ROOT}`);
        runHere('apply', dir);
        assert.equal(spec(dir), `file:${ROOT}`, 'no --shim keeps what is there');
        assert.equal(runHere('revert', dir).code, 0);
        assert.equal(read(dir, 'package.json'), MINIATURE['package.json'], 'through two specs back to the original');
    });
    test('a path that is not the shim is refused', (t) => {
        const dir = miniature(t);
        assert.match(runHere('apply', dir, '--shim', '/nowhere').err, /there is no \/nowhere/);
        assert.match(runHere('apply', dir, '--shim', dir).err, /is the package "meshcentral"/);
        assert.match(runHere('apply', dir, '--shim', '').err, /--shim is empty/);
        assert.equal(read(dir, 'package.json'), MINIATURE['package.json']);
    });
    test('one that the operator listed before stays after revert', (t) => {
        const dir = miniature(t, { 'package.json': MINIATURE['package.json'].replace('"ws"', '"meshsso-shim": "^9",\n    "ws"') });
        const before = snapshot(dir);
        assert.equal(runHere('apply', dir).code, 0);
        assert.equal(spec(dir), '^9');
        assert.match(runHere('revert', dir).out, /which apply did not put there; it stays/);
        assert.deepEqual(snapshot(dir), before);
    });
    test('package.json rewritten in the meantime loses our key only', (t) => {
        const dir = miniature(t);
        runHere('apply', dir);
        const json = JSON.parse(read(dir, 'package.json'));
        json.dependencies.added = '1.0.0';
        write(dir, 'package.json', `${JSON.stringify(json, null, 2)}\n`);
        assert.match(runHere('revert', dir).out, /package\.json was rewritten by something else/);
        assert.deepEqual(JSON.parse(read(dir, 'package.json')).dependencies, { ws: '1.0.0', added: '1.0.0' });
    });
});

test('a file with both kinds of line endings gets the one of the neighbouring line', (t) => {
    const mixed = MINIATURE['webserver.js'].replace(/(direct\) \{|func\) \{)\n/g, '$1\r\n');
    const dir = miniature(t, { 'webserver.js': mixed });
    assert.equal(runHere('apply', dir).code, 0);
    const lines = read(dir, 'webserver.js').split(/(?<=\n)/).filter((line) => line.includes('meshsso:'));
    assert.deepEqual(lines.map((line) => [/meshsso:(\w+)/.exec(line)[1], line.endsWith('\r\n')]), [['root', true], ['meshaction', false], ['http', false], ['websocket', true]]);
    assert.equal(runHere('revert', dir).code, 0);
    assert.equal(read(dir, 'webserver.js'), mixed);
});

describe('a run that is killed half way', () => {
    const killer = `const fs = require('fs'); let left = Number(process.env.KILL_AT);
    const real = fs.renameSync; fs.renameSync = (...given) => { if (--left === 0) process.kill(process.pid, 'SIGKILL'); return real(...given); };`;
    for (const command of ['apply', 'revert']) {
        for (const [after, at] of [['nothing', 1], ['one file', 2], ['two', 3], ['three', 4]]) {
            test(`${command}, after ${after}`, (t) => {
                const dir = miniature(t);
                const original = snapshot(dir);
                const preload = path.join(temporary(t), 'killer.js');
                fs.writeFileSync(preload, killer);
                if (command === 'revert') runHere('apply', dir);
                run(command, dir, { node: ['--require', preload], env: { ...process.env, KILL_AT: String(at) } });
                if (read(dir, 'webserver.js').includes('meshsso:') && command === 'apply') assert.match(read(dir, 'meshcentral.js'), /meshsso:init/, 'never hooks without the one that loads the shim');
                // Whatever is there, one revert (twice does no harm) leads back, and apply leads on.
                for (const again of ['revert', 'revert']) assert.equal(runHere(again, dir).code, 0);
                assert.deepEqual(snapshot(dir), original);
                assert.equal(runHere('apply', dir).code, 0);
                assert.ok(verifyHooks(dir).ok);
            });
        }
    }
    test('apply killed before the sources, then applied again, still reverts package.json', (t) => {
        const dir = miniature(t);
        const original = snapshot(dir);
        const preload = path.join(temporary(t), 'killer.js');
        fs.writeFileSync(preload, killer);
        run('apply', dir, { node: ['--require', preload], env: { ...process.env, KILL_AT: '3' } });
        assert.match(read(dir, 'package.json'), /meshsso-shim/);
        assert.equal(runHere('check', dir).code, 0);
        assert.equal(runHere('apply', dir).code, 0);
        assert.match(runHere('revert', dir).out, /byte for byte/);
        assert.deepEqual(snapshot(dir), original);
    });
});

describe('a write that fails leaves the tree as it was', () => {
    // A preloaded module makes the n-th call of one fs function fail, as a full or broken disk would.
    const saboteur = `const fs = require('fs'); const name = process.env.BREAK; let left = Number(process.env.BREAK_AT);
    const real = fs[name]; fs[name] = function (...given) { if ((name !== 'openSync' || given[1] === 'wx') && --left === 0) { throw Object.assign(new Error('EIO: broken by the test, ' + name), { code: 'EIO' }); } return real.apply(fs, given); };`;
    for (const command of ['apply', 'revert']) {
        for (const name of ['renameSync', 'fsyncSync', 'openSync', 'unlinkSync']) {
            test(`${command}, ${name}`, (t) => {
                const dir = miniature(t);
                const preload = path.join(temporary(t), 'saboteur.js');
                fs.writeFileSync(preload, saboteur);
                if (command === 'revert') runHere('apply', dir);
                const before = snapshot(dir);
                let failures = 0;
                for (let at = 1; at < 12; at++) {
                    const done = run(command, dir, { node: ['--require', preload], env: { ...process.env, BREAK: name, BREAK_AT: String(at) } });
                    if (done.code === 0) break;
                    failures++;
                    assert.equal(done.code, 1);
                    assert.match(done.err, /broken by the test[^]*nothing was changed/);
                    assert.deepEqual(snapshot(dir), before, `failure ${at} of ${name}`);
                }
                const expected = { apply: { renameSync: 4, fsyncSync: 4, openSync: 4, unlinkSync: 0 }, revert: { renameSync: 3, fsyncSync: 3, openSync: 3, unlinkSync: 1 } }[command][name];
                assert.equal(failures, expected, 'every write was made to fail once');
                assert.equal(verifyHooks(dir).ok, command === 'apply', 'and in the end it worked');
            });
        }
    }
});
