'use strict';
// The search for leaks finds what is planted, however it is written, and nothing else.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { describe, test } = require('node:test');
const { createSearch } = require('../lab/leaks');

const HOST = 'Mesh-7f3k.Internal.example';
const HASH = crypto.createHash('sha384').update('certificate').digest();
const NAMES = { host: HOST, port: '54321', hash: HASH, password: ['pä$$ w/rd+1', 'other-secret'] };

function find(...chunks) {
    const search = createSearch(NAMES);
    const stream = search.stream('here');
    for (const chunk of chunks) { stream.push(Buffer.from(chunk)); }
    stream.end();
    return search.found.map(({ what, encoding }) => what + ' ' + encoding);
}

const base64 = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part))).toString('base64');
const bigEndian = (text) => Buffer.from(text, 'utf16le').swap16();
const every = (text, write) => [...Buffer.from(text)].map((byte) => write(byte.toString(16).padStart(2, '0'))).join('');

const PLANTED = {
    'plain': ['host plain', 'x https://mesh-7f3k.internal.EXAMPLE/ y'],
    'URL, each byte': ['host escaped', every(HOST, (hex) => '%' + hex)],
    'URL, capitals': ['host escaped', every(HOST, (hex) => '%' + hex.toUpperCase())],
    'URL, here and there': ['host escaped', 'u=mesh%2D7f3k%2einternal.example'],
    'URL twice': ['host escaped', encodeURIComponent(every(HOST, (hex) => '%' + hex))],
    'JSON': ['host escaped', every(HOST, (hex) => '\\u00' + hex)],
    'JSON, an escaped slash': ['password escaped', JSON.stringify('pä$$ w/rd+1').replace('/', '\\/')],
    'JavaScript': ['host escaped', every(HOST, (hex) => '\\x' + hex)],
    'HTML, decimal': ['host escaped', [...HOST].map((c) => `&#${c.charCodeAt(0)};`).join('')],
    'HTML, hex': ['host escaped', every(HOST, (hex) => `&#x${hex};`)],
    'HTML in JSON': ['host escaped', HOST.replace('-', '\\u0026#45;')],
    'form': ['password escaped', encodeURIComponent('pä$$ w/rd+1')],
    'base64, first alignment': ['host base64', base64('abc', HOST, 'tail')],
    'base64, second': ['host base64', base64('abcd', HOST, 'tail')],
    'base64, third': ['host base64', base64('abcde', HOST, 'tail')],
    'base64 at its end': ['host base64', base64('abcde', HOST)],
    'base64 of small letters': ['host base64', base64('ab', HOST.toLowerCase(), '!')],
    'base64 in a URL': ['host base64', encodeURIComponent(base64('a', HOST, '??>>'))],
    'base64 for URLs': ['password base64', Buffer.from('x pä$$ w/rd+1').toString('base64url')],
    'base64 of UTF-16': ['host base64 of UTF-16', base64('a', Buffer.from('powershell ' + HOST, 'utf16le'))],
    'hex': ['host hex', Buffer.from(HOST).toString('hex')],
    'hex, capitals': ['host hex', Buffer.from(HOST).toString('hex').toUpperCase()],
    'UTF-16LE': ['host UTF-16LE', Buffer.from('see ' + HOST, 'utf16le')],
    'UTF-16LE, odd offset': ['host UTF-16LE', Buffer.concat([Buffer.from('x'), Buffer.from(HOST, 'utf16le')])],
    'UTF-16BE': ['host UTF-16BE', bigEndian('see ' + HOST.toUpperCase())],
    'bytes': ['hash bytes', Buffer.concat([crypto.randomBytes(7), HASH, crypto.randomBytes(3)])],
    'bytes in hex': ['hash hex', HASH.toString('hex')],
    'a fingerprint': ['hash hex', HASH.toString('hex').toUpperCase().match(/../g).join(':')],
    'bytes in base64': ['hash base64', base64('x', HASH)],
    'a number of JSON': ['port plain', '{"port":54321,"x":1}'],
    'a number in an address': ['port plain', 'wss://h:54321/'],
    'a number in UTF-16': ['port UTF-16LE', Buffer.from(':54321/', 'utf16le')],
    'the second of a list': ['password plain', 'OTHER-SECRET']
};

describe('the search for leaks', () => {
    for (const [how, [wanted, data]] of Object.entries(PLANTED)) {
        test('finds: ' + how, () => {
            assert.ok(find(data).includes(wanted), JSON.stringify(find(data)));
            const bytes = Buffer.from(data);
            for (const size of [1, 5]) { assert.ok(find(...Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))).includes(wanted), 'in pieces of ' + size); }
        });
    }

    test('what lies across two of the pieces that it looks at is found', () => {
        const planted = Buffer.from(every(HOST, (hex) => '\\u00' + hex));
        for (const cut of [1, 40, planted.length - 1]) {
            assert.deepEqual(find(Buffer.concat([Buffer.alloc(1 << 20, 46), planted.subarray(0, cut)]), Buffer.concat([planted.subarray(cut), Buffer.alloc(1 << 20, 46)])), ['host escaped']);
        }
    });

    test('finds nothing in 32 MiB of chance, in texts that are near, in numbers that hold the port', () => {
        const search = createSearch(NAMES);
        const stream = search.stream('chance');
        for (let i = 0; i < 32; i++) { stream.push(crypto.randomBytes(1 << 20)); }
        stream.end();
        assert.deepEqual(search.found, []);
        assert.equal(search.bytes, 32 << 20);
        assert.deepEqual(find('mesh-7f3k.internal.exampl mesh 7f3k 1543210 254321 54321000 ' + HASH.subarray(1).toString('hex')), []);
    });

    test('two streams are two texts; a place is named once; a name that is too short is refused', () => {
        const search = createSearch(NAMES);
        const [a, b] = [search.stream('a'), search.stream('b')];
        a.push(Buffer.from(HOST.slice(0, 10)));
        b.push(Buffer.from(HOST.slice(10)));
        a.end();
        b.end();
        assert.deepEqual(search.found, []);
        const c = search.stream('c');
        c.push(Buffer.from(HOST + HOST));
        c.end();
        assert.deepEqual(search.found.map(({ where, what }) => where + ' ' + what), ['c host', 'c host'], 'plain, and with nothing to undo');
        assert.throws(() => createSearch({ pin: '123' }), /pin is too short/);
        assert.ok(!JSON.stringify(search.found).toLowerCase().includes(HOST.toLowerCase()));
    });
});
