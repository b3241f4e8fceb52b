'use strict';
// Certificates of the lab's own making.

const { generateKeyPairSync } = require('crypto');
const forge = require('node-forge');

/** A certificate that is not signed yet, valid for an hour. */
function certificate(publicKey, subject, issuer, extensions) {
    const cert = forge.pki.createCertificate();
    cert.publicKey = publicKey;
    cert.serialNumber = '00' + forge.util.bytesToHex(forge.random.getBytesSync(15));
    cert.validity.notBefore = new Date(Date.now() - 60_000);
    cert.validity.notAfter = new Date(Date.now() + 3_600_000);
    cert.setSubject(subject);
    cert.setIssuer(issuer);
    cert.setExtensions(extensions);
    return cert;
}

/** One for a server of these names, signed by itself. @returns {{key: string, cert: string}} PEM */
function selfSigned(names) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
    const subject = [{ name: 'commonName', value: names[0] }];
    const cert = certificate(forge.pki.publicKeyFromPem(publicKey), subject, subject, [{ name: 'subjectAltName', altNames: names.map((value) => ({ type: 2, value })) }]);
    cert.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create());
    return { key: privateKey, cert: forge.pki.certificateToPem(cert) };
}

module.exports = { certificate, selfSigned };
