'use strict';
// What names MeshCentral and must not reach a browser: for the search for leaks.

const crypto = require('crypto');
const tls = require('tls');

const TOKEN_HEAD = Buffer.from('{"alg":"HS256","typ":"meshsso-session+jwt"}').toString('base64url'); // of every internal token

/**
 * @param {object} lab of startLab. @returns {Promise<Object<string, string|Buffer|Array>>} of createSearch. 127.0.0.1 by itself is no name:
 *   everybody in the lab is there, browser and device included; give MeshCentral a host name or another address of its own to have it searched for.
 */
async function namesOf(lab) {
    const { hostname, port } = new URL(lab.mesh.url);
    const names = { authority: hostname + ':' + port, port, ...certificateNames(await certificateOf(hostname, port)) };
    Object.assign(names, { 'internal token': TOKEN_HEAD, 'login argument': 'login=' });
    if (hostname !== '127.0.0.1' && hostname !== 'localhost') { names.host = hostname; }
    for (const [what, secret] of Object.entries(lab.secrets)) { names['secret ' + what] = secret; }
    return { ...names, ...lab.mesh.names };
}

function certificateOf(host, port) {
    return new Promise((resolve, reject) => {
        const socket = tls.connect({ host, port, rejectUnauthorized: false }, () => { resolve(new crypto.X509Certificate(socket.getPeerCertificate().raw)); socket.destroy(); });
        socket.on('error', reject);
    });
}

// MeshCentral shows the SHA-384 of the certificate and of its public key, browsers and pins the SHA-256 and SHA-1.
function certificateNames(certificate) {
    const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
    const hashes = (data) => ['sha1', 'sha256', 'sha384'].map((kind) => crypto.createHash(kind).update(data).digest());
    const names = { 'certificate hash': hashes(certificate.raw), 'key hash': hashes(key) };
    if (certificate.publicKey.asymmetricKeyType === 'rsa') { names['key hash (PKCS #1)'] = hashes(certificate.publicKey.export({ type: 'pkcs1', format: 'der' })); }
    return names;
}

/** The names as text, for a file beside the recording. */
function namesAsText(names) {
    const text = (value) => (Buffer.isBuffer(value) ? value.toString('hex') : value);
    return JSON.stringify(Object.fromEntries(Object.entries(names).map(([what, value]) => [what, [value].flat().map(text)])), null, 2) + '\n';
}

module.exports = { namesOf, namesAsText };
