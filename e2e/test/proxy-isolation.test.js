'use strict';
// What a session's own credentials are worth, by hand: its one device and nothing else, through the proxy and straight at
// MeshCentral; and what a browser may send along to be somebody else: nothing.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { nodesOfAdmin } = require('../lab');
const { ADMIN_TARGETS, adminFrames, deviceFrames, deviceTargets } = require('../lab/foreign');
const { HEADER, TYPE, keyOf, mint, passwordOf, unseal } = require('../lab/internal');
const { fetchMetric } = require('../lab/metrics');
const { until } = require('../lab/process');
const { MODES, startProxied } = require('../lab/proxied');
const { listNodes, openSocket, passwordHeader } = require('../lab/sockets');
const { login } = require('../lab/stock');
const { createVisitor } = require('../lab/visitor');

const TINA = 'tina@acme.example';
const HTML = { accept: 'text/html' };
const relay = (node, p = 1, more = '') => `/meshrelay.ashx?browser=1&p=${p}&nodeid=${node}&id=0123456789abcdef01234567${more}`;

// Frames that are sent to a stock MeshCentral itself. Of the others some end the server, one ends the machine if it is not
// refused, and `events` tells of a device that is not seen: against those stands the proxy.
const SPARED = ['webrelay', 'events', 'poweraction', 'changepassword', 'createLoginToken', 'logincookie', 'createDeviceShareLink', 'wssessioncount', 'serverstats', 'serverupdate'];

for (const mode of MODES) {
    describe(`one device a session (${mode})`, { timeout: 280000 }, () => {
        let lab, tina, mine, second, own, other, admin;
        before(async () => {
            lab = await startProxied(mode);
            tina = createVisitor(lab);
            [mine, second] = [await tina.open(TINA, lab.own, { viewMode: 12 }), await tina.open(TINA, lab.other, { viewMode: 12 })];
            [own, other] = [lab.own.nodeId, lab.other.nodeId];
            const cookie = await login(lab.mesh, 'admin', lab.secrets.admin);
            const page = await lab.mesh.get('/', { ...HTML, cookie });
            admin = { cookie, auth: /authCookie = '([^']+)'/.exec(page.body)[1], jwt: await lab.token('adam@acme.example'), password: passwordHeader('admin', lab.secrets.admin) };
        });
        after(async () => { if (lab) { await lab.stop(); } });

        const cookiesOf = async (channel) => { channel.send({ action: 'authcookie' }); return channel.next((m) => m.action === 'authcookie'); };
        const sealedIn = (page) => /authCookie = '([^']+)'/.exec(page.body)[1];
        async function refusals(surface) {
            const all = await fetchMetric(lab.sidecar.metricsUrl, 'meshsso_proxy_refusals_total');
            return all.filter(({ labels }) => labels.surface === surface).reduce((sum, { value }) => sum + value, 0);
        }
        /** Who comes in at MeshCentral itself: an account's id, or null. */
        async function straight(target, headers = {}) {
            const socket = openSocket(lab.mesh.url, target, { headers });
            try {
                const said = await socket.next((m) => m.action === 'close' || m.action === 'userinfo').catch(() => null);
                return said !== null && said.action === 'userinfo' ? said.userinfo._id : null;
            } finally { socket.ws.terminate(); }
        }
        const isOther = (text) => text.includes(other.split('/')[2]) || text.includes('borealis');

        test('frames about the other device and an administrator\'s, unknown ones too: refused and counted', async () => {
            const channel = await mine.control();
            const { rcookie } = await cookiesOf(channel);
            const counted = await refusals('control');
            const frames = [...deviceFrames({ own, id: other, rcookie }), ...adminFrames(own), { action: 'toString' }, { action: 'nobody-knows-this' }, { action: 'print', value: 'x' }];
            for (const [i, frame] of frames.entries()) {
                channel.send({ ...frame, responseid: 'r' + i });
                assert.equal((await channel.next((m) => m.responseid === 'r' + i)).result, 'Access denied', JSON.stringify({ ...frame, value: undefined }));
            }
            assert.equal(await refusals('control') - counted, frames.length);
            assert.deepEqual((await listNodes(channel)).map(({ _id }) => _id), [own]);
            assert.ok(!isOther(JSON.stringify(channel.messages)), 'the channel named the other device');
            channel.close();
        });

        test('tunnels and requests to the other device, an administrator\'s and unknown paths: refused and counted', async () => {
            const channel = await mine.control();
            const { cookie, rcookie } = await cookiesOf(channel);
            channel.close();
            const counted = await refusals('http');
            let asked = 0;
            const refused = async (answer, what) => {
                asked++;
                assert.ok([403, 404].includes(answer.status) && ['ACCESS_DENIED', 'NOT_FOUND'].includes(answer.code), `${what}: ${answer.status} ${answer.code}`);
                assert.ok(!isOther(answer.body), what);
            };
            for (const p of [1, 2, 5]) { await refused(await mine.knock(relay(other, p)), 'a tunnel, p=' + p); }
            for (const c of [cookie, rcookie]) { for (const target of deviceTargets({ id: other, cookie: c })) { await refused(await mine.get(target), target.slice(0, 20)); } }
            for (const target of ADMIN_TARGETS) { await refused(await mine.get(target), target); }
            const unknown = ['/webrelay.ashx', '/agentinvite', '/meshagents?id=6', '/meshsettings?id=x', '/mescript.ashx', '/health.ashx', '/uploadfilebatch.ashx', '/restoreserver.ashx', '/control.ashx'];
            for (const target of unknown) { await refused(await mine.get(target), target); }
            for (const target of ['/agent.ashx', '/apf.ashx', '/webrelay.ashx', '/devicefile.ashx', '/']) { await refused(await mine.knock(target), 'a socket on ' + target); }
            for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND']) { await refused(await mine.get('/', {}, method), method); }
            assert.equal(await refusals('http') - counted, asked);
        });

        test('what one session\'s page carries is nothing to another session, nor to MeshCentral', async () => {
            const [page, foreign] = [sealedIn(await mine.get('/')), sealedIn(await second.get('/'))];
            const file = (cookie, key) => `/devicefile.ashx?c=${encodeURIComponent(cookie)}&n=${encodeURIComponent(key.split('/')[2])}&f=/etc/hostname`;
            assert.equal((await mine.get(file(page, own))).status, 200);
            for (const target of [file(foreign, own), file(foreign, other)]) { assert.equal((await mine.get(target)).code, 'ACCESS_DENIED'); }
            for (const cookie of [page, foreign]) {
                assert.equal(await straight('/control.ashx?auth=' + encodeURIComponent(cookie)), null);
                assert.ok((await lab.mesh.get(file(cookie, own))).status >= 400);
            }
            assert.equal(await straight('/control.ashx', { cookie: mine.cookie() }), null);
            assert.ok(!(await lab.mesh.get('/', { ...HTML, cookie: mine.cookie() })).body.includes('authCookie = \''));
            const { id } = await mine.account();
            assert.equal(await straight('/control.ashx?auth=' + encodeURIComponent(unseal(lab.secrets.jwtSecret, mine.id, 'page', page))), id, 'behind the seal is the session\'s own principal');
        });

        /** What an administrator sees of people, device groups and the other device. */
        async function standing() {
            const socket = openSocket(lab.mesh.url, '/control.ashx', { headers: admin.password });
            const nodes = await listNodes(socket);
            for (const action of ['users', 'meshes']) { socket.send({ action, responseid: 'standing' }); }
            const [{ users }, { meshes }] = [await socket.next((m) => m.action === 'users'), await socket.next((m) => m.action === 'meshes')];
            socket.close();
            const { name, desc } = nodes.find(({ _id }) => _id === other);
            return { name, desc, meshes: meshes.map(({ _id }) => _id).sort(), users: users.map(({ _id }) => _id).filter((id) => !id.includes('~s')).sort() };
        }

        // With the shim test/principal.test.js tries more.
        test('straight at MeshCentral, with what the proxy itself has: the one device, no other, no administration', async () => {
            const headers = async () => (mode === 'shim' ? { [HEADER]: mint(keyOf(lab.secrets.jwtSecret), mine.id) } : { cookie: await login(lab.mesh, (await mine.account()).id.split('/')[2], passwordOf(lab.secrets.jwtSecret, mine.id)) });
            const stood = await standing();
            const socket = openSocket(lab.mesh.url, '/control.ashx', { headers: await headers() });
            assert.equal((await socket.next((m) => m.action === 'userinfo')).userinfo._id, (await mine.account()).id);
            assert.deepEqual((await listNodes(socket)).map(({ _id }) => _id), [own]);
            const { cookie, rcookie } = await cookiesOf(socket);
            const mark = path.join(lab.other.dir, 'a-stranger-was-here');
            const frames = [{ action: 'runcommands', nodeids: [other], type: 3, cmds: 'touch ' + mark }, ...deviceFrames({ own, id: other, rcookie }), ...adminFrames(own)];
            // A tunnel to the own device is one, whatever device its address names.
            for (const frame of frames.filter(({ action, type, nodeid }) => mode === 'shim' || !(SPARED.includes(action) || type === 'tunnel' && nodeid === own))) { socket.send(frame); }
            const end = openSocket(lab.mesh.url, `/meshrelay.ashx?browser=1&p=1&nodeid=${other}&id=x&auth=${encodeURIComponent(cookie)}`); // of the tunnel that was asked for
            await listNodes(socket); // later than all of the frames
            for (const target of deviceTargets({ id: other, cookie }).slice(0, 2)) { assert.ok((await lab.mesh.get(target, await headers())).status >= 400, target.slice(0, 20)); }
            (await second.use()).close(); // the device has done whatever it was told before
            assert.ok(!fs.existsSync(mark), 'the other device ran a command');
            assert.ok(!end.messages.includes('c') && !end.messages.includes('cr'), 'the other device joined a tunnel');
            end.ws.terminate();
            const told = socket.messages.filter((m) => isOther(JSON.stringify(m)) && m.result !== 'Invalid device id'); // a refusal repeats the question's
            assert.deepEqual(told.map(({ action }) => action), [], 'the channel told of the other device');
            assert.deepEqual(await standing(), stood);
            socket.close();
        });

        test('forged, replayed, expired and dashboard-signed internal tokens are worth nothing at MeshCentral', async () => {
            const key = keyOf(lab.secrets.jwtSecret);
            const now = Math.floor(Date.now() / 1000);
            const used = mint(key, mine.id);
            const first = await lab.mesh.get('/', { ...HTML, [HEADER]: used });
            assert.equal(first.body.includes('authCookie = \''), mode === 'shim');
            const bad = {
                replayed: used, forged: mint(keyOf('x'.repeat(43)), mine.id), 'signed as the dashboard signs': mint(lab.secrets.jwtSecret, mine.id), 'a dashboard\'s': await lab.token(TINA), expired: mint(key, mine.id, { iat: now - 31, exp: now - 1 }),
                'of another purpose': mint(keyOf(lab.secrets.jwtSecret, 'seal'), mine.id), 'alg none': mint(key, mine.id, {}, { alg: 'none', typ: TYPE }), 'a pool that is none': mint(lab.secrets.jwtSecret, 'pool:' + (await lab.person(TINA)).tenant_id)
            };
            for (const [name, token] of Object.entries(bad)) {
                const page = await lab.mesh.get('/', { ...HTML, [HEADER]: token });
                assert.ok(!page.body.includes('authCookie = \''), name);
                assert.equal(page.status, mode === 'shim' ? 401 : 200, name); // a stock one shows its form
                assert.equal(await straight('/control.ashx', { [HEADER]: token }), null, name);
            }
        });

        test('an internal token is no JWT to the session API', async () => {
            for (const sub of [mine.id, 'pool:' + (await lab.person(TINA)).tenant_id]) {
                for (const [method, place] of [['POST', '/session/' + lab.own.agentId], ['POST', `/session/${mine.id}/renew`], ['DELETE', '/session/' + mine.id], ['GET', '/sessions'], ['GET', '/agents'], ['POST', '/logout']]) {
                    assert.equal((await tina.call(method, place, mint(keyOf(lab.secrets.jwtSecret), sub))).code, 'UNAUTHENTICATED', method + ' ' + place.slice(0, 9));
                }
            }
            assert.equal((await mine.get()).status, 200);
        });

        test('headers that a browser sends along change nothing of who one is', async () => {
            const account = await mine.account();
            const identities = {
                'x-meshauth': admin.password, [HEADER]: { [HEADER]: mint(keyOf(lab.secrets.jwtSecret), second.id) }, authorization: { authorization: 'Bearer ' + admin.jwt }, basic: { authorization: 'Basic ' + Buffer.from('admin:' + lab.secrets.admin).toString('base64') },
                cookie: { cookie: mine.cookie() + '; ' + admin.cookie }, 'cookies first': { cookie: admin.cookie + '; ' + mine.cookie() },
                forwarded: { 'x-forwarded-for': '198.51.100.9', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', 'x-real-ip': '198.51.100.9', forwarded: 'for=198.51.100.9;host=evil.example', 'cf-connecting-ip': '198.51.100.9' }
            };
            identities.all = Object.assign({}, ...Object.values(identities));
            for (const [name, headers] of Object.entries(identities)) {
                assert.deepEqual(await mine.account(headers), account, name);
                const page = await mine.get('/', headers);
                assert.ok(page.status === 200 && !page.body.includes('evil.example') && !JSON.stringify(page.headers).includes('evil.example'), name);
                const cookie = unseal(lab.secrets.jwtSecret, mine.id, 'page', sealedIn(page));
                assert.equal(await straight('/control.ashx?auth=' + encodeURIComponent(cookie)), account.id, name);
            }
            const made = await tina.call('POST', '/session/' + lab.own.agentId, await lab.token(TINA), { headers: identities.forwarded });
            const listed = (await tina.call('GET', '/sessions', await lab.token(TINA))).json.sessions.find(({ id }) => id === made.json.sessionId);
            assert.equal(listed.clientIp, '127.0.0.1', 'nobody is trusted to say it');
        });

        test('credentials in the query or in a late frame are refused, or change nothing', async () => {
            const account = await mine.account();
            const foreign = sealedIn(await second.get('/'));
            const queries = [{ auth: admin.auth }, { auth: foreign }, { login: admin.auth }, { user: 'admin', pass: lab.secrets.admin }, { token: admin.jwt }, { user: 'admin', pass: lab.secrets.admin, token: '123456' }, { [HEADER]: mint(keyOf(lab.secrets.jwtSecret), second.id) }];
            for (const args of queries) {
                const query = new URLSearchParams(args).toString();
                const name = Object.keys(args).join();
                const page = await mine.get('/?' + query);
                if (page.status === 200) { assert.equal(await straight('/control.ashx?auth=' + encodeURIComponent(unseal(lab.secrets.jwtSecret, mine.id, 'page', sealedIn(page)))), account.id, name); } else { assert.match(page.code, /^(NOT_FOUND|ACCESS_DENIED)$/, name); }
                const knock = await mine.knock('/control.ashx?' + query);
                if (knock.status === 101) { assert.deepEqual(await mine.account({}, '/control.ashx?' + query), account, name); } else { assert.match(knock.code, /^(NOT_FOUND|ACCESS_DENIED)$/, name); }
            }
            const late = mine.socket('/control.ashx?moreargs=1');
            await late.opened;
            for (const args of [...queries, Object.assign({}, ...queries)]) { late.send({ action: 'urlargs', args }); }
            assert.equal((await late.next((m) => m.action === 'userinfo')).userinfo._id, account.id);
            assert.deepEqual((await listNodes(late)).map(({ _id }) => _id), [own]);
            late.close();
        });

        test('after a restart of MeshCentral the next request makes the principal again', async () => {
            const { id } = await mine.account();
            const channel = await mine.control();
            await lab.mesh.stop();
            assert.equal((await channel.end)[0], 1014);
            assert.equal((await mine.get('/')).status, 503);
            await lab.mesh.start();
            await lab.own.restart(); // it would come back by itself, later
            await until(async () => (await nodesOfAdmin(lab)).some((node) => node._id === own && node.conn & 1), 30000, 'the agent is back');
            assert.equal((await until(() => mine.account().catch(() => null), 20000, 'no principal after a restart')).id, id);
            const again = await mine.control();
            assert.deepEqual((await listNodes(again)).map(({ _id }) => _id), [own]);
            again.close();
            // An agent that has just come back drops what it is sent while it loads its core.
            const open = await until(async () => Promise.race([mine.use().catch(() => null), new Promise((resolve) => setTimeout(resolve, 5000, null))]), 60000, 'a terminal');
            open.close();
        });
    });
}
