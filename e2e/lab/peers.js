'use strict';
// More replicas of `meshsso serve`, on the lab's one Postgres.

const fs = require('fs');
const path = require('path');
const { BINARY } = require('./paths');
const { freePort } = require('./ports');
const { run } = require('./process');
const { startSidecar } = require('./sidecar');

/**
 * @param {object} lab of startLab with `proxy`. @param {string} name @param {object} [env] other than the first replica's
 * @returns {Promise<object>} of startSidecar, and `api`: the origin of its listener
 */
async function startPeer(lab, name, env = {}) {
    const dir = path.join(lab.dir, name);
    fs.mkdirSync(dir, { mode: 0o711 });
    const listen = '127.0.0.1:' + await freePort();
    const same = { ...lab.sidecar.env };
    for (const own of ['MESHSSO_LISTEN', 'MESHSSO_METRICS']) { delete same[own]; }
    const peer = await startSidecar(dir, lab.postgres, lab.secrets, { env: { ...same, MESHSSO_HTTP_LISTEN: listen, ...env } });
    return Object.assign(peer, { api: 'http://' + listen });
}

/** The operator's commands. @returns {Promise<string>} standard output */
function command(lab, ...args) { return run([BINARY, ...args], { env: lab.sidecar.env }); }

/** The lines of the audit about a session, oldest first. */
async function auditOf(lab, id) { return (await command(lab, 'audit', '--json', '--session', id)).split('\n').filter(Boolean).map((line) => JSON.parse(line)); }

module.exports = { auditOf, command, startPeer };
