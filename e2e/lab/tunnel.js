'use strict';
// A terminal by hand: a tunnel asked for on the control channel and a relay socket that joins it, without MeshCentral's page.

const crypto = require('crypto');
const { openSocket } = require('./sockets');

/**
 * Asks the device for a terminal tunnel and joins it with `credential` (a query such as "token=…").
 * @param {object} mesh of startMeshCentral. @param {object} control an open control socket (for the request).
 * @param {string} nodeId @param {string} credential @param {object} [options] of openSocket
 * @returns {Promise<object>} the relay socket, connected (MeshCentral said "c").
 */
async function openTerminal(mesh, control, nodeId, credential, options = {}) {
    await control.next((m) => m.action === 'serverinfo');
    const id = crypto.randomBytes(12).toString('hex');
    control.send({ action: 'authcookie' });
    const { rcookie } = await control.next((m) => m.action === 'authcookie');
    control.send({ action: 'msg', type: 'tunnel', nodeid: nodeId, usage: 1, value: `*/meshrelay.ashx?p=1&nodeid=${nodeId}&id=${id}&rauth=${rcookie}` });
    const relay = openSocket(mesh.url, `/meshrelay.ashx?browser=1&p=1&nodeid=${nodeId}&id=${id}&${credential}`, options);
    await relay.next((m) => m === 'c' || m === 'cr');
    return relay;
}

/** Runs a line in an open terminal tunnel and resolves to what matches in its output. */
async function runIn(relay, line, expected) {
    if (!relay.selected) { relay.send({ ctrlChannel: '102938', type: 'options', cols: 200, rows: 30 }); relay.send('1'); relay.selected = true; }
    const output = () => relay.messages.filter((m) => Buffer.isBuffer(m) || (typeof m === 'string' && m !== 'c')).join('');
    await relay.next(() => /[#$] ?/.test(output()));
    relay.send(Buffer.from(line + '\r'));
    await relay.next(() => expected.test(output()));
    return expected.exec(output())[0];
}

module.exports = { openTerminal, runIn };
