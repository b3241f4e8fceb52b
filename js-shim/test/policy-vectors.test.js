'use strict';
// The same cases through this engine as through the sidecar's own (meshbridge/policy/vectors_test.go), by the real policy.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { judgeVector, vectors } = require('./policy-vectors.helper');

test('both engines of the policy judge alike', () => {
    const { cases } = vectors();
    assert.ok(cases.length > 60);
    for (const one of cases) { assert.deepEqual(judgeVector(one), one.want, one.name); }
});
