'use strict';
// The browser's end of a tunnel: one device, one kind, and from a person who may only look, nothing but looking.

/**
 * @param {object} webserver MeshCentral's. @param {object} parts {people, live, sessions, policy, refusals, log}
 */
function guardRelay(webserver, parts) {
    const { people, live, sessions, refusals } = parts;
    const wrapped = [webserver.meshRelayHandler, webserver.meshDesktopMultiplexHandler].filter((handler) => handler && typeof handler.CreateMeshRelay === 'function')
        .map((handler) => ({ handler, create: handler.CreateMeshRelay }));

    for (const { handler, create } of wrapped) {
        handler.CreateMeshRelay = function (parent, ws, req, domain, user, cookie) {
            const id = user && user._id;
            if (!people.has(id)) { return create.call(handler, parent, ws, req, domain, user, cookie); }
            const session = (req.session && req.session.userid === id) ? sessions.find(req.session.x, id) : null;
            if (session === null || !req.meshssoRelay) { // no hook has let this one in
                refusals.note('relay', 'meshrelay.ashx', 'SESSION_ENDED', id);
                return ws.terminate();
            }
            const tunnel = { session, ...req.meshssoRelay };
            const forget = live.add({ ...tunnel, kind: 'tunnel', relay: () => req.query.id, close: () => ws.terminate() });
            ws.on('close', forget);
            if (tunnel.protocol !== undefined) { watch(ws, tunnel); }
            return create.call(handler, parent, ws, req, domain, user, null);
        };
    }

    function watch(ws, tunnel) {
        const emit = ws.emit;
        let begun = false; // the device was told the kind of the tunnel
        ws.emit = function (event, data, ...more) {
            if (event !== 'message') { return emit.call(ws, event, data, ...more); }
            const verdict = judged(() => (begun ? later(data, tunnel) : first(data, tunnel)));
            if (verdict.reason === undefined) {
                begun = begun || isKind(data);
                return emit.call(ws, 'message', verdict.data === undefined ? data : verdict.data, ...more);
            }
            refusals.note('relay', verdict.kind, verdict.reason, tunnel.session.userId);
            if (verdict.end) { ws.terminate(); }
            return true;
        };
    }

    // A fault of ours ends the tunnel and not the server.
    function judged(judge) {
        try { return judge(); } catch (err) {
            parts.log.fault('a message of a tunnel could not be judged: ' + err.message);
            return { kind: 'fault', reason: 'INTERNAL', end: true };
        }
    }

    // MeshCentral joins two sockets and looks no further: what the tunnel is, the device learns from its first message.
    function first(data, tunnel) {
        if (isKind(data)) { return data === String(tunnel.protocol) ? PASS : { kind: 'kind', reason: 'TUNNEL_INVALID', end: true }; }
        const message = controlOf(data) || optionsOf(data);
        if (message === null) { return { kind: 'early', reason: 'TUNNEL_INVALID', end: true }; }
        return control(message, tunnel);
    }

    function later(data, tunnel) {
        const message = (typeof data === 'string' && data.startsWith('{')) ? controlOf(data) : null;
        if (message !== null) { return control(message, tunnel); }
        return (!onlyLooks(tunnel) || isLooking(data)) ? PASS : { kind: 'input', reason: 'RIGHT_MISSING' };
    }

    // Messages for the tunnel itself. The device does not look at rights before it locks its screen, or reads a file that an
    // option names.
    function control(message, tunnel) {
        if (DETOURS.has(message.type)) { return { kind: 'webrtc', reason: 'TUNNEL_INVALID' }; }
        const { file, autolock, ...rest } = message;
        if (!onlyLooks(tunnel)) { return (file === undefined) ? PASS : { data: JSON.stringify({ ...rest, autolock }) }; }
        if (!HARMLESS.has(message.type)) { return { kind: 'input', reason: 'RIGHT_MISSING' }; }
        return { data: JSON.stringify(rest) };
    }

    function onlyLooks({ session, node, protocol }) { return protocol === DESKTOP && (people.sessionMask(session, node) & VIEW_ONLY) !== 0; }

    return { restore() { for (const { handler, create } of wrapped) { handler.CreateMeshRelay = create; } } };
}

const DESKTOP = 2;
const VIEW_ONLY = 256;
// Commands of MeshCentral's desktop protocol that change the picture and nothing on the device: compression, refresh, pause,
// list of displays, which display, whether it can be touched, display information.
const LOOKING = new Set([5, 6, 8, 11, 12, 14, 82]);
const PASS = {};
const HARMLESS = new Set(['options', 'ping', 'pong', 'rtt', 'close']);
// A direct connection between browser and device would go on when the tunnel is closed.
const DETOURS = new Set(['offer', 'answer', 'candidate', 'webrtc0', 'webrtc1', 'webrtc2']);

function isKind(data) { return typeof data === 'string' && /^\d{1,4}$/.test(data); }

function parse(data) {
    if (typeof data !== 'string') { return null; }
    try {
        const message = JSON.parse(data);
        return (message !== null && typeof message === 'object' && !Array.isArray(message)) ? message : null;
    } catch (err) { return null; }
}

function controlOf(data) { const message = parse(data); return (message !== null && (message.ctrlChannel === '102938' || message.ctrlChannel === 102938)) ? message : null; }

// Before the kind is said, the device takes options in this form too.
function optionsOf(data) { const message = parse(data); return (message !== null && message.type === 'options') ? message : null; }

/** Whether a frame of the desktop protocol, which may hold several commands, only looks. */
function isLooking(data) {
    if (typeof data === 'string') { return false; }
    let at = 0;
    while (at < data.length) {
        if (data.length - at < 4 || !LOOKING.has(data.readUInt16BE(at))) { return false; }
        const size = data.readUInt16BE(at + 2);
        if (size < 4) { return false; }
        at += size;
    }
    return at === data.length;
}

module.exports = { guardRelay, isLooking };
