'use strict';
// `meshsso serve`, built from this checkout.

const fs = require('fs');
const path = require('path');
const { BINARY, ROOT } = require('./paths');
const { freePort } = require('./ports');
const { run, start } = require('./process');

/** Builds the binary. Go's own cache makes this quick when nothing changed. */
function buildSidecar() { return run(['go', 'build', '-trimpath', '-o', BINARY, './cmd/meshsso'], { cwd: ROOT, env: { ...process.env, CGO_ENABLED: '0' } }); }

/**
 * @param {string} dir an existing folder. @param {object} postgres of startPostgres. @param {object} secrets of makeSecrets.
 * @param {object} [options] {cacheTtl: Go duration, env}
 */
async function startSidecar(dir, postgres, secrets, options = {}) {
    const metricsPort = await freePort();
    const socket = path.join(dir, 'socket', 'auth.sock');
    const env = {
        PATH: process.env.PATH, JWT_SECRET: secrets.jwtSecret, AGENT_SIGN_KEY: secrets.agentSignKey,
        POSTGRES_HOST: postgres.host, POSTGRES_PORT: String(postgres.port), POSTGRES_USER: postgres.user, POSTGRES_PASSWORD: postgres.password, POSTGRES_DB: postgres.database,
        MESHSSO_LISTEN: 'unix://' + socket, MESHSSO_METRICS: '127.0.0.1:' + metricsPort, MESHSSO_CACHE_TTL: options.cacheTtl || '1s', ...options.env
    };
    await run([BINARY, 'migrate', 'up'], { env });
    const log = path.join(dir, 'sidecar.log');
    let running = null;
    const up = async () => {
        running = await start('meshsso serve', [BINARY, 'serve'], { log, env });
        let gone = false;
        running.exited.then(() => { gone = true; });
        const { until } = require('./process');
        await until(() => {
            if (gone) { throw new Error('meshsso serve ended: ' + running.output().slice(-800)); }
            return run([BINARY, 'healthcheck'], { env }).then(() => true, () => false);
        }, 20000, 'meshsso serve is not healthy (see ' + log + ')');
    };
    await up();
    return {
        socket, env, log, address: 'unix://' + socket, metricsUrl: 'http://127.0.0.1:' + metricsPort + '/metrics',
        start: up, stop: (signal) => running.stop(signal), pid: () => running.pid, remove: () => fs.rmSync(socket, { force: true })
    };
}

module.exports = { buildSidecar, startSidecar };
