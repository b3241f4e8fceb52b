'use strict';
// HTTP requests and sockets of MeshCentral's other paths: pages, accounts, the server.

const { EVERYBODY } = require('./cells');
const { nothing: never } = require('./evidence');
const { fields, key } = require('./http');

const ok = (test = () => true) => (cell) => cell.answer.status === 200 && test(cell.answer, cell);
// For what is allowed: MeshCentral itself answered, be it that it has none of that name or records no sessions.
const reached = ({ answer, expected }) => (expected === 'refused' ? answer.status === 200 : !/^(FORBIDDEN|ACCESS_DENIED)|data-meshsso/m.test(answer.body));
const page = { accept: 'text/html' };
const read = (target, all, evidence = ok(), more = {}) => ({ name: target || 'the page', all, evidence, request: () => ({ target: '/' + target, headers: page }), ...more });
const post = (target, values, evidence = never, more = {}) => ({ name: target + ' POST', all: '', evidence, request: (cell) => ({ target: '/' + target, method: 'POST', ...fields(typeof values === 'function' ? values(cell) : values) }), ...more });
const said = (test) => (cell) => cell.sockets.length > 0 && cell.sockets[0].messages.some(test);
const socket = (target, more = {}) => ({ name: target.split('?')[0] + ' socket', all: '', evidence: said((m) => m.action !== 'close'), socket: () => ({ target: '/' + target }), ...more });
const nodeSocket = (target, query, more = {}) => ({ ...socket(target), all: undefined, own: '', ...more, socket: async (cell) => ({ target: '/' + target + '?' + await query(cell) }) });
// Everybody in the world gets it from MeshCentral, so that one who is signed in gets nothing by it; refused all the same.
const PUBLIC = { stock: false };

module.exports = [
    read('', EVERYBODY, ok(({ body }) => body.includes('authCookie'))),
    read('login', EVERYBODY, ok(({ body }) => body.includes('authCookie'))),
    { name: 'the page of a device', own: 'TAVSG', foreign: 'TAVSG', evidence: ok(({ body }) => body.includes('authCookie')), where: ['own', 'foreign'], request: ({ node }) => ({ target: '/?viewmode=11&gotonode=' + key(node), headers: page }) },
    read('refresh.ashx', EVERYBODY),
    read('commander.ashx', EVERYBODY, ok(({ body }) => body.length > 10000)),
    read('userimage.ashx?rnd=1', EVERYBODY, reached),
    { name: 'userimage.ashx of another', all: 'S', evidence: reached, request: ({ other }) => ({ target: '/userimage.ashx?id=' + encodeURIComponent(other.split('/')[2]) }) },
    read('recordings.ashx?file=none.mcrec', 'S', reached),
    read('player.htm', 'S', ok()),
    read('logout', EVERYBODY, ({ answer }) => answer.status === 302 || answer.status === 200, { again: true }),
    read('xterm', '', never, { name: 'xterm without a device' }),
    read('player', '', ok()), read('backup.zip', ''), read('meshagents', '', ok(), PUBLIC), read('meshagents?id=6', '', ok(), PUBLIC), read('meshagents?script=1', '', ok(), PUBLIC),
    { name: 'meshagents, the installer of a group', own: '', where: ['own', 'foreign'], stock: false, evidence: ok(), request: ({ mesh }) => ({ target: '/meshagents?id=6&meshid=' + encodeURIComponent(mesh.split('/')[2]) }) },
    { name: 'meshsettings', own: '', where: ['own', 'foreign'], stock: false, evidence: ok(({ body }) => body.includes('MeshID')), request: ({ mesh }) => ({ target: '/meshsettings?id=' + encodeURIComponent(mesh.split('/')[2]) }) },
    { name: 'meshosxagent', own: '', where: ['own', 'foreign'], stock: false, evidence: ok(), request: ({ mesh }) => ({ target: '/meshosxagent?id=16&meshid=' + encodeURIComponent(mesh.split('/')[2]) }) },
    read('agentdownload.ashx?c=x', ''), read('downloadfile.ashx?link=x', ''), read('webrelay.ashx', '', ok(), PUBLIC), read('mstsc.html', '', ok()), read('ssh.html', ''),
    read('userfiles/user/x', '', ok(), PUBLIC), read('invite', '', ok(), PUBLIC), read('agentinvite?c=x', '', ok(), PUBLIC), read('sharing?c=x', '', ok(), PUBLIC), read('checkmail?c=x', '', ok(), PUBLIC),
    read('pluginadmin.ashx?pin=x', ''), read('auth-duo', ''), read('add-duo', ''), read('control-redirect.ashx?n=x&p=80&c=x', ''), read('newAccountCaptcha.ashx?x=1', ''),
    read('captcha.ashx', ''), read('ipkvm.ashx/x', ''), read('no-such-path', ''), read('meshcentral-data/config.json', ''), read('control.ashx', '', never), read('meshrelay.ashx', '', never),

    post('', { action: 'changepassword', apassword0: 'x', apassword1: 'Mallory1!', apassword2: 'Mallory1!' }, never, { name: 'the page POST, changing the password' }),
    post('', { action: 'deleteaccount', apassword1: 'x', apassword2: 'x' }, never, { name: 'the page POST, deleting the account' }),
    post('login', { action: 'login', username: 'x', password: 'x' }, never, PUBLIC),
    post('tokenlogin', { token: 'x' }, never, PUBLIC),
    post('changepassword', { apassword0: 'x', apassword1: 'Mallory1!', apassword2: 'Mallory1!' }),
    post('deleteaccount', { apassword1: 'x', apassword2: 'x' }),
    post('deleteaccount', (cell) => ({ authcookie: cell.person.pageCookies().auth }), ({ answer }) => answer.status === 200, { name: 'deleteaccount POST by cookie', last: true }),
    post('createaccount', { username: 'x', password1: 'Mallory1!', password2: 'Mallory1!', email: 'x@evil.example' }, never, PUBLIC),
    post('resetpassword', { rpassword1: 'Mallory1!', rpassword2: 'Mallory1!' }, never, PUBLIC),
    post('resetaccount', ({ other }) => ({ email: other.split('/')[2] }), never, PUBLIC),
    post('translations', { action: 'getTranslations' }, ok()),
    post('amtevents.ashx', { x: 'x' }, never, PUBLIC),
    post('invite', { inviteCode: 'x' }, never, PUBLIC),
    post('pluginadmin.ashx', { pin: 'x' }),
    post('captcha.ashx', { x: 'x' }),
    post('control.ashx', { x: 'x' }), post('devicefile.ashx', { x: 'x' }), post('xterm', { x: 'x' }),

    socket('echo.ashx', { talk: 'echo', stock: false }), socket('2fahold.ashx?c=x'), socket('apf.ashx', PUBLIC), socket('recordings.ashx?file=none.mcrec', { all: 'S', evidence: (cell) => cell.expected === 'allowed' && !said((m) => m.action === 'close')(cell) }),
    socket('agenttransfer.ashx?c=x'), socket('ipkvm.ashx/x'), socket('meshserver.ashx', PUBLIC), socket('mqtt.ashx', PUBLIC), socket('no-such-socket.ashx'),
    nodeSocket('webrelay.ashx', ({ node }) => `host=${node}&port=16992&p=1`),
    nodeSocket('webider.ashx', ({ node }) => `host=${node}&port=16992&p=1`),
    nodeSocket('localrelay.ashx', ({ node, nonce }) => `nodeid=${node}&tcpport=22&id=${nonce}`),
    ...['mstscrelay.ashx', 'sshrelay.ashx', 'sshterminalrelay.ashx', 'sshfilesrelay.ashx'].map((target) => nodeSocket(target, async (cell) => `nodeid=${cell.node}&tcpport=22&auth=${(await cell.person.cookies()).cookie}`)),
    nodeSocket('devicefile.ashx', async (cell) => `c=${(await cell.person.cookies()).cookie}&n=${key(cell.node)}&f=/etc/hostname&id=${cell.nonce}`),
    nodeSocket('devicefile.ashx', async (cell) => `id=${cell.nonce}&auth=${(await cell.person.cookies()).cookie}&nodeid=${cell.node}`, { name: 'devicefile.ashx socket of a relay' }),
    socket('control.ashx?auth=x', { name: 'control.ashx with a cookie that is none', bare: true, evidence: said((m) => m.action === 'userinfo') }),
    { name: 'control.ashx with another\'s relay cookie', all: '', bare: true, evidence: said((m) => m.action === 'userinfo'), socket: async (cell) => ({ target: '/control.ashx?auth=' + (await cell.person.cookies()).rcookie }) }
];
