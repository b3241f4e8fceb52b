'use strict';
// The session proxy of the lab's sidecar, switched on when MeshCentral is there: the pin of its certificate is known only then.

const { createHash, X509Certificate } = require('crypto');
const tls = require('tls');
const { freePort } = require('./ports');

/** The SHA-256 of a server's certificate, in hex. */
function pinOf(host, port) {
    return new Promise((resolve, reject) => {
        const socket = tls.connect({ host, port, rejectUnauthorized: false }, () => {
            resolve(createHash('sha256').update(new X509Certificate(socket.getPeerCertificate().raw).raw).digest('hex'));
            socket.end();
        });
        socket.on('error', reject);
    });
}

/**
 * @param {object} lab of startLab, whose `sessionApi` (an origin) is set. @param {object} options {dashboards: origins, env: more of the sidecar's}
 */
async function switchProxyOn(lab, { dashboards, env = {} }) {
    const listen = '127.0.0.1:' + await freePort();
    const { hostname, port } = new URL(lab.mesh.url);
    const service = lab.stock ? { MESHCENTRAL_USERNAME: 'admin', MESHCENTRAL_PASSWORD: lab.secrets.admin } : {};
    Object.assign(lab.sidecar.env, {
        MESHCENTRAL_URL: lab.mesh.url, MESHCENTRAL_CERT_PIN: await pinOf(hostname, port), MESHSSO_HTTP_LISTEN: listen, MESHSSO_DASHBOARD_ORIGINS: dashboards.join(','), ...service, ...env
    });
    await lab.sidecar.stop();
    await lab.sidecar.start();
    lab.sessionApi = 'http://' + listen;
}

module.exports = { pinOf, switchProxyOn };
