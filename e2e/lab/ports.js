'use strict';
const net = require('net');

/** A free TCP port of a loopback address; a wanted one is checked and named when it is taken. */
function freePort(wanted = 0, host = '127.0.0.1') {
    return new Promise((resolve, reject) => {
        const server = net.createServer();
        server.once('error', (err) => reject(err.code === 'EADDRINUSE' ? new Error('port ' + wanted + ' on ' + host + ' is taken: stop what listens there, or choose another one') : err));
        server.listen(wanted, host, () => { const { port } = server.address(); server.close(() => resolve(port)); });
    });
}

module.exports = { freePort };
