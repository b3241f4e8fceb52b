'use strict';
// Control channel: what reaches a device. A viewer looks at the desktop and does nothing else; console and commands are an
// administrator's. Nothing here is sent that could switch the machine off on which this runs, allowed or not.

const path = require('path');
const { about, answer, any, device, event, file, nothing, passed, routed, routedToMute, taken } = require('./evidence');

const CONTROL = 'TAS'; // remote control, wake, power, notes, chat
const CONSOLE = 'AS'; // console and commands besides
const WATCH = 'TAVS';

/** A `msg` to the agent. */
const msg = (type, own, fields = {}, evidence = device(type), more = {}) => ({
    name: 'msg ' + type, own, agent: true, evidence,
    frame: (cell) => ({ action: 'msg', type, nodeid: cell.node, ...(typeof fields === 'function' ? fields(cell) : fields) }), ...more
});
const mark = (cell) => path.join(cell.site.dir, cell.nonce);

module.exports = [
    msg('ps', CONTROL, {}, any(device('ps'), routedToMute('ps'))), // an agent answers nobody where a process of the machine has a backslash in its arguments
    msg('psinfo', CONTROL, { pid: process.pid }),
    msg('pskill', CONTROL, (cell) => ({ value: cell.victim.pid + '|sleep' }), (cell) => cell.victim.over, { victim: true }),
    msg('services', CONTROL, {}, any(device('services'), routed)), // answered where there is a service manager
    msg('service', CONTROL, { serviceName: 'none-of-this-name' }, any(device('service'), routed)),
    msg('serviceStart', CONTROL, { serviceName: 'none-of-this-name' }, routed),
    msg('serviceStop', CONTROL, { serviceName: 'none-of-this-name' }, routed),
    msg('serviceRestart', CONTROL, { serviceName: 'none-of-this-name' }, routed),
    msg('cpuinfo', CONTROL),
    msg('userSessions', CONTROL, ({ nonce }) => ({ tag: nonce }), any(device('userSessions'), routed)),
    msg('setclip', CONTROL, { data: 'clipboard' }, any(device('setclip'), routed)),
    msg('getclip', CONTROL, { tag: 1 }, any(device('getclip'), routed)),
    msg('deskBackground', CONTROL, { op: 1 }, routed),
    msg('messagebox', CONTROL, { title: 'T', msg: 'M' }, routed),
    msg('alertbox', CONTROL, { title: 'T', msg: 'M' }, routed),
    msg('openUrl', CONTROL, { url: 'https://127.0.0.1:1/' }, any(device('openUrl'), routed)),
    msg('console', CONSOLE, ({ nonce }) => ({ value: `eval "'${nonce}'"` }), device('console', (m, { nonce }) => m.value.includes(nonce))),
    msg('console', CONSOLE, (cell) => ({ value: `eval "require('fs').writeFileSync('${mark(cell)}','')"` }), file(mark), { name: 'msg console that writes a file' }),
    msg('endtunnel', WATCH, ({ self }) => ({ xuserid: self, protocol: 'terminal' }), routed),
    msg('endtunnel', '', ({ other }) => ({ xuserid: other, protocol: 'terminal' }), routed, { name: 'msg endtunnel of another person' }),
    msg('localapp', '', { appid: 'x', value: 'x' }, routed),
    msg('no-such-type', '', {}, routed),
    msg('ps', '', ({ node }) => ({ nodeid: node.split('/')[2] }), device('ps'), { name: 'msg ps by the device\'s key' }),
    msg('psinfo', '', { pid: '1' }, device('psinfo'), { name: 'msg psinfo, pid of a wrong type' }),
    { name: 'msg without a type', own: '', frame: ({ node }) => ({ action: 'msg', nodeid: node }), evidence: routed },

    { name: 'getClip', own: '', frame: ({ node }) => ({ action: 'getClip', nodeid: node }), evidence: nothing },
    { name: 'setClip', own: '', frame: ({ node }) => ({ action: 'setClip', nodeid: node, data: 'x' }), evidence: nothing },
    { name: 'wakedevices', own: CONTROL, frame: ({ node }) => ({ action: 'wakedevices', nodeids: [node] }), evidence: taken('wakedevices') },
    { name: 'wakedevices, own and foreign', all: 'S', frame: ({ site }) => ({ action: 'wakedevices', nodeids: [site.devices.own.id, site.devices.foreign.id] }), evidence: taken('wakedevices') },
    { name: 'wakedevices, a wrong type', own: '', frame: ({ node }) => ({ action: 'wakedevices', nodeids: node }), evidence: taken('wakedevices') },
    // Of Intel AMT, which this device has not, and flashes of its screen. MeshCentral says "ok" before it looks at rights.
    { name: 'poweraction, Intel AMT off', own: CONTROL, frame: ({ node }) => ({ action: 'poweraction', nodeids: [node], actiontype: 308 }), evidence: taken('poweraction') },
    { name: 'poweraction, Intel AMT on', own: CONTROL, frame: ({ node }) => ({ action: 'poweraction', nodeids: [node], actiontype: 302 }), evidence: taken('poweraction') },
    { name: 'poweraction, flash', own: CONSOLE, frame: ({ node }) => ({ action: 'poweraction', nodeids: [node], actiontype: 400, time: 1 }), evidence: taken('poweraction') },
    { name: 'poweraction, unknown number', own: '', frame: ({ node }) => ({ action: 'poweraction', nodeids: [node], actiontype: 399 }), evidence: nothing },
    {
        name: 'runcommands', own: CONSOLE, agent: true, evidence: file(mark),
        frame: (cell) => ({ action: 'runcommands', nodeids: [cell.node], type: 3, cmds: 'touch ' + mark(cell), runAsUser: 0 })
    },
    {
        name: 'runcommands on the console', own: CONSOLE, agent: true, evidence: file(mark),
        frame: (cell) => ({ action: 'runcommands', nodeids: [cell.node], type: 4, cmds: `eval "require('fs').writeFileSync('${mark(cell)}','')"` })
    },
    { name: 'runcommands, preset', own: CONSOLE, frame: ({ node }) => ({ action: 'runcommands', nodeids: [node], presetcmd: 0 }), evidence: passed },
    { name: 'runcommands from a file of the server', own: '', frame: ({ node, self }) => ({ action: 'runcommands', nodeids: [node], type: 3, cmdpath: self + '/x.sh' }), evidence: answer('runcommands') },
    { name: 'toast', own: CONTROL, frame: ({ node }) => ({ action: 'toast', nodeids: [node], title: 'T', msg: 'M' }), evidence: taken('toast') },
    { name: 'meshmessenger', own: CONTROL, frame: ({ node }) => ({ action: 'meshmessenger', nodeid: node }), evidence: passed },
    { name: 'meshmessenger to a person', all: '', frame: ({ other }) => ({ action: 'meshmessenger', userid: other }), evidence: nothing },
    {
        name: 'setNotes', own: CONTROL, frame: ({ node, nonce }) => ({ action: 'setNotes', id: node, notes: 'n' + nonce }),
        evidence: async (cell) => await cell.site.notesOf(cell.node) === 'n' + cell.nonce
    },
    { name: 'setNotes on a device group', own: '', where: ['own', 'foreign'], frame: ({ mesh }) => ({ action: 'setNotes', id: mesh, notes: 'x' }), evidence: nothing },
    { name: 'setNotes, private ones', all: '', frame: ({ self }) => ({ action: 'setNotes', id: 'p' + self, notes: 'x' }), evidence: nothing },
    { name: 'endDesktopMultiplex', own: WATCH, frame: ({ node, self }) => ({ action: 'endDesktopMultiplex', nodeid: node, xuserid: self }), evidence: passed },
    { name: 'endDesktopMultiplex of another person', own: '', frame: ({ node, other }) => ({ action: 'endDesktopMultiplex', nodeid: node, xuserid: other }), evidence: nothing },
    {
        name: 'setDeviceEvent', own: '', frame: ({ node, nonce }) => ({ action: 'setDeviceEvent', nodeid: node, msg: nonce }),
        evidence: event('manual', (e, { nonce }) => e.msg === nonce)
    },

    // Ways out of the device that no page needs.
    { name: 'getcookie', own: '', frame: ({ node }) => ({ action: 'getcookie', nodeid: node, tcpport: 22, tcpaddr: '127.0.0.1', name: 'x' }), evidence: about('getcookie', (m) => m.cookie !== undefined) },
    { name: 'amt', own: '', frame: ({ node }) => ({ action: 'amt', nodeid: node, mode: 3, command: 'Get-GeneralSettings' }), evidence: answer('amt'), fatal: true },
    { name: 'sendmqttmsg', own: '', frame: ({ node }) => ({ action: 'sendmqttmsg', nodeids: [node], topic: 't', msg: 'm' }), evidence: answer('sendmqttmsg') },
    { name: 'getmqttlogin', own: '', frame: ({ node }) => ({ action: 'getmqttlogin', nodeid: node }), evidence: answer('getmqttlogin', (m) => m.pass !== undefined) },
    { name: 'pushmessage', own: '', frame: ({ node }) => ({ action: 'pushmessage', nodeid: node, title: 'T', msg: 'M' }), evidence: nothing },
    { name: 'pushconsole', own: '', frame: ({ node }) => ({ action: 'pushconsole', nodeid: node, console: 'help' }), evidence: nothing },

    // Agents themselves.
    { name: 'agentdisconnect', own: '', agent: true, frame: ({ node }) => ({ action: 'agentdisconnect', nodeid: node, disconnectMode: 1 }), evidence: event('nodeconnect', (e, { node }) => e.nodeid === node && (e.conn & 1) === 0) },
    { name: 'updateAgents', own: '', frame: ({ node }) => ({ action: 'updateAgents', nodeids: [node] }), evidence: nothing },
    { name: 'uploadagentcore', own: '', frame: ({ node }) => ({ action: 'uploadagentcore', nodeids: [node], type: 'default' }), evidence: event('agentlog', (e, { node }) => e.nodeid === node) },
    { name: 'distributeCore', own: '', frame: ({ node }) => ({ action: 'distributeCore', nodes: [{ _id: node }] }), evidence: nothing },
    { name: 'oneclickrecovery', own: '', frame: ({ node, self }) => ({ action: 'oneclickrecovery', nodeids: [node], type: 'diskimage', path: self + '/x' }), evidence: nothing },
    // Sent only for whom MeshCentral itself refuses it as well: it would end the run.
    { name: 'uninstallagent', own: '', agent: true, frame: ({ node }) => ({ action: 'uninstallagent', nodeids: [node] }), people: 'TAVG', evidence: event('nodeconnect', (e, { node }) => e.nodeid === node && (e.conn & 1) === 0) },
    { name: 'removedevices', own: '', people: 'TAVG', frame: ({ node }) => ({ action: 'removedevices', nodeids: [node] }), evidence: event('removenode', (e, { node }) => e.nodeid === node) },
    { name: 'changedevice', own: '', frame: ({ node, nonce }) => ({ action: 'changedevice', nodeid: node, desc: nonce }), evidence: event('changenode', (e, { nonce }) => e.node && e.node.desc === nonce) },
    { name: 'changeDeviceMesh', own: '', frame: ({ node, mesh }) => ({ action: 'changeDeviceMesh', nodeids: [node], meshid: mesh }), evidence: event('nodemeshchange') }
];
