'use strict';
// Whose a session is, through the proxy by hand: everybody else who has something of it, and every way in which it ends.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { until } = require('../lab/process');
const { DASHBOARD, MODES, startProxied } = require('../lab/proxied');
const { auditOf, createVisitor } = require('../lab/visitor');

const TINA = 'tina@acme.example';
const ADAM = 'adam@acme.example';
const BOB = 'bob@borealis.example';
const [SESSION_COOKIE, PERSON_COOKIE] = ['__Secure-meshsso_session', '__Secure-meshsso_person'];
const FOREIGN = ['https://evil.example', 'https://dashboard.example.evil.example', 'http://dashboard.example', 'https://dashboard.example:8443', 'null', ''];

for (const mode of MODES) {
    describe(`a session through the proxy (${mode})`, { timeout: 280000 }, () => {
        let lab, tina, mine;
        before(async () => {
            lab = await startProxied(mode);
            tina = createVisitor(lab);
            mine = await tina.open(TINA, lab.own, { viewMode: 12 });
        });
        after(async () => { if (lab) { await lab.stop(); } });

        /** A page, a picture, the control channel and a tunnel answer so; nothing else came with it. */
        async function refused(session, [status, code], headers = {}, what = code) {
            for (const ask of [() => session.get('/', headers), () => session.get('/images/logoback.png', headers), () => session.knock('/control.ashx', headers), () => session.knock(`/meshrelay.ashx?browser=1&p=1&nodeid=${session.agent.nodeId}&id=0123456789abcdef01234567`, headers)]) {
                const answer = await ask();
                assert.deepEqual([answer.status, answer.code], [status, code], what);
                assert.equal(answer.headers['set-cookie'], undefined, what);
            }
        }
        const pair = (session, person) => `${SESSION_COOKIE}=${session}; ${PERSON_COOKIE}=${person}`;
        const valueOf = (name, cookie) => new RegExp(name + '=([^;]*)').exec(cookie)[1];

        test('is its person\'s, with a terminal', async () => {
            assert.equal((await mine.get('/?viewmode=12')).status, 200);
            assert.equal((await mine.account()).name, 'Tina Technician');
            const open = await mine.use();
            open.close();
        });

        test('is nobody else\'s: no cookies, another person\'s, halves of both', async () => {
            const adam = createVisitor(lab);
            const his = await adam.open(ADAM, lab.own);
            const [own, person] = [SESSION_COOKIE, PERSON_COOKIE].map((name) => valueOf(name, mine.cookie()));
            const [hisOwn, himself] = [SESSION_COOKIE, PERSON_COOKIE].map((name) => valueOf(name, his.cookie()));
            const not = [403, 'SESSION_NOT_YOURS'];
            const jwt = 'Bearer ' + await lab.token(ADAM);
            await refused(mine, not, { cookie: null });
            await refused(mine, not, { cookie: `${PERSON_COOKIE}=${himself}` }, 'what his browser sends to her URL');
            await refused(mine, not, { cookie: null, authorization: jwt }, 'her URL and his JWT');
            await refused(mine, not, { cookie: null, authorization: 'Bearer ' + await lab.token(TINA) }, 'her own JWT is no cookie');
            for (const cookie of [pair(hisOwn, himself), pair(own, himself), pair(hisOwn, person), `${SESSION_COOKIE}=${own}`, pair(own, person) + `; ${PERSON_COOKIE}=${himself}`, pair(person, own), pair('', '')]) { await refused(mine, not, { cookie }, cookie.replace(/=[^;]+/g, '=…')); }
            assert.equal((await mine.account({ authorization: jwt })).name, 'Tina Technician', 'his JWT beside her cookies says nothing');
            assert.deepEqual([(await createVisitor(lab).call('DELETE', '/session/' + mine.id, await lab.token(BOB))).code, (await adam.call('POST', `/session/${mine.id}/renew`, await lab.token(ADAM))).code], ['SESSION_NOT_FOUND', 'SESSION_NOT_YOURS']);
            assert.equal((await mine.get()).status, 200);
        });

        test('is of its own page: another Origin, none on an upgrade, another Host, a page of another site', async () => {
            const denied = [403, 'ORIGIN_DENIED'];
            for (const origin of FOREIGN) { await refused(mine, denied, { origin }, 'Origin ' + origin); }
            for (const host of ['evil.example', 'dashboard.example.evil.example', 'dashboard.example:8443', new URL(lab.sessionApi).host, new URL(lab.mesh.url).host]) { await refused(mine, denied, { host }, 'Host ' + host); }
            for (const target of ['/control.ashx', `/meshrelay.ashx?browser=1&p=1&nodeid=${mine.agent.nodeId}&id=0123456789abcdef01234567`]) { assert.equal((await mine.knock(target, { origin: null })).code, 'ORIGIN_DENIED'); }
            await refused(mine, denied, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' });
            assert.equal((await mine.knock()).status, 101);
            assert.equal((await mine.get('/', { origin: DASHBOARD })).status, 200);
            for (const origin of FOREIGN.filter((one) => new URL(DASHBOARD).host !== one.split('//')[1])) { assert.equal((await tina.call('POST', '/session/' + lab.own.agentId, await lab.token(TINA), { headers: { origin } })).code, 'ORIGIN_DENIED', 'the API for ' + origin); }
        });

        test('a path that names no session tells nothing, whoever asks', async () => {
            const other = mine.made.sessionToken.replace(/./, (first) => (first === 'A' ? 'B' : 'A'));
            for (const headers of [{ cookie: mine.cookie() }, {}]) {
                const ask = (token) => tina.call('GET', `/proxy/${token}/`, '', { headers: { ...headers, authorization: null } });
                assert.deepEqual([(await ask(other)).status, (await ask(other)).code], [401, 'SESSION_UNKNOWN']);
                assert.equal((await ask(mine.id)).status, 404, 'its id is no token');
            }
        });

        test('the same person\'s session with another device has cookies of its own', async () => {
            const second = await tina.open(TINA, lab.other, { viewMode: 12 });
            assert.notEqual(second.cookie(), mine.cookie());
            await refused(mine, [403, 'SESSION_NOT_YOURS'], { cookie: second.cookie() });
            await refused(second, [403, 'SESSION_NOT_YOURS'], { cookie: mine.cookie() });
            assert.equal((await second.get()).status, 200);
        });

        test('another tenant\'s device and none at all are the same; a role below the least gets none', async () => {
            const ask = async (email, agent) => { const { status, body } = await tina.call('POST', '/session/' + agent, await lab.token(email)); return [status, body]; };
            const foreign = await ask(TINA, lab.foreign.agentId);
            assert.equal(foreign[0], 404);
            for (const agent of [999999, '00000000-0000-4000-8000-000000000000', 'nothing']) { assert.deepEqual(await ask(TINA, agent), foreign); }
            assert.deepEqual(await ask(BOB, lab.own.agentId), foreign);
            assert.equal((await tina.call('POST', '/session/' + lab.own.agentId, await lab.token('vera@acme.example'))).code, 'ROLE_DENIED');
        });

        test('another person in the same browser: what was the former\'s is refused there, what is open elsewhere goes on', async () => {
            const shared = createVisitor(lab);
            const hers = await shared.open(TINA, lab.own);
            assert.equal((await hers.get()).status, 200);
            const his = await shared.open(ADAM, lab.own);
            await refused(hers, [403, 'SESSION_NOT_YOURS']);
            assert.equal((await his.account()).name, 'Adam Admin');
            assert.equal((await mine.get()).status, 200, 'her other browser');
        });

        test('the audit says who was refused, and says it in one line however often', async () => {
            const lines = await until(async () => { const all = await auditOf(lab, mine.id); return all.some((line) => line.event === 'denied') ? all : null; }, 15000, 'a denial in the audit');
            const [created, opened] = lines;
            assert.deepEqual([created.event, created.email, created.agentId, created.hostname, created.viewMode, created.clientIp], ['session_created', TINA, lab.own.agentId, 'acme-frontdesk', 12, '127.0.0.1']);
            assert.equal(opened.event, 'session_opened');
            const denied = lines.filter((line) => line.event === 'denied');
            assert.ok(denied.some((line) => line.reason === 'SESSION_NOT_YOURS') && denied.length < 20, denied.length + ' lines');
            for (const line of lines) { assert.ok(!JSON.stringify(line).includes(mine.made.sessionToken)); }
        });

        test('the API: the answer\'s fields, whose sessions are listed, a renewal by its own person with a fresh JWT', async () => {
            assert.deepEqual(Object.keys(mine.made).sort(), ['agent', 'expiresAt', 'proxyUrl', 'sessionId', 'sessionToken', 'success', 'viewMode']);
            assert.ok(mine.made.proxyUrl.startsWith(mine.base + '/?') && /\?viewmode=12&gotonode=[0-9a-f]{96}&hide=29$/.test(mine.made.proxyUrl)); // not quoted if it fails: a token is in it
            const listed = async (email) => (await tina.call('GET', '/sessions', await lab.token(email))).json.sessions;
            const seen = async (email) => (await listed(email)).filter(({ id }) => id === mine.id).map(({ own, user, agent }) => [own, user.email, agent.hostname]);
            assert.deepEqual(await seen(TINA), [[true, TINA, 'acme-frontdesk']]);
            assert.deepEqual(await seen(ADAM), [[false, TINA, 'acme-frontdesk']]);
            assert.ok((await listed(TINA)).every(({ own }) => own) && !JSON.stringify(await listed(ADAM)).includes(mine.made.sessionToken));
            assert.deepEqual(await listed(BOB), []);
            const soon = Math.floor(Date.now() / 1000) + 300;
            const short = await tina.open(TINA, lab.own, {}, { exp: soon });
            assert.equal(Date.parse(short.made.expiresAt), soon * 1000, 'never beyond its JWT');
            const renew = async (claims) => tina.call('POST', `/session/${short.id}/renew`, await lab.token(TINA, claims));
            assert.equal((await renew({ exp: soon - 600 })).code, 'UNAUTHENTICATED');
            assert.equal(Date.parse((await renew({ exp: soon + 600 })).json.expiresAt), (soon + 600) * 1000);
            assert.ok((await auditOf(lab, short.id)).some((line) => line.event === 'session_renewed'));
        });

        test('devices: online as they are; what is offline or not enrolled is said before a session is made', async () => {
            const online = async (email) => Object.fromEntries((await tina.call('GET', '/agents', await lab.token(email))).json.agents.map((agent) => [agent.hostname, [agent.enrolled, agent.online]]));
            const all = { 'acme-frontdesk': [true, true], 'borealis-dock': [true, true], 'acme-new': [false, null] };
            assert.deepEqual(await online(TINA), all);
            assert.deepEqual(await online(BOB), { 'borealis-vault': [true, false] });
            const ask = async (agent, viewMode) => { const { status, code } = await tina.call('POST', '/session/' + agent.agentId, await lab.token(TINA), { body: { viewMode } }); return [status, code]; };
            for (const view of [10, 12]) { assert.deepEqual(await ask(lab.bare, view), [409, 'AGENT_NOT_ENROLLED']); }
            await lab.other.down();
            await until(async () => (await online(TINA))['borealis-dock'][1] === false, 20000, 'the device stays online');
            for (const view of [11, 12, 13, 15]) { assert.deepEqual(await ask(lab.other, view), [409, 'AGENT_OFFLINE'], 'view ' + view); }
            for (const view of [10, 14, 16, 17, 19]) { assert.deepEqual(await ask(lab.other, view), [200, null], 'view ' + view); }
            await lab.other.up();
            await until(async () => (await online(TINA))['borealis-dock'][1] === true, 20000, 'the device stays offline');
            assert.deepEqual(await ask(lab.other, 12), [200, null]);
        });

        test('twenty live sessions a person: the next one ends the longest idle one that has no tunnel', async () => {
            const browser = createVisitor(lab);
            await browser.call('POST', '/logout', await lab.token(ADAM));
            const first = await browser.open(ADAM, lab.own, { viewMode: 12 });
            const open = await first.use();
            const rest = [];
            while (rest.length < 19) { rest.push(await browser.open(ADAM, lab.own)); }
            const answers = async () => Promise.all([first, ...rest].map(async (session) => (await session.get('/images/logoback.png')).code));
            const mineOnly = async () => (await browser.call('GET', '/sessions', await lab.token(ADAM))).json.sessions.filter(({ own }) => own).length;
            assert.equal(await mineOnly(), 20);
            const last = await browser.open(ADAM, lab.own);
            assert.equal(await mineOnly(), 20);
            assert.deepEqual(await answers(), [null, 'SESSION_ENDED', ...Array(18).fill(null)]);
            assert.equal((await last.get()).status, 200);
            assert.equal((await auditOf(lab, rest[0].id)).find((line) => line.event === 'session_ended').reason, 'limit');
            open.close();
            await browser.call('POST', '/logout', await lab.token(ADAM));
        });

        /** What must hold of a session that ended so: its sockets, what is asked after, its audit. */
        async function over(session, open, [status, code], reason, actor) {
            const ends = await open.ends();
            assert.deepEqual(ends, [[4401, code], [4401, code]]);
            await refused(session, [status, code]);
            const lines = await until(async () => { const all = await auditOf(lab, session.id); return all.some((line) => line.event === 'tunnel_closed') && all.some((line) => line.event === 'session_ended') ? all : null; }, 15000, 'the end is in the audit');
            const find = (event) => lines.filter((line) => line.event === event);
            assert.deepEqual(find('tunnel_opened').map((line) => line.kind), ['terminal']);
            const [closed] = find('tunnel_closed');
            assert.ok(closed.kind === 'terminal' && closed.bytesUp > 0 && closed.bytesDown > 0 && closed.seconds > 0, JSON.stringify(closed));
            assert.deepEqual(find('session_ended').map((line) => [line.reason, line.actor]), [[reason, actor]]);
        }

        test('it ends by DELETE, by an administrator, by `meshsso sessions kill`', async () => {
            const make = async () => { const session = await tina.open(TINA, lab.own, { viewMode: 12 }); return { session, open: await session.use() }; };
            const closed = await make();
            assert.equal((await tina.call('DELETE', '/session/' + closed.session.id, await lab.token(TINA))).status, 204);
            await over(closed.session, closed.open, [401, 'SESSION_ENDED'], 'closed');
            const ended = await make();
            assert.equal((await createVisitor(lab).call('DELETE', '/session/' + ended.session.made.sessionToken, await lab.token(ADAM))).status, 204);
            await over(ended.session, ended.open, [401, 'SESSION_ENDED'], 'admin', ADAM);
            const killed = await make();
            assert.match(await lab.command('sessions', 'kill', killed.session.id), /^ended /);
            await over(killed.session, killed.open, [401, 'SESSION_ENDED'], 'admin', 'meshsso sessions kill');
            assert.equal((await mine.get()).status, 200, 'her other session');
        });

        test('it ends with all of the person\'s at the log-out', async () => {
            const browser = createVisitor(lab);
            const session = await browser.open(ADAM, lab.own, { viewMode: 12 });
            const open = await session.use();
            const cookie = session.cookie();
            const out = await browser.call('POST', '/logout', await lab.token(ADAM));
            assert.ok(out.status === 200 && out.json.ended >= 1);
            assert.ok(![...browser.jar.keys()].some((name) => name.startsWith(PERSON_COOKIE)), 'the browser forgets the person');
            assert.deepEqual(await open.ends(), [[4401, 'SESSION_ENDED'], [4401, 'SESSION_ENDED']]);
            assert.deepEqual((await session.get('/', { cookie })).code, 'SESSION_ENDED');
            assert.equal((await auditOf(lab, session.id)).find((line) => line.event === 'session_ended').reason, 'logout');
            assert.equal((await mine.get()).status, 200, 'a colleague\'s session');
        });

        test('it ends with the role, and with the device\'s tenant', async () => {
            const demoted = createVisitor(lab);
            const session = await demoted.open(ADAM, lab.own, { viewMode: 12 });
            const open = await session.use();
            await lab.postgres.query("UPDATE users SET role = 'viewer' WHERE email = $1", [ADAM]);
            await over(session, open, [403, 'ACCESS_REVOKED'], 'revoked');
            assert.equal((await demoted.call('POST', '/session/' + lab.own.agentId, await lab.token(ADAM))).code, 'ROLE_DENIED');
            await lab.postgres.query("UPDATE users SET role = 'admin' WHERE email = $1", [ADAM]);
            const moved = await tina.open(TINA, lab.own, { viewMode: 12 });
            const there = await moved.use();
            await lab.postgres.query('UPDATE agents SET tenant_id = (SELECT tenant_id FROM users WHERE email = $2) WHERE agent_id = $1', [lab.own.agentId, BOB]);
            await over(moved, there, [403, 'ACCESS_REVOKED'], 'revoked');
            await lab.postgres.query('UPDATE agents SET tenant_id = (SELECT tenant_id FROM users WHERE email = $2) WHERE agent_id = $1', [lab.own.agentId, TINA]);
        });

        test('it ends when its time is over, and when nobody uses it', async () => {
            await lab.restartSidecar({ MESHCENTRAL_SESSION_EXPIRY: '10', MESHSSO_SESSION_IDLE: '3s' });
            const idle = await tina.open(TINA, lab.other, { viewMode: 12 });
            const quiet = await idle.use();
            const used = await tina.open(TINA, lab.own, { viewMode: 12 });
            const busy = await used.use();
            let left = 2;
            for (const open of [quiet, busy]) { open.ends().then(() => { left--; }); }
            await until(async () => { await used.get(); return left === 0; }, 60000, 'both end');
            await over(idle, quiet, [401, 'SESSION_IDLE'], 'idle');
            await over(used, busy, [401, 'SESSION_EXPIRED'], 'expiry');
        });
    });
}
