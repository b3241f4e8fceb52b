'use strict';
// The command line of meshsso-fork: words in, an exit code out. 0 done or true, 1 refused or failed, 2 wrong usage.

const { parseArgs } = require('util');
const { spawnSync } = require('child_process');
const actions = require('./actions.js');
const { TESTED, HOOKS, PACKAGE } = require('./hooks.js');
const own = require('../../package.json');

const HELP = `meshsso-fork ${own.version}: puts MeshSSO's five one-line calls into an unpacked MeshCentral or a fork's checkout

usage: meshsso-fork apply  DIR [--shim SPEC] [--install] [--allow-version] [--dry-run] [--json]
       meshsso-fork check  DIR [--applied] [--allow-version] [--json]
       meshsso-fork revert DIR [--dry-run] [--json]
       meshsso-fork status DIR [--json]

DIR is the folder that has MeshCentral's meshcentral.js, webserver.js and package.json: a checkout of your fork, or
.../node_modules/meshcentral. Stop MeshCentral first; start it again afterwards.

commands
  apply    Finds each place in the syntax tree, exactly once or not at all, plans every file in memory, then writes.
           Nothing is written unless everything can be. A second apply changes nothing.
  check    Would apply succeed, or are all hooks in place? With --applied only the latter counts, and the package must be
           installed too: put that in front of the server's start (ExecStartPre=), because a MeshCentral that npm
           installed anew has lost its hooks and shows its stock login again.
  revert   Takes our lines and our dependency out again and proves by checksum that every byte is as before; says so
           where it is not because something else changed the file meanwhile.
  status   Version, hooks, where ${PACKAGE} is found, whether settings.jwtAuth is set.

options
  --shim SPEC       what package.json shall say for "${PACKAGE}": a version (^1.2.3), a folder, a .tgz, a URL.
                    Default: this very package (file:… from a checkout, ^${own.version} from a node_modules folder).
  --install         run the npm install that apply otherwise prints
  --applied         (check) fail also if apply was never run here
  --allow-version   accept a MeshCentral version that was not tested (tested: ${TESTED.join(', ')}) if its shape is known
  --dry-run         say what would be done
  --json            one JSON object on standard output
  --help, --version

the hooks
${HOOKS.map((hook) => `  ${hook.name.padEnd(11)}${hook.file}: ${hook.place}`).join('\n')}

the dependency
  MeshCentral installs missing modules at start with npm, in its own folder or in the one above node_modules, and npm
  removes what no package.json lists. So apply lists "${PACKAGE}" in DIR/package.json and, for node_modules/meshcentral,
  in the package.json above as well.
  A file: folder is linked, not copied: it must stay where it is, be readable by MeshCentral's user, and have its own
  packages (npm install in it; apply --install sees to both). To be independent of the folder, pack it and name the
  archive:  npm pack <folder>  then  --shim ./${PACKAGE}-${own.version}.tgz  (keep the archive: npm may ask for it again).

exit codes: 0 done, or nothing to do, or check is content · 1 refused or failed, nothing was changed (if only npm failed
            after apply --install, the hooks stay) · 2 wrong usage
`;

const COMMANDS = {
    apply: ['shim', 'install', 'allow-version', 'dry-run', 'json'],
    check: ['applied', 'allow-version', 'json'],
    revert: ['dry-run', 'json'],
    status: ['json'],
};

/** main(argv, streams) → exit code. */
function main(argv, { out = (text) => process.stdout.write(text), err = (text) => process.stderr.write(text) } = {}) {
    let words;
    try {
        words = parse(argv);
    } catch (error) {
        err(`meshsso-fork: ${error.message}\nTry: meshsso-fork --help\n`);
        return 2;
    }
    if (words.help) return out(HELP), 0;
    if (words.version) return out(`${own.version}\n`), 0;
    const { command, dir, options } = words;
    try {
        const report = actions[command](dir, options);
        const installed = command === 'apply' && options.install && !options.dryRun ? runInstalls(report, options, err) : true;
        if (command === 'apply') report.installed = Boolean(options.install && !options.dryRun && installed);
        out(options.json ? `${JSON.stringify(report, null, 2)}\n` : `${SAY[command](report)}\n`);
        return installed && report.ok !== false ? 0 : 1;
    } catch (error) {
        if (!(error instanceof actions.Refusal)) {
            const aftermath = error.restored === false ? 'SOME FILES COULD NOT BE PUT BACK; run revert, or reinstall MeshCentral' : 'nothing was changed';
            error.message = `${error.message}\n${aftermath}`;
            if (process.env.MESHSSO_FORK_TRACE) err(`${error.stack}\n`);
        }
        if (command === 'apply' && error instanceof actions.Refusal) error.message += '\nnothing was changed';
        if (options.json) out(`${JSON.stringify({ command, dir, ok: false, problems: error.message.split('\n'), hooks: error.hooks }, null, 2)}\n`);
        else err(`meshsso-fork ${command}: ${error.message.split('\n').join('\n  ')}\n`);
        return 1;
    }
}

function parse(argv) {
    const { values, positionals } = parseArgs({
        args: argv,
        allowPositionals: true,
        options: {
            shim: { type: 'string' },
            install: { type: 'boolean' },
            applied: { type: 'boolean' },
            'allow-version': { type: 'boolean' },
            'dry-run': { type: 'boolean' },
            json: { type: 'boolean' },
            help: { type: 'boolean', short: 'h' },
            version: { type: 'boolean' },
        },
    });
    if (values.help || positionals[0] === 'help') return { help: true };
    if (values.version) return { version: true };
    const [command, dir, ...more] = positionals;
    if (command === undefined) throw new Error('say what to do: apply, check, revert or status');
    if (!Object.hasOwn(COMMANDS, command)) throw new Error(`there is no command ${JSON.stringify(command)}: it is apply, check, revert or status`);
    if (dir === undefined || dir === '') throw new Error(`${command} needs MeshCentral's folder`);
    if (more.length > 0) throw new Error(`one folder at a time, not also ${more.map((word) => JSON.stringify(word)).join(' ')}`);
    for (const name of Object.keys(values)) if (!COMMANDS[command].includes(name)) throw new Error(`${command} has no option --${name}`);
    const { shim, install, applied, json } = values;
    return { command, dir, options: { shim, install, applied, json, allowVersion: values['allow-version'], dryRun: values['dry-run'] } };
}

/** npm install, first in the shim's folder if it is a linked one without packages of its own, then where MeshCentral
 *  lives. npm's words go to standard error, so that --json stays JSON. */
function runInstalls(report, options, err) {
    for (const [dir, args] of actions.installs(report)) {
        err(`npm ${args.join(' ')}   (in ${dir})\n`);
        const { status, error } = spawnSync(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, {
            cwd: dir, stdio: ['ignore', 2, 2], shell: process.platform === 'win32',
        });
        if (error || status !== 0) {
            err(`meshsso-fork apply: npm failed in ${dir} (${error ? error.message : `exit code ${status}`}); the hooks are in place, the package is not. Mend that and run: ${report.next}\n`);
            return false;
        }
    }
    return true;
}

const hookLine = (hook) => `  ${hook.name.padEnd(11)}${hook.state}${hook.number ? `, ${hook.file}:${hook.number}` : `, ${hook.file}`}${hook.detail && hook.state !== 'in place' ? ` (${hook.detail})` : ''}`;
const untested = (report) => (report.tested ? '' : ' (not a tested version)');

const SAY = {
    apply(report) {
        const did = report.dryRun ? 'would put' : 'put';
        const what = report.changed ? (report.already ? 'the hooks were in place already' : `${did} the hooks in place`) : 'everything was in place already, nothing changed';
        const head = `MeshCentral ${report.version}${untested(report)} in ${report.dir}: ${what}`;
        const listed = report.packages.map((each) => `  ${PACKAGE} ${report.shim} ${each.changed ? `${report.dryRun ? 'would be ' : ''}added to` : 'is in'} ${each.path}`);
        return [head, ...report.hooks.map(hookLine), ...listed, report.installed ? 'next: set settings.jwtAuth in config.json and start MeshCentral' : `next: ${report.next}`].join('\n');
    },
    check(report) {
        const head = `MeshCentral ${report.version}${untested(report)} in ${report.dir}: `;
        if (!report.ok) return [`${head}no`, ...report.problems.map((problem) => `  ${problem}`)].join('\n');
        return [head + (report.wouldApply ? 'no hook is in place; apply would succeed' : 'all hooks are in place'), ...report.hooks.map(hookLine), ...report.notes.map((note) => `  note: ${note}`)].join('\n');
    },
    revert(report) {
        if (!report.changed) return [`MeshCentral ${report.version} in ${report.dir}: nothing of ours is there, nothing changed`, ...report.notes.map((note) => `  note: ${note}`)].join('\n');
        return [
      `MeshCentral ${report.version} in ${report.dir}: ${report.dryRun ? 'would take' : 'took'} ${report.removed.length} lines out${report.exact ? '; every file is byte for byte as before apply' : ''}`,
      ...report.files.map((file) => `  ${file}`),
      ...report.notes.map((note) => `  note: ${note}`),
      ...(report.next ? [`next: ${report.next}`] : []),
        ].join('\n');
    },
    status(report) {
        const { dependency, jwtAuth } = report;
        return [
      `MeshCentral ${report.version}${untested(report)} in ${report.dir}: hooks ${{ absent: 'are not in place', applied: 'are in place', altered: 'are half in place or edited: revert, then apply' }[report.state]}`,
      ...report.hooks.map(hookLine),
      ...dependency.packages.map((each) => `  ${each.path}: ${each.spec === null ? `does not list ${PACKAGE}` : `${PACKAGE} ${each.spec}`}`),
      `  ${PACKAGE} ${dependency.resolved ? `${dependency.resolved.version} is found in ${dependency.resolved.path}` : 'is not installed'}`,
      `  ${report.record ? `applied by ${report.record.tool} on MeshCentral ${report.record.meshcentral} (${report.record.file})` : 'no record of an apply'}`,
      `  settings.jwtAuth: ${jwtAuth.set === null ? (jwtAuth.config ? `${jwtAuth.config} could not be read` : 'no config.json in the usual place; it must be set there') : `${jwtAuth.set ? 'set' : 'NOT set'} in ${jwtAuth.config}`}`,
        ].join('\n');
    },
};

module.exports = { main, HELP };
