'use strict';
// Every way in that a MeshCentral account has of its own, made by MeshCentral itself, and whether each still works.

const crypto = require('crypto');
const { get, until } = require('./meshcentral');
const { openSocket, passwordHeader } = require('./sockets');

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** Whether a control socket opened like this is let in, and as whom. Resolves to the account's id or null. */
async function whoIs(mesh, target, headers) {
    const socket = openSocket(mesh.url, target, { headers });
    try {
        // MeshCentral says `close` long before the socket is gone: it reads no more of it.
        const { userinfo } = await socket.next((m) => m.action === 'userinfo' || m.action === 'close');
        return userinfo ? userinfo._id : null;
    } catch (err) { return null; } finally { socket.ws.terminate(); }
}

/** A browser's session by MeshCentral's login form. Resolves to a cookie header. */
async function logIn(mesh, name, password) {
    const answer = await get(mesh.url + '/login', FORM, { method: 'POST', body: new URLSearchParams({ username: name, password }).toString() });
    return (answer.headers['set-cookie'] || []).map((value) => value.split(';')[0]).join('; ');
}

/**
 * Makes all of them for an account that can log in.
 * @param {object} mesh of startMeshCentral. @param {string} name @param {string} password @param {string} nodeId a device of the account's
 * @returns {Promise<{ways: Object<string, () => Promise<boolean>>, mail: string}>} by name whether it works now; the cookie of a mailed reset link
 */
async function credentialsOf(mesh, name, password, nodeId) {
    const id = 'user//' + name.toLowerCase();
    const control = openSocket(mesh.url, '/control.ashx', { headers: passwordHeader(name, password) });
    await control.next((m) => m.action === 'serverinfo');
    control.send({ action: 'createLoginToken', name: 'kept', expire: 0 });
    const token = await control.next((m) => m.action === 'createLoginToken');
    control.send({ action: 'authcookie' });
    const { cookie, rcookie } = await control.next((m) => m.action === 'authcookie');
    control.send({ action: 'createDeviceShareLink', nodeid: nodeId, guestname: 'guest', p: 1, consent: 0, expire: 60, responseid: 'share' });
    const share = new URL((await control.next((m) => m.action === 'createDeviceShareLink')).url);
    control.close();
    const session = await logIn(mesh, name, password);
    const mails = () => [...mesh.output().matchAll(/checkmail\?c=([^\s'"&]+)/g)].map((match) => match[1]);
    const before = mails().length;
    await get(mesh.url + '/resetaccount', FORM, { method: 'POST', body: new URLSearchParams({ email: name }).toString() });
    const mail = await until(() => mails()[before], 10000, 'MeshCentral mails a link to ' + name);
    const ways = {
        password: async () => await whoIs(mesh, '/control.ashx', passwordHeader(name, password)) === id,
        loginToken: async () => await whoIs(mesh, '/control.ashx', passwordHeader(token.tokenUser, token.tokenPass)) === id,
        authCookie: async () => await whoIs(mesh, '/control.ashx?auth=' + encodeURIComponent(cookie)) === id,
        relayCookie: () => joins(mesh, rcookie, passwordHeader(name, password)),
        session: async () => !/loginpanel/.test((await mesh.get('/', { cookie: session })).body),
        share: async () => (await mesh.get(share.pathname + share.search)).status === 200,
        mailedLink: async () => messageOf(await mesh.get('/checkmail?c=' + mail)) === '14'
    };
    return { ways, mail };
}

// Whether a relay cookie lets a device's end meet its user's.
async function joins(mesh, rcookie, user) {
    const target = '/meshrelay.ashx?id=' + crypto.randomBytes(8).toString('hex');
    const device = openSocket(mesh.url, target + '&rauth=' + encodeURIComponent(rcookie));
    const other = openSocket(mesh.url, target + '&browser=1', { headers: user });
    try { return await until(() => (device.messages.includes('c') ? 'yes' : device.ws.readyState > 1 && 'no'), 15000, 'a relay is joined or closed') === 'yes'; } finally { device.ws.terminate(); other.ws.terminate(); }
}

// MeshCentral's message page names its text by a number: 14 asks to confirm a reset.
function messageOf({ body }) { return (/msgid = parseInt\('(\d+)'\)/.exec(body) || ['', ''])[1]; }

module.exports = { FORM, credentialsOf, whoIs, logIn };
