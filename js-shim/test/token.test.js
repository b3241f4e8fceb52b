'use strict';
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { dropCredentials, extractToken, MAX_TOKEN } = require('../lib/token');

const NO_COOKIE = { cookieName: null };
const COOKIE = { cookieName: 'dashboard' };

// A request as MeshCentral hands it over: node's raw headers, the parsed query.
function request({ url = '/', headers = {}, raw = [], query } = {}) {
    const parsed = Object.fromEntries([...new URLSearchParams(url.split('?')[1] || '').keys()].map((key) => {
        const all = new URLSearchParams(url.split('?')[1]).getAll(key);
        return [key, all.length > 1 ? all : all[0]];
    }));
    const rawHeaders = Object.entries(headers).flat().concat(raw.flat());
    return { url, headers: { host: 'mesh.example', ...headers }, rawHeaders, query: { ...parsed, ...query } };
}

test('a token comes from exactly one place', () => {
    const cases = [
        ['nothing', {}, { source: 'none' }],
        ['query', { url: '/?token=abc&gotonode=1' }, { source: 'query', token: 'abc' }],
        ['header', { headers: { authorization: 'Bearer abc' } }, { source: 'header', token: 'abc' }],
        ['header, other case', { headers: { authorization: 'bEARER   abc' } }, { source: 'header', token: 'abc' }],
        ['both, equal', { url: '/?token=abc', headers: { authorization: 'Bearer abc' } }, { source: 'header', token: 'abc' }],
        ['repeated, equal', { url: '/?token=abc&token=abc' }, { source: 'query', token: 'abc' }],
        ['another scheme is not ours', { headers: { authorization: 'Basic abc' } }, { source: 'none' }],
        ['MeshCentral\'s second factor is not ours', { url: '/?user=a&pass=b&token=123456' }, { source: 'none' }],
        ['user alone hides nothing', { url: '/?user=a&token=abc' }, { source: 'query', token: 'abc' }],
        ['a header beside user and pass is ours', { url: '/?user=a&pass=b&token=123456', headers: { authorization: 'Bearer abc' } }, { source: 'header', token: 'abc' }]
    ];
    for (const [name, req, expected] of cases) { assert.deepEqual(extractToken(request(req), NO_COOKIE), expected, name); }
});

test('a token that is there and is not one sane string is refused', () => {
    const cases = [
        ['query and header differ', { url: '/?token=abc', headers: { authorization: 'Bearer abd' } }, 'TOKEN_AMBIGUOUS'],
        ['repeated and different', { url: '/?token=abc&token=abd' }, 'TOKEN_AMBIGUOUS'],
        ['two headers', { raw: [['Authorization', 'Bearer abc'], ['authorization', 'Bearer abd']] }, 'TOKEN_AMBIGUOUS'],
        ['urlargs differ from the URL', { url: '/?token=abc', query: { token: 'abd' } }, 'TOKEN_AMBIGUOUS'],
        ['empty', { url: '/?token=' }, 'TOKEN_MISSING'],
        ['no value', { url: '/?token' }, 'TOKEN_MISSING'],
        ['empty header', { headers: { authorization: 'Bearer' } }, 'TOKEN_MISSING'],
        ['an object', { query: { token: { a: 1 } } }, 'TOKEN_MALFORMED'],
        ['a number', { query: { token: 5 } }, 'TOKEN_MALFORMED'],
        ['null', { query: { token: null } }, 'TOKEN_MALFORMED'],
        ['1 MB', { query: { token: 'x'.repeat(1 << 20) } }, 'TOKEN_MALFORMED'],
        ['one too long', { query: { token: 'x'.repeat(MAX_TOKEN + 1) } }, 'TOKEN_MALFORMED']
    ];
    for (const [name, req, reason] of cases) { assert.throws(() => extractToken(request(req), NO_COOKIE), { reason }, name); }
});

test('the dashboard\'s cookie counts only where it is configured, alone, and same-origin', () => {
    const cookie = 'a=1; dashboard=abc; b=2';
    const ours = { source: 'cookie', token: 'abc' };
    const cases = [
        ['not configured', { headers: { cookie, 'sec-fetch-site': 'same-origin' } }, NO_COOKIE, { source: 'none' }],
        ['same origin by Sec-Fetch-Site', { headers: { cookie, 'sec-fetch-site': 'same-origin' } }, COOKIE, ours],
        ['same origin by Origin (a socket)', { headers: { cookie, origin: 'https://mesh.example' } }, COOKIE, ours],
        ['cross-site', { headers: { cookie, 'sec-fetch-site': 'cross-site' } }, COOKIE, { source: 'none' }],
        ['same-site is another origin', { headers: { cookie, 'sec-fetch-site': 'same-site' } }, COOKIE, { source: 'none' }],
        ['foreign Origin', { headers: { cookie, origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' } }, COOKIE, { source: 'none' }],
        ['no word about the origin', { headers: { cookie } }, COOKIE, { source: 'none' }],
        ['planted beside the real one', { headers: { cookie: 'dashboard=abc; dashboard=evil', 'sec-fetch-site': 'same-origin' } }, COOKIE, { source: 'none' }],
        ['a token wins', { url: '/?token=q', headers: { cookie, 'sec-fetch-site': 'same-origin' } }, COOKIE, { source: 'query', token: 'q' }]
    ];
    for (const [name, req, config, expected] of cases) { assert.deepEqual(extractToken(request(req), config), expected, name); }
});

test('no credential stays on a request that was decided', () => {
    const req = request({ url: '/?a=1&token=abc&%74oken=x&login=l&auth=c&user=u&pass=p&gotonode=@$', headers: { 'x-meshauth': 'x' } });
    req.originalUrl = req.url;
    dropCredentials(req);
    assert.equal(req.url, '/?a=1&gotonode=@$');
    assert.equal(req.originalUrl, req.url);
    assert.deepEqual(Object.keys(req.query).sort(), ['a', 'gotonode']);
    assert.equal(req.headers['x-meshauth'], undefined);
});
