'use strict';
// A storm of frames from one technician: MeshCentral lives, nobody else waits, nothing of another tenant comes back.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { SURFACES } = require('../attack');
const { createFuzzer } = require('../attack/fuzz');
const { protectedSite } = require('../attack/site');
const { ROOT } = require('../lab/paths');

const FRAMES = 50000;
const AT_ONCE = 250; // frames between two answers that are waited for
const seed = Number(process.env.FRAMES_SEED) || crypto.randomInt(2 ** 31);

// It may not switch off, wake or end anything on the machine on which this runs, whatever the chance makes of it.
const HARMFUL = /"actiontype"|"poweraction"|"pskill"|"service(?:Stop|Start|Restart)"|"runcommands"|"wakedevices"|"openUrl"|"meshmessenger"/;

describe('a storm of frames (FRAMES_SEED=' + seed + ')', { timeout: 290000 }, () => {
    let site;
    // A storm may keep MeshCentral busy for longer than the lab's usual cache lifetime of a second.
    before(async () => { site = await protectedSite(() => { }, { cacheTtl: '30s' }); });
    after(async () => { if (site) { await site.lab.stop(); } });

    // Every frame of the attack suite that is an object, for each device; and every name that MeshCentral or the policy knows.
    async function material() {
        const person = site.people.T;
        const frames = [];
        for (const where of ['own', 'foreign', 'missing']) {
            const { id, mesh } = site.devices[where];
            const cell = { site, person, where, node: id, mesh, self: person.id, other: site.other.id, nonce: 'x', listener: { port: 9 }, victim: { pid: 2 ** 30 } };
            for (const row of SURFACES.frames.concat(SURFACES.tunnels.filter((one) => one.frame))) {
                const frame = await row.frame(cell);
                if (typeof frame === 'object') { frames.push(frame); }
            }
        }
        const { rcookie, cookie } = await person.cookies();
        const words = [...Object.values(site.devices).flatMap(({ id, mesh }) => [id, id.split('/')[2], mesh]), person.id, site.other.id, 'user//admin', site.ugrp, rcookie, cookie];
        const policy = JSON.parse(fs.readFileSync(path.join(ROOT, 'meshbridge/policy/testdata/policy.json'), 'utf8'));
        const names = fs.readFileSync(path.join(ROOT, 'meshbridge/policy/testdata/actions.txt'), 'utf8').split(/\s+/).filter(Boolean)
            .concat(policy.frames.flatMap((rule) => (rule.fields || []).map((field) => field.name)), ['responseid', 'tag', 'toString', '__proto__x']);
        return { frames, words, names };
    }

    function residentMegabytes() { return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${site.mesh.pid()}/status`, 'utf8'))[1]) / 1024; }

    test(FRAMES + ' random and mutated ones', async () => {
        const stuff = await material();
        const next = createFuzzer(seed, stuff);
        const sender = site.people.T;
        const watcher = site.people.A;
        const pid = site.mesh.pid();
        let sent = 0, answers = 0, megabytes = 0;
        while (sent < FRAMES) {
            const control = await sender.channel();
            for (let i = 0; i < AT_ONCE && sent < FRAMES; i++) {
                const text = next();
                if (HARMFUL.test(text)) { continue; }
                control.send(text);
                sent++;
            }
            // Both get their answers while the storm is on: the sender, whose frames are read in order, and somebody else.
            await Promise.all([sender, watcher].map((person) => person.ask({ action: 'ping' }, (m) => m.action === 'pong', 20000)));
            answers += control.messages.length;
            control.messages.length = 0; // 50,000 answers would be ours to remember
            if (sent <= FRAMES / 5) { megabytes = residentMegabytes(); }
        }
        assert.equal(site.mesh.pid(), pid);
        assert.equal((await site.lab.mesh.get('/health.ashx')).body, 'ok');
        assert.ok(answers > FRAMES / 100, 'hardly anything was answered: ' + answers);
        // What is in the frames may come back in answers and events. Of the foreign device more is known to MeshCentral.
        const own = ({ word }) => stuff.words.some((one) => one.includes(word));
        for (const person of Object.values(site.people)) { assert.deepEqual(person.leaks.filter((leak) => !own(leak)), [], person.email); }
        const grown = residentMegabytes() - megabytes;
        assert.ok(grown < 250, 'MeshCentral grew by ' + Math.round(grown) + ' MB in the last four fifths');
        await sender.ask({ action: 'nodes', responseid: 'still' }, (m) => m.responseid === 'still' && Object.values(m.nodes).flat().length === 1);
        // What threw was caught, and is a fault all the same: in MeshCentral behind a frame that was let through, or in the policy.
        assert.deepEqual(site.mesh.output().match(/^.*(?:a frame of \S+ (?:failed|could not be judged)|a request of \S+ failed).*$/gm) || [], []);
        assert.ok(!/uncaughtException|UnhandledPromise/.test(site.mesh.output()));
    });
});
