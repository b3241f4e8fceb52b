'use strict';
// Where a token may come from: exactly one of `Authorization: Bearer` and `?token=`; the dashboard's cookie only if
// neither is there and the request is same-origin. The session proxy's internal token comes in a header of its own, and then
// nothing else counts. What a token is worth is the sidecar's to say.

const { Denied } = require('./denied');

const MAX_TOKEN = 8192; // bytes, as in the sidecar: a longer one is refused before it is sent

const SESSION_HEADER = 'x-meshsso-session'; // as in meshbridge/sessiontoken
const MAX_SESSION_TOKEN = 1024; // bytes, as there

/** The internal token of a request, or null if it bears none. @throws {Denied} unless it is exactly one, of a sane size. */
function sessionToken(req) {
    if (!bearsSessionToken(req)) { return null; }
    const raw = req.rawHeaders || [];
    const values = raw.filter((value, i) => i % 2 === 1 && raw[i - 1].toLowerCase() === SESSION_HEADER);
    if (values.length !== 1) { throw new Denied('TOKEN_AMBIGUOUS', values.length + ' internal tokens in one request'); }
    if (values[0] === '') { throw new Denied('TOKEN_MISSING', 'an empty internal token'); }
    if (values[0].length > MAX_SESSION_TOKEN) { throw new Denied('TOKEN_MALFORMED', 'larger than an internal token'); }
    return values[0];
}

function bearsSessionToken(req) { return req.headers[SESSION_HEADER] !== undefined; }

/**
 * @param {object} req MeshCentral's request; on control.ashx its query already holds the first `urlargs` message.
 * @param {{cookieName: string|null}} config
 * @returns {{source: 'none'} | {source: 'header'|'query'|'cookie', token: string}}
 * @throws {Denied} if a token is present that is not exactly one string of a sane size.
 */
function extractToken(req, config) {
    const found = headerTokens(req).concat(queryTokens(req));
    if (found.length === 0) { return cookieToken(req, config); }
    for (const { token } of found) {
        if (typeof token !== 'string') { throw new Denied('TOKEN_MALFORMED', 'not a string'); }
        if (token !== found[0].token) { throw new Denied('TOKEN_AMBIGUOUS', 'different tokens in one request'); }
    }
    const { source, token } = found[0];
    if (token === '') { throw new Denied('TOKEN_MISSING', 'an empty token'); }
    if (token.length > MAX_TOKEN) { throw new Denied('TOKEN_MALFORMED', 'larger than ' + MAX_TOKEN + ' bytes'); }
    return { source, token };
}

// Node keeps only the first of two Authorization headers in req.headers, so the raw list is read.
function headerTokens(req) {
    const list = [];
    const raw = req.rawHeaders || [];
    for (let i = 0; i + 1 < raw.length; i += 2) {
        if (raw[i].toLowerCase() !== 'authorization') { continue; }
        const match = /^bearer(?:[ \t]+(.*))?$/i.exec(raw[i + 1]);
        if (match !== null) { list.push({ source: 'header', token: match[1] || '' }); }
    }
    return list;
}

// Beside `user` and `pass`, `token` is MeshCentral's own second factor.
function queryTokens(req) {
    const query = req.query || {};
    if (query.user != null && query.pass != null) { return []; }
    const values = [].concat(query.token === undefined ? [] : query.token);
    // `urlargs` overwrites the query: a token of the URL that differs must not be forgotten.
    const mark = (req.url || '').indexOf('?');
    if (mark >= 0) { values.push(...new URLSearchParams(req.url.slice(mark + 1)).getAll('token')); }
    return values.map((token) => ({ source: 'query', token }));
}

function cookieToken(req, config) {
    const none = { source: 'none' };
    if (!config.cookieName || !sameOrigin(req)) { return none; }
    const values = (req.headers.cookie || '').split(';').map((pair) => pair.trim())
        .filter((pair) => pair.startsWith(config.cookieName + '=')).map((pair) => pair.slice(config.cookieName.length + 1));
    if (values.length !== 1 || values[0] === '' || values[0].length > MAX_TOKEN) { return none; }
    return { source: 'cookie', token: values[0] };
}

// A cookie travels with requests that another site caused. Without a header that says same-origin it is not read.
function sameOrigin(req) {
    const origin = req.headers.origin;
    if (origin !== undefined && origin !== 'https://' + req.headers.host && origin !== 'http://' + req.headers.host) { return false; }
    const site = req.headers['sec-fetch-site'];
    if (site !== undefined) { return site === 'same-origin' || site === 'none'; }
    return origin !== undefined;
}

/** Takes every credential but ours off a request, so that nothing later in MeshCentral reads, prints or prefers it. */
function dropCredentials(req) {
    for (const name of ['token', 'auth', 'login', 'user', 'pass']) { delete req.query[name]; }
    delete req.headers['x-meshauth'];
    delete req.headers.authorization;
    req.url = withoutToken(req.url);
    if (typeof req.originalUrl === 'string') { req.originalUrl = withoutToken(req.originalUrl); }
}

function withoutToken(url) {
    const mark = url.indexOf('?');
    if (mark < 0) { return url; }
    const kept = url.slice(mark + 1).split('&').filter((pair) => !/^(token|auth|login|user|pass)(=|$)/i.test(decode(pair)));
    return url.slice(0, mark) + (kept.length > 0 ? '?' + kept.join('&') : '');
}

function decode(text) { try { return decodeURIComponent(text); } catch (err) { return text; } }

module.exports = { extractToken, sessionToken, bearsSessionToken, dropCredentials, MAX_TOKEN };
