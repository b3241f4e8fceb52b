'use strict';
// The control channel: every frame of a person of ours passes the policy before MeshCentral reads it.

const { linkAnswers } = require('./answers');
const { judgeFrame } = require('../policy/frames');
const { personOf } = require('./person');

/**
 * @param {object} webserver MeshCentral's. @param {object} parts {people, cookies, live, sessions, policy, refusals, log}
 */
function guardControl(webserver, parts) {
    const { people, live, sessions, refusals } = parts;
    const handler = webserver.meshUserHandler;
    const create = handler.CreateMeshUser;

    handler.CreateMeshUser = function (parent, db, ws, req, args, domain, user, ...rest) {
        const id = user && user._id;
        if (!people.has(id)) { return create.call(handler, parent, db, ws, req, args, domain, user, ...rest); }
        const session = (req.session && req.session.userid === id) ? sessions.find(req.session.x, id) : null;
        if (session === null) { // no hook has let this one in
            refusals.note('control', 'control.ashx', 'SESSION_ENDED', id);
            return ws.terminate();
        }
        const forget = live.add({ session, kind: 'control', close: () => ws.terminate() });
        ws.on('close', forget);
        watch(ws, session, domain);
        if (people.isPrincipal(id)) { linkAnswers(ws, id, (node) => people.sessionMask(session, node)); }
        const stays = () => people.has(id) && sessions.find(session.key, id) === session;
        return settingUp(webserver, ws, stays, () => create.call(handler, parent, db, ws, req, args, domain, user, ...rest));
    };

    // Before all listeners of the socket: MeshCentral leaves one behind that reads `urlargs` for ever.
    function watch(ws, session, domain) {
        const emit = ws.emit;
        const person = personOf(session, domain, parts);
        ws.emit = function (event, data, ...more) {
            if (event !== 'message') { return emit.call(ws, event, data, ...more); }
            const text = pass(ws, data, session, person);
            if (text === null) { return true; }
            try {
                return parts.cookies.during(session, () => emit.call(ws, 'message', typeof data === 'string' ? text : Buffer.from(text), ...more));
            } catch (err) { // it would end the server
                parts.log.fault('a frame of ' + session.userId + ' failed in MeshCentral: ' + err.message);
                return true;
            }
        };
    }

    function pass(ws, data, session, person) {
        if (sessions.find(session.key, session.userId) !== session) { ws.terminate(); return null; }
        const verdict = withinPool(judged(data, person), person);
        if (verdict.reason !== undefined) {
            refusals.note('control', nameOf(verdict), verdict.reason, session.userId);
            answer(ws, verdict);
            return null;
        }
        for (const field of verdict.dropped) { refusals.note('control', verdict.action + '.' + field, 'FIELD_UNKNOWN', session.userId); }
        return verdict.text;
    }

    // A fault of ours refuses the frame and does not end the server.
    function judged(data, person) {
        try { return judgeFrame(parts.policy.table(), data, person); } catch (err) {
            parts.log.fault('a frame of ' + person.id + ' could not be judged: ' + err.message);
            return { reason: 'INTERNAL', action: '' };
        }
    }

    return { restore() { handler.CreateMeshUser = create; } };
}

// MeshCentral draws the channel's id asynchronously, and goes on as if nobody could have left meanwhile: an account that has
// gone would end the server. Whoever has left gets no channel.
function settingUp(webserver, ws, stays, create) {
    const { crypto } = webserver;
    if (!crypto) { return create(); }
    const draw = (size, done, ...more) => crypto.randomBytes(size, done && ((...drawn) => (stays() ? done(...drawn) : ws.terminate())), ...more);
    webserver.crypto = Object.create(crypto, { randomBytes: { value: draw } });
    try { return create(); } finally { webserver.crypto = crypto; }
}

// A tenant's pool asks which devices there are and nothing else.
function withinPool(verdict, person) {
    if (!person.pool || verdict.reason !== undefined || POOL_ACTIONS.has(verdict.action)) { return verdict; }
    return { reason: 'RIGHT_MISSING', action: verdict.action };
}

const POOL_ACTIONS = new Set(['nodes', 'ping', 'pong']);

function nameOf({ action, detail, reason }) { return (reason === 'FRAME_FIELD' && detail) ? action + '.' + detail : action; }

// A page that waits for an answer gets one, in MeshCentral's own way; why is for the log.
function answer(ws, { action, responseid }) {
    if (responseid === undefined) { return; }
    try { ws.send(JSON.stringify({ action: action.split('.')[0], responseid, result: 'Access denied' })); } catch (err) { /* it hung up */ }
}

module.exports = { guardControl };
