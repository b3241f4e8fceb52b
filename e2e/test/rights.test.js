'use strict';
// Rights are Postgres': the row's role, lowered by the token's, on the devices that the rows give, and nothing else.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { until } = require('../lab/process');
const { listNodes, openSocket } = require('../lab/sockets');
const { openTerminal, openTunnel, runIn } = require('../lab/tunnel');

const TECHNICIAN = 8 + 64 + 128 + 16384 + 262144 + 1048576;
const ADMIN = 1458392;
const VIEWER = 1800;

describe('rights', { timeout: 280000 }, () => {
    let lab, acme, borealis;
    before(async () => {
        lab = await startLab({});
        acme = lab.agents['acme-frontdesk'];
        borealis = lab.agents['borealis-dock'];
        await lab.postgres.query("INSERT INTO users (email, full_name, tenant_id, role) SELECT 'gina@acme.example', 'Gina Guest', tenant_id, 'guest' FROM users WHERE email = 'tina@acme.example'");
    });
    after(async () => { if (lab) { await lab.stop(); } });

    // What a person sees: node id → the mask that the page reads for this person.
    async function devices(email, claims) {
        const socket = openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token(email, claims));
        const { userinfo } = await socket.next((m) => m.action === 'userinfo');
        const nodes = await listNodes(socket);
        socket.close();
        return Object.fromEntries(nodes.map((node) => [node._id, Object.keys(userinfo.links).concat(userinfo._id).map((id) => (node.links || {})[id]).find(Boolean)?.rights])); // undefined while one of the two has moved on
    }

    test('each role has its mask on the tenant\'s device', async () => {
        for (const [email, mask] of [['tina@acme.example', TECHNICIAN], ['adam@acme.example', ADMIN], ['vera@acme.example', VIEWER]]) {
            assert.deepEqual(await devices(email), { [acme.nodeId]: mask }, email);
        }
        assert.deepEqual(await devices('sue@platform.example'), { [acme.nodeId]: ADMIN, [borealis.nodeId]: ADMIN });
        assert.deepEqual(await devices('gina@acme.example'), {}, 'an unknown role has nothing');
    });

    test('the token\'s role lowers and never raises', async () => {
        for (const [email, role, mask] of [['adam@acme.example', 'technician', TECHNICIAN], ['adam@acme.example', 'viewer', VIEWER], ['vera@acme.example', 'admin', VIEWER], ['tina@acme.example', 'superadmin', TECHNICIAN], ['tina@acme.example', 'owner', null]]) {
            assert.deepEqual(await devices(email, { role }), mask === null ? {} : { [acme.nodeId]: mask }, email + ' as ' + role);
        }
        assert.deepEqual(await devices('tina@acme.example'), { [acme.nodeId]: TECHNICIAN }, 'back again');
    });

    test('a viewer gets no terminal, also by hand', async () => {
        const token = await lab.token('vera@acme.example');
        const control = openSocket(lab.mesh.url, '/control.ashx?token=' + token);
        await control.next((m) => m.action === 'serverinfo');
        control.send({ action: 'authcookie' });
        const { rcookie } = await control.next((m) => m.action === 'authcookie');
        const relay = openSocket(lab.mesh.url, `/meshrelay.ashx?browser=1&p=1&nodeid=${acme.nodeId}&id=hers&token=${token}`);
        await relay.closed;
        assert.deepEqual(relay.messages, [{ action: 'close', cause: 'noauth', msg: 'FORBIDDEN' }]);
        control.send({ action: 'msg', type: 'tunnel', nodeid: acme.nodeId, usage: 1, value: `*/meshrelay.ashx?p=1&nodeid=${acme.nodeId}&id=hers&rauth=${rcookie}`, responseid: 't' });
        assert.equal((await control.next((m) => m.responseid === 't')).result, 'Access denied');
        // A desktop tunnel that turns out to be a terminal: the device would believe its first message.
        const desktop = await openTunnel(lab.mesh, control, 2, acme.nodeId, 'token=' + token);
        desktop.send('1');
        await desktop.closed;
        control.close();
    });

    test('an individual grant adds one device and no more than its role', async () => {
        await lab.postgres.query(`CREATE OR REPLACE VIEW meshsso.device_links AS SELECT u.user_id::bigint, ${acme.agentId}::bigint AS agent_id, 'technician'::text AS role FROM users u WHERE u.email IN ('gina@acme.example', 'bob@borealis.example')`);
        await until(async () => acme.nodeId in await devices('gina@acme.example'), 10000, 'the grant counts');
        assert.deepEqual(await devices('gina@acme.example'), { [acme.nodeId]: TECHNICIAN });
        assert.deepEqual(await devices('bob@borealis.example'), { [borealis.nodeId]: TECHNICIAN }, 'a grant on another tenant\'s device is none');
        const token = await lab.token('gina@acme.example');
        const control = openSocket(lab.mesh.url, '/control.ashx?token=' + token);
        const relay = await openTerminal(lab.mesh, control, acme.nodeId, 'token=' + token);
        assert.equal(await runIn(relay, 'echo granted-$((3*3))', /granted-\d+/), 'granted-9');
        relay.close();
        control.close();
        await lab.postgres.query('CREATE OR REPLACE VIEW meshsso.device_links AS SELECT NULL::bigint AS user_id, NULL::bigint AS agent_id, NULL::text AS role WHERE false');
        await until(async () => Object.keys(await devices('gina@acme.example')).length === 0, 10000, 'the grant is gone');
    });

    test('a device follows its row: moved, claimed twice, taken away', async () => {
        const moveTo = (id, tenant) => lab.postgres.query('UPDATE agents SET tenant_id = $2 WHERE agent_id = $1', [id, tenant]);
        const bob = await lab.person('bob@borealis.example');
        const tina = await lab.person('tina@acme.example');
        await moveTo(acme.agentId, bob.tenant_id);
        await until(async () => Object.keys(await devices('bob@borealis.example')).length === 2, 10000, 'bob has both');
        await until(async () => Object.keys(await devices('tina@acme.example')).length === 0, 10000, 'tina has none');
        await lab.postgres.query("INSERT INTO agents (hostname, tenant_id, meshcentral_nodeid) VALUES ('claimed', $1, $2)", [tina.tenant_id, acme.nodeId]);
        await until(async () => Object.keys(await devices('bob@borealis.example')).length === 1, 10000, 'claimed by two tenants: nobody\'s');
        assert.deepEqual(await devices('tina@acme.example'), {});
        await lab.postgres.query("DELETE FROM agents WHERE hostname = 'claimed'");
        await moveTo(acme.agentId, null);
        await until(async () => !(acme.nodeId in await devices('sue@platform.example')), 10000, 'no tenant: not even the superadmin\'s');
        await moveTo(acme.agentId, tina.tenant_id);
        await until(async () => acme.nodeId in await devices('tina@acme.example'), 10000, 'back where it was');
    });
});
