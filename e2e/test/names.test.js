'use strict';
// Names and e-mails as people have them, and as attackers write them: shown right or refused, never injected.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { newProfile, startBrowser } = require('../lab/browser');
const { claimsOf, sign } = require('../lab/tokens');
const { watchDenials } = require('../lab/reasons');
const { until } = require('../lab/process');
const { openSocket, passwordHeader } = require('../lab/sockets');

// As given, and as shown where that differs: markup is refused as a name, and the part of the e-mail before @ stands in.
const NAMES = [['Miles "Tails" O\'Prower'], ['<img src=x onerror="window.hacked=1">', 'name1'], ['</script><script>window.hacked=1</script>', 'name2'], ['{{{authCookie}}} {{name}}'], ['a/b\\c & d; e%27f'], ['\');window.hacked=1;//'], ['山田 太郎 🦊'], ['Žofie Ångström'], ['\u202Egnp.exe', 'gnp.exe'], ['x'.repeat(300)]];
const SHOWN = ['o\'brien+tag@acme.example', 'Upper.Case@ACME.example', 'žofie@acme.example', '%41{}|~$&*=!?#^@acme.example', 'a'.repeat(64) + '@' + 'b'.repeat(180) + '.example'];
const REFUSED = ['a/b@acme.example', '<b>@acme.example', '"quoted"@acme.example', 'sp ace@acme.example', '~s:abc@acme.example', 'back\\slash@acme.example', '\u212Aelvin@acme.example', 'É@acme.example', 'no-at.example', '@acme.example', 'x@', 'n'.repeat(300) + '@acme.example', 'a\u0000b@acme.example'];

describe('names', { timeout: 280000 }, () => {
    let lab, browser, tenant;
    before(async () => { lab = await startLab({ agents: false }); browser = await startBrowser(); tenant = (await lab.person('tina@acme.example')).tenant_id; });
    after(async () => { if (browser) { await browser.close(); } if (lab) { await lab.stop(); } });

    const add = async (email, name) => (await lab.postgres.query("INSERT INTO users (email, full_name, tenant_id, role) VALUES ($1, $2, $3, 'technician') RETURNING *", [email, name, tenant])).rows[0];

    for (const [i, [name, shown = name]] of NAMES.entries()) {
        test('name ' + JSON.stringify(name).slice(0, 50), async () => {
            const row = await add('name' + i + '@acme.example', name);
            const profile = await newProfile(browser);
            try {
                const page = await profile.newPage();
                await page.goto(lab.mesh.url + '/?token=' + sign(claimsOf(row), lab.secrets.jwtSecret));
                await page.waitForFunction((wanted) => document.body.innerText.includes('Welcome ' + wanted), shown.slice(0, 60), { timeout: 20000 });
                assert.equal(await page.evaluate(() => window.hacked), undefined);
            } finally { await profile.close(); }
            const socket = openSocket(lab.mesh.url, '/control.ashx?token=' + sign(claimsOf(row), lab.secrets.jwtSecret));
            assert.equal((await socket.next((m) => m.action === 'userinfo')).userinfo.name, shown);
            socket.close();
        });
    }

    for (const email of SHOWN) {
        test('e-mail ' + email.slice(0, 50), async () => {
            const row = await add(email, null);
            const socket = openSocket(lab.mesh.url, '/control.ashx?token=' + sign(claimsOf(row), lab.secrets.jwtSecret));
            const { userinfo } = await socket.next((m) => m.action === 'userinfo');
            const folded = email.replace(/[A-Z]/g, (c) => c.toLowerCase());
            assert.equal(userinfo._id, 'user//' + folded);
            assert.equal(userinfo.name, folded.slice(0, folded.lastIndexOf('@')), 'without a name: the part before @');
            socket.close();
        });
    }

    for (const email of REFUSED) {
        test('refused e-mail ' + JSON.stringify(email).slice(0, 50), async () => {
            if (!email.includes('\u0000')) { await add(email, 'Refused'); } // Postgres holds no NUL
            const claims = { ...claimsOf(await lab.person('tina@acme.example')), email };
            const denial = watchDenials(lab.mesh);
            const page = await lab.mesh.get('/?token=' + sign(claims, lab.secrets.jwtSecret), { accept: 'text/html' });
            assert.equal(page.status, 401);
            assert.equal(await denial('root'), 'TOKEN_CLAIMS');
        });
    }

    test('a tenant\'s name is a device group\'s name; markup is refused and the tenant\'s id stands in', async () => {
        const groups = async () => {
            await lab.mesh.get('/?token=' + await lab.token('tina@acme.example'));
            const admin = openSocket(lab.mesh.url, '/control.ashx', { headers: passwordHeader('admin', lab.secrets.admin) });
            await admin.next((m) => m.action === 'userinfo');
            admin.send({ action: 'meshes' });
            const { meshes } = await admin.next((m) => m.action === 'meshes');
            admin.close();
            return meshes.map((mesh) => mesh.name);
        };
        for (const [name, shown] of [['Ten"ant\'s & ' + 'y'.repeat(200), ('Ten"ant\'s & ' + 'y'.repeat(200)).slice(0, 128)], ['<i>Tenant</i>', tenant]]) {
            await lab.postgres.query('UPDATE tenants SET name = $1 WHERE tenant_id = $2', [name, tenant]);
            await until(async () => (await groups()).includes(shown), 20000, 'the device group is called ' + shown);
        }
    });
});
