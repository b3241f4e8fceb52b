'use strict';
// What counts as success: a function of the cell (see cells.js) that looks at what came of it, not at what should have.

const fs = require('fs');

/** An answer that reports no failure. */
function fine(m) { return (m.result === undefined || /^(ok|done)$/i.test(m.result)) && m.err === undefined && m.error === undefined && m.noinfo === undefined; }

/** MeshCentral answered with this action. @param {(m, cell) => boolean} [test] what the answer must hold besides */
const answer = (action, test = () => true) => (cell) => cell.heard().some((m) => m.action === action && fine(m) && test(m, cell));

/** The same, about the cell's device. */
const about = (action, test = () => true) => answer(action, (m, cell) => [m.nodeid, m.id].includes(cell.node) && test(m, cell));

/** The device itself answered. */
const device = (type, test = () => true) => (cell) => cell.heard().some((m) => m.action === 'msg' && m.type === type && m.nodeid === cell.node && test(m, cell));

/** MeshCentral says OK to a `msg`: enough where it is allowed. Where it is not it says so as well, and tells no device. */
const routed = (cell) => cell.expected === 'allowed' && cell.heard().some((m) => m.action === 'msg' && m.result === 'OK' && m.responseid === cell.nonce);

/** The same where the device answers such a `msg` of nobody, MeshCentral's own administrator included. */
const routedToMute = (type) => async (cell) => routed(cell) && cell.site.mute(type, cell.node);

/** An event that MeshCentral told its administrator, who hears them all. */
const event = (action, test = () => true) => (cell) => cell.events().some((e) => e.action === action && test(e, cell));

/** A line of MeshCentral's log since the cell began. */
const logged = (cell) => cell.log().includes(cell.nonce);

/** A file that only the attack would have made, on the cell's device or on the server. */
const file = (name) => (cell) => fs.existsSync(name(cell));

/** Something connected to the runner's listener, whose port the cell names. */
const dialled = (cell) => cell.listener.calls > 0;

/** For what MeshCentral does without a word: it is allowed, was not refused, and the channel goes on. */
const passed = (cell) => cell.expected === 'allowed' && !cell.refused();

/** MeshCentral answered, before or without looking at rights: enough where it is allowed. */
const taken = (action) => (cell) => cell.expected === 'allowed' && cell.heard().some((m) => m.action === action && m.result !== 'Access denied');

/** Nothing that could be seen: for what only must not be let through. Never of an allowed cell. */
const nothing = () => false;

const any = (...all) => async (cell) => { for (const one of all) { if (await one(cell)) { return true; } } return false; };

module.exports = { about, answer, any, device, dialled, event, file, fine, logged, nothing, passed, routed, routedToMute, taken };
