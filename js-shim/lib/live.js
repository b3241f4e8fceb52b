'use strict';
// Everything that is open for people of ours: control sockets, tunnels, downloads, each with the session that it hangs on and
// the right that it was opened with.

const { meets } = require('./policy/table');

/**
 * @param {object} webserver MeshCentral's. @param {(session, node) => number} maskOf
 */
function createLive(webserver, maskOf) {
    const open = new Set(); // {session, kind, node, needs, mask, relay, close}

    /**
     * Notes what was opened. The function returned forgets it again.
     * @param {object} entry {session, kind: 'control'|'tunnel'|'request', node?, needs?: what the policy asked for on the device,
     *   relay?(): id of MeshCentral's relay, close()}
     */
    function add(entry) {
        const whole = { ...entry, mask: entry.node ? maskOf(entry.session, entry.node) : 0 };
        open.add(whole);
        return () => open.delete(whole);
    }

    function close(entry) {
        open.delete(entry);
        const relay = entry.relay && (webserver.wsrelays || {})[entry.relay()];
        for (const peer of relay ? [relay.peer1, relay.peer2].filter(Boolean) : []) { closePeer(peer); }
        quietly(() => entry.close());
    }

    function endSession(session) { for (const entry of [...open]) { if (entry.session === session) { close(entry); } } }

    /** Closes the tunnels and downloads that lost the right which they were opened with, and no others. */
    function sweep() {
        for (const entry of [...open]) {
            if (entry.node && !keeps(entry, maskOf(entry.session, entry.node))) { close(entry); }
        }
    }

    // The device obeys the mask that it was told at the beginning. What that mask allowed and today's does not is lost.
    function keeps(entry, mask) {
        if (!entry.needs.every((need) => meets(mask, need))) { return false; }
        return (entry.mask & GIVING & ~mask) === 0 && (mask & TAKING & ~entry.mask) === 0;
    }

    return { add, endSession, sweep, count: () => open.size };
}

// Bits that matter inside a tunnel: remote control gives; view only, no terminal, no files, limited input, no desktop take.
const GIVING = 8;
const TAKING = 256 | 512 | 1024 | 4096 | 65536;

function closePeer(peer) { quietly(() => { if (peer.ws) { peer.ws.terminate(); } if (peer.res) { peer.res.destroy(); } }); }
function quietly(action) { try { action(); } catch (err) { /* it is closed already */ } }

module.exports = { createLive };
