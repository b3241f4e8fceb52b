'use strict';
// What credentials of a session are worth straight at MeshCentral, past the proxy.

const crypto = require('crypto');
const { whoIs } = require('./credentials');
const { until } = require('./process');
const { openSocket } = require('./sockets');

/**
 * Tries texts as each kind of credential that MeshCentral takes.
 * @param {object} mesh of startMeshCentral. @param {string} nodeId a device. @param {object} given {page: for auth= and c=, relay: for rauth=, cookie: a header}
 * @returns {Promise<string[]>} the ways that let somebody in; an error has the `way` in which it happened
 */
async function opens(mesh, nodeId, { page, relay, cookie }) {
    const text = encodeURIComponent(page);
    const node = encodeURIComponent(nodeId.split('/')[2]);
    const enters = (body) => /\bauthCookie\s*=\s*'[^']/.test(body);
    const ways = {
        'control.ashx?auth=': async () => await whoIs(mesh, '/control.ashx?auth=' + text) !== null,
        'control.ashx?c=': async () => await whoIs(mesh, '/control.ashx?c=' + text) !== null,
        'control.ashx with cookies': async () => await whoIs(mesh, '/control.ashx', { cookie }) !== null,
        'control.ashx with the page\'s as a session': async () => await whoIs(mesh, '/control.ashx', { cookie: 'xid=' + text }) !== null,
        'the page with cookies': async () => enters((await mesh.get('/', { cookie })).body),
        'the page with auth=': async () => enters((await mesh.get('/?auth=' + text)).body),
        'devicefile.ashx?c=': async () => (await mesh.get(`/devicefile.ashx?c=${text}&m=x&n=${node}&f=${encodeURIComponent('/etc/hostname')}`)).status === 200,
        'meshrelay.ashx': () => meets(mesh, nodeId, '&rauth=' + encodeURIComponent(relay), '&auth=' + text)
    };
    const open = [];
    for (const [way, tried] of Object.entries(ways)) {
        const opened = await tried().catch((err) => { throw Object.assign(new Error(way + ': ' + err.message), { way, code: err.code }); });
        if (opened) { open.push(way); }
    }
    return open;
}

// Whether the two ends of a relay meet by these.
async function meets(mesh, nodeId, one, other) {
    const target = '/meshrelay.ashx?p=1&nodeid=' + nodeId + '&id=' + crypto.randomBytes(8).toString('hex');
    const sockets = [openSocket(mesh.url, target + one), openSocket(mesh.url, target + '&browser=1' + other)];
    const refused = ({ ws, messages }) => ws.readyState > 1 || messages.some((m) => m.action === 'close'); // it says so long before the socket is gone
    const joined = ({ messages }) => messages.some((m) => m === 'c' || m === 'cr');
    try {
        return await until(() => (sockets.some(joined) ? 'yes' : sockets.some(refused) && 'no'), 30000, 'a relay is joined or closed') === 'yes';
    } finally { for (const { ws } of sockets) { ws.terminate(); } }
}

module.exports = { opens };
