'use strict';
// The platform with the session proxy on, before either kind of MeshCentral: our fork with the shim at work, and one that
// knows nothing of MeshSSO and is reached through a service account.

const fs = require('fs');
const path = require('path');
const { startLab } = require('./index');
const { BINARY } = require('./paths');
const { startPostgres } = require('./postgres');
const { run } = require('./process');
const { switchProxyOn } = require('./proxy');
const { buildSidecar, startSidecar } = require('./sidecar');
const { startStock } = require('./stock');
const { claimsOf, sign } = require('./tokens');

const MODES = ['shim', 'stock'];
const DASHBOARD = 'https://dashboard.example'; // its TLS proxy is not in the lab: requests come with its name in Host
const DEVICES = ['acme-frontdesk', 'borealis-dock']; // as in platform.sql
const CACHE = '4s'; // long enough for the shim to ask in time on a busy machine
const NOWHERE = 'node//' + 'A'.repeat(64);

/**
 * Brings it up. Both real devices are Acme's; of Acme there is besides one that is not enrolled, of Borealis one that MeshCentral does not know.
 * @param {'shim'|'stock'} mode @param {object} [env] more of the sidecar's
 * @returns {Promise<object>} as startLab, and {mode, own, other: the devices, bare, foreign: {agentId}, restartSidecar(env): Promise, command(...args): Promise<string>}
 */
async function startProxied(mode, env = {}) {
    const lab = await (mode === 'stock' ? startOnStock(env) : startLab({ cacheTtl: CACHE, proxy: { dashboards: [DASHBOARD], env } }));
    try {
        const acme = (await lab.person('tina@acme.example')).tenant_id;
        const borealis = (await lab.person('bob@borealis.example')).tenant_id;
        await lab.postgres.query('UPDATE agents SET tenant_id = $1', [acme]);
        const add = async (hostname, tenant, node) => ({ agentId: (await lab.postgres.query('INSERT INTO agents (hostname, tenant_id, meshcentral_nodeid) VALUES ($1, $2, $3) RETURNING agent_id', [hostname, tenant, node])).rows[0].agent_id });
        const [bare, foreign] = [await add('acme-new', acme, null), await add('borealis-vault', borealis, NOWHERE)];
        const restartSidecar = async (changes) => {
            Object.assign(lab.sidecar.env, changes);
            await lab.sidecar.stop();
            await lab.sidecar.start();
        };
        await restartSidecar({}); // whatever it remembers of the rows as they were
        return Object.assign(lab, { mode, own: lab.agents[DEVICES[0]], other: lab.agents[DEVICES[1]], bare, foreign, restartSidecar, command: (...args) => run([BINARY, ...args], { env: lab.sidecar.env }) });
    } catch (err) {
        await lab.stop();
        throw err;
    }
}

async function startOnStock(env) {
    const stock = await startStock({ accounts: [], devices: DEVICES });
    const stops = [stock.stop];
    const stop = async () => { while (stops.length > 0) { await stops.pop()(); } };
    const room = (name) => { const folder = path.join(stock.dir, name); fs.mkdirSync(folder, { mode: 0o711 }); return folder; };
    try {
        fs.chmodSync(stock.dir, 0o711); // as in startLab: Postgres runs as another user
        const { secrets } = stock;
        const postgres = await startPostgres(room('postgres'), secrets);
        if (!postgres.foreign) { stops.push(() => postgres.stop()); }
        await postgres.query(fs.readFileSync(path.join(__dirname, 'platform.sql'), 'utf8'));
        for (const [name, agent] of Object.entries(stock.agents)) { agent.agentId = (await postgres.query('UPDATE agents SET meshcentral_nodeid = $1 WHERE hostname = $2 RETURNING agent_id', [agent.nodeId, name])).rows[0].agent_id; }
        await buildSidecar();
        const sidecar = await startSidecar(room('sidecar'), postgres, secrets, { cacheTtl: CACHE });
        stops.push(() => sidecar.stop());
        const person = async (email) => (await postgres.query('SELECT * FROM users WHERE email = $1', [email])).rows[0];
        const token = async (email, changes = {}, secret = secrets.jwtSecret) => sign({ ...claimsOf(await person(email)), ...changes }, secret);
        const lab = { ...stock, postgres, sidecar, person, token, stop };
        await switchProxyOn(lab, { dashboards: [DASHBOARD], env: { MESHCENTRAL_USERNAME: 'admin', MESHCENTRAL_PASSWORD: secrets.admin, ...env } });
        return lab;
    } catch (err) {
        await stop();
        throw err;
    }
}

module.exports = { DASHBOARD, MODES, startProxied };
