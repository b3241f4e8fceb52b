'use strict';
// How a cell is done: a frame, a request, a socket, or messages inside a tunnel. Each notes in the cell whether it was denied
// and leaves what came of it (control, answer, sockets, relay) for the row's evidence.

const { until } = require('../lab/process');

const PATIENCE = 5000; // ms for a denial to come

// What is refused may go on without the part that is refused, or be ignored: then the effect alone tells.
const dropped = ({ row, expected }) => row.silent === true && expected === 'refused';

/** Sends a frame; a ping goes after it, and is answered when the frame was read. */
async function frame(cell) {
    const { row, person } = cell;
    cell.control = await person.channel();
    if (row.second) { cell.sockets.push(cell.second = person.socket('/control.ashx')); await cell.second.next((m) => m.action === 'serverinfo'); }
    const made = await row.frame(cell);
    cell.from = cell.control.messages.length;
    cell.control.send(typeof made === 'string' ? made : { responseid: cell.nonce, ...made });
    cell.control.send({ action: 'ping' });
    try { await cell.control.next((m) => m.action === 'pong', PATIENCE, cell.from); } catch (err) { if (!cell.control.over) { throw err; } }
    cell.denied = dropped(cell) || cell.heard().some((m) => m.responseid === cell.nonce && m.result === 'Access denied');
}

async function request(cell) {
    const { target, ...options } = await cell.row.request(cell);
    cell.answer = await cell.person.request(target, { ...options, bare: cell.row.bare === true });
    cell.denied = dropped(cell) || [401, 403, 404].includes(cell.answer.status);
}

/** Opens a socket. `row.device`: the other end of a tunnel is there already, so that one let in is joined at once. */
async function socket(cell) {
    const { row, person, site } = cell;
    const { target } = await row.socket(cell);
    if (row.device === 'chat') { cell.far = person.socket(target, { bare: true }); }
    if (row.device === true) { cell.far = person.socket(`/meshrelay.ashx?id=${cell.nonce}&rauth=${(await person.cookies()).rcookie}`, { bare: true }); }
    if (cell.far) { await cell.far.opened; await site.databases(); }
    const near = person.socket(target, { bare: row.bare === true });
    cell.sockets.push(near);
    if (cell.far) { cell.sockets.push(cell.far); }
    let answered = false; // one that MeshCentral has no path for is left hanging
    near.opened.catch(() => { }).then(() => { answered = true; });
    await until(() => answered, site.protected ? PATIENCE : 500, 'an answer to the upgrade').catch(() => { });
    if (row.talk && near.ws.readyState === 1) { near.send(row.talk); }
    // What is let through may stay silent; what is refused ends.
    const refusal = site.protected && cell.expected === 'refused' && !row.silent;
    await until(() => near.over || near.messages.length > 0, refusal ? PATIENCE : 300, 'an end').catch(() => { });
    // MeshCentral may say that nobody is let in and leave the socket to the browser to close.
    const ended = () => near.over === true || near.messages.some((m) => m.action === 'close');
    if (refusal) { await until(ended, PATIENCE, 'the socket ends').catch(() => { }); }
    cell.denied = dropped(cell) || (ended() && !near.messages.includes('c'));
}

/** Opens a tunnel to the real device and talks into it. */
async function inside(cell) {
    const { row: { inside: { p, send }, first, ends }, person, node, nonce, site } = cell;
    const patience = site.protected ? PATIENCE : 1500; // there, what does not come is not waited for long
    const id = nonce + cell.tries++;
    const { rcookie } = await person.cookies();
    const control = await person.channel();
    control.send({ action: 'msg', type: 'tunnel', nodeid: node, usage: p, value: `*/meshrelay.ashx?p=${p}&nodeid=${node}&id=${id}&rauth=${rcookie}` });
    cell.relay = person.socket(`/meshrelay.ashx?browser=1&p=${p}&nodeid=${node}&id=${id}`);
    cell.sockets.push(cell.relay);
    await until(() => cell.relay.over || cell.relay.messages.includes('c'), patience, 'the tunnel is joined or refused');
    const words = send(cell);
    if (!cell.relay.over && first) { cell.relay.send(words.shift()); await until(() => first(cell) || cell.relay.over, patience, 'the first answer'); }
    for (const word of words) { if (!cell.relay.over) { cell.relay.send(word); } }
    if (ends) { await until(() => cell.relay.over || cell.row.evidence(cell), patience, 'the tunnel ends').catch(() => { }); }
    // The device reads a tunnel in order: when this comes back, it has read what was before.
    if (!cell.relay.over) {
        cell.relay.send({ ctrlChannel: '102938', type: 'rtt', time: 7 });
        await until(() => cell.relay.over || cell.relay.messages.some((m) => m.type === 'rtt'), patience, 'the device answers in the tunnel').catch(() => { });
    }
    cell.denied = cell.relay.over === true || dropped(cell);
}

module.exports = { ACTS: { frame, request, socket, inside } };
