'use strict';
// What MeshCentral offers beside rights and frames: desktops shared through its multiplexer, agents for anybody, text in its log.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { startLab } = require('../lab');
const { until } = require('../lab/process');
const { openSocket } = require('../lab/sockets');
const { openDesktop } = require('../lab/tunnel');

const mouse = () => { const frame = Buffer.alloc(10); frame.writeUInt16BE(2, 0); frame.writeUInt16BE(10, 2); frame.writeUInt16BE(200, 6); frame.writeUInt16BE(200, 8); return frame; };
const refresh = () => { const frame = Buffer.alloc(4); frame.writeUInt16BE(6, 0); frame.writeUInt16BE(4, 2); return frame; };

for (const desktopMultiplex of [false, true]) {
    describe('a viewer\'s desktop' + (desktopMultiplex ? ' through the multiplexer' : ''), { timeout: 200000 }, () => {
        let lab, acme;
        before(async () => {
            lab = await startLab({ settings: { desktopMultiplex } });
            acme = lab.agents['acme-frontdesk'];
        });
        after(async () => { if (lab) { await lab.stop(); } });

        async function desktop(email) {
            const token = await lab.token(email);
            const control = openSocket(lab.mesh.url, '/control.ashx?token=' + token);
            return { control, relay: await openDesktop(lab.mesh, control, acme.nodeId, 'token=' + token) };
        }
        const refusals = () => [...lab.mesh.output().matchAll(/JWT policy refused: (\S+): relay (\S+) of (\S+)/g)].map((match) => match.slice(1).join(' '));

        test('shows a picture and takes no input', async () => {
            const { control, relay } = await desktop('vera@acme.example');
            const pictures = () => relay.messages.filter((m) => Buffer.isBuffer(m)).length;
            const seen = pictures();
            relay.send(Buffer.concat([refresh(), mouse()]));
            relay.send({ ctrlChannel: '102938', type: 'lock' });
            relay.send(mouse());
            relay.send(refresh());
            await until(() => pictures() > seen, 15000, 'a refreshed picture');
            assert.deepEqual(refusals(), ['RIGHT_MISSING: input user//vera@acme.example'].map((text) => text.replace(':', '')));
            relay.close();
            control.close();
        });

        test('the technician\'s takes input', async () => {
            const { control, relay } = await desktop('tina@acme.example');
            relay.send(mouse());
            relay.send(refresh());
            const seen = relay.messages.length;
            await until(() => relay.messages.length > seen, 15000, 'a picture');
            assert.ok(!refusals().some((text) => text.includes('tina')));
            relay.close();
            control.close();
        });
    });
}

describe('agents for anybody', { timeout: 100000 }, () => {
    let lab;
    before(async () => { lab = await startLab({ agents: false, settings: { lockAgentDownload: true } }); });
    after(async () => { if (lab) { await lab.stop(); } });

    test('with lockAgentDownload nobody gets a tenant\'s settings without an account of MeshCentral\'s, people of ours included', async () => {
        const token = await lab.token('adam@acme.example');
        const page = await lab.mesh.get('/?token=' + token, { accept: 'text/html' });
        const cookie = page.headers['set-cookie'].map((line) => line.split(';')[0]).join('; ');
        const { tenant } = await lab.ask.validate(token);
        const group = encodeURIComponent(tenant.deviceGroupId.split('/')[2]);
        for (const headers of [{}, { cookie }, { authorization: 'Bearer ' + token }]) {
            for (const target of ['/meshsettings?id=' + group, '/meshagents?id=6&meshid=' + group, '/meshosxagent?id=16&meshid=' + group]) {
                const { status, body } = await lab.mesh.get(target, headers);
                assert.ok([401, 403, 404].includes(status), `${target.split('?')[0]} answers ${status} to ${Object.keys(headers)}`);
                assert.ok(!body.includes('MeshID='));
            }
        }
    });

    test('nothing that a person sends is printed', async () => {
        const control = openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token('tina@acme.example'));
        await control.next((m) => m.action === 'userinfo');
        control.send({ action: 'print', value: 'printed-by-a-person' });
        control.send({ action: 'urlargs', args: { token: 'printed-by-a-person', user: 'x' } });
        control.send({ action: 'ping', responseid: 'after' });
        await control.next((m) => m.action === 'pong');
        assert.ok(!lab.mesh.output().includes('printed-by-a-person'));
        control.close();
    });
});
