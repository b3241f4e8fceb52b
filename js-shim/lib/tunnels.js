'use strict';
// What an account has open besides its control sockets: MeshCentral ends those by an event, these not at all.

/** Closes every tunnel and download of one account. @param {object} webserver MeshCentral's web server object. */
function closeTunnels(webserver, id) {
    for (const relay of Object.values(webserver.wsrelays || {})) {
        const peers = [relay.peer1, relay.peer2].filter(Boolean);
        if (!peers.some((peer) => (peer.user && peer.user._id === id) || peer.ruserid === id)) { continue; }
        for (const peer of peers) { quietly(() => { if (peer.ws) { peer.ws.terminate(); } if (peer.res) { peer.res.destroy(); } }); }
    }
    for (const relay of Object.values(webserver.desktoprelays || {})) {
        for (const viewer of (relay && relay.viewers) || []) {
            if (viewer.user && viewer.user._id === id) { quietly(() => viewer.close()); }
        }
    }
}

function quietly(action) { try { action(); } catch (err) { /* it is closed already */ } }

module.exports = { closeTunnels };
