'use strict';
// Accounts that MeshCentral keeps, and people of ours under the same id: conflict, the old fork's objects, adopting, an e-mail
// that passes to somebody else, and that nothing of a person is kept. On both databases, before and after a restart.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before: beforeAll, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { FORM, credentialsOf, logIn, whoIs } = require('../lab/credentials');
const { documentsOf } = require('../lab/documents');
const { get } = require('../lab/meshcentral');
const { run, until } = require('../lab/process');
const { watchDenials } = require('../lab/reasons');
const { ALL, MESH, NODE, PASSWORD, UGRP, accountOf, hashed, surroundings } = require('../lab/seeds');
const { openSocket, passwordHeader } = require('../lab/sockets');

const HTML = { accept: 'text/html' };
// A clock that goes five minutes on at a signal: MeshCentral saves an account when its socket closes late.
const CLOCK = "const now=Date.now;let ahead=0;Date.now=()=>now()+ahead;process.on('SIGUSR2',()=>{ahead+=400000;console.log('the clock is '+ahead+' ms ahead')});";

for (const database of ['nedb', 'postgres']) {
    describe('accounts on ' + database, { timeout: 280000 }, () => {
        let lab, store, hash, scratch;
        const works = {}; // by e-mail: the ways in that MeshCentral made for an account

        beforeAll(async () => {
            scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'meshsso-clock-'));
            fs.writeFileSync(path.join(scratch, 'clock.js'), CLOCK);
            // A session key of one's own: browsers' sessions outlive a restart then.
            lab = await startLab({ database, agents: false, debug: 'web,authlog', env: { NODE_OPTIONS: '--require ' + path.join(scratch, 'clock.js') }, settings: { sessionKey: 'k'.repeat(64) } });
            store = documentsOf(lab, database);
            hash = await hashed(lab.mesh.fork, PASSWORD);
            for (const name of ['olga', 'maja', 'nora', 'ulla', 'rita', 'lena', 'kira', 'yara', 'cleo']) { await add(name + '@acme.example'); }
        });
        after(async () => { if (lab) { await lab.stop(); } fs.rmSync(scratch, { recursive: true, force: true }); });

        const add = (email) => lab.postgres.query("INSERT INTO users (email, full_name, tenant_id, role) SELECT $1, initcap(split_part($1, '@', 1)), tenant_id, 'technician' FROM users WHERE email = 'tina@acme.example'", [email]);
        const idOf = (email) => 'user//' + email;
        const open = async (email) => lab.mesh.get('/?token=' + await lab.token(email), HTML);
        const document = async (id) => (await store.read()).get(id);
        const logged = (text) => lab.mesh.output().split(text).length - 1;

        const account = (email, more) => accountOf(email, hash, more);

        /** Stops MeshCentral, changes its database and options, and starts it again. */
        async function restart({ write = [], erase = [], jwtAuth = {} } = {}) {
            await lab.mesh.stop();
            const file = path.join(lab.mesh.data, 'config.json');
            const config = JSON.parse(fs.readFileSync(file, 'utf8'));
            Object.assign(config.settings.jwtAuth, jwtAuth);
            config.domains[''].smtp = { name: 'console', host: 'none', from: 'mesh@lab.example' }; // mails go into the log
            fs.writeFileSync(file, JSON.stringify(config));
            for (const id of erase) { await store.erase(id); }
            await store.write(write);
            await lab.mesh.start();
        }

        async function conflict(email) {
            const denial = watchDenials(lab.mesh);
            assert.equal((await open(email)).status, 401, email);
            assert.equal(await denial('root'), 'ACCOUNT_CONFLICT', email);
        }

        async function signedIn(email) {
            const page = await open(email);
            assert.equal(page.status, 200, email);
            assert.match(page.body, /MeshServerCreateControl/);
        }

        async function none(email, when) {
            const ways = Object.entries(works[email].ways);
            assert.deepEqual((await Promise.all(ways.map(async ([name, check]) => (await check()) && name))).filter(Boolean), [], email + ' ' + when);
        }

        async function kept(email) { return [...await store.read()].filter(([id, text]) => (id + text).includes(email) || (id + text).includes(email.replace('.', '%2E'))).map(([id]) => id); }

        test('an account of somebody\'s own is not taken over, and every way into it works as before', async () => {
            await restart({ write: [
                ...surroundings(['tina', 'olga', 'maja', 'lena'].map((name) => name + '@acme.example')),
                account('tina@acme.example', { siteadmin: ALL }), account('olga@acme.example'), account('maja@acme.example')
            ] });
            for (const email of ['tina@acme.example', 'olga@acme.example']) {
                works[email] = await credentialsOf(lab.mesh, email, PASSWORD, NODE);
                const before = await document(idOf(email));
                await conflict(email);
                for (const [name, check] of Object.entries(works[email].ways)) { assert.equal(await check(), true, name); }
                assert.equal(await document(idOf(email)), before);
            }
        });

        test('an object of the old fork gives nothing from the start on, and no account comes in its place', async () => {
            const [tina, adam, vera, bob] = await Promise.all(['tina@acme.example', 'adam@acme.example', 'vera@acme.example', 'bob@borealis.example'].map(lab.person));
            const old = JSON.parse(await document(idOf(tina.email)));
            await restart({ write: [
                account(tina.email, {
                    salt: old.salt, hash: old.hash, siteadmin: ALL, tenantId: tina.tenant_id.toUpperCase(), userId: tina.user_id,
                    groups: ['realm'], otpsecret: 'JBSWY3DPEHPK3PXP', otpkeys: { keys: [{ p: '12345678', u: true }] }, otphkeys: [{ name: 'key', type: 3 }], otpdev: NODE, phone: '+10000000000', webpush: [{}]
                }),
                account(adam.email, { tenantId: bob.tenant_id, userId: adam.user_id }),
                account(vera.email, { tenantId: vera.tenant_id, user_id: vera.user_id + 1000 }),
                account(bob.email, { tenantId: bob.tenant_id, userId: String(bob.user_id), user_id: bob.user_id + 1 }),
                account('lena@acme.example', { tenantId: null }),
                account('kira@acme.example', { tenantId: '' })
            ] });
            const before = await store.read();
            await none(tina.email, 'before it is adopted');
            for (const email of [adam.email, vera.email, bob.email, 'lena@acme.example', 'kira@acme.example']) {
                assert.equal(await whoIs(lab.mesh, '/control.ashx', passwordHeader(email, PASSWORD)), null, email);
            }
            const admin = openSocket(lab.mesh.url, '/control.ashx', { headers: passwordHeader('admin', lab.secrets.admin) });
            await admin.next((m) => m.action === 'userinfo');
            admin.send({ action: 'adduser', username: tina.email, pass: PASSWORD, responseid: 'again' });
            await admin.next((m) => m.responseid === 'again' || (m.action === 'event' && m.event.action === 'accountcreate'));
            admin.send({ action: 'users' });
            const { users } = await admin.next((m) => m.action === 'users');
            assert.deepEqual(users.map((user) => user._id).sort(), ['user//admin', 'user//maja@acme.example', 'user//olga@acme.example'].sort());
            admin.close();
            // By mail: a link of before resets nothing, no new one is sent, and the server does not fall over it.
            const sent = logged('/checkmail?c=');
            assert.equal((await lab.mesh.get('/checkmail?confirm=1&c=' + works[tina.email].mail)).status, 200);
            assert.equal((await get(lab.mesh.url + '/resetaccount', FORM, { method: 'POST', body: 'email=' + encodeURIComponent(tina.email) })).status, 302);
            await get(lab.mesh.url + '/resetaccount', FORM, { method: 'POST', body: 'email=admin%40lab.example' });
            await until(() => logged('/checkmail?c=') > sent, 10000, 'a mail to the administrator, who came later');
            assert.equal(logged("to: '" + tina.email), 1);
            const cli = await run([process.execPath, '--disable-proto=delete', path.join(lab.mesh.fork, 'meshcentral.js'), '--datapath', lab.mesh.data, '--createaccount', adam.email, '--pass', PASSWORD]);
            assert.match(cli, /already exists/);
            await none(tina.email, 'after an administrator tried to make it');
            assert.equal((await store.read()).get(idOf(tina.email)), before.get(idOf(tina.email)));
        });

        test('another tenant\'s, another user\'s and unreadable ones are conflicts, whatever is configured', async () => {
            const emails = ['adam@acme.example', 'vera@acme.example', 'bob@borealis.example'];
            const before = await store.read();
            for (const email of [...emails, 'lena@acme.example', 'kira@acme.example']) { await conflict(email); }
            for (const adoptAccounts of [true, false]) {
                await restart({ jwtAuth: { adoptAccounts } });
                for (const email of emails) {
                    await conflict(email);
                    assert.equal((await store.read()).get(idOf(email)), before.get(idOf(email)), email);
                }
            }
        });

        test('adopting: one of many sign-ins at once does it, and nothing of the account is left', async () => {
            await none('tina@acme.example', 'after two restarts');
            const pages = await Promise.all(Array.from({ length: 5 }, () => open('tina@acme.example')));
            assert.deepEqual(pages.map((page) => page.status), [200, 200, 200, 200, 200]);
            assert.equal(logged('WEB: JWT auth: adopted user//tina@acme.example'), 1);
            assert.deepEqual(await kept('tina@acme.example'), []);
            for (const id of [MESH, UGRP, NODE]) { assert.ok((await document(id)).includes('user//olga@acme%2Eexample'), 'others keep their links'); }
            const socket = openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token('tina@acme.example'));
            const { userinfo } = await socket.next((m) => m.action === 'userinfo');
            assert.deepEqual([userinfo.siteadmin, userinfo.groups, userinfo.phone, userinfo.otpsecret], [64 + 1024 + 4096, undefined, undefined, undefined]);
            assert.ok(!(MESH in userinfo.links) && !(NODE in userinfo.links) && !(UGRP in userinfo.links));
            await none('tina@acme.example', 'while the person who adopted it is in');
            socket.close();
            await restart();
            assert.deepEqual(await kept('tina@acme.example'), []);
            await none('tina@acme.example', 'after a restart');
            await signedIn('tina@acme.example');
            await none('tina@acme.example', 'after a restart, with the person in');
        });

        test('adoptAccounts takes over somebody\'s own account while it is in use: sockets, sessions and cookies end first', async () => {
            await conflict('olga@acme.example');
            await restart({ jwtAuth: { adoptAccounts: true } });
            const control = openSocket(lab.mesh.url, '/control.ashx', { headers: passwordHeader('olga@acme.example', PASSWORD) });
            await control.next((m) => m.action === 'userinfo');
            for (const name of ['password', 'loginToken', 'authCookie', 'session', 'share']) { assert.equal(await works['olga@acme.example'].ways[name](), true, name); }
            await signedIn('olga@acme.example');
            await until(() => control.ws.readyState > 1, 10000, 'what was open has ended');
            assert.deepEqual(await kept('olga@acme.example'), []);
            await none('olga@acme.example', 'after it was adopted');
            await signedIn('lena@acme.example'); // an unreadable tenant: the operator's word decides
            await restart({ jwtAuth: { adoptAccounts: false } });
            await signedIn('olga@acme.example');
            await none('olga@acme.example', 'after a restart');
            assert.deepEqual(await kept('olga@acme.example'), []);
            await conflict('maja@acme.example');
            await conflict('kira@acme.example');
            assert.equal(await whoIs(lab.mesh, '/control.ashx', passwordHeader('maja@acme.example', PASSWORD)), 'user//maja@acme.example', 'nobody signed in: it is as it was');
        });

        test('MeshCentral\'s own folding: an account in capitals is the person\'s id', async () => {
            const admin = openSocket(lab.mesh.url, '/control.ashx', { headers: passwordHeader('admin', lab.secrets.admin) });
            await admin.next((m) => m.action === 'userinfo');
            for (const username of ['ULLA@ACME.EXAMPLE', '\u212Aira2@acme.example']) { // the Kelvin sign
                admin.send({ action: 'adduser', username, pass: PASSWORD, responseid: username });
                await admin.next((m) => m.responseid === username);
            }
            admin.close();
            await until(() => document('user//kira2@acme.example'), 10000, 'MeshCentral folds as JavaScript does');
            await conflict('ulla@acme.example');
            await add('kira2@acme.example');
            await conflict('kira2@acme.example');
            await restart();
            await conflict('ulla@acme.example');
            await conflict('kira2@acme.example');
        });

        test('an account made on the command line while MeshCentral runs is a conflict', async () => {
            await run([process.execPath, '--disable-proto=delete', path.join(lab.mesh.fork, 'meshcentral.js'), '--datapath', lab.mesh.data, '--createaccount', 'nora@acme.example', '--pass', PASSWORD]);
            if (database === 'postgres') { await conflict('nora@acme.example'); } // NeDB is read at start only
            await restart();
            await conflict('nora@acme.example');
        });

        test('an e-mail that passes to another person: the former one is out before the new one is in', async () => {
            const email = 'rita@acme.example';
            const former = await lab.token(email);
            const page = await lab.mesh.get('/?token=' + former, HTML);
            const session = page.headers['set-cookie'].map((value) => value.split(';')[0]).join('; ');
            const control = openSocket(lab.mesh.url, '/control.ashx?token=' + former);
            await control.next((m) => m.action === 'serverinfo');
            control.send({ action: 'authcookie' });
            const { cookie } = await control.next((m) => m.action === 'authcookie');
            await store.write(database === 'postgres' ? [{ _id: 'ws' + idOf(email), type: null, domain: null, state: '{"stars":"hers"}' }] : []);
            const bob = await lab.person('bob@borealis.example');
            await lab.postgres.query('UPDATE users SET user_id = user_id + 5000, tenant_id = $2 WHERE email = $1', [email, bob.tenant_id]);
            await until(async () => (await open(email)).status === 200, 10000, 'the row counts');
            await until(() => control.ws.readyState > 1, 10000, 'what was open has ended');
            assert.equal(await document('ws' + idOf(email)), undefined, 'the former one\'s page state');
            assert.equal(await whoIs(lab.mesh, '/control.ashx?auth=' + encodeURIComponent(cookie)), null, 'the former one\'s cookie');
            assert.match((await lab.mesh.get('/', { cookie: session })).body, /loginpanel/, 'the former one\'s session');
            const denial = watchDenials(lab.mesh);
            assert.equal((await lab.mesh.get('/?token=' + former, HTML)).status, 401);
            assert.equal(await denial('root'), 'USER_MISMATCH');
            await restart();
            await signedIn(email);
            assert.match((await lab.mesh.get('/', { cookie: session })).body, /loginpanel/, 'after a restart');
            assert.equal(await whoIs(lab.mesh, '/control.ashx?auth=' + encodeURIComponent(cookie)), null);
        });

        test('MeshCentral saves people in many places, and never one of ours', async () => {
            const email = 'yara@acme.example';
            for (const round of ['before a restart', 'after it']) {
                await logIn(lab.mesh, 'admin', lab.secrets.admin); // from here on MeshCentral minds when the administrator was here
                await lab.mesh.get('/?token=' + await lab.token(email), { ...HTML, 'accept-language': 'fr' }); // the page's language is saved
                const hers = openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token(email));
                const admins = openSocket(lab.mesh.url, '/control.ashx', { headers: passwordHeader('admin', lab.secrets.admin) });
                for (const socket of [hers, admins]) {
                    await socket.next((m) => m.action === 'serverinfo');
                    socket.send({ action: 'changelang', lang: round === 'after it' ? 'de' : 'nl' });
                    socket.send({ action: 'userWebState', state: '{"stars":"1"}' });
                }
                const before = logged('ms ahead');
                process.kill(lab.mesh.pid(), 'SIGUSR2');
                await until(() => logged('ms ahead') > before, 5000, 'the clock is ahead');
                const access = JSON.parse(await document('user//admin')).access || 0;
                hers.close();
                await hers.closed;
                admins.close();
                // The administrator's, which came later, is saved: hers would have been.
                await until(async () => (JSON.parse(await document('user//admin')).access || 0) > access, 10000, 'a late close saves an account of MeshCentral\'s own');
                assert.equal(JSON.parse(await document('user//admin')).lang, round === 'after it' ? 'de' : 'nl');
                assert.deepEqual(await kept(email), [], round);
                await restart();
                assert.deepEqual(await kept(email), [], round);
            }
        });

        if (database === 'postgres') {
            test('an adoption that a fault or a crash interrupts lets nobody in, and the next sign-in ends it', async () => {
                const id = idOf('maja@acme.example');
                await restart({ jwtAuth: { adoptAccounts: true } });
                works['maja@acme.example'] = await credentialsOf(lab.mesh, 'maja@acme.example', PASSWORD, NODE);
                await store.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.id = '${id}' THEN RAISE EXCEPTION 'the disk is full'; END IF; RETURN OLD; END $$; CREATE TRIGGER refuse BEFORE DELETE ON main FOR EACH ROW EXECUTE FUNCTION refuse()`);
                const denial = watchDenials(lab.mesh);
                assert.equal((await open('maja@acme.example')).status, 503);
                assert.equal(await denial('root'), 'INTERNAL');
                await none('maja@acme.example', 'after half an adoption');
                const half = JSON.parse(await document(id));
                assert.deepEqual([half.hash, half.siteadmin, half.links], [undefined, undefined, {}]);
                await restart({ jwtAuth: { adoptAccounts: false } });
                await none('maja@acme.example', 'after a crash in the middle');
                assert.equal((await open('maja@acme.example')).status, 503);
                await store.query('DROP TRIGGER refuse ON main; DROP FUNCTION refuse()');
                await signedIn('maja@acme.example');
                assert.deepEqual(await kept('maja@acme.example'), []);
                await none('maja@acme.example', 'in the end');
            });
        }

        test('a server without a single account of its own makes no stranger its administrator', async () => {
            const ids = [...(await store.read()).keys()].filter((id) => id.startsWith('user/'));
            await restart({ erase: ids });
            const form = new URLSearchParams({ username: 'stranger', email: 'stranger@evil.example', password1: PASSWORD, password2: PASSWORD }).toString();
            const answer = await get(lab.mesh.url + '/createaccount', FORM, { method: 'POST', body: form });
            assert.equal(answer.status, 401);
            assert.equal(await logIn(lab.mesh, 'stranger', PASSWORD).then((cookie) => lab.mesh.get('/', { cookie })).then((page) => /loginpanel/.test(page.body)), true);
            assert.deepEqual([...(await store.read()).keys()].filter((id) => id.startsWith('user/')), []);
        });

        test('MeshCentral lived through all of it', () => assert.ok(!/UnhandledPromise|unhandledRejection|TypeError|ReferenceError/.test(lab.mesh.output()), lab.mesh.output().split('\n').filter((line) => /Error|Unhandled/.test(line)).join('\n')));
    });
}
