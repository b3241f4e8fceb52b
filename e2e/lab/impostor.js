'use strict';
// Servers that stand where MeshCentral should: with its own certificate and answers that are none, or with another certificate.

const fs = require('fs');
const path = require('path');
const tls = require('tls');
const forge = require('node-forge');

/** What a page that must not be shown says. */
const MARK = 'impostor-4711';

/** Answers that are none, each what is written when a request's head is there; null is nothing at all. */
const GARBAGE = {
    'not HTTP': '\x00\x16' + MARK + '\r\n\r\n',
    'a page of somebody else': answer('200 OK', ['Content-Type: text/html; charset=utf-8'], `<html><script>authCookie = '${MARK}'</script></html>`),
    'a redirect elsewhere': answer('302 Found', ['Location: https://' + MARK + '.example/'], ''),
    'an error page': answer('500 Internal Server Error', ['Content-Type: text/html'], MARK),
    'a coding that nobody asked for': answer('200 OK', ['Content-Type: text/html', 'Content-Encoding: br'], MARK),
    'a head without an end': 'HTTP/1.1 200 OK\r\nX-Name: ' + (MARK + ' ').repeat(200000),
    'an end in the middle': 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n<html>' + MARK,
    'an upgrade with the wrong key': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n' + MARK
};

function answer(status, headers, body) { return ['HTTP/1.1 ' + status, 'Content-Length: ' + body.length, ...headers, '', body].join('\r\n'); }

/** The certificate that MeshCentral shows. @param {object} mesh of startMeshCentral */
function ownCertificate(mesh) {
    const read = (name) => fs.readFileSync(path.join(mesh.data, name));
    return { cert: read('webserver-cert-public.crt'), key: read('webserver-cert-private.key') };
}

/** A certificate for the same name, made by somebody else. */
function strangeCertificate(name = '127.0.0.1') {
    const keys = forge.pki.rsa.generateKeyPair(2048);
    const cert = forge.pki.createCertificate();
    Object.assign(cert, { publicKey: keys.publicKey, serialNumber: '01' });
    cert.validity.notAfter.setFullYear(cert.validity.notBefore.getFullYear() + 1);
    const subject = [{ name: 'commonName', value: name }];
    cert.setSubject(subject);
    cert.setIssuer(subject);
    cert.sign(keys.privateKey, forge.md.sha256.create());
    return { cert: forge.pki.certificateToPem(cert), key: forge.pki.privateKeyToPem(keys.privateKey) };
}

/**
 * @param {object} certificate {cert, key}
 * @returns {Promise<{port, say(text|null): void, heard(): number of requests, close(): Promise}>}
 */
async function startImpostor(certificate) {
    const open = new Set();
    let words = null, heard = 0;
    const server = tls.createServer(certificate, (socket) => {
        open.add(socket);
        socket.on('close', () => open.delete(socket));
        socket.on('error', () => { });
        socket.on('data', () => { heard++; if (words !== null) { socket.end(words, 'latin1'); } });
    });
    server.on('tlsClientError', () => { });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
        port: server.address().port, heard: () => heard, say(text) { words = text; },
        close: () => new Promise((resolve) => { server.close(resolve); for (const socket of open) { socket.destroy(); } })
    };
}

module.exports = { GARBAGE, MARK, ownCertificate, startImpostor, strangeCertificate };
