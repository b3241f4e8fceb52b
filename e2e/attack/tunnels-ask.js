'use strict';
// Tunnels, first half: the frame that asks a device to connect. Where it connects to, whose name it carries and what kind of
// tunnel it is may not be the sender's to choose.

const { dialled, nothing, routed } = require('./evidence');

const KINDS = { 1: 'TAS', 2: 'TAVS', 5: 'TAS', 6: 'TAS', 8: 'TAS', 9: 'TAS', 4: '', 7: '', 10: '', 12: '', 100: '', 101: '', 200: '', 0: '', '-1': '', '1x': '', '': '' };

/** The page's own text of where to connect, with anything in it changed. */
async function value(cell, changes = {}) {
    const parts = { p: '2', nodeid: cell.node, id: cell.nonce, rauth: (await cell.person.cookies()).rcookie, ...changes.parts };
    const query = Object.entries(parts).filter(([, part]) => part !== undefined).map(([name, part]) => name + '=' + part).join('&');
    return (changes.head || '*/meshrelay.ashx?') + query + (changes.tail || '');
}

const ask = (name, own, changes, more = {}) => ({
    name: 'tunnel ' + name, own, agent: true, stock: false, evidence: routed, // what a device makes of it shows in tunnels-inside.js
    frame: async (cell) => {
        const made = typeof changes === 'function' ? await changes(cell) : changes;
        return { action: 'msg', type: 'tunnel', nodeid: cell.node, usage: 2, value: await value(cell, made), ...made.fields };
    }, ...more
});
const elsewhere = { stock: true, listener: true, tunnel: true, evidence: dialled };
const host = (name, head) => ask(name, '', (cell) => ({ head: head(cell.listener.port) }), elsewhere);

module.exports = [
    ...Object.entries(KINDS).map(([p, own]) => ask('of kind ' + (p || 'none'), own, { parts: { p } })),
    host('to another host', (port) => `wss://127.0.0.1:${port}/meshrelay.ashx?`),
    host('to another host without TLS', (port) => `ws://127.0.0.1:${port}/meshrelay.ashx?`),
    host('to another host by its name', (port) => `wss://localhost:${port}/meshrelay.ashx?`),
    host('to a host behind the mark', (port) => `*@127.0.0.1:${port}/meshrelay.ashx?`),
    ask('to another path', '', { head: '*/agent.ashx?' }),
    ask('to a path above', '', { head: '*/../meshrelay.ashx?' }),
    ask('with a fragment', '', { tail: '#@127.0.0.1' }),
    ask('with two kinds', '', { tail: '&p=5' }),
    ask('with two devices', '', (cell) => ({ tail: '&nodeid=' + cell.site.devices.foreign.id })),
    ask('that names another device', '', (cell) => ({ parts: { nodeid: cell.site.devices[cell.where === 'own' ? 'foreign' : 'own'].id } })),
    ask('without an id', '', { parts: { id: '' } }),
    ask('with an id of other characters', '', { parts: { id: 'a/../b' } }),
    ask('with an id of a chat', '', { parts: { id: 'meshmessenger/x' } }),
    ask('with another person\'s cookie', '', async (cell) => ({ parts: { rauth: (await cell.site.other.cookies()).rcookie } })),
    ask('with the page\'s other cookie', '', async (cell) => ({ parts: { rauth: (await cell.person.cookies()).cookie } })),
    ask('with a cookie that is none', '', { parts: { rauth: 'x' } }),
    ask('without a cookie', '', { parts: { rauth: undefined } }, { evidence: nothing }),
    ask('that is no text', '', () => ({ fields: { value: { p: 2 } } })),
    ask('that is empty', '', () => ({ fields: { value: '' } })),
    ask('without a value', '', () => ({ fields: { value: undefined } })),
    ask('that is very long', '', () => ({ tail: '&x=' + 'x'.repeat(4096) })),
    // What a device obeys besides: a connection of its own to anywhere, and whose consent is asked. Dropped, the tunnel itself may go on.
    ask('with a TCP port', '', (cell) => ({ fields: { tcpport: cell.listener.port } }), { ...elsewhere, silent: true }),
    ask('with a TCP address', '', (cell) => ({ fields: { tcpaddr: '127.0.0.1', tcpport: cell.listener.port } }), { ...elsewhere, silent: true }),
    ask('with a guest', '', () => ({ fields: { guestname: 'Mallory', guestuserid: 'x' } }), { silent: true, evidence: nothing }),
    ask('with rights', '', () => ({ fields: { rights: 0xFFFFFFFF, consent: 0, soptions: {} } }), { silent: true, evidence: nothing })
];
