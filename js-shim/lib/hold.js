'use strict';
// A socket waits while its token is validated, and no frame is lost meanwhile.

/** Stops reading a socket. The function returned lets it go on, and says whether the client is still there. */
function hold(ws) {
    ws._socket.pause();
    return () => { ws._socket.resume(); return ws.readyState === 1; };
}

/**
 * Keeps frames that came in one packet with the `urlargs` message: they are emitted although the socket is paused. They
 * are given, in their order, to the first who listens afterwards: MeshCentral may ask its database before it does.
 * @returns {{stop(), replay()}}
 */
function keepEarlyFrames(ws) {
    const frames = [];
    const keep = (data, isBinary) => frames.push([data, isBinary]);
    const give = () => { for (const frame of frames.splice(0)) { ws.emit('message', ...frame); } };
    const listening = (event) => {
        if (event !== 'message') { return; }
        ws.removeListener('newListener', listening);
        process.nextTick(give); // once the listener is in its place, and before the socket flows again
    };
    ws.on('message', keep);
    return {
        stop() { ws.removeListener('message', keep); },
        replay() { if (frames.length > 0) { if (ws.listenerCount('message') > 0) { give(); } else { ws.on('newListener', listening); } } }
    };
}

module.exports = { hold, keepEarlyFrames };
