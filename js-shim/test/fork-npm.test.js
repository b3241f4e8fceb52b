'use strict';
// Does the shim survive npm? With the real MeshCentral, installed by npm, and the command that MeshCentral itself runs
// at start when a module is missing.

const { test, before } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');
const { execFileSync } = require('child_process');
const { ROOT, CACHE, MINIATURE, miniature, temporary, run, snapshot, read } = require('./fork.helper.js');

const VERSION = '1.1.55';
const SOURCES = ['webserver.js', 'meshcentral.js', 'package.json'];
// What MeshCentral runs, with some small package for the module that is missing.
const STARTUP = ['install', '--save-exact', '--no-audit', '--no-optional', '--omit=optional', 'is-number@7.0.0'];

const npm = (cwd, ...args) => execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const installed = path.join(CACHE, 'meshcentral-install', VERSION);

/** A folder with MeshCentral installed by npm, as hard links to the cached one (npm and this tool replace files, so the
 *  cache stays as it is; what npm rewrites in place is copied). */
function host() {
    const dir = fs.mkdtempSync(path.join(CACHE, 'host-'));
    execFileSync('cp', ['-al', `${installed}/.`, dir]);
    for (const name of ['package.json', 'package-lock.json', 'node_modules/.package-lock.json']) {
        fs.rmSync(path.join(dir, name));
        fs.copyFileSync(path.join(installed, name), path.join(dir, name));
    }
    return dir;
}

before(() => {
    if (fs.existsSync(path.join(installed, 'node_modules', 'meshcentral', 'webserver.js'))) return;
    const work = `${installed}.${process.pid}`;
    fs.mkdirSync(work, { recursive: true });
    fs.writeFileSync(path.join(work, 'package.json'), '{\n  "name": "host",\n  "private": true\n}\n');
    npm(work, 'install', '--no-audit', '--no-fund', `meshcentral@${VERSION}`);
    fs.renameSync(work, installed);
});

const resolves = (mesh) => createRequire(path.join(mesh, 'webserver.js')).resolve('meshsso-shim/package.json');

for (const kind of ['a linked folder', 'a packed archive']) {
    test(`node_modules/meshcentral with ${kind}: MeshCentral's own npm install keeps the shim`, (t) => {
        const dir = host();
        t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
        const mesh = path.join(dir, 'node_modules', 'meshcentral');
        const original = Object.fromEntries(SOURCES.map((name) => [name, read(mesh, name)]));
        const hostBefore = read(dir, 'package.json');

        let spec = ROOT;
        if (kind === 'a packed archive') {
            const [{ filename }] = JSON.parse(npm(ROOT, 'pack', '--json', '--pack-destination', dir));
            spec = path.join(dir, filename);
        }
        const applied = run('apply', mesh, '--shim', spec, '--install', '--json');
        assert.equal(applied.code, 0, applied.err);
        assert.equal(applied.json.installed, true);
        assert.deepEqual(applied.json.packages.map((each) => each.path), [path.join(mesh, 'package.json'), path.join(dir, 'package.json')]);
        assert.equal(run('check', '--applied', mesh).code, 0);

        npm(dir, ...STARTUP);
        assert.ok(fs.existsSync(path.join(dir, 'node_modules', 'is-number')), 'npm did its work');
        const found = resolves(mesh);
        assert.equal(found, kind === 'a linked folder' ? path.join(ROOT, 'package.json') : path.join(dir, 'node_modules', 'meshsso-shim', 'package.json'));
        // Its own packages resolve from where it really is.
        assert.ok(createRequire(found).resolve('@grpc/grpc-js'));
        const checked = run('check', '--applied', mesh, '--json');
        assert.equal(checked.code, 0, checked.out);
        assert.equal(checked.json.dependency.resolved.path, path.dirname(found));

        const reverted = run('revert', mesh);
        assert.equal(reverted.code, 0, reverted.err);
        for (const name of SOURCES) assert.equal(read(mesh, name), original[name], name);
        assert.deepEqual({ ...JSON.parse(hostBefore).dependencies, 'is-number': '7.0.0' }, JSON.parse(read(dir, 'package.json')).dependencies);
        assert.match(reverted.out, /was rewritten by something else since apply \(npm does that\)/);
        npm(dir, 'install', '--no-audit', '--no-fund');
        assert.ok(!fs.existsSync(path.join(dir, 'node_modules', 'meshsso-shim')), 'and npm takes the package away');
    });
}

test('a shim that no package.json lists is removed by that very command: why apply lists it', (t) => {
    const dir = host();
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    fs.symlinkSync(ROOT, path.join(dir, 'node_modules', 'meshsso-shim'));
    npm(dir, ...STARTUP);
    assert.ok(!fs.existsSync(path.join(dir, 'node_modules', 'meshsso-shim')));
});

test('a checkout of a fork: npm runs in DIR itself, and all comes back byte for byte', (t) => {
    const dir = miniature(t, { 'package.json': MINIATURE['package.json'].replace('"ws": "1.0.0"', '"is-odd": "3.0.1"') });
    const clean = snapshot(dir);
    const applied = run('apply', dir, '--shim', ROOT, '--install');
    assert.equal(applied.code, 0, applied.err);
    npm(dir, ...STARTUP);
    assert.equal(resolves(dir), path.join(ROOT, 'package.json'));
    assert.equal(run('check', '--applied', dir).code, 0);
    npm(dir, 'uninstall', '--no-audit', '--no-fund', 'is-number');
    assert.equal(run('revert', dir).code, 0);
    for (const name of Object.keys(MINIATURE)) assert.equal(snapshot(dir)[name], clean[name], name);
});

test('a linked folder without packages of its own gets them with --install', (t) => {
    const shim = path.join(temporary(t), 'shim');
    fs.mkdirSync(shim);
    fs.writeFileSync(path.join(shim, 'package.json'), '{"name":"meshsso-shim","version":"0.0.1","dependencies":{"is-number":"7.0.0"}}');
    const dir = miniature(t, { 'package.json': '{"name":"meshcentral","version":"1.1.55"}' });
    assert.equal(run('apply', dir, '--shim', shim, '--install').code, 0);
    assert.ok(fs.existsSync(path.join(shim, 'node_modules', 'is-number')));
});

test('npm that fails: the hooks stay, the exit code is 1 and the command to repeat is named', (t) => {
    const dir = miniature(t, { 'package.json': '{"name":"meshcentral","version":"1.1.55"}' });
    const bin = temporary(t);
    fs.writeFileSync(path.join(bin, 'npm'), '#!/bin/sh\necho no network >&2\nexit 7\n', { mode: 0o755 });
    const done = run('apply', dir, '--shim', '^1.0.0', '--install', { env: { ...process.env, PATH: `${bin}:${process.env.PATH}` } });
    assert.equal(done.code, 1);
    assert.match(done.err, /npm failed in .*exit code 7.*npm install/);
    assert.equal(run('check', dir).code, 0);
});
