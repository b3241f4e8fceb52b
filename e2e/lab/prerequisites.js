'use strict';
// What the machine must have: told by name, or installed where that is a matter of one command.

const { execFileSync } = require('child_process');
const fs = require('fs');
const { run } = require('./process');

const PROGRAMS = [['chromium', 'chromium'], ['Xvfb', 'xvfb'], ['xterm', 'xterm'], ['xauth', 'xauth'], ['ps', 'procps']]; // program, Debian package

function installed(program) {
    try { execFileSync('/bin/sh', ['-c', 'command -v ' + program], { stdio: 'ignore' }); return true; } catch (err) { return false; }
}

function missing() { return PROGRAMS.filter(([program]) => !installed(program)).map(([, pkg]) => pkg); }

/** Installs missing Debian packages as root on Debian; elsewhere says what to install. */
async function ensurePrerequisites(say = () => { }) {
    if (process.platform !== 'linux' || process.arch !== 'x64') { throw new Error('the lab runs on Linux on x86-64 (its Postgres and its mesh agent are built for that)'); }
    if (!installed('go')) { throw new Error('please install Go 1.26 or later: meshsso is built from this checkout'); }
    const packages = missing();
    if (packages.length === 0) { return; }
    if (process.getuid() !== 0 || !fs.existsSync('/usr/bin/apt-get')) { throw new Error('please install: ' + packages.join(' ') + ' (on Debian: apt-get install ' + packages.join(' ') + ')'); }
    say('installing ' + packages.join(', '));
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await run(['apt-get', 'update', '-q'], { env });
    await run(['apt-get', 'install', '-y', '-q', '--no-install-recommends', ...packages], { env });
}

module.exports = { ensurePrerequisites };
