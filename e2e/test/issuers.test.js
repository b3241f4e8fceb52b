'use strict';
// People of a real OpenID Connect provider in MeshCentral, by the claims mapping of meshsso.yaml: whom it lets in and whom not, keys
// that change, a mapping that changes while a terminal is open, and one that is wrong.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { deviceUrl, newProfile, startBrowser, useTerminal } = require('../lab/browser');
const { fetchMetric } = require('../lab/metrics');
const { makeKey, startProvider } = require('../lab/oidc');
const { BINARY } = require('../lab/paths');
const { run, until } = require('../lab/process');
const { reasonOf } = require('../lab/reasons');
const { openSocket } = require('../lab/sockets');
const { openTerminal, runIn } = require('../lab/tunnel');

const ACME = '1a111111-1111-4111-8111-111111111111';
const HTML = { accept: 'text/html' };
const verified = (email, more = {}) => ({ email, email_verified: true, realm_access: { roles: ['technician', 'offline_access'] }, hardware_key: true, ...more });
const PEOPLE = {
    tina: verified('Tina@acme.example'), adam: verified('adam@acme.example'), vera: verified('vera@acme.example', { realm_access: { roles: ['admin'] } }),
    keyless: verified('adam@acme.example', { hardware_key: false, realm_access: { roles: ['admin'] } }), bob: verified('bob@borealis.example'), sue: verified('sue@platform.example', { realm_access: { roles: ['superadmin'] } }),
    unverified: verified('tina@acme.example', { email_verified: false }), text: verified('tina@acme.example', { email_verified: 'true' }), stranger: verified('nobody@acme.example'), rolesless: verified('tina@acme.example', { realm_access: {} })
};

describe('a further issuer', { timeout: 600000 }, () => {
    let scratch, provider, lab, device, browser;
    const keys = [makeKey('first', 'RS256'), makeKey('second', 'ES256'), makeKey('third', 'EdDSA')];
    const file = () => path.join(scratch, 'meshsso.yaml');
    const configure = (roles = '', rules = '') => fs.writeFileSync(file(), `version: 1
issuers:
  - name: provider
    issuer: ${provider.issuer}
    audiences: [${provider.audience}]
    algorithms: [RS256, ES256, EdDSA]
    keys: {discovery: true}
    tenants: [${ACME}]
    claimMappings:
      roles: {expression: claims.realm_access.roles}
userValidationRules:
  - expression: "issuer == '' || !('agent-console' in result.deviceRights) || claims.hardware_key == true"
    message: administrators sign in with a hardware key
${rules}${roles}`);

    before(async () => {
        scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'meshsso-issuer-'));
        provider = await startProvider(scratch, structuredClone(PEOPLE), [keys[0]]);
        configure();
        lab = await startLab({ cacheTtl: '10m', sidecarEnv: { MESHSSO_CONFIG: file() } });
        device = lab.agents['acme-frontdesk'];
        browser = await startBrowser();
    });
    after(async () => {
        if (browser) { await browser.close(); }
        if (lab) { await lab.stop(); }
        if (provider) { await provider.stop(); }
        fs.rmSync(scratch, { recursive: true, force: true });
    });

    const ask = async (token) => lab.ask.validate(token).then((reply) => reply, (err) => err);
    const reasonFor = async (token) => { const answer = await ask(token); return answer instanceof Error ? reasonOf(answer) : 'let in as ' + answer.user.role; };
    const state = async () => (await (await fetch(lab.sidecar.metricsUrl)).text()).match(/^meshsso_rules_up_to_date (\d)$/m)[1];
    const version = async () => (await fetchMetric(lab.sidecar.metricsUrl, 'meshsso_rules_info'))[0].labels.version;
    const changed = async (write) => { const former = await version(); write(); await until(async () => await version() !== former, 20000, 'the mapping is loaded'); };

    test('its people open a terminal in the page, as what row and token add up to', async () => {
        const profile = await newProfile(browser);
        try {
            const page = await profile.newPage();
            await page.goto(deviceUrl(lab.mesh, await provider.idToken('tina'), device.nodeId, 12));
            assert.equal(await useTerminal(page, 'echo sum-$((4000+21))', /^sum-\d+$/), 'sum-4021');
        } finally { await profile.close(); }
        const roles = {};
        for (const login of ['tina', 'adam', 'vera', 'rolesless']) { roles[login] = (await ask(await provider.idToken(login))).user?.role; }
        assert.deepEqual(roles, { tina: 'technician', adam: 'technician', vera: 'viewer', rolesless: undefined }, 'a token lowers the row and never raises it');
    });

    test('whom it does not speak for, or does not vouch for, is refused', async () => {
        const reasons = {};
        for (const login of ['bob', 'sue', 'unverified', 'text', 'stranger', 'rolesless', 'keyless']) { reasons[login] = await reasonFor(await provider.idToken(login)); }
        assert.deepEqual(reasons, { bob: 'TENANT_MISMATCH', sue: 'TENANT_MISMATCH', unverified: 'TOKEN_CLAIMS', text: 'TOKEN_CLAIMS', stranger: 'USER_UNKNOWN', rolesless: 'RULE_DENIED', keyless: 'RULE_DENIED' });
        const answer = await lab.mesh.get('/?token=' + await provider.idToken('bob'), HTML);
        assert.doesNotMatch(answer.body, /authCookie/);
        assert.equal((await ask(await lab.token('bob@borealis.example'))).user.role, 'technician', 'the dashboard\'s own people sign on as before');
    });

    test('keys change at the provider, and nobody waits for it', async () => {
        const old = await provider.idToken('tina');
        await provider.rotate([keys[1], keys[0]]);
        for (const token of [old, await provider.idToken('tina')]) { assert.equal(await reasonFor(token), 'let in as technician'); }
        await provider.rotate([keys[2], keys[1]]);
        assert.equal(await until(async () => { const said = await reasonFor(await provider.idToken('tina')); return said === 'let in as technician' && said; }, 30000, 'one question in ten seconds goes to the provider'), 'let in as technician');
        assert.equal(await reasonFor(old), 'TOKEN_SIGNATURE', 'a key that is gone is gone');
        const token = await provider.idToken('tina');
        await provider.stop();
        assert.equal(await reasonFor(token), 'let in as technician', 'known keys go on without the provider');
        await provider.start();
    });

    test('a mapping that changes reaches who is inside', async () => {
        const token = await provider.idToken('tina');
        const control = openSocket(lab.mesh.url, '/control.ashx?token=' + token);
        const terminal = await openTerminal(lab.mesh, control, device.nodeId, 'token=' + token);
        assert.equal(await runIn(terminal, 'echo in-$((1+2))', /in-\d+/), 'in-3');
        await changed(() => configure('roles:\n  technician: {deviceRights: [remote-control, no-terminal, no-files]}\n'));
        // The next answer that anybody gets tells MeshCentral that what it holds was judged by another mapping.
        await lab.mesh.get('/?token=' + await lab.token('adam@acme.example'), HTML);
        await terminal.closed;
        assert.equal((await ask(token)).user.role, 'technician');
        control.close();
        await changed(() => configure());
        const again = openSocket(lab.mesh.url, '/control.ashx?token=' + token);
        (await openTerminal(lab.mesh, again, device.nodeId, 'token=' + token)).close();
        again.close();
    });

    test('one that is wrong is refused aloud, and the former one goes on', async () => {
        const former = await version();
        configure('', '  - {expression: "claims.exp +", message: never}\n');
        await until(async () => await state() === '0', 20000, 'the metric says so');
        await run([BINARY, 'healthcheck'], { env: lab.sidecar.env }); // healthy: it serves
        assert.equal(await version(), former);
        assert.equal(await reasonFor(await provider.idToken('tina')), 'let in as technician');
        const wrong = await run([BINARY, 'config', 'check', file()], { env: lab.sidecar.env }).then(() => '', (err) => err.message);
        assert.match(wrong, /userValidationRules\[1\]/);
        configure();
        await until(async () => await state() === '1', 20000, 'it holds again');
    });

    test('no token and no claim is in the log', () => {
        const text = fs.readFileSync(lab.sidecar.log, 'utf8');
        assert.ok(!/eyJ[A-Za-z0-9_-]{10,}\./.test(text) && !/acme\.example|hardware_key/.test(text));
    });
});
