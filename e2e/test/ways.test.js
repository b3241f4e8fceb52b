'use strict';
// Both ways of device rights, the same cases in each: what Postgres gives is reached, what it does not give is not, whatever
// stands in MeshCentral's own groups.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { nodesOfAdmin, startLab } = require('../lab');
const { startAgent } = require('../lab/agent');
const { until } = require('../lab/process');
const { listNodes, openSocket, passwordHeader } = require('../lab/sockets');
const { openTerminal, runIn } = require('../lab/tunnel');

for (const way of ['links', 'group']) {
    describe('device rights by ' + way, { timeout: 290000 }, () => {
        let lab, acme, borealis, admin, meshes;
        before(async () => {
            lab = await startLab({ sidecarEnv: { MESHSSO_DEVICE_RIGHTS: way } });
            acme = lab.agents['acme-frontdesk'];
            borealis = lab.agents['borealis-dock'];
            admin = await adminSocket();
            meshes = {};
            for (const email of ['tina@acme.example', 'bob@borealis.example']) { meshes[email.split('@')[1]] = (await lab.ask.validate(await lab.token(email))).tenant.deviceGroupId; }
        });
        after(async () => { if (lab) { await lab.stop(); } });

        async function adminSocket() {
            const socket = openSocket(lab.mesh.url, '/control.ashx', { headers: passwordHeader('admin', lab.secrets.admin) });
            await socket.next((m) => m.action === 'userinfo');
            return socket;
        }

        async function reach(email) {
            const socket = openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token(email));
            try { return (await listNodes(socket)).map((node) => node._id).sort(); } finally { socket.close(); }
        }

        // Not in the list, and not by hand either.
        async function refused(email, nodeId) {
            assert.ok(!(await reach(email)).includes(nodeId), email + ' sees it');
            const token = await lab.token(email);
            const relay = openSocket(lab.mesh.url, `/meshrelay.ashx?browser=1&p=1&nodeid=${nodeId}&id=x1&token=${token}`);
            await relay.closed;
            assert.deepEqual(relay.messages, [{ action: 'close', cause: 'noauth', msg: 'FORBIDDEN' }]);
        }

        async function works(email, nodeId) {
            const token = await lab.token(email);
            const control = openSocket(lab.mesh.url, '/control.ashx?token=' + token);
            const terminal = await openTerminal(lab.mesh, control, nodeId, 'token=' + token);
            await runIn(terminal, 'echo way-$((4+4))', /way-8/);
            terminal.close();
            control.close();
        }

        const groupOf = async (nodeId) => ((await nodesOfAdmin(lab)).find((node) => node._id === nodeId) || {}).meshid;
        const ask = async (frame) => { const id = String(Math.random()); admin.send({ ...frame, responseid: id }); return admin.next((m) => m.responseid === id); };

        test('each tenant\'s people reach their device, superadmins all', async () => {
            assert.deepEqual(await reach('tina@acme.example'), [acme.nodeId]);
            assert.deepEqual(await reach('bob@borealis.example'), [borealis.nodeId]);
            await until(async () => (await reach('sue@platform.example')).join() === [acme.nodeId, borealis.nodeId].sort().join(), 15000, 'sue reaches both');
            await works('tina@acme.example', acme.nodeId);
            await works('sue@platform.example', borealis.nodeId);
        });

        test('a device whose row moves is its new tenant\'s, on open pages too, and comes back', async () => {
            const page = openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token('tina@acme.example'));
            assert.equal((await listNodes(page)).length, 1);
            const move = (email) => lab.postgres.query('UPDATE agents SET tenant_id = (SELECT tenant_id FROM users WHERE email = $2) WHERE agent_id = $1', [acme.agentId, email]);
            await move('bob@borealis.example');
            await until(async () => (await reach('bob@borealis.example')).length === 2, 15000, 'bob reaches it');
            await until(async () => (await listNodes(page)).length === 0, 15000, 'tina\'s page lost it');
            await refused('tina@acme.example', acme.nodeId);
            await works('bob@borealis.example', acme.nodeId);
            if (way === 'group') { assert.equal(await until(async () => (await groupOf(acme.nodeId)) === meshes['borealis.example'], 10000, 'the device was moved'), true); }
            await move('tina@acme.example');
            await until(async () => (await listNodes(page)).length === 1, 15000, 'back');
            await works('tina@acme.example', acme.nodeId);
            page.close();
        });

        test('a device of no row, and one that two tenants claim, are nobody\'s', async () => {
            await lab.postgres.query('UPDATE agents SET tenant_id = NULL WHERE agent_id = $1', [borealis.agentId]);
            await until(async () => (await reach('bob@borealis.example')).length === 0, 15000, 'bob lost it');
            await until(async () => !(await reach('sue@platform.example')).includes(borealis.nodeId), 15000, 'sue lost it');
            await refused('bob@borealis.example', borealis.nodeId);
            await refused('sue@platform.example', borealis.nodeId);
            await lab.postgres.query('UPDATE agents SET tenant_id = (SELECT tenant_id FROM users WHERE email = \'bob@borealis.example\') WHERE agent_id = $1', [borealis.agentId]);
            await until(async () => (await reach('bob@borealis.example')).length === 1, 15000, 'bob has it again');
            await lab.postgres.query("INSERT INTO agents (hostname, tenant_id, meshcentral_nodeid) SELECT 'claimed', tenant_id, $1 FROM users WHERE email = 'tina@acme.example'", [borealis.nodeId]);
            await until(async () => (await reach('bob@borealis.example')).length === 0, 15000, 'claimed twice: nobody\'s');
            await refused('tina@acme.example', borealis.nodeId);
            await lab.postgres.query("DELETE FROM agents WHERE hostname = 'claimed'");
            await until(async () => (await reach('bob@borealis.example')).length === 1, 15000, 'bob has it once more');
        });

        test('a stranger\'s agent that was enrolled with the tenant\'s settings file is nobody\'s, from its first moment', async () => {
            const page = openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token('tina@acme.example'));
            await listNodes(page);
            const dir = path.join(lab.dir, 'rogue');
            fs.mkdirSync(dir, { mode: 0o711 });
            const known = new Set((await nodesOfAdmin(lab)).map((node) => node._id));
            const rogue = await startAgent(dir, lab.mesh, { meshId: meshes['acme.example'], name: 'rogue' });
            try {
                const { _id: id } = await until(async () => (await nodesOfAdmin(lab)).find((node) => !known.has(node._id) && node.conn === 1), 30000, 'the rogue agent connected');
                await refused('tina@acme.example', id);
                await refused('adam@acme.example', id);
                await refused('sue@platform.example', id);
                if (way === 'group') { assert.ok(!Object.values(meshes).includes(await groupOf(id)), 'it is in a tenant\'s group'); }
                await listNodes(page); // whatever was to come before has come
                assert.ok(!JSON.stringify(page.messages).includes(id.split('/')[2]), 'the open page heard of it');
            } finally { await rogue.stop(); page.close(); }
        });

        test('hand edits of our groups are put right', async () => {
            await ask({ action: 'adduser', username: 'hand', pass: lab.secrets.admin + 'aA1!' }).catch(() => { });
            const tina = openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token('tina@acme.example'));
            assert.equal((await listNodes(tina)).length, 1);
            const hand = openSocket(lab.mesh.url, '/control.ashx', { headers: passwordHeader('hand', lab.secrets.admin + 'aA1!') });
            await hand.next((m) => m.action === 'userinfo');
            if (way === 'links') {
                const { userGroup } = await lab.ask.validate(await lab.token('tina@acme.example'));
                admin.send({ action: 'addusertousergroup', ugrpid: userGroup.id, usernames: ['hand'] });
                admin.send({ action: 'editusergroup', ugrpid: userGroup.id, name: 'renamed by hand' });
                admin.send({ action: 'adddeviceuser', nodeid: borealis.nodeId, userids: [userGroup.id], rights: 8 });
                await until(async () => { admin.send({ action: 'usergroups' }); const { ugroups } = admin.messages.findLast((m) => m.action === 'usergroups') || { ugroups: {} }; const group = ugroups[userGroup.id]; return group && group.name === userGroup.name && Object.keys(group.links || {}).every((id) => id === acme.nodeId || id === 'user//tina@acme.example'); }, 15000, 'the group is as it was');
                await until(async () => (await listNodes(hand)).length === 0, 15000, 'who was added by hand sees nothing');
                admin.send({ action: 'deleteusergroup', ugrpid: userGroup.id });
                await until(async () => (await listNodes(tina)).length === 1 && (await reach('tina@acme.example')).length === 1, 15000, 'the group is back');
            } else {
                admin.send({ action: 'removemeshuser', meshid: meshes['acme.example'], userid: 'user//tina@acme.example' });
                admin.send({ action: 'changeDeviceMesh', nodeids: [borealis.nodeId], meshid: meshes['acme.example'] });
                await until(async () => (await groupOf(borealis.nodeId)) === meshes['borealis.example'], 15000, 'the device is back in its group');
                await until(async () => (await listNodes(tina)).map((node) => node._id).join() === acme.nodeId, 15000, 'tina has hers and no other');
            }
            await refused('tina@acme.example', borealis.nodeId);
            await works('tina@acme.example', acme.nodeId);
            tina.close();
            hand.close();
        });

        test('after a restart of MeshCentral the same holds, and nobody is in its database', async () => {
            await lab.mesh.stop();
            await lab.mesh.start();
            admin = await adminSocket();
            await until(async () => (await nodesOfAdmin(lab)).filter((node) => node.conn === 1).length >= 2, 120000, 'the agents came back'); // in their own time: they wait longer after each try that failed
            await until(async () => (await reach('tina@acme.example')).join() === acme.nodeId, 15000, 'tina reaches hers');
            await refused('tina@acme.example', borealis.nodeId);
            await works('tina@acme.example', acme.nodeId);
            const data = fs.readFileSync(path.join(lab.mesh.data, 'meshcentral.db'), 'utf8');
            assert.ok(!data.includes('"_id":"user//tina@'));
            assert.ok(!data.split('\n').some((line) => /"type":"(mesh|ugrp)"/.test(line) && line.includes('user//tina@')), 'a group keeps a link to her');
        });
    });
}
