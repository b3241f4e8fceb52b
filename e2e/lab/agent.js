'use strict';
// A real mesh agent with a real screen, enrolled in a tenant's device group.

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { get } = require('./meshcentral');
const { run, start, until } = require('./process');

/**
 * Starts Xvfb with a terminal in it, and an agent that shows it.
 * @param {string} dir an existing folder. @param {object} mesh of startMeshCentral. @param {object} options {meshId, name}
 * @returns {Promise<object>} {name, dir, stop(), up(), down(), restart()}
 */
async function startAgent(dir, mesh, { meshId, name }) {
    const started = []; // stopped in reverse, whatever fails on the way
    const stop = async () => { while (started.length > 0) { await started.pop().stop('SIGKILL'); } };
    try {
        const authority = path.join(dir, 'Xauthority');
        const display = await startScreen(dir, authority);
        started.push(display);
        const env = { PATH: process.env.PATH, HOME: dir, DISPLAY: ':' + display.number, XAUTHORITY: authority, LANG: 'C.UTF-8' };
        started.push(await start('xterm', ['xterm', '-geometry', '100x30+40+40', '-bg', 'navy', '-fg', 'yellow', '-T', name], { log: path.join(dir, 'xterm.log'), cwd: dir, env }));
        await installAgent(dir, mesh, meshId, name);
        // It prints nothing: whether it is online is MeshCentral's to say.
        const agent = await keepRunning(() => start('meshagent', [path.join(dir, 'meshagent'), 'connect'], { log: path.join(dir, 'agent.log'), cwd: dir, env }));
        started.push(agent);
        return { name, dir, stop, up: agent.up, down: () => agent.stop('SIGKILL'), restart: agent.restart }; // down: its screen stays
    } catch (err) {
        await stop();
        throw err;
    }
}

// As under a service manager: an agent that ends by itself is started again a second later.
async function keepRunning(startOne) {
    let current = null;
    const up = async () => {
        const child = current = await startOne();
        child.exited.then(() => { if (current === child) { setTimeout(() => { if (current === child) { up().catch(() => { }); } }, 1000).unref(); } });
    };
    const down = async (signal) => { const child = current; current = null; if (child !== null) { await child.stop(signal); } };
    await up();
    return { up, stop: down, restart: async () => { await down('SIGKILL'); await up(); } };
}

async function installAgent(dir, mesh, meshId, name) {
    const settings = await get(mesh.url + '/meshsettings?id=' + encodeURIComponent(meshId.split('/')[2]));
    if (settings.status !== 200 || !settings.body.includes('MeshID=')) { throw new Error('no settings for the agent of ' + name + ' (' + settings.status + ')'); }
    fs.writeFileSync(path.join(dir, 'meshagent.msh'), settings.raw);
    fs.copyFileSync(path.join(mesh.fork, 'agents', 'meshagent_x86-64'), path.join(dir, 'meshagent'));
    fs.chmodSync(path.join(dir, 'meshagent'), 0o755);
}

async function startScreen(dir, authority) {
    const number = await freeDisplay();
    fs.writeFileSync(authority, '', { mode: 0o600 });
    await run(['xauth', '-f', authority, 'add', ':' + number, '.', crypto.randomBytes(16).toString('hex')]);
    const server = await start('Xvfb', ['Xvfb', ':' + number, '-screen', '0', '1024x768x24', '-nolisten', 'tcp', '-auth', authority], { log: path.join(dir, 'xvfb.log') });
    await until(() => fs.existsSync('/tmp/.X11-unix/X' + number), 20000, 'Xvfb has no socket');
    return { number, stop: () => server.stop() };
}

let nextDisplay = 70 + (process.pid % 400) * 10;
async function freeDisplay() {
    while (fs.existsSync('/tmp/.X' + nextDisplay + '-lock')) { nextDisplay++; }
    return nextDisplay++;
}

module.exports = { startAgent };
