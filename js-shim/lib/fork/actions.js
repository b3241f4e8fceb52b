'use strict';
// apply, check, revert and status. Each reads the whole tree, decides in memory, and returns a report; only apply and
// revert write, once, at the very end.

const fs = require('fs');
const path = require('path');
const { HOOKS, FILES, TESTED, PACKAGE } = require('./hooks.js');
const { examine, unweave } = require('./weave.js');
const { replaceAll, sweep, sha256 } = require('./files.js');
const { openTree, Refusal, STATE_FILE } = require('./tree.js');
const manifests = require('./manifest.js');
const own = require('../../package.json');

const ROOT = path.resolve(__dirname, '..', '..');
const FORMAT = 1;

// ---- what every command looks at -------------------------------------------------------------------------------------

function survey(dir, options) {
    const tree = openTree(dir, options);
    const seen = new Map(FILES.map((file) => [file, examine(tree.files.get(file).text, file)]));
    const states = new Set([...seen.values()].map((each) => each.state));
    const state = states.size === 1 ? [...states][0] : 'altered';
    const hooks = [...seen.values()].flatMap((each) => each.hooks);
    hooks.sort((a, b) => order(a) - order(b));
    return { tree, seen, state, hooks, tested: TESTED.includes(tree.version) };
}

const order = (hook) => HOOKS.findIndex((each) => each.name === hook.name) >>> 0;

/** The refusals that stand between this tree and its hooks, as sentences. */
function obstacles({ tree, seen, state, hooks, tested }, { allowVersion }) {
    if (state === 'altered') {
        const bad = hooks.filter((hook) => hook.state !== 'in place');
        return [
            ...bad.map((hook) => `${hook.file}: the ${hook.name} hook ${hook.detail || 'has no line'}`),
      `this tree is half applied or was edited by hand; take the lines out first: meshsso-fork revert ${tree.dir}`,
        ];
    }
    if (state === 'applied') return [];
    const found = [];
    if (tree.name !== 'meshcentral' && !allowVersion) {
        found.push(`package.json names ${JSON.stringify(tree.name)}, not "meshcentral"; if this is a fork of MeshCentral under its own name, --allow-version takes it`);
    }
    if (!tested && !allowVersion) {
        found.push(`MeshCentral ${tree.version} was not tested (tested: ${TESTED.join(', ')}); with --allow-version it is done if all five places have the known shape`);
    }
    for (const each of seen.values()) {
        for (const problem of each.problems) {
            found.push(`${problem.file}: the ${problem.hook} hook has ${problem.matches} places instead of 1: ${problem.message}`);
        }
    }
    return found;
}

/** Every file that apply or revert may write. */
const targetsOf = (tree) => [...tree.files.values(), tree.manifest, ...(tree.host ? [tree.host] : []), tree.state].map((file) => file.path);

// ---- apply -----------------------------------------------------------------------------------------------------------

function apply(dir, options = {}) {
    const seen = survey(dir, { writable: !options.dryRun });
    const refused = obstacles(seen, options);
    if (refused.length > 0) throw Object.assign(new Refusal(refused.join('\n')), { reasons: refused, hooks: seen.hooks });

    const { tree } = seen;
    const already = seen.state === 'applied';
    const spec = specFor(options.shim, tree);
    const packages = planManifests(tree, spec);
    const record = readState(tree);
    const sources = already ? [] : FILES.map((file) => ({ file: tree.files.get(file), text: seen.seen.get(file).woven.text }));
    const report = {
        command: 'apply',
        dir: tree.dir,
        version: tree.version,
        tested: seen.tested,
        changed: sources.length + packages.filter((each) => each.edit).length > 0,
        already,
        dryRun: Boolean(options.dryRun),
        hooks: already ? seen.hooks : FILES.flatMap((file) => seen.seen.get(file).woven.hooks.map((hook) => ({ ...hook, file, state: 'in place' }))).sort((a, b) => order(a) - order(b)),
        shim: spec,
        packages: packages.map(({ file, edit }) => ({ path: file.path, changed: edit !== null })),
        installDir: tree.installDir,
        next: `cd ${quoted(tree.installDir)} && npm install --no-audit --no-fund`,
    };
    if (!options.dryRun) sweep(targetsOf(tree));
    if (!report.changed || options.dryRun) return report;

    const files = { ...(already && record ? record.files : {}) };
    for (const { file, text } of sources) files[file.name] = { original: sha256(file.bytes), applied: sha256(text) };
    // What an earlier apply (finished or not) did to a package.json stays on record for as long as it is there.
    const kept = record ? record.packages.filter((old) => packages.some((each) => path.relative(tree.dir, each.file.path) === old.path && manifests.getDependency(each.file.text, PACKAGE) !== undefined)) : [];
    const changed = packages.filter((each) => each.edit !== null);
    const state = {
        format: FORMAT,
        note: 'Written by meshsso-fork apply; meshsso-fork revert needs it to prove that it restored every byte.',
        tool: own.version,
        meshcentral: tree.version,
        files,
        packages: [...kept.filter((old) => !changed.some((each) => each.record.path === old.path)), ...changed.map((each) => merged(each.record, kept))],
    };
    // The record first and the sources last: whatever interrupts this, revert knows what the originals were, and a server
    // that was left between the two files refuses to start.
    replaceAll([
        { path: tree.state.path, before: tree.state.bytes, after: Buffer.from(`${JSON.stringify(state, null, 2)}\n`) },
        ...changed.map(({ file, text }) => ({ path: file.path, before: file.bytes, after: Buffer.from(text) })),
        ...sources.map(({ file, text }) => ({ path: file.path, before: file.bytes, after: Buffer.from(text) })),
    ]);
    return report;
}

/** An edit on top of an earlier one of ours (another --shim) keeps the earlier one's way back. */
function merged(record, kept) {
    const old = kept.find((each) => each.path === record.path);
    return old ? { ...record, previous: old.previous, created: old.created, original: old.original, edit: null } : record;
}

/** The package.json files that must list the shim, with the edit each of them needs. */
function planManifests(tree, spec) {
    return [tree.manifest, ...(tree.host ? [tree.host] : [])].map((file) => {
        try {
            const edit = manifests.setDependency(file.text, PACKAGE, spec);
            if (edit === null) return { file, edit };
            const text = manifests.edited(file.text, edit);
            if (manifests.getDependency(text, PACKAGE) !== spec) throw new Error(`the edit of ${file.path} went wrong`);
            const previous = manifests.getDependency(file.text, PACKAGE);
            const created = JSON.parse(file.text.replace(/^\uFEFF/, '')).dependencies === undefined;
            return { file, edit, text, record: { path: path.relative(tree.dir, file.path), original: sha256(file.bytes), applied: sha256(text), edit, previous, created } };
        } catch (error) {
            if (error instanceof manifests.NotAManifest) throw new Refusal(`${file.path}: ${error.message}`);
            throw error;
        }
    });
}

/** What to write as the dependency: what is there already unless another is asked for. A path is made absolute, because
 *  npm would read it from another folder. */
function specFor(given, tree) {
    if (given === undefined) {
        const listed = dependencyOf(tree).packages.find((each) => each.spec !== null);
        if (listed) return listed.spec;
        return ROOT.split(path.sep).includes('node_modules') ? `^${own.version}` : `file:${ROOT.split(path.sep).join('/')}`;
    }
    if (given === '' || /[\u0000-\u001f]/.test(given)) throw new Refusal('--shim is empty or has control characters');
    const file = /^file:(.*)$/.exec(given);
    if (!file && !/^(\.{0,2}[/\\]|[A-Za-z]:[/\\])/.test(given)) return given;
    const target = path.resolve(file ? file[1] : given);
    let stat;
    try {
        stat = fs.statSync(target);
    } catch {
        throw new Refusal(`--shim ${given}: there is no ${target}`);
    }
    if (stat.isDirectory()) {
        let name;
        try {
            ({ name } = JSON.parse(fs.readFileSync(path.join(target, 'package.json'), 'utf8')));
        } catch {
            throw new Refusal(`--shim ${given}: ${target} has no readable package.json`);
        }
        if (name !== PACKAGE) throw new Refusal(`--shim ${given}: ${target} is the package ${JSON.stringify(name)}, not "${PACKAGE}"`);
    }
    if (target === tree.dir) throw new Refusal(`--shim ${given} is the MeshCentral folder itself`);
    return `file:${target.split(path.sep).join('/')}`;
}

// ---- check and status ------------------------------------------------------------------------------------------------

function check(dir, options = {}) {
    const seen = survey(dir);
    const refused = obstacles(seen, options);
    const dependency = dependencyOf(seen.tree);
    const notes = [];
    if (options.applied && seen.state === 'absent') refused.push(`no hook is in place: meshsso-fork apply ${seen.tree.dir}`);
    if (options.applied || seen.state === 'applied') {
        const open = options.applied ? refused : notes;
        for (const each of dependency.packages) if (each.spec === null) open.push(`${each.path} does not list ${PACKAGE}, so MeshCentral's start-up npm install would remove it: meshsso-fork apply ${seen.tree.dir}`);
        if (dependency.resolved === null) open.push(`${PACKAGE} is not installed: cd ${quoted(seen.tree.installDir)} && npm install --no-audit --no-fund`);
    }
    return {
        command: 'check',
        dir: seen.tree.dir,
        version: seen.tree.version,
        tested: seen.tested,
        ok: refused.length === 0,
        state: seen.state,
        hooks: seen.hooks,
        wouldApply: seen.state === 'absent' && refused.length === 0,
        problems: refused,
        notes,
        dependency,
    };
}

function status(dir) {
    const seen = survey(dir);
    const record = readState(seen.tree);
    return {
        command: 'status',
        dir: seen.tree.dir,
        version: seen.tree.version,
        tested: seen.tested,
        state: seen.state,
        hooks: seen.hooks,
        dependency: dependencyOf(seen.tree),
        record: record ? { file: seen.tree.state.path, tool: record.tool, meshcentral: record.meshcentral } : null,
        jwtAuth: jwtAuthHint(seen.tree),
    };
}

function dependencyOf(tree) {
    const packages = [tree.manifest, ...(tree.host ? [tree.host] : [])].map((file) => {
        let spec = null;
        try {
            spec = manifests.getDependency(file.text, PACKAGE) ?? null;
        } catch (error) {
            if (!(error instanceof manifests.NotAManifest)) throw error;
        }
        return { path: file.path, spec };
    });
    return { packages, resolved: resolvedFrom(tree.dir) };
}

/** Where require('meshsso-shim') in MeshCentral's files leads: { path, version }, or null. */
function resolvedFrom(dir) {
    for (let at = dir; ; at = path.dirname(at)) {
        try {
            const folder = fs.realpathSync(path.join(at, 'node_modules', PACKAGE));
            const { version } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
            return { path: folder, version };
        } catch {
            if (path.dirname(at) === at) return null;
        }
    }
}

/** Is settings.jwtAuth set in the config.json that MeshCentral reads by default? true, false, or null: none was found. */
function jwtAuthHint(tree) {
    const file = path.join(tree.hostDir || path.dirname(tree.dir), 'meshcentral-data', 'config.json');
    try {
        const settings = pick(JSON.parse(fs.readFileSync(file, 'utf8').replace(/^\uFEFF/, '')), 'settings');
        return { config: file, set: Boolean(pick(settings, 'jwtauth')) };
    } catch (error) {
        return { config: error.code === 'ENOENT' ? null : file, set: null };
    }
}

/** MeshCentral lower-cases the keys of its config. */
const pick = (object, key) => (object && typeof object === 'object' ? object[Object.keys(object).find((each) => each.toLowerCase() === key)] : undefined);

// ---- revert ----------------------------------------------------------------------------------------------------------

function revert(dir, options = {}) {
    const tree = openTree(dir, { writable: !options.dryRun });
    const record = readState(tree);
    const stuck = [];
    const removed = [];
    const notes = [];
    const changes = [];

    for (const file of FILES) {
        const source = tree.files.get(file);
        const bare = unweave(source.text, file);
        stuck.push(...bare.stuck);
        removed.push(...bare.removed);
        const known = record && record.files[file];
        const restored = known ? sha256(bare.text) === known.original : null;
        if (restored === false) notes.push(`${file} was changed by something else since apply: our lines are out of it, the other changes stay, so it is not byte for byte what it was`);
        if (!known && bare.removed.length > 0) notes.push(`${file} has no record of its original (no ${STATE_FILE}): our lines are out of it, but that it is the original cannot be proved`);
        if (bare.removed.length > 0) changes.push({ file: source, text: bare.text });
    }
    if (stuck.length > 0) {
        throw new Refusal(
            [...stuck.map((line) => `${line.file}:${line.number} carries our marker beside other code; take our part out by hand: ${line.text}`), 'nothing was changed'].join('\n'),
        );
    }

    for (const file of [tree.manifest, ...(tree.host ? [tree.host] : [])]) {
        const relative = path.relative(tree.dir, file.path);
        const known = record && record.packages.find((each) => each.path === relative);
        if (!known) {
            const spec = safely(() => manifests.getDependency(file.text, PACKAGE));
            if (spec !== undefined) notes.push(`${file.path} lists ${PACKAGE} (${spec}), which apply did not put there; it stays`);
            continue;
        }
        const text = withoutDependency(file, known);
        if (text === null) {
            notes.push(`${file.path} no longer lists ${PACKAGE}`);
            continue;
        }
        if (sha256(text) !== known.original) notes.push(`${file.path} was rewritten by something else since apply (npm does that): only our key was taken out`);
        changes.push({ file, text });
    }

    const report = {
        command: 'revert',
        dir: tree.dir,
        version: tree.version,
        changed: changes.length > 0 || tree.state.bytes !== null,
        dryRun: Boolean(options.dryRun),
        removed,
        files: changes.map(({ file }) => file.path),
        exact: record !== null && notes.length === 0,
        notes,
        installDir: tree.installDir,
        next: changes.some(({ file }) => file.name === 'package.json') ? `cd ${quoted(tree.installDir)} && npm install --no-audit --no-fund` : null,
    };
    if (!options.dryRun) sweep(targetsOf(tree));
    if (!report.changed || options.dryRun) return report;
    // The other way round than apply: webserver.js first, the call of start() after it, the record at the very end.
    replaceAll([
        ...changes.map(({ file, text }) => ({ path: file.path, before: file.bytes, after: Buffer.from(text) })).reverse(),
        ...(tree.state.bytes !== null ? [{ path: tree.state.path, before: tree.state.bytes, after: null }] : []),
    ]);
    return report;
}

function withoutDependency(file, known) {
    if (known.edit && sha256(file.bytes) === known.applied) return manifests.undone(file.text, known.edit);
    try {
        const edit =
            known.previous === undefined
                ? manifests.removeDependency(file.text, PACKAGE, { emptied: known.created })
                : manifests.getDependency(file.text, PACKAGE) === undefined
                    ? null
                    : manifests.setDependency(file.text, PACKAGE, known.previous);
        return edit === null ? null : manifests.edited(file.text, edit);
    } catch (error) {
        if (error instanceof manifests.NotAManifest) throw new Refusal(`${file.path}: ${error.message}; nothing was changed`);
        throw error;
    }
}

function readState(tree) {
    if (tree.state.bytes === null) return null;
    let state;
    try {
        state = JSON.parse(tree.state.text);
    } catch (error) {
        throw new Refusal(`${tree.state.path} is not JSON (${error.message}); remove it, then run this again`);
    }
    if (!state || state.format !== FORMAT || typeof state.files !== 'object' || !Array.isArray(state.packages)) {
        throw new Refusal(`${tree.state.path} was not written by this version of the tool; use the one that wrote it, or remove the file`);
    }
    return state;
}

function safely(read) {
    try {
        return read();
    } catch {
        return undefined;
    }
}

const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`);

/** The npm runs that make the dependency real, in order: [[folder, arguments]]. A linked folder gets no packages from
 *  npm, so its own come first. */
function installs(report) {
    const runs = [[report.installDir, ['install', '--no-audit', '--no-fund']]];
    const folder = report.shim.startsWith('file:') ? report.shim.slice(5) : null;
    if (folder && fs.existsSync(path.join(folder, 'package.json')) && !fs.existsSync(path.join(folder, 'node_modules'))) {
        runs.unshift([folder, [fs.existsSync(path.join(folder, 'package-lock.json')) ? 'ci' : 'install', '--omit=dev', '--no-audit', '--no-fund']]);
    }
    return runs;
}

module.exports = { apply, check, status, revert, installs, Refusal };
