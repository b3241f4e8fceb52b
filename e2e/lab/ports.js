'use strict';
const net = require('net');

/** A free TCP port of the loopback address; a wanted one is checked and named when it is taken. */
function freePort(wanted = 0) {
    return new Promise((resolve, reject) => {
        const server = net.createServer();
        server.once('error', (err) => reject(err.code === 'EADDRINUSE' ? new Error('port ' + wanted + ' on 127.0.0.1 is taken: stop what listens there, or choose another one') : err));
        server.listen(wanted, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
    });
}

module.exports = { freePort };
