'use strict';
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { redact, redactDebug } = require('../lib/log');
const { sign } = { sign: () => 'eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImEifQ.c2lnbmF0dXJl' };

test('no token survives in a printed text', () => {
    const token = sign();
    for (const text of ['(127.0.0.1) /?token=' + token + '&viewmode=12', 'Authorization: Bearer ' + token, '{"token":"' + token + '"}', '/x?login=abcdef', '/control.ashx?auth=abc@$d&x=1']) {
        const printed = redact(text);
        assert.ok(!printed.includes(token) && !printed.includes('abcdef') && !printed.includes('abc@$d'), printed);
    }
    assert.equal(redact('/?viewmode=12&gotonode=1'), '/?viewmode=12&gotonode=1');
    assert.deepEqual(redact({ a: 1 }), { a: 1 });
});

test('MeshCentral\'s own debug output passes through it', () => {
    const printed = [];
    const parent = { debug(source, ...args) { printed.push([source, ...args]); } };
    redactDebug(parent);
    parent.debug('webrequest', '(1.2.3.4) /?token=' + sign(), 7);
    assert.deepEqual(printed, [['webrequest', '(1.2.3.4) /?token=[redacted]', 7]]);
});
