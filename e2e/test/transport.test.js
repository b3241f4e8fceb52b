'use strict';
// Between shim and sidecar without a socket: loopback TCP, and mutual TLS, which any other address needs.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const forge = require('node-forge');
const { after, before, describe, test } = require('node:test');
const { createClient } = require('../../js-shim/lib/client');
const { readConfig } = require('../../js-shim/lib/config');
const { certificate } = require('../lab/certificate');
const { freePort } = require('../lab/ports');
const { makeSecrets, startPostgres } = require('../lab/postgres');
const { buildSidecar, startSidecar } = require('../lab/sidecar');
const { claimsOf, sign } = require('../lab/tokens');

describe('transport', { timeout: 120000 }, () => {
    let dir, postgres, secrets, token;
    const stops = [];
    const room = (name) => { const folder = path.join(dir, name); fs.mkdirSync(folder, { mode: 0o711 }); return folder; };
    before(async () => {
        dir = fs.mkdtempSync(path.join(os.tmpdir(), 'transport-'));
        fs.chmodSync(dir, 0o711);
        secrets = makeSecrets(path.join(dir, 'secrets.json'));
        postgres = await startPostgres(room('postgres'), secrets);
        await postgres.query(fs.readFileSync(path.join(__dirname, '..', 'lab', 'platform.sql'), 'utf8'));
        await buildSidecar();
        token = sign(claimsOf((await postgres.query("SELECT * FROM users WHERE email = 'tina@acme.example'")).rows[0]), secrets.jwtSecret);
    });
    after(async () => { while (stops.length > 0) { await stops.pop()(); } await postgres.stop(); fs.rmSync(dir, { recursive: true, force: true }); });

    async function validate(options) {
        const client = createClient(readConfig({ jwtauth: options }, {}));
        try { return (await client.validate({ token, domain: '', clientIp: '', hook: 'HOOK_ROOT' })).user.id; } finally { client.close(); }
    }

    test('loopback TCP', async () => {
        const port = await freePort();
        const sidecar = await startSidecar(room('tcp'), postgres, secrets, { env: { MESHSSO_LISTEN: 'tcp://127.0.0.1:' + port } });
        stops.push(() => sidecar.stop());
        assert.equal(await validate({ address: 'tcp://127.0.0.1:' + port }), 'user//tina@acme.example');
    });

    test('mutual TLS: each side proves itself or nothing is answered', async () => {
        const port = await freePort();
        const ours = authority(room('ours'));
        const theirs = authority(room('theirs'));
        const server = ours.issue('server');
        const sidecar = await startSidecar(room('tls'), postgres, secrets, { env: { MESHSSO_LISTEN: 'tcp://127.0.0.1:' + port, MESHSSO_TLS_CERT: server.cert, MESHSSO_TLS_KEY: server.key, MESHSSO_TLS_CLIENT_CA: ours.file } });
        stops.push(() => sidecar.stop());
        const address = 'tcp://127.0.0.1:' + port;
        const client = ours.issue('client');
        const stranger = theirs.issue('client');
        assert.equal(await validate({ address, tlsca: ours.file, tlscert: client.cert, tlskey: client.key }), 'user//tina@acme.example');
        const refused = { reason: 'SERVICE_UNAVAILABLE' };
        await assert.rejects(validate({ address }), refused, 'no TLS');
        await assert.rejects(validate({ address, tlsca: theirs.file, tlscert: client.cert, tlskey: client.key }), refused, 'a sidecar of another CA');
        await assert.rejects(validate({ address, tlsca: ours.file, tlscert: stranger.cert, tlskey: stranger.key }), refused, 'a shim of another CA');
        await assert.rejects(validate({ address: 'tcp://localhost:' + port, tlsca: ours.file, tlscert: client.cert, tlskey: client.key }), refused, 'another name than the certificate\'s');
    });
});

// A certificate authority of this test.
function authority(dir) {
    const keys = forge.pki.rsa.generateKeyPair(2048);
    const subject = [{ name: 'commonName', value: 'CA of ' + path.basename(dir) }];
    const cert = certificate(keys.publicKey, subject, subject, [{ name: 'basicConstraints', cA: true, critical: true }, { name: 'keyUsage', keyCertSign: true, critical: true }]);
    cert.sign(keys.privateKey, forge.md.sha256.create());
    const file = path.join(dir, 'ca.pem');
    fs.writeFileSync(file, forge.pki.certificateToPem(cert));
    return {
        file,
        issue(name) {
            const own = forge.pki.rsa.generateKeyPair(2048);
            const leaf = certificate(own.publicKey, [{ name: 'commonName', value: name }], subject, [{ name: 'keyUsage', digitalSignature: true }, { name: 'extKeyUsage', serverAuth: true, clientAuth: true }, { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }]);
            leaf.sign(keys.privateKey, forge.md.sha256.create());
            const files = { cert: path.join(dir, name + '.pem'), key: path.join(dir, name + '.key') };
            fs.writeFileSync(files.cert, forge.pki.certificateToPem(leaf));
            fs.writeFileSync(files.key, forge.pki.privateKeyToPem(own.privateKey), { mode: 0o600 });
            return files;
        }
    };
}
