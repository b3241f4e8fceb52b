'use strict';
// The principal of a proxy's session, with the credentials that the proxy has, straight at MeshCentral: its one device and
// nothing else, as long as the session lives and no longer.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { nodesOfAdmin, startLab } = require('../lab');
const { HEADER, SESSIONS, TYPE, createSessions, keyOf, mint } = require('../lab/internal');
const { documentsOf } = require('../lab/documents');
const { ADMIN_TARGETS, adminFrames, deviceFrames, deviceTargets } = require('../lab/foreign');
const { cookieOf } = require('../lab/person');
const { until } = require('../lab/process');
const { listNodes, openSocket, passwordHeader } = require('../lab/sockets');
const { listFolder, openDesktop, openDownload, openTerminal, openTunnel, runIn } = require('../lab/tunnel');
const { sign } = require('../lab/tokens');

const HTML = { accept: 'text/html' };
const TINA = 'tina@acme.example';
const TECHNICIAN = 1327304;

describe('a session\'s principal', { timeout: 290000 }, () => {
    let lab, own, other, sessions, mine;
    before(async () => {
        lab = await startLab({ cacheTtl: '4s', proxy: SESSIONS });
        own = lab.agents['acme-frontdesk'];
        other = lab.agents['borealis-dock'];
        // Both devices are Tina's: what keeps a session from the other one is the session.
        await lab.postgres.query('UPDATE agents SET tenant_id = (SELECT tenant_id FROM users WHERE email = $1)', [TINA]);
        await until(async () => (await seenByPerson()).length === 2, 15000, 'Tina has both devices');
        sessions = createSessions(lab);
        mine = await sessions.open(TINA, own);
    });
    after(async () => { if (lab) { await lab.stop(); } });

    async function seenByPerson() {
        const socket = openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token(TINA));
        try { return await listNodes(socket); } finally { socket.close(); }
    }

    const control = (session, headers = {}, target = '/control.ashx') => openSocket(lab.mesh.url, target, { headers: { ...headers, ...session.headers() } });

    /** Everything that a page opens, and what MeshCentral minted for it. */
    async function everything(session) {
        const { agent } = session;
        const page = await lab.mesh.get('/', { ...HTML, ...session.headers() });
        assert.equal(page.status, 200);
        const channel = control(session);
        const open = { control: channel, xid: cookieOf(page), auth: /authCookie = '([^']+)'/.exec(page.body)[1], rauth: /authRelayCookie = '([^']+)'/.exec(page.body)[1] };
        open.terminal = await openTerminal(lab.mesh, channel, agent.nodeId, '', { headers: session.headers() });
        await runIn(open.terminal, 'echo up-$((2+3))', /up-5/);
        open.desktop = await openDesktop(lab.mesh, channel, agent.nodeId, '', { headers: session.headers() });
        open.download = await openDownload(lab.mesh, channel, agent.nodeId, bigFile(agent), session.headers());
        assert.equal(open.download.status, 200);
        for (const name of ['control', 'terminal', 'desktop', 'download']) { open[name].closed.then(() => { open[name].over = true; }); }
        return open;
    }

    function bigFile({ dir }) {
        const file = path.join(dir, 'big.bin');
        fs.writeFileSync(file, '');
        fs.truncateSync(file, 2 ** 31);
        return file;
    }

    /** Whether a socket lets somebody in; MeshCentral says no at once, and hangs up later. */
    async function comesIn(target, headers = {}) {
        const socket = openSocket(lab.mesh.url, target, { headers });
        try {
            const said = await socket.next((m) => m.action === 'close' || m.action === 'userinfo').catch(() => null);
            return said !== null && said.action === 'userinfo' ? said.userinfo._id : null;
        } finally { socket.ws.terminate(); }
    }

    test('is one person on one device', async () => {
        const page = await lab.mesh.get('/?viewmode=11', { ...HTML, ...mine.headers() });
        assert.ok(page.body.includes('Tina%20Technician'));
        const channel = control(mine);
        const { userinfo } = await channel.next((m) => m.action === 'userinfo');
        assert.deepEqual([userinfo._id, userinfo.name, userinfo.email, userinfo.siteadmin, userinfo.links], [mine.principal, 'Tina Technician', TINA, 64 | 1024 | 4096, { [own.nodeId]: { rights: TECHNICIAN } }]);
        const nodes = await listNodes(channel);
        assert.deepEqual(nodes.map((node) => [node._id, node.links]), [[own.nodeId, { [mine.principal]: { rights: TECHNICIAN } }]]);
        channel.close();
    });

    test('has that device\'s terminal, files and desktop, and the device hears the person\'s name', async () => {
        const channel = control(mine);
        const tunnel = (protocol) => openTunnel(lab.mesh, channel, protocol, own.nodeId, '', { headers: mine.headers() });
        const terminal = await tunnel(1);
        await runIn(terminal, 'echo from-$((40+2))', /from-42/);
        const files = await tunnel(5);
        assert.ok((await listFolder(files, own.dir)).includes('meshagent.msh'));
        const desktop = await openDesktop(lab.mesh, channel, own.nodeId, '', { headers: mine.headers() });
        const { cookie } = await (channel.send({ action: 'authcookie' }), channel.next((m) => m.action === 'authcookie'));
        const file = await lab.mesh.get(`/devicefile.ashx?c=${encodeURIComponent(cookie)}&n=${encodeURIComponent(own.nodeId.split('/')[2])}&f=${encodeURIComponent(path.join(own.dir, 'meshagent.msh'))}`, mine.headers());
        assert.deepEqual(file.raw, fs.readFileSync(path.join(own.dir, 'meshagent.msh')));
        for (const socket of [terminal, files, desktop, channel]) { socket.close(); }
        await until(() => eventsOnDisk().some((event) => event.userid === mine.principal && event.action === 'relaylog' && event.username === 'Tina Technician'), 15000, 'MeshCentral\'s events name her');
    });

    function eventsOnDisk() { return fs.readFileSync(path.join(lab.mesh.data, 'meshcentral-events.db'), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)); }

    test('gets nothing of the other device, although its person has it', async () => {
        const channel = control(mine);
        await channel.next((m) => m.action === 'serverinfo');
        const { rcookie } = await (channel.send({ action: 'authcookie' }), channel.next((m) => m.action === 'authcookie'));
        const id = other.nodeId;
        const frames = deviceFrames({ own: own.nodeId, id, rcookie });
        for (const [i, frame] of frames.entries()) {
            channel.send({ ...frame, responseid: 'r' + i });
            assert.equal((await channel.next((m) => m.responseid === 'r' + i)).result, 'Access denied', JSON.stringify(frame));
        }
        for (const target of deviceTargets({ id, cookie: rcookie })) {
            assert.ok((await lab.mesh.get(target, mine.headers())).status >= 400, target.slice(0, 20));
        }
        for (const p of [1, 2, 5]) {
            const relay = openSocket(lab.mesh.url, `/meshrelay.ashx?browser=1&p=${p}&nodeid=${id}&id=x`, { headers: mine.headers() });
            await relay.closed;
            assert.deepEqual(relay.messages, [{ action: 'close', cause: 'noauth', msg: 'FORBIDDEN' }]);
        }
        const all = JSON.stringify(channel.messages);
        assert.ok(!all.includes(id.split('/')[2]) && !all.includes('borealis'), 'the channel named the other device');
        channel.close();
    });

    test('administers nothing', async () => {
        const channel = control(mine);
        await channel.next((m) => m.action === 'serverinfo');
        for (const [i, frame] of adminFrames(own.nodeId).entries()) {
            channel.send({ ...frame, responseid: 'a' + i });
            assert.equal((await channel.next((m) => m.responseid === 'a' + i)).result, 'Access denied', frame.action);
        }
        channel.close();
        for (const target of ADMIN_TARGETS) {
            assert.ok((await lab.mesh.get(target, mine.headers())).status >= 400, target);
        }
    });

    test('wins over every other identity that comes beside its token', async () => {
        const adam = await lab.token('adam@acme.example');
        const page = await lab.mesh.get('/?token=' + adam, HTML);
        const auth = /authCookie = '([^']+)'/.exec(page.body)[1];
        const beside = { cookie: cookieOf(page), authorization: 'Bearer ' + adam, ...passwordHeader('admin', lab.secrets.admin) };
        const query = new URLSearchParams({ token: adam, auth, login: auth, user: 'admin', pass: lab.secrets.admin });
        for (const headers of [beside, {}]) {
            for (const args of [query.toString(), '']) {
                const root = await lab.mesh.get('/?' + args, { ...HTML, ...headers, ...mine.headers() });
                assert.ok(root.body.includes('Tina%20Technician') && !root.body.includes('Adam%20Admin'), 'the page is another\'s');
                assert.equal(await comesIn('/control.ashx?' + args, { ...headers, ...mine.headers() }), mine.principal);
                const action = await lab.mesh.get('/meshagents?meshaction=generic&' + args, { ...headers, ...mine.headers() });
                assert.equal(JSON.parse(action.body).username, 'Tina Technician');
            }
        }
        const late = openSocket(lab.mesh.url, '/control.ashx?moreargs=1', { headers: mine.headers(), first: [{ action: 'urlargs', args: { token: adam, auth, user: 'admin', pass: lab.secrets.admin } }] });
        assert.equal((await late.next((m) => m.action === 'userinfo')).userinfo._id, mine.principal);
        late.close();
        assert.equal((await lab.mesh.get('/styles/style.css', { ...beside, [HEADER]: 'no token' })).status, 200, 'what everybody gets is not asked about');
    });

    test('comes by one good internal token in its own place, and by nothing else', async () => {
        const now = Math.floor(Date.now() / 1000);
        const used = mine.mint();
        assert.equal((await lab.mesh.get('/', { ...HTML, [HEADER]: used })).status, 200);
        const bad = {
            replayed: used, 'signed by the dashboard': mint(lab.secrets.jwtSecret, mine.id), 'signed for agents': mint(lab.secrets.agentSignKey, mine.id), 'a dashboard\'s token': await lab.token(TINA), 'key of another purpose': mint(keyOf(lab.secrets.jwtSecret, 'seal'), mine.id),
            expired: mine.mint({ iat: now - 40, exp: now - 10 }), '31 s': mine.mint({ iat: now, exp: now + 31 }), 'another audience': mine.mint({ aud: 'dashboard' }), 'typ JWT': mine.mint({}, { alg: 'HS256', typ: 'JWT' }),
            'alg none': mine.mint({}, { alg: 'none', typ: TYPE }), 'no such session': mine.mint({ sub: '00000000-0000-4000-8000-000000000000' }), empty: '', huge: 'x'.repeat(8000)
        };
        const admin = passwordHeader('admin', lab.secrets.admin);
        for (const [name, token] of Object.entries(bad)) {
            const root = await lab.mesh.get('/', { ...HTML, ...admin, [HEADER]: token });
            assert.equal(root.status, 401, name);
            assert.ok(root.body.includes('data-meshsso="ACCESS_DENIED"') && !(root.headers['set-cookie'] || []).join().includes('userid'), name);
            assert.equal(await comesIn('/control.ashx', { ...admin, [HEADER]: token }), null, name);
        }
        assert.equal((await lab.mesh.get('/', { ...HTML, [HEADER]: [mine.mint(), mine.mint()] })).status, 401, 'two');
        for (const [target, headers] of [['/?token=' + mine.mint(), HTML], ['/', { ...HTML, authorization: 'Bearer ' + mine.mint() }]]) { assert.equal((await lab.mesh.get(target, headers)).status, 401, 'in the place of a dashboard\'s'); }
        const printed = lab.mesh.output() + fs.readFileSync(lab.sidecar.log, 'utf8');
        assert.ok(!printed.includes(used), 'an internal token is in a log');
    });

    test('its name is nobody\'s: not an account\'s, and no password opens it', async () => {
        const admin = openSocket(lab.mesh.url, '/control.ashx', { headers: passwordHeader('admin', lab.secrets.admin) });
        await admin.next((m) => m.action === 'serverinfo');
        for (const username of [mine.principal.split('/')[2], '~s0f8fad5bd9cb', '~stina']) {
            admin.send({ action: 'adduser', username, pass: 'A1b2c3d4!', email: 'x@acme.example', responseid: username });
            assert.notEqual((await admin.next((m) => m.responseid === username)).result, 'ok', username);
        }
        admin.close();
        for (const pass of ['', 'undefined', 'null']) {
            assert.equal(await comesIn('/control.ashx', passwordHeader(mine.principal.split('/')[2], pass)), null);
            assert.equal(await comesIn('/control.ashx?' + new URLSearchParams({ user: mine.principal.split('/')[2], pass })), null);
        }
        assert.equal((await lab.mesh.get('/?token=' + sign({ email: mine.principal.split('/')[2], userId: 1, tenantId: '1a111111-1111-4111-8111-111111111111', exp: 9e9 }, lab.secrets.jwtSecret), HTML)).status, 401);
    });

    test('of two sessions and the person each goes its own way; the end of one is everything of it, at once', async () => {
        const second = await sessions.open(TINA, other);
        assert.notEqual(second.principal, mine.principal);
        const [first, next] = [await everything(mine), await everything(second)];
        const person = openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token(TINA));
        assert.equal((await person.next((m) => m.action === 'userinfo')).userinfo._id, 'user//' + TINA);
        await next.control.next((m) => m.action === 'serverinfo');
        await second.end();
        await until(() => ['control', 'terminal', 'desktop', 'download'].every((name) => next[name].over), 15000, 'all of the ended session ends');
        for (const name of ['control', 'terminal', 'desktop', 'download']) { assert.equal(first[name].over, undefined, 'the other session\'s ' + name + ' ended'); }
        await runIn(first.terminal, 'echo still-$((3+4))', /still-7/);
        assert.equal((await listNodes(person)).length, 2, 'her own sign-in is as it was');
        person.close();
        await useless(second, next);
        for (const name of ['control', 'terminal', 'desktop']) { first[name].close(); }
        first.download.abort();
    });

    /** Nothing that was minted for a session is worth anything, straight at MeshCentral. */
    async function useless(session, { xid, auth, rauth }) {
        const key = encodeURIComponent(session.agent.nodeId.split('/')[2]);
        assert.ok(!(await lab.mesh.get('/', { ...HTML, cookie: xid })).body.includes('Tina%20Technician'), 'the page session lives');
        for (const target of ['/control.ashx?auth=' + encodeURIComponent(auth), '/control.ashx?auth=' + encodeURIComponent(rauth), '/control.ashx']) { assert.equal(await comesIn(target, { cookie: xid }), null, target.slice(0, 18)); }
        assert.equal(await comesIn('/control.ashx', session.headers()), null, 'a new internal token');
        assert.equal((await lab.mesh.get('/', { ...HTML, ...session.headers() })).status, 401);
        for (const query of ['c=' + encodeURIComponent(auth), 'auth=' + encodeURIComponent(auth) + '&c=' + encodeURIComponent(auth)]) { assert.equal((await lab.mesh.get(`/devicefile.ashx?${query}&n=${key}&f=/etc/hostname`, { cookie: xid })).status, 404); }
        // Both ends of a tunnel: one that MeshCentral takes for somebody's would be joined with the other.
        const ends = [`browser=1&p=1&nodeid=${session.agent.nodeId}&auth=${encodeURIComponent(auth)}`, `rauth=${encodeURIComponent(rauth)}`].map((query) => openSocket(lab.mesh.url, '/meshrelay.ashx?id=late&' + query, { headers: { cookie: xid } }));
        await Promise.all(ends.map((end) => end.opened));
        await nodesOfAdmin(lab); // whatever was begun before this has come to its end
        for (const end of ends) { assert.ok(!end.messages.includes('c') && !end.messages.includes('cr'), 'a tunnel was joined'); end.ws.terminate(); }
    }

    test('a person who loses the device, or is disabled, loses the session', async () => {
        const session = await sessions.open('adam@acme.example', own);
        const open = await everything(session);
        await lab.postgres.query("UPDATE users SET disabled = true WHERE email = 'adam@acme.example'");
        await until(() => ['control', 'terminal', 'desktop', 'download'].every((name) => open[name].over), 10000, 'everything ends');
        await useless(session, open);
    });

    test('a viewer\'s looks and nothing else, and a session of one tab has that tab', async () => {
        const viewer = await sessions.open('vera@acme.example', own);
        const channel = control(viewer);
        const desktop = await openDesktop(lab.mesh, channel, own.nodeId, '', { headers: viewer.headers() });
        await assert.rejects(openTunnel(lab.mesh, channel, 1, own.nodeId, '', { headers: viewer.headers() }), /FORBIDDEN|ended/);
        desktop.close();
        channel.close();
        const files = await sessions.open(TINA, own, { viewMode: 13, restrict: true });
        const narrow = control(files);
        const relay = await openTunnel(lab.mesh, narrow, 5, own.nodeId, '', { headers: files.headers() });
        assert.ok((await listFolder(relay, own.dir)).length > 0);
        for (const protocol of [1, 2]) { await assert.rejects(openTunnel(lab.mesh, narrow, protocol, own.nodeId, '', { headers: files.headers() }), /FORBIDDEN|ended/); }
        relay.close();
        narrow.close();
        const general = await sessions.open(TINA, own, { viewMode: 10, restrict: true });
        const looking = control(general);
        assert.deepEqual((await listNodes(looking)).map((node) => node._id), [own.nodeId], 'what it has no tunnel to it sees');
        for (const protocol of [1, 2, 5]) { await assert.rejects(openTunnel(lab.mesh, looking, protocol, own.nodeId, '', { headers: general.headers() }), /FORBIDDEN|ended/); }
        looking.close();
    });

    test('while the sidecar is away longer than its answers hold everything is suspended; it comes back by itself', async () => {
        const open = await everything(mine);
        await lab.sidecar.stop('SIGKILL');
        await until(() => ['control', 'terminal', 'desktop', 'download'].every((name) => open[name].over), 10000, 'everything ends');
        assert.equal((await lab.mesh.get('/', { ...HTML, ...mine.headers() })).status, 503);
        await lab.sidecar.start();
        const again = await until(() => everything(mine).catch(() => null), 20000, 'everything opens again');
        for (const name of ['control', 'terminal', 'desktop']) { again[name].close(); }
        again.download.abort();
    });

    test('after a restart of MeshCentral the next request makes it again, and what the page carries is good again', async () => {
        const former = await everything(mine);
        const ended = await sessions.open(TINA, own);
        const gone = await everything(ended);
        gone.control.send({ action: 'userWebState', state: '{"x":1}' });
        await listNodes(gone.control); // later than the state
        assert.deepEqual(writtenOfPrincipals(), []);
        await lab.mesh.stop();
        await ended.end();
        await plantAccount();
        await lab.mesh.start();
        assert.equal(await comesIn('/control.ashx?auth=' + encodeURIComponent(former.auth)), null, 'not before that');
        await own.restart(); // it would come back by itself, later
        await until(async () => (await nodesOfAdmin(lab)).some((node) => node._id === own.nodeId && node.conn & 1), 30000, 'the agent is back');
        const channel = control(mine);
        await channel.next((m) => m.action === 'serverinfo');
        let tries = 0;
        const listed = await until(async () => { // an agent that has just come back drops what it is sent while it loads its core
            const id = 'again' + tries++;
            channel.send({ action: 'msg', type: 'tunnel', nodeid: own.nodeId, usage: 5, value: `*/meshrelay.ashx?p=5&nodeid=${own.nodeId}&id=${id}&rauth=${former.rauth}` });
            const relay = openSocket(lab.mesh.url, `/meshrelay.ashx?browser=1&p=5&nodeid=${own.nodeId}&id=${id}`, { headers: mine.headers() });
            try {
                await relay.next((m) => m === 'c' || m === 'cr', 3000);
                return await listFolder(relay, own.dir, 3000);
            } catch (err) { return null; } finally { relay.close(); }
        }, 40000, 'a folder through a tunnel with the former page\'s cookie');
        assert.ok(listed.includes('meshagent.msh'));
        await useless(ended, gone);
        channel.close();
    });

    // What another mode of the proxy, or somebody's hand, may have left.
    const LEFT = 'user//~s:00c0ffee00c0:tina@acme.example';
    const MARK = LEFT.split(':')[1]; // dots are written in another way in some places
    async function plantAccount() {
        const docs = documentsOf(lab, 'nedb');
        const node = JSON.parse((await docs.read()).get(own.nodeId));
        await docs.write([{ type: 'user', _id: LEFT, name: 'left', domain: '', links: { [own.nodeId]: { rights: 8 } }, siteadmin: 0xFFFFFFFF }, { _id: 'ws' + LEFT, state: '{}' }, { ...node, links: { ...node.links, [LEFT]: { rights: 8 } } }]);
    }

    test('MeshCentral\'s database has nothing of any of them', async () => {
        const channel = control(mine);
        await channel.next((m) => m.action === 'serverinfo');
        channel.send({ action: 'userWebState', state: '{"deskAspectRatio":1}' });
        await listNodes(channel);
        channel.close();
        await until(async () => ![...(await documentsOf(lab, 'nedb').read()).values()].some((text) => text.includes(MARK)), 15000, 'what was left is swept');
        assert.deepEqual(writtenOfPrincipals(), []);
    });

    // The file only grows while MeshCentral runs: also what was there for a moment only.
    function writtenOfPrincipals() { return fs.readFileSync(path.join(lab.mesh.data, 'meshcentral.db'), 'utf8').split('\n').filter((line) => line.includes('~s') && !line.includes(MARK)); }
});
