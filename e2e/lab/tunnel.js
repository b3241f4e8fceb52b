'use strict';
// Tunnels by hand: asked for on the control channel and joined by a relay socket, without MeshCentral's page.

const crypto = require('crypto');
const https = require('https');
const { openSocket } = require('./sockets');

/**
 * Asks the device for a tunnel and joins it with `credential` (a query such as "token=…").
 * @param {object} mesh of startMeshCentral. @param {object} control an open control socket (for the request).
 * @param {number} protocol 1 terminal, 2 desktop, 5 files. @param {string} nodeId @param {string} credential @param {object} [options] of openSocket (a credential in a header, for example)
 * @returns {Promise<object>} the relay socket, connected (MeshCentral said "c").
 */
async function openTunnel(mesh, control, protocol, nodeId, credential, options = {}) {
    await control.next((m) => m.action === 'serverinfo');
    const id = crypto.randomBytes(12).toString('hex');
    const from = control.messages.length;
    control.send({ action: 'authcookie' });
    const { rcookie } = await control.next((m) => m.action === 'authcookie' && control.messages.indexOf(m) >= from);
    control.send({ action: 'msg', type: 'tunnel', nodeid: nodeId, usage: protocol, value: `*/meshrelay.ashx?p=${protocol}&nodeid=${nodeId}&id=${id}&rauth=${rcookie}` });
    const relay = openSocket(mesh.url, `/meshrelay.ashx?browser=1&p=${protocol}&nodeid=${nodeId}&id=${id}${credential ? '&' + credential : ''}`, options);
    await relay.next((m) => m === 'c' || m === 'cr');
    return relay;
}

function openTerminal(mesh, control, nodeId, credential, options) { return openTunnel(mesh, control, 1, nodeId, credential, options); }

/** A desktop by hand: resolves when the device has sent a picture's first frame. */
async function openDesktop(mesh, control, nodeId, credential, options) {
    const relay = await openTunnel(mesh, control, 2, nodeId, credential, options);
    relay.send({ ctrlChannel: '102938', type: 'options', desktop: {} });
    relay.send('2');
    await relay.next((m) => Buffer.isBuffer(m));
    return relay;
}

/**
 * A download that is under way, read slowly: a large file of the device.
 * @returns {Promise<{closed: Promise, status: number}>} once its first bytes are here.
 */
async function openDownload(mesh, control, nodeId, file, headers = {}) {
    const from = control.messages.length;
    control.send({ action: 'authcookie' });
    const { cookie } = await control.next((m) => m.action === 'authcookie' && control.messages.indexOf(m) >= from);
    const target = '/devicefile.ashx?c=' + encodeURIComponent(cookie) + '&m=x&n=' + encodeURIComponent(nodeId.split('/')[2]) + '&f=' + encodeURIComponent(file);
    return new Promise((resolve, reject) => {
        const request = https.get(mesh.url + target, { rejectUnauthorized: false, agent: false, headers }, (res) => {
            const closed = new Promise((ended) => { res.on('close', () => ended(res.complete)); res.on('error', () => { }); });
            if (res.statusCode !== 200) { res.resume(); return resolve({ status: res.statusCode, closed }); }
            res.on('data', () => {
                resolve({ status: 200, closed, abort: () => request.destroy() });
                res.pause();
                setTimeout(() => res.resume(), 2);
            });
        });
        request.on('error', reject);
        request.setTimeout(20000, () => request.destroy(new Error('no answer to a download in 20 s')));
    });
}

/** A folder of the device, listed through a files tunnel: the names in it. */
async function listFolder(relay, folder, ms = 15000) {
    const from = relay.messages.length;
    relay.send('5');
    relay.send({ action: 'ls', reqid: 1, path: folder });
    const text = (m) => { try { return JSON.parse(Buffer.isBuffer(m) ? m.toString() : JSON.stringify(m)); } catch (err) { return {}; } };
    const answer = text(await relay.next((m) => Array.isArray(text(m).dir), ms, from));
    return answer.dir.map((entry) => entry.n);
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

module.exports = { openTunnel, openTerminal, openDesktop, openDownload, listFolder, runIn };
