'use strict';
// Held and adopted on the other MeshCentral versions that can be had: they read accounts before our hook as well.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { whoIs } = require('../lab/credentials');
const { documentsOf } = require('../lab/documents');
const { watchDenials } = require('../lab/reasons');
const { PASSWORD, accountOf, hashed, surroundings } = require('../lab/seeds');
const { passwordHeader } = require('../lab/sockets');

for (const version of ['1.1.51', '0.7.99']) {
    describe('accounts on MeshCentral ' + version, { timeout: 120000 }, () => {
        let lab, store;
        before(async () => { lab = await startLab({ version, agents: false }); store = documentsOf(lab, 'nedb'); });
        after(async () => { if (lab) { await lab.stop(); } });

        test('an object of the old fork is held and adopted, an account of somebody\'s own is not', async () => {
            const [tina, adam] = await Promise.all(['tina@acme.example', 'adam@acme.example'].map(lab.person));
            const hash = await hashed(lab.mesh.fork, PASSWORD);
            const logsIn = async (email) => await whoIs(lab.mesh, '/control.ashx', passwordHeader(email, PASSWORD)) !== null;
            const open = async (email) => (await lab.mesh.get('/?token=' + await lab.token(email), { accept: 'text/html' })).status;
            await lab.mesh.stop();
            const around = surroundings([tina.email, adam.email]).map(({ ssh, rdp, ...doc }) => ((version === '0.7.99') ? doc : { ...doc, ssh, rdp })); // 0.7 saves no device passwords of people
            await store.write([...around, accountOf(tina.email, hash, { tenantId: tina.tenant_id, userId: tina.user_id }), accountOf(adam.email, hash)]);
            await lab.mesh.start();
            assert.deepEqual([await logsIn(tina.email), await logsIn(adam.email)], [false, true]);
            const denial = watchDenials(lab.mesh);
            assert.equal(await open(adam.email), 401);
            assert.equal(await denial('root'), 'ACCOUNT_CONFLICT');
            assert.equal(await open(tina.email), 200);
            assert.ok(![...await store.read()].flat().some((text) => text.includes(tina.email) || text.includes('tina@acme%2Eexample')));
            assert.equal(await logsIn(tina.email), false);
            await lab.mesh.stop();
            await lab.mesh.start();
            assert.equal(await open(tina.email), 200);
            assert.deepEqual([await logsIn(tina.email), await logsIn(adam.email)], [false, true]);
            assert.ok(!/UnhandledPromise|TypeError|ReferenceError/.test(lab.mesh.output()));
        });
    });
}
