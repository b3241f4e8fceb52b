'use strict';
// What the fork tool's tests share: real MeshCentral files from npm (never in the repository), a made-up miniature of
// them, and a way to run the tool as people do.

const fs = require('fs');
const os = require('os');
const path = require('path');
const crypto = require('crypto');
const { execFileSync, spawnSync } = require('child_process');
const { main } = require('../lib/fork/cli.js');

const ROOT = path.resolve(__dirname, '..');
const CACHE = path.resolve(ROOT, '..', '.cache');
const TOOL = path.join(ROOT, 'bin', 'meshsso-fork');
const VERSIONS = ['1.1.55', '1.1.51', '0.7.99'];
const NEEDED = ['package.json', 'webserver.js', 'meshcentral.js'];
const SAMPLE = 'sample-config-advanced.json';

/** The files of a published MeshCentral that the tool looks at, downloaded once: the folder they are in. */
function published(version) {
    const dir = path.join(CACHE, 'meshcentral-pack', version);
    if (fs.existsSync(path.join(dir, 'webserver.js'))) return dir;
    fs.mkdirSync(path.dirname(dir), { recursive: true });
    const work = fs.mkdtempSync(path.join(path.dirname(dir), '.get-'));
    try {
        const [archive] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', work, `meshcentral@${version}`], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
        execFileSync('tar', ['xzf', archive.filename, ...[...NEEDED, SAMPLE].map((name) => `package/${name}`)], { cwd: work });
        try {
            fs.renameSync(path.join(work, 'package'), dir);
        } catch (error) {
            if (!fs.existsSync(path.join(dir, 'webserver.js'))) throw error; // else another test file was faster
        }
    } finally {
        fs.rmSync(work, { recursive: true, force: true });
    }
    return dir;
}

function temporary(t) {
    const dir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'meshsso-fork-')));
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    return dir;
}

/** A copy of a published MeshCentral in a temporary folder; `change(name, text)` may alter each file on the way. */
function copyOf(t, version, change = (name, text) => text) {
    const dir = path.join(temporary(t), 'meshcentral');
    fs.mkdirSync(dir);
    for (const name of NEEDED) fs.writeFileSync(path.join(dir, name), change(name, fs.readFileSync(path.join(published(version), name), 'utf8')));
    return dir;
}

/** A miniature with the shapes that the tool looks for, written for these tests; it runs. */
const MINIATURE = {
    'package.json': '{\n  "name": "meshcentral",\n  "version": "1.1.55",\n  "dependencies": {\n    "ws": "1.0.0"\n  }\n}\n',
    'meshcentral.js': `module.exports.start = function (args) {
    const obj = { args: args };
    if (args) {
        obj.webserver = require('./webserver.js').CreateWebServer(obj, null);
    }
    return obj;
};
`,
    'webserver.js': `module.exports.CreateWebServer = function (parent, db) {
    var obj = { seen: [] };
    obj.root = handleRootRequest;
    obj.socket = PerformWSSessionAuth;
    obj.setup = setupHTTPHandlers;
    function handleRootRequest(req, res, direct) {
        // A comment of the function's.
        obj.seen.push(['root', req, res, direct]);
    }
    obj.handleMeshAgentRequest = function (req, res) {
        if (req.query.id != null) {
            obj.seen.push(['id']);
        } else if (req.query.meshaction != null) {
            obj.seen.push(['meshaction', req, res]);
        }
    };
    function setupHTTPHandlers() {
        obj.app.get('/', handleRootRequest);
    }
    function PerformWSSessionAuth(ws, req, noAuthOk, func) {
        obj.seen.push(['websocket', ws, req, noAuthOk, func]);
    }
    return obj;
};
`,
};

function miniature(t, changes = {}) {
    const dir = path.join(temporary(t), 'mesh');
    fs.mkdirSync(dir);
    for (const [name, text] of Object.entries({ ...MINIATURE, ...changes })) if (text !== null) fs.writeFileSync(path.join(dir, name), text);
    return dir;
}

/** Runs the tool: { code, out, err, json }. */
function run(...args) {
    const options = typeof args[args.length - 1] === 'object' ? args.pop() : {};
    const done = spawnSync(process.execPath, [...(options.node || []), options.tool || TOOL, ...args], { encoding: 'utf8', ...options });
    let json;
    try {
        json = JSON.parse(done.stdout);
    } catch {
        json = undefined;
    }
    return { code: done.status, out: done.stdout, err: done.stderr, json };
}

/** The same in this process: the parser is warm, so it is many times faster. */
function runHere(...argv) {
    let out = '';
    let err = '';
    const code = main(argv, { out: (text) => (out += text), err: (text) => (err += text) });
    return { code, out, err, json: argv.includes('--json') ? JSON.parse(out) : undefined };
}

/** Every file below a folder with its checksum and mode: two equal snapshots are byte for byte the same tree. */
function snapshot(dir) {
    const found = {};
    for (const name of fs.readdirSync(dir).sort()) {
        const file = path.join(dir, name);
        const stat = fs.lstatSync(file);
        if (stat.isDirectory()) for (const [below, value] of Object.entries(snapshot(file))) found[`${name}/${below}`] = value;
        else if (stat.isSymbolicLink()) found[name] = `-> ${fs.readlinkSync(file)}`;
        else found[name] = `${(stat.mode & 0o7777).toString(8)} ${crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex')}`;
    }
    return found;
}

const read = (dir, name) => fs.readFileSync(path.join(dir, name), 'utf8');
const write = (dir, name, text) => fs.writeFileSync(path.join(dir, name), text);

module.exports = { ROOT, CACHE, TOOL, VERSIONS, NEEDED, SAMPLE, MINIATURE, published, temporary, copyOf, miniature, run, runHere, snapshot, read, write };
