'use strict';
// The browser's end of a tunnel: one device, one kind, and from a person who may only look, nothing but looking.

/**
 * @param {object} webserver MeshCentral's. @param {object} parts {people, live, sessions, policy, refusals}
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
            const fault = begun ? later(data, tunnel) : first(data, tunnel);
            if (fault === null) { begun = begun || isKind(data); return emit.call(ws, 'message', data, ...more); }
            refusals.note('relay', fault.kind, fault.reason, tunnel.session.userId);
            if (fault.end) { ws.terminate(); }
            return true;
        };
    }

    // MeshCentral joins two sockets and looks no further: what the tunnel is, the device learns from its first message.
    function first(data, tunnel) {
        if (isKind(data)) { return String(data) === String(tunnel.protocol) ? null : { kind: 'kind', reason: 'TUNNEL_INVALID', end: true }; }
        return isControl(data) ? null : { kind: 'early', reason: 'TUNNEL_INVALID', end: true };
    }

    function later(data, { session, node, protocol }) {
        if (typeof data === 'string' && data.startsWith('{') && isDetour(data)) { return { kind: 'webrtc', reason: 'TUNNEL_INVALID' }; }
        if (protocol === DESKTOP && (people.sessionMask(session, node) & VIEW_ONLY) !== 0 && !isLooking(data)) { return { kind: 'input', reason: 'RIGHT_MISSING' }; }
        return null;
    }

    return { restore() { for (const { handler, create } of wrapped) { handler.CreateMeshRelay = create; } } };
}

const DESKTOP = 2;
const VIEW_ONLY = 256;
// Commands of MeshCentral's desktop protocol that change the picture and nothing on the device: compression, refresh, pause,
// list of displays, which display, whether it can be touched, display information.
const LOOKING = new Set([5, 6, 8, 11, 12, 14, 82]);
const DETOURS = new Set(['offer', 'answer', 'candidate', 'webrtc0', 'webrtc1', 'webrtc2']);

function isKind(data) { return typeof data === 'string' && /^\d{1,4}$/.test(data); }

function controlOf(data) {
    if (typeof data !== 'string') { return null; }
    try {
        const message = JSON.parse(data);
        return (message !== null && typeof message === 'object' && String(message.ctrlChannel) === '102938') ? message : null;
    } catch (err) { return null; }
}

function isControl(data) { const message = controlOf(data); return message !== null && !DETOURS.has(message.type); }

// A direct connection between browser and device would go on when the tunnel is closed.
function isDetour(data) { const message = controlOf(data); return message !== null && DETOURS.has(message.type); }

/** Whether a frame of the desktop protocol, which may hold several commands, only looks. */
function isLooking(data) {
    if (typeof data === 'string') { return isControl(data); }
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
