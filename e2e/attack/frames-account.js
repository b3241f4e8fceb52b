'use strict';
// Control channel: accounts, groups, and what mints access or lets somebody in. All of it follows PostgreSQL; nobody who
// signed in with a token does any of it here, the superadmin included.

const { about, answer, event, nothing } = require('./evidence');

const own = (event_, test) => event(event_, (e, cell) => e.userid === cell.self && (test === undefined || test(e, cell)));
const row = (action, fields, evidence = nothing, more = {}) => ({
    name: action, all: '', frame: (cell) => ({ action, ...(typeof fields === 'function' ? fields(cell) : fields) }), evidence, ...more
});
/** About a device or its group. */
const at = (action, fields, evidence = nothing, more = {}) => {
    const { all, ...rest } = row(action, fields, evidence, more);
    return { ...rest, own: all };
};
const PICTURE = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=';

module.exports = [
    // Access.
    row('createLoginToken', ({ nonce }) => ({ name: nonce, expire: 0 }), answer('createLoginToken', (m) => m.tokenPass !== undefined)),
    row('loginTokens', { remove: ['~t:x'] }, nothing, { name: 'loginTokens with remove', silent: true }),
    row('logincookie', {}, answer('logincookie')),
    row('twoFactorCookie', {}, answer('twoFactorCookie')),
    at('createDeviceShareLink', ({ node }) => ({ nodeid: node, guestname: 'guest', p: 2, consent: 0, expire: 60, viewOnly: false }), about('createDeviceShareLink')),
    at('removeDeviceShare', ({ node }) => ({ nodeid: node, publicid: 'x' }), about('removeDeviceShare')),
    at('deviceMeshShares', ({ mesh }) => ({ meshid: mesh }), answer('deviceMeshShares'), { where: ['own', 'foreign'] }),
    at('createInviteLink', ({ mesh }) => ({ meshid: mesh, expire: 1, flags: 0 }), answer('createInviteLink', (m) => m.url !== undefined), { where: ['own', 'foreign'] }),
    at('inviteAgent', ({ mesh }) => ({ meshid: mesh, email: 'x@evil.example', name: 'x', os: 0, msg: '', flags: 0, expire: 1 }), nothing, { where: ['own', 'foreign'] }),
    at('adddeviceuser', ({ node, self }) => ({ nodeid: node, userids: [self], rights: 8 }), answer('adddeviceuser')),
    at('adddeviceuser', ({ node, other }) => ({ nodeid: node, usernames: [other.split('/')[2]], rights: 8 }), answer('adddeviceuser'), { name: 'adddeviceuser for another' }),
    at('addmeshuser', ({ mesh, self }) => ({ meshid: mesh, userids: [self], meshadmin: 0xFFFFFFFF }), answer('addmeshuser'), { where: ['own', 'foreign'] }),
    at('removemeshuser', ({ mesh, other }) => ({ meshid: mesh, userid: other }), answer('removemeshuser'), { where: ['own', 'foreign'] }),
    row('amtsetupbin', { oldmebxpass: 'admin', newmebxpass: 'P@ssw0rdX' }, answer('amtsetupbin')),
    at('webrelay', ({ node }) => ({ nodeid: node, port: 80, appid: 1 }), about('webrelay', (m) => m.url !== undefined), { fatal: true }),
    row('webpush', { sub: { endpoint: 'https://127.0.0.1:1/', keys: { auth: 'x', p256dh: 'x' } } }, own('accountchange')),

    // People and their groups. On the server's own account list the superadmin's would work, so his are refused too.
    row('adduser', ({ nonce }) => ({ username: 'mallory' + nonce, pass: 'Mallory1!', email: nonce + '@evil.example' }), event('accountcreate', (e, { nonce }) => e.account._id.includes(nonce))),
    row('adduserbatch', ({ nonce }) => ({ users: [{ user: 'batch' + nonce, pass: 'Mallory1!', email: nonce + '@evil.example' }] }), event('accountcreate', (e, { nonce }) => e.account._id.includes(nonce))),
    row('deleteuser', ({ other }) => ({ userid: other }), event('accountremove')),
    row('edituser', ({ self }) => ({ id: self, siteadmin: 0xFFFFFFFF }), own('accountchange')),
    row('edituser', ({ other, nonce }) => ({ id: other, realname: nonce }), event('accountchange', (e, { nonce }) => e.account && e.account.realname === nonce), { name: 'edituser of another' }),
    row('changeuserpass', ({ other }) => ({ userid: other, pass: 'Mallory1!', hint: '' }), event('accountchange')),
    row('changepassword', { oldpass: 'x', newpass: 'Mallory1!', hint: '' }, nothing, { fatal: true }),
    row('changeemail', ({ nonce }) => ({ email: nonce + '@evil.example' }), own('accountchange'), { last: true }),
    row('verifyemail', ({ self }) => ({ email: self.split('/')[2] })),
    row('changelang', { lang: 'de' }, own('accountchange')),
    row('updateUserImage', { image: PICTURE }, own('accountchange')),
    row('verifyPhone', { phone: '+15555555555' }, answer('verifyPhone')),
    row('confirmPhone', { cookie: 'x', code: '1' }, answer('verifyPhone')),
    row('removePhone', {}, own('accountchange')),
    row('verifyMessaging', { handle: 'x', service: 1 }, answer('verifyMessaging')),
    row('confirmMessaging', { cookie: 'x', code: '1' }, answer('verifyMessaging')),
    row('removeMessaging', {}, own('accountchange')),
    row('otpemail', { enabled: true }, own('accountchange')),
    row('otpduo', { enabled: true }, own('accountchange')),
    row('otpauth-request', {}, answer('otpauth-request', (m) => m.secret !== undefined)),
    row('otpauth-setup', { secret: 'AAAAAAAAAAAAAAAA', token: '000000' }, answer('otpauth-setup', (m) => m.success === true)),
    row('otpauth-clear', {}, answer('otpauth-clear', (m) => m.success === true)),
    row('otpauth-getpasswords', { subaction: 1 }, answer('otpauth-getpasswords', (m) => Array.isArray(m.passwords))),
    row('otp-hkey-get', {}, answer('otp-hkey-get')),
    row('otp-hkey-remove', { index: 1 }, own('accountchange')),
    row('otp-hkey-yubikey-add', { otp: 'x'.repeat(44), name: 'x' }, answer('otp-hkey-yubikey-add', (m) => m.result === true)),
    row('otpdev-clear', {}, own('accountchange')),
    at('otpdev-set', ({ node }) => ({ nodeid: node })),
    row('webauthn-startregister', { name: 'x' }, answer('webauthn-startregister')),
    row('webauthn-endregister', { response: {} }, own('accountchange')),
    at('changemeshnotify', ({ mesh }) => ({ meshid: mesh, notify: 2 }), own('accountchange'), { where: ['own', 'foreign'] }),
    at('changeusernotify', ({ node }) => ({ nodeid: node, notify: 2 }), own('accountchange')),
    row('createusergroup', ({ nonce }) => ({ name: nonce, desc: '' }), event('createusergroup')),
    row('deleteusergroup', ({ site }) => ({ ugrpid: site.ugrp }), event('deleteusergroup')),
    row('editusergroup', ({ site, nonce }) => ({ ugrpid: site.ugrp, name: nonce }), event('usergroupchange', (e, { nonce }) => e.name === nonce)),
    row('addusertousergroup', ({ site, self }) => ({ ugrpid: site.ugrp, usernames: [self.split('/')[2]] }), answer('addusertousergroup')),
    row('removeuserfromusergroup', ({ site, self }) => ({ ugrpid: site.ugrp, userid: self }), answer('removeuserfromusergroup')),

    // Device groups.
    row('createmesh', ({ nonce }) => ({ meshname: nonce, meshtype: 2 }), answer('createmesh', (m) => m.meshid !== undefined)),
    at('editmesh', ({ mesh, nonce }) => ({ meshid: mesh, meshname: nonce }), event('meshchange', (e, { nonce }) => e.name === nonce), { where: ['own', 'foreign'] }),
    at('deletemesh', ({ mesh }) => ({ meshid: mesh, meshname: 'x' }), event('deletemesh'), { where: ['own', 'foreign'], people: 'TAVG' }),
    at('meshamtpolicy', ({ mesh }) => ({ meshid: mesh, amtpolicy: { type: 0 } }), event('meshchange'), { where: ['own', 'foreign'] }),
    at('addlocaldevice', ({ mesh }) => ({ meshid: mesh, devicename: 'x', hostname: '127.0.0.1', type: 4 }), event('addnode'), { where: ['own', 'foreign'] }),
    at('addamtdevice', ({ mesh }) => ({ meshid: mesh, devicename: 'x', hostname: '127.0.0.1', amtusername: '', amtpassword: '', amttls: 0 }), event('addnode'), { where: ['own', 'foreign'] }),
    at('importamtdevices', ({ mesh }) => ({ meshid: mesh, amtdevices: {} }), event('addnode'), { where: ['own', 'foreign'] }),
    row('scanamtdevice', { range: '127.0.0.1' }, answer('scanamtdevice'))
];
