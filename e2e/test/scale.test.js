'use strict';
// Large tenants: whoever belongs to one waits no longer than somebody of a small one, and what MeshCentral keeps of a person
// does not grow with the devices. How long its event loop was held up is reported; the figures are kept by `make bench`.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { CASES, measure } = require('../lab/scale');

describe('large tenants', { timeout: 900000 }, () => {
    for (const one of CASES) {
        test(`${one.way} at ${one.devices} devices on ${one.database}`, async (t) => {
            const { label, ratios, medians, delays, bytes } = await measure(one);
            t.diagnostic(JSON.stringify({ label, ratios, medians, delays, bytes }));
            assert.ok(Math.abs(bytes.large - bytes.small) < 64, `the user object has ${bytes.large} bytes in the large tenant, ${bytes.small} in the small one`);
            assert.ok(ratios.validation <= 1.5, 'validation takes ' + ratios.validation + ' times as long');
            assert.ok(ratios.page <= 1.5, 'the page takes ' + ratios.page + ' times as long');
        });
    }
});
