'use strict';
// Control channel: what only reads. Everybody may read what the page shows by itself; of a device, whoever has it.

const { about, answer, any, passed } = require('./evidence');
const { EVERYBODY } = require('./cells');

const SEE = 'TAVS'; // everybody who has the device
// An answer about the device, be it that nothing is known of it yet: enough where it is allowed, and no breach where it is not.
const told = (action) => (cell) => (cell.expected === 'refused' ? about(action)(cell) : cell.heard().some((m) => m.action === action && m.nodeid === cell.node && m.result !== 'Access denied'));
const reader = (action, more = {}) => ({ name: action, own: SEE, frame: ({ node }) => ({ action, nodeid: node }), evidence: about(action), ...more });
const listed = (m, cell) => Object.values(m.nodes).flat().some((node) => node._id === cell.node);

module.exports = [
    { name: 'ping', all: EVERYBODY, frame: () => ({ action: 'ping' }), evidence: answer('pong') },
    { name: 'pong', all: EVERYBODY, frame: () => ({ action: 'pong' }), evidence: passed },
    { name: 'authcookie', all: EVERYBODY, frame: () => ({ action: 'authcookie' }), evidence: answer('authcookie', (m) => m.cookie.length > 20) },
    { name: 'usergroups', all: EVERYBODY, frame: () => ({ action: 'usergroups' }), evidence: answer('usergroups') },
    { name: 'meshes', all: EVERYBODY, frame: () => ({ action: 'meshes' }), evidence: answer('meshes') },
    { name: 'files', all: EVERYBODY, frame: () => ({ action: 'files' }), evidence: any(answer('files'), passed) }, // none without file rights
    { name: 'plugins', all: EVERYBODY, frame: () => ({ action: 'plugins' }), evidence: passed }, // full administrators, where there are plugins
    { name: 'loginTokens', all: EVERYBODY, frame: () => ({ action: 'loginTokens' }), evidence: answer('loginTokens') },
    { name: 'lastconnects', all: EVERYBODY, frame: () => ({ action: 'lastconnects' }), evidence: answer('lastconnects') },
    { name: 'previousLogins', all: EVERYBODY, frame: () => ({ action: 'previousLogins' }), evidence: answer('previousLogins') },
    { name: 'previousLogins of another', all: 'S', frame: ({ other }) => ({ action: 'previousLogins', userid: other }), evidence: answer('previousLogins', (m, { other }) => m.userid === other) },
    { name: 'userWebState', all: EVERYBODY, frame: () => ({ action: 'userWebState', state: '{"uiMode":2}' }), evidence: passed },
    { name: 'userWebState of a wrong type', all: '', frame: () => ({ action: 'userWebState', state: { uiMode: 2 } }), evidence: answer('userWebState') },
    { name: 'intersession, a closed notice', all: EVERYBODY, frame: ({ nonce }) => ({ action: 'intersession', subaction: 'removeNotify', id: nonce }), evidence: passed },
    {
        // It reaches the person's other windows with whatever is in it.
        name: 'intersession, anything', all: '', second: true, frame: ({ nonce }) => ({ action: 'intersession', subaction: 'x', html: nonce }),
        evidence: (cell) => cell.second.messages.some((m) => m.action === 'intersession' && m.html === cell.nonce)
    },

    { name: 'nodes', all: EVERYBODY, frame: () => ({ action: 'nodes', id: '' }), evidence: answer('nodes') },
    { name: 'nodes, one', own: SEE, frame: ({ node }) => ({ action: 'nodes', id: node }), evidence: answer('nodes', listed) },
    { name: 'nodes of a group', own: SEE, silent: true, where: ['own', 'foreign'], frame: ({ mesh }) => ({ action: 'nodes', meshid: mesh }), evidence: answer('nodes', listed) },
    { name: 'nodes, id of a wrong type', all: '', frame: () => ({ action: 'nodes', id: { $ne: 1 } }), evidence: answer('nodes', (m) => Object.values(m.nodes).flat().length > 0) },

    { name: 'events', all: EVERYBODY, frame: () => ({ action: 'events', limit: 60, filter: '' }), evidence: answer('events') },
    { name: 'events without a limit', all: '', frame: () => ({ action: 'events' }), evidence: answer('events') },
    { name: 'events of a device', own: SEE, people: 'TAVG', frame: ({ node }) => ({ action: 'events', nodeid: node, limit: 60 }), evidence: about('events', (m) => m.events.length > 0) },
    { name: 'events of a device by its key', own: '', people: 'TAVG', frame: ({ node }) => ({ action: 'events', nodeid: node.split('/')[2], limit: 60 }), evidence: about('events', (m) => m.events.length > 0) },
    // A full administrator's are asked for by any text: of a device that is nowhere there are none.
    { name: 'events of a device, for the server\'s page', own: 'S', people: 'S', silent: true, frame: ({ node }) => ({ action: 'events', nodeid: node, limit: 60 }), evidence: about('events', (m) => m.events.length > 0) },
    { name: 'events of oneself', all: EVERYBODY, frame: ({ self }) => ({ action: 'events', userid: self, limit: 60 }), evidence: answer('events') },
    { name: 'events of another person', all: 'S', frame: ({ other }) => ({ action: 'events', userid: other, limit: 60 }), evidence: answer('events', (m, { other }) => m.userid === other) },

    reader('powertimeline'),
    reader('lastconnect', { evidence: about('lastconnect', (m) => m.time !== undefined) }),
    reader('getsysinfo', { evidence: told('getsysinfo') }),
    reader('getnetworkinfo', { evidence: told('getnetworkinfo') }),
    reader('deviceShares', { own: '' }), // no role may share a device: for one's own MeshCentral itself says so
    reader('getNotes', { frame: ({ node }) => ({ action: 'getNotes', id: node }) }),
    { name: 'getNotes of another person', all: '', frame: ({ other }) => ({ action: 'getNotes', id: other }), evidence: answer('getNotes') },
    { name: 'getNotes of a device group', own: '', where: ['own', 'foreign'], frame: ({ mesh }) => ({ action: 'getNotes', id: mesh }), evidence: answer('getNotes') },
    { name: 'getsysinfo with the whole document', own: '', silent: true, frame: ({ node }) => ({ action: 'getsysinfo', nodeid: node, nodeinfo: true }), evidence: about('getsysinfo', (m) => m.node !== undefined) },

    // Of the server: a full administrator's pages "My Server" and "My Users".
    { name: 'users', all: 'S', frame: () => ({ action: 'users' }), evidence: answer('users', (m) => m.users.length > 0) },
    { name: 'wssessioncount', all: 'S', frame: () => ({ action: 'wssessioncount' }), evidence: answer('wssessioncount') },
    { name: 'servererrors', all: 'S', frame: () => ({ action: 'servererrors' }), evidence: answer('servererrors') },
    { name: 'serverversion', all: 'S', frame: () => ({ action: 'serverversion' }), evidence: any(answer('serverversion'), passed) }, // it asks the npm registry
    { name: 'serverstats', all: 'S', frame: () => ({ action: 'serverstats', interval: 10000 }), evidence: answer('serverstats') },
    { name: 'servertimelinestats', all: 'S', frame: () => ({ action: 'servertimelinestats', hours: 1 }), evidence: answer('servertimelinestats') },
    { name: 'recordings', all: 'S', frame: () => ({ action: 'recordings', limit: 10 }), evidence: passed }, // none are made here
    { name: 'trafficstats', all: '', frame: () => ({ action: 'trafficstats' }), evidence: answer('trafficstats') },
    { name: 'trafficdelta', all: '', frame: () => ({ action: 'trafficdelta' }), evidence: answer('trafficdelta') },
    { name: 'serverconfig', all: '', frame: () => ({ action: 'serverconfig' }), evidence: answer('serverconfig') },
    {
        name: 'report', all: '', frame: () => ({ action: 'report', type: 1, groupBy: 1, start: 1, end: 2000000000, l: 'en', tz: 'UTC', tf: 0, showTraffic: true }),
        evidence: answer('report')
    },
    { name: 'getDeviceDetails', own: '', frame: ({ node }) => ({ action: 'getDeviceDetails', nodeids: [node], type: 'json', tf: 0, tz: 'UTC', l: 'en' }), evidence: answer('getDeviceDetails', (m, { node }) => m.data.includes(node)) }
];
