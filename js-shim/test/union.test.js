'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { union } = require('../lib/rights');

const [CONTROL, WAKE, VIEW, NO_TERMINAL, NO_FILES, CHAT, NO_DESKTOP] = [8, 64, 256, 512, 1024, 16384, 65536];
const VIEWER = CONTROL | VIEW | NO_TERMINAL | NO_FILES;

test('two masks add up to nothing that neither gives', () => {
    for (const [what, a, b, sum] of [
        ['nothing and something', 0, VIEWER, VIEWER],
        ['a grant gives a viewer more', VIEWER, CONTROL | WAKE, CONTROL | WAKE],
        ['a role without remote control leaves a viewer one', CHAT | WAKE, VIEWER, CHAT | WAKE | VIEWER],
        ['terminal and files here, the look of the desktop there', CONTROL | NO_DESKTOP, VIEWER, VIEWER | NO_DESKTOP],
        ['the less restricted of two', CONTROL | NO_FILES, CONTROL | NO_FILES | NO_TERMINAL, CONTROL | NO_FILES],
        ['the same restriction', CONTROL | NO_DESKTOP, CONTROL | WAKE | NO_DESKTOP, CONTROL | WAKE | NO_DESKTOP],
        ['no remote control at all', CHAT | NO_FILES, WAKE, CHAT | WAKE | NO_FILES]
    ]) {
        assert.equal(union(a, b), sum, what);
        assert.equal(union(b, a), sum, what + ', the other way round');
    }
});
