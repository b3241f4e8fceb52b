'use strict';
// Who must not get in: every bad token on every way in, with and without another person's session in the same browser;
// the other tenant's device; and what is refused must not lock the right person out.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { reasonOf, watchDenials } = require('../lab/reasons');
const { listNodes, openSocket, passwordHeader } = require('../lab/sockets');
const { claimsOf, encode, sign } = require('../lab/tokens');
const { openTerminal, runIn } = require('../lab/tunnel');

const HTML = { accept: 'text/html' };
const HOUR = 3600;

describe('refusals', { timeout: 280000 }, () => {
    let lab, bad, bobsCookie;
    before(async () => {
        lab = await startLab({ jwtAuth: { cookieName: 'dashboard' } });
        await lab.postgres.query("INSERT INTO users (email, full_name, tenant_id, role, disabled) SELECT 'dora@acme.example', 'Dora', tenant_id, 'technician', true FROM users WHERE email = 'tina@acme.example'");
        await lab.postgres.query("INSERT INTO users (email, full_name, tenant_id, role) SELECT unnest(ARRAY['twin@acme.example','Twin@acme.example']), 'Twin', tenant_id, 'technician' FROM users WHERE email = 'tina@acme.example'");
        bad = await badTokens();
        const { headers } = await lab.mesh.get('/?token=' + await lab.token('bob@borealis.example'), HTML);
        bobsCookie = headers['set-cookie'].map((cookie) => cookie.split(';')[0]).join('; ');
        assert.match((await lab.mesh.get('/', { cookie: bobsCookie })).body, /Bob Technician|Bob%20Technician/);
    });
    after(async () => { if (lab) { await lab.stop(); } });

    // [name, token, reason]
    async function badTokens() {
        const now = Math.floor(Date.now() / 1000);
        const { jwtSecret } = lab.secrets;
        const tina = claimsOf(await lab.person('tina@acme.example'));
        const good = sign(tina, jwtSecret);
        const [head, payload, signature] = good.split('.');
        const without = (name) => { const claims = { ...tina }; delete claims[name]; return sign(claims, jwtSecret); };
        const changed = (changes) => sign({ ...tina, ...changes }, jwtSecret);
        return [
            ['expired', changed({ exp: now - 1 }), 'TOKEN_EXPIRED'],
            ['not yet valid by nbf', changed({ nbf: now + HOUR }), 'TOKEN_NOT_YET_VALID'],
            ['not yet valid by iat', changed({ iat: now + HOUR }), 'TOKEN_NOT_YET_VALID'],
            ['wrong secret', sign(tina, 'another secret of more than thirty-two bytes'), 'TOKEN_SIGNATURE'],
            ['alg none', encode({ alg: 'none', typ: 'JWT' }) + '.' + payload + '.', 'TOKEN_ALGORITHM'],
            ['alg None', encode({ alg: 'None' }) + '.' + payload + '.' + signature, 'TOKEN_ALGORITHM'],
            ['foreign algorithm HS512', sign(tina, jwtSecret, { alg: 'HS512', typ: 'JWT' }, 'sha512'), 'TOKEN_ALGORITHM'],
            ['foreign algorithm RS256', encode({ alg: 'RS256', typ: 'JWT' }) + '.' + payload + '.' + signature, 'TOKEN_ALGORITHM'],
            ['tampered payload', [head, encode({ ...tina, email: 'sue@platform.example' }), signature].join('.'), 'TOKEN_SIGNATURE'],
            ['tampered signature', head + '.' + payload + '.' + (signature[0] === 'A' ? 'B' : 'A') + signature.slice(1), 'TOKEN_SIGNATURE'],
            ['padded', good + '=', 'TOKEN_MALFORMED'],
            ['a line break', head + '.' + payload + '\n.' + signature, 'TOKEN_MALFORMED'],
            ['unknown crit', sign(tina, jwtSecret, { alg: 'HS256', crit: ['x'], x: 1 }), 'TOKEN_MALFORMED'],
            ['b64 false', sign(tina, jwtSecret, { alg: 'HS256', b64: false, crit: ['b64'] }), 'TOKEN_MALFORMED'],
            ['a member twice', sign('{"email":"tina@acme.example",' + JSON.stringify(tina).slice(1), jwtSecret), 'TOKEN_MALFORMED'],
            ['not a token', 'hello', 'TOKEN_MALFORMED'],
            ['12 KB', changed({ filler: 'x'.repeat(9000) }), 'TOKEN_MALFORMED'],
            ['no email', without('email'), 'TOKEN_CLAIMS'],
            ['no tenantId', without('tenantId'), 'TOKEN_CLAIMS'],
            ['no exp', without('exp'), 'TOKEN_CLAIMS'],
            ['no userId', without('userId'), 'TOKEN_CLAIMS'],
            ['email is a list', changed({ email: ['tina@acme.example'] }), 'TOKEN_CLAIMS'],
            ['exp is a string', changed({ exp: String(now + HOUR) }), 'TOKEN_CLAIMS'],
            ['userId is a string', changed({ userId: String(tina.userId) }), 'TOKEN_CLAIMS'],
            ['userId and user_id differ', changed({ user_id: tina.userId + 1 }), 'TOKEN_CLAIMS'],
            ['tenantId is no UUID', changed({ tenantId: '*' }), 'TOKEN_CLAIMS'],
            ['other tenant', changed({ tenantId: (await lab.person('bob@borealis.example')).tenant_id }), 'TENANT_MISMATCH'],
            ['other user id', changed({ userId: tina.userId + 1 }), 'USER_MISMATCH'],
            ['unknown user', changed({ email: 'nobody@acme.example' }), 'USER_UNKNOWN'],
            ['disabled user', sign(claimsOf(await lab.person('dora@acme.example')), jwtSecret), 'USER_DISABLED'],
            ['two rows that fold to one', changed({ email: 'twin@acme.example' }), 'USER_AMBIGUOUS']
        ];
    }

    // Each way in, as [name, hook, attempt(token, headers)]; an attempt resolves to {refused, said}.
    const ways = [
        ['root, ?token=', 'root', async (token, headers) => page(await lab.mesh.get('/?token=' + encodeURIComponent(token), { ...HTML, ...headers }))],
        ['root, Bearer', 'root', async (token, headers) => page(await lab.mesh.get('/', { ...HTML, ...headers, authorization: 'Bearer ' + token }))],
        ['meshaction', 'meshaction', async (token, headers) => page(await lab.mesh.get('/meshagents?meshaction=generic&token=' + encodeURIComponent(token), headers))],
        ['any page', 'http', async (token, headers) => page(await lab.mesh.get('/xterm?nodeid=x&token=' + encodeURIComponent(token), headers))],
        ['control.ashx, ?token=', 'websocket', (token, headers) => socket('/control.ashx?token=' + encodeURIComponent(token), headers)],
        ['control.ashx, urlargs', 'websocket', (token, headers) => socket('/control.ashx?moreargs=1', headers, [{ action: 'urlargs', args: { token } }])],
        ['control.ashx, Bearer', 'websocket', (token, headers) => socket('/control.ashx', { ...headers, authorization: 'Bearer ' + token })],
        ['meshrelay.ashx', 'websocket', (token, headers) => socket('/meshrelay.ashx?id=1&token=' + encodeURIComponent(token), headers)]
    ];

    function page({ status, body }) { return { refused: status === 401 && !/Bob|loginpanel/.test(body), said: body }; }

    async function socket(target, headers, first) {
        const connection = openSocket(lab.mesh.url, target, { headers, first });
        await connection.closed;
        const said = JSON.stringify(connection.messages);
        return { refused: /ACCESS_DENIED/.test(said) && !/userinfo|serverinfo/.test(said), said };
    }

    for (const [way, hook, attempt] of ways) {
        for (const session of ['no session', 'another person\'s session']) {
            test(`${way}, ${session}`, async () => {
                for (const [name, token, reason] of bad) {
                    if (way.includes('Bearer') && /\n/.test(token)) { continue; } // not sendable in a header: Node refuses the request itself
                    const denial = watchDenials(lab.mesh);
                    const { refused, said } = await attempt(token, session === 'no session' ? {} : { cookie: bobsCookie });
                    assert.ok(refused, `${name} was not refused: ${said.slice(0, 300)}`);
                    assert.equal(await denial(hook), token.length > 8192 ? 'TOKEN_MALFORMED' : reason, name);
                    assert.ok(!said.includes(reason), 'a browser learns the reason: ' + name);
                }
            });
        }
    }

    test('by gRPC: the same reasons, and 1 MB', async () => {
        for (const [name, token, reason] of bad.concat([['1 MB', 'x'.repeat(1 << 20), 'TOKEN_MALFORMED'], ['empty', '', 'TOKEN_MISSING']])) {
            await assert.rejects(lab.ask.validate(token), (err) => reasonOf(err) === reason, `${name} should be ${reason}`);
        }
    });

    test('1 MB in urlargs', async () => {
        const denial = watchDenials(lab.mesh);
        const { refused } = await socket('/control.ashx?moreargs=1', {}, [{ action: 'urlargs', args: { token: 'x'.repeat(1 << 20) } }]);
        assert.ok(refused);
        assert.equal(await denial('websocket'), 'TOKEN_MALFORMED');
    });

    test('query and header that differ are ambiguous; equal ones are not', async () => {
        const tina = await lab.token('tina@acme.example');
        const bob = await lab.token('bob@borealis.example');
        const denial = watchDenials(lab.mesh);
        assert.equal((await lab.mesh.get('/?token=' + tina, { authorization: 'Bearer ' + bob })).status, 401);
        assert.equal(await denial('root'), 'TOKEN_AMBIGUOUS');
        assert.equal((await lab.mesh.get('/?token=' + tina, { authorization: 'Bearer ' + tina })).status, 200);
    });

    test('either secret is accepted; the agent key never gives a site right', async () => {
        const both = [[lab.secrets.jwtSecret, 0xFFFFFFFF, 'VERIFIED_BY_DASHBOARD'], [lab.secrets.agentSignKey, 64 + 1024 + 4096, 'VERIFIED_BY_AGENT']];
        for (const [secret, siteadmin, by] of both) {
            const reply = await lab.ask.validate(await lab.token('sue@platform.example', {}, secret));
            assert.equal(reply.user.siteadmin, siteadmin);
            assert.equal(reply.verifiedBy, by);
        }
    });

    test('a planted bad cookie locks nobody out, and is read from the same origin only', async () => {
        const site = { 'sec-fetch-site': 'same-origin', ...HTML };
        const planted = { cookie: 'dashboard=' + bad[0][1] };
        assert.match((await lab.mesh.get('/', { ...site, ...planted })).body, /loginpanel/);
        assert.match((await lab.mesh.get('/', { ...site, cookie: bobsCookie + '; dashboard=garbage' })).body, /Bob/);
        const token = await lab.token('tina@acme.example');
        assert.match((await lab.mesh.get('/?token=' + token, { ...site, ...planted })).body, /Tina/);
        assert.match((await lab.mesh.get('/', { ...site, cookie: 'dashboard=' + token })).body, /Tina/);
        assert.match((await lab.mesh.get('/', { ...HTML, 'sec-fetch-site': 'cross-site', cookie: 'dashboard=' + token })).body, /loginpanel/);
        const foreign = openSocket(lab.mesh.url, '/control.ashx', { headers: { origin: 'https://evil.example', cookie: 'dashboard=' + token } });
        await foreign.closed;
        assert.ok(!JSON.stringify(foreign.messages).includes('userinfo'));
    });

    test('a token wins over every other credential in the request', async () => {
        const token = await lab.token('tina@acme.example');
        const admin = openSocket(lab.mesh.url, '/control.ashx?token=' + token, { headers: { ...passwordHeader('admin', lab.secrets.admin), cookie: bobsCookie } });
        assert.equal((await admin.next((m) => m.action === 'userinfo')).userinfo._id, 'user//tina@acme.example');
        admin.close();
        const rebound = await lab.mesh.get('/?token=' + token, { ...HTML, cookie: bobsCookie });
        assert.match(rebound.body, /Tina/);
        const cookie = rebound.headers['set-cookie'].map((value) => value.split(';')[0]).join('; ');
        assert.match((await lab.mesh.get('/', { cookie })).body, /Tina/, 'the browser\'s session is now hers');
    });

    test('the other tenant\'s device is not listed and cannot be opened by its id; one\'s own can, by hand', async () => {
        const token = await lab.token('tina@acme.example');
        const own = lab.agents['acme-frontdesk'].nodeId;
        const foreign = lab.agents['borealis-dock'].nodeId;
        const control = openSocket(lab.mesh.url, '/control.ashx?token=' + token);
        const nodes = await listNodes(control);
        assert.deepEqual(nodes.map((node) => node._id), [own]);
        const relay = await openTerminal(lab.mesh, control, own, 'token=' + token);
        assert.equal(await runIn(relay, 'echo by-hand-$((6*7))', /by-hand-\d+/), 'by-hand-42');
        relay.close();
        // The same for the other tenant's device, complete with a relay cookie: its agent is never told.
        const { rcookie } = control.messages.find((m) => m.action === 'authcookie');
        control.send({ action: 'msg', type: 'tunnel', nodeid: foreign, usage: 1, value: `*/meshrelay.ashx?p=1&nodeid=${foreign}&id=stolen&rauth=${rcookie}`, responseid: 'stolen' });
        assert.equal((await control.next((m) => m.responseid === 'stolen')).result, 'Access denied');
        const stolen = openSocket(lab.mesh.url, '/meshrelay.ashx?browser=1&p=1&id=stolen&token=' + token);
        await stolen.closed;
        assert.deepEqual(stolen.messages, [{ action: 'close', cause: 'noauth', msg: 'FORBIDDEN' }]);
        const named = openSocket(lab.mesh.url, '/meshrelay.ashx?browser=1&p=1&nodeid=' + foreign + '&id=named&token=' + token);
        await named.closed;
        assert.ok(!named.messages.includes('c'));
        const answer = await lab.mesh.get('/?token=' + token + '&viewmode=12&gotonode=' + foreign.split('/')[2], HTML);
        assert.ok(answer.status === 200 && !answer.body.includes('borealis-dock'));
        control.close();
    });

    test('an account that MeshCentral keeps is not taken over', async () => {
        await lab.postgres.query("INSERT INTO users (email, full_name, tenant_id, role) SELECT 'admin@lab.example', 'Not the admin', tenant_id, 'technician' FROM users WHERE email = 'tina@acme.example'");
        const socketOfAdmin = openSocket(lab.mesh.url, '/control.ashx', { headers: passwordHeader('admin', lab.secrets.admin) });
        await socketOfAdmin.next((m) => m.action === 'userinfo');
        socketOfAdmin.send({ action: 'adduser', username: 'admin@lab.example', pass: lab.secrets.admin + 'aA1!', responseid: 'made' });
        await socketOfAdmin.next((m) => m.responseid === 'made' || (m.action === 'event' && m.event.action === 'accountcreate'));
        socketOfAdmin.close();
        const denial = watchDenials(lab.mesh);
        assert.equal((await lab.mesh.get('/?token=' + await lab.token('admin@lab.example'), HTML)).status, 401);
        assert.equal(await denial('root'), 'ACCOUNT_CONFLICT');
    });

    test('MeshCentral lived through all of it', () => assert.ok(!/UnhandledPromise|TypeError|ReferenceError/.test(lab.mesh.output())));
});
