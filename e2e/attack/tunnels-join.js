'use strict';
// Tunnels, second half: the browser's end. The device's end is played by the runner, so that a socket which should not have been
// let in is joined at once and says so ("c").

const { dialled } = require('./evidence');

const KINDS = { 1: 'TAS', 2: 'TAVS', 5: 'TAS', 6: 'TAS', 8: 'TAS', 9: 'TAS', 7: '', 10: '', 12: '', 100: '', 200: '', 0: '', x: '' };
const joined = (cell) => cell.sockets.some((socket) => socket.messages.some((m) => m === 'c' || m === 'cr'));

/** @param {(cell) => string} query of the browser's end; its id is the cell's. */
const join = (name, own, query, more = {}) => ({
    name: 'relay ' + name, own, evidence: joined, device: true, stock: false, // joined to oneself, no harm is done there
    socket: async (cell) => ({ target: '/meshrelay.ashx?' + await query(cell) }), ...more
});
const plain = (cell, p = 2) => `browser=1&p=${p}&nodeid=${cell.node}&id=${cell.nonce}`;
// MeshCentral tells the device itself to connect, to a port of its own or of any address that it reaches. What is left of such
// a URL may be an ordinary tunnel: then the port was dropped.
const port = (name, query, more = {}) => join(name, '', (cell) => query(cell, cell.listener.port), { listener: true, tunnel: true, device: false, agent: true, stock: true, evidence: dialled, ...more });

module.exports = [
    ...Object.entries(KINDS).map(([p, own]) => join('of kind ' + p, own, (cell) => plain(cell, p))),
    join('without a kind', '', (cell) => `browser=1&nodeid=${cell.node}&id=${cell.nonce}`),
    join('with two kinds', '', (cell) => plain(cell) + '&p=1'),
    join('without a device', '', (cell) => `browser=1&p=2&id=${cell.nonce}`),
    join('with two devices', '', (cell) => plain(cell) + '&nodeid=' + cell.site.devices.own.id),
    join('with a device in brackets', '', (cell) => `browser=1&p=2&nodeid[]=${cell.node}&id=${cell.nonce}`),
    join('with the page\'s cookie in its URL', 'TAVS', async (cell) => plain(cell) + '&auth=' + (await cell.person.cookies()).cookie, { bare: true }),
    join('with another person\'s cookie', '', async (cell) => plain(cell) + '&auth=' + (await cell.site.other.cookies()).cookie, { bare: true, where: ['own'] }),
    join('by a chat\'s name', 'TAS', (cell) => `id=meshmessenger/${cell.node}/${cell.self}`, { device: 'chat' }),
    join('by another person\'s chat', '', (cell) => `id=meshmessenger/${cell.node}/${cell.other}`, { device: 'chat' }),
    port('with a TCP port', (cell, to) => `browser=1&nodeid=${cell.node}&id=${cell.nonce}&tcpport=${to}`),
    port('with a TCP address', (cell, to) => `browser=1&nodeid=${cell.node}&id=${cell.nonce}&tcpport=${to}&tcpaddr=127.0.0.1`),
    port('of a kind with a TCP port', (cell, to) => plain(cell) + `&tcpport=${to}`, { silent: true }),
    port('of a kind with a TCP address', (cell, to) => plain(cell) + `&tcpport=${to}&tcpaddr=127.0.0.1`, { silent: true }),
    port('of a file with a TCP port', (cell, to) => plain(cell, 10) + `&tcpport=${to}`),
    join('with a UDP port', '', (cell) => `browser=1&nodeid=${cell.node}&id=${cell.nonce}&udpport=9`, { device: false, agent: true })
];
