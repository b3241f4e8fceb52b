'use strict';
// The pages of the MeshCentral that the lab installs, through the session proxy's rewriting: what names the server or carries a
// credential does not come through, in the readable pages and in the minified ones.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { spawnSync } = require('child_process');
const { installFork } = require('../lab/meshcentral');
const { ROOT } = require('../lab/paths');

for (const version of ['1.1.51', '1.1.55']) {
    test('the pages of MeshCentral ' + version, async () => {
        const folder = await installFork(version);
        const run = spawnSync('go', ['test', '-count=1', './meshbridge/proxy', '-run', '^TestRealPages$', '-v', '-meshcentral', folder], { cwd: ROOT, encoding: 'utf8' });
        assert.equal(run.status, 0, run.stdout + run.stderr);
        assert.ok(run.stdout.includes('--- PASS: TestRealPages/default3-min'), run.stdout);
    });
}
