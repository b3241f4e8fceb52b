'use strict';
// Control channel: the server itself, other people's screens, and frames that MeshCentral's handlers stumble over.

const { about, answer, event, logged, nothing } = require('./evidence');

const row = (action, fields = {}, evidence = nothing, more = {}) => ({
    name: action, all: '', frame: (cell) => ({ action, ...(typeof fields === 'function' ? fields(cell) : fields) }), evidence, ...more
});
/** Not a frame that anybody may send: text that is no JSON object with an action. It has no responseid to answer. */
const noise = (name, text, more = {}) => ({ name, all: '', silent: true, frame: () => text, evidence: nothing, ...more });
/** One field of a wrong type, whoever sends it. */
const TEXTS = ['', 'x', '__proto__', 'node//' + 'x'.repeat(5000)];
const OTHERS = [5, 0, -1, 1.5, true, null, {}, { toString: 1 }, [], ['node//x'], [[]], { length: 9 }];
const mistyped = (action, field, rest = {}, texts = TEXTS) => [...OTHERS, ...texts].map((value) => ({
    name: `${action}, ${field} = ${JSON.stringify(value).slice(0, 24)}`, all: '', stock: false, frame: () => ({ action, ...rest, [field]: value }), evidence: nothing
}));

module.exports = [
    row('print', ({ nonce }) => ({ value: nonce }), logged),
    row('urlargs', ({ nonce }) => ({ args: { x: nonce } }), logged),
    row('close', {}, (cell) => cell.control.over === true, { stock: false }),
    row('fileoperation', { fileop: 'createfolder', path: ['user//x'], newfolder: 'x' }, event('updatefiles')),
    row('addplugin', { url: 'https://127.0.0.1:1/x.json' }),
    row('installplugin', { id: 'x' }),
    row('disableplugin', { id: 'x' }),
    row('removeplugin', { id: 'x' }),
    row('getpluginversions', { id: 'x' }, answer('downgradePluginVersions')),
    row('pluginLatestCheck', {}, answer('pluginVersionsAvailable')),
    row('plugin', { plugin: 'x', pluginaction: 'x' }),
    { ...row('plugin', ({ node }) => ({ plugin: 'x', nodeid: node, routeToNode: true }), nothing, { name: 'plugin to a device' }), all: undefined, own: '' },
    row('serverBackup', { service: 'googleDrive', state: 0 }, answer('serverBackup')),
    row('serverclearerrorlog'),
    row('serverconsole', { value: 'info' }, answer('serverconsole')),
    row('serverupdate', { version: 'none' }, nothing, { people: 'TAVG' }), // a refusal that failed would reinstall the server
    row('traceinfo', { traceSources: ['web'] }, event('traceinfo')),
    row('satellite', ({ nonce }) => ({ reqid: nonce, satelliteFlags: 2, subaction: 'x', response: nonce }), event('satelliteResponse')),
    row('meshToolInfo', { name: 'MeshCentralRouter' }, answer('meshToolInfo')),

    // Other people.
    row('emailuser', ({ other }) => ({ userid: other, subject: 'x', msg: 'x' })),
    row('smsuser', ({ other }) => ({ userid: other, msg: 'x' }), answer('smsuser')),
    row('msguser', ({ other }) => ({ userid: other, msg: 'x' }), answer('msguser')),
    row('notifyuser', ({ other, nonce }) => ({ userid: other, msg: nonce })),
    row('userbroadcast', ({ nonce }) => ({ msg: nonce }), (cell) => cell.admins().some((m) => m.action === 'msg' && m.value === cell.nonce)),
    row('interuser', ({ other, nonce }) => ({ userid: other, data: nonce })),
    row('uicustomevent', ({ nonce }) => ({ section: 'x', element: nonce, src: {} }), event('uicustomevent')),

    // What ends a MeshCentral that reads it.
    ...mistyped('events', 'nodeid', { limit: 60 }, []), // a full administrator may ask for any text
    row('events', { nodeid: 5, limit: 60 }, nothing, { name: 'events, nodeid a number', fatal: true }),
    row('meshToolInfo', { name: 'x' }, nothing, { name: 'meshToolInfo of no tool', fatal: true }),
    { ...row('getDeviceDetails', ({ node }) => ({ nodeids: [node], type: 'csv', l: 'xx-invalid-locale', tz: 'No/Where', tf: 0 }), nothing, { name: 'getDeviceDetails, no such time zone', fatal: true }), all: undefined, own: '' },
    row('report', { type: 1, groupBy: 3, start: 1, end: 2000000000, l: 'xx-invalid', tz: 'No/Where', tf: 0 }, nothing, { name: 'report, no such time zone', fatal: true }),
    { ...row('setDeviceEvent', ({ node }) => ({ nodeid: node, msg: '%' }), nothing, { name: 'setDeviceEvent that does not decode', fatal: true }), all: undefined, own: '' },
    ...mistyped('lastconnect', 'nodeid'), ...mistyped('getsysinfo', 'nodeid'), ...mistyped('powertimeline', 'nodeid'), ...mistyped('getNotes', 'id'),
    ...mistyped('wakedevices', 'nodeids'), ...mistyped('msg', 'nodeid', { type: 'ps' }), ...mistyped('deviceShares', 'nodeid'), ...mistyped('runcommands', 'nodeids', { type: 3, cmds: 'x' }),
    ...mistyped('endDesktopMultiplex', 'nodeid', { xuserid: 'user//x' }), ...mistyped('toast', 'nodeids', { title: 'T', msg: 'M' }),

    // What is no action at all.
    row('no-such-action', {}, answer('no-such-action')),
    row('__proto__'), row('constructor'), row('toString'), row('hasOwnProperty'), row('Ping'), row(' ping'),
    row('ping', ({ node }) => ({ responseid: { nodeid: node } }), nothing, { name: 'ping, an object as responseid', silent: true }),
    noise('no JSON', '{"action":'), noise('an array', '[{"action":"ping"}]'), noise('null', 'null', { fatal: true }), noise('a number', '5'), noise('a string', '"ping"'),
    noise('an empty frame', ''), noise('no action', '{"nodeid":1}'), noise('an action that is a list', '{"action":["users"]}'), noise('deeply nested', '['.repeat(20000)),
    noise('very long', JSON.stringify({ action: 'users', pad: 'x'.repeat(300 * 1024) })),
    { name: 'lastconnect twice in one frame', own: '', foreign: 'S', silent: true, where: ['foreign'], frame: ({ node, site }) => `{"action":"lastconnect","nodeid":"${site.devices.own.id}","nodeid":"${node}"}`, evidence: about('lastconnect') }
];
