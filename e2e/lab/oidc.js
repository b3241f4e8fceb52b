'use strict';
// An OpenID Connect provider of the lab, and people who sign in to it as a browser does.

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { freePort } = require('./ports');
const { start } = require('./process');

const REDIRECT = 'http://127.0.0.1:1/callback'; // nobody listens: the code is read off the address

/** A private signing key as a JWK. @param {'RS256'|'ES256'|'EdDSA'} alg */
function makeKey(kid, alg = 'RS256') {
    const made = alg === 'RS256' ? crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }) : alg === 'ES256' ? crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }) : crypto.generateKeyPairSync('ed25519');
    return { ...made.privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}

/**
 * Starts a provider.
 * @param {string} dir an existing folder. @param {object} people login → claims. @param {object[]} keys of makeKey; the first signs
 * @returns {Promise<object>} {issuer, audience, idToken(login): Promise<string>, change(login, claims), rotate(keys): Promise, stop(), start()}
 */
async function startProvider(dir, people, keys) {
    const port = await freePort();
    const file = path.join(dir, 'provider.json');
    const config = { issuer: 'http://127.0.0.1:' + port, port, client: { id: 'dashboard', secret: crypto.randomBytes(24).toString('hex'), redirect: REDIRECT }, jwks: { keys }, people };
    const save = () => fs.writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    let running = null;
    const up = async () => {
        save();
        running = await start('OpenID Connect provider', [process.execPath, path.join(__dirname, 'oidc-provider.js'), file], { log: path.join(dir, 'provider.log'), ready: /^listening$/m });
    };
    const stop = () => running.stop();
    await up();
    return {
        issuer: config.issuer, audience: config.client.id, stop, start: up,
        idToken: (login) => signIn(config, login),
        change(login, claims) { Object.assign(people[login], claims); save(); },
        async rotate(next) { config.jwks = { keys: next }; await stop(); await up(); }
    };
}

// The authorization code flow, by hand: the provider's own pages, its cookies, its token endpoint.
async function signIn({ issuer, client }, login) {
    const jar = new Map();
    const go = async (url, options = {}) => {
        const answer = await fetch(url, { redirect: 'manual', ...options, headers: { ...options.headers, cookie: [...jar].map((pair) => pair.join('=')).join('; ') } });
        for (const line of answer.headers.getSetCookie()) { const [, name, value] = /^([^=]+)=([^;]*)/.exec(line); jar.set(name, value); }
        return answer;
    };
    const form = (fields) => ({ method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(fields).toString() });
    let answer = await go(issuer + '/auth?' + new URLSearchParams({ client_id: client.id, response_type: 'code', scope: 'openid dashboard', redirect_uri: REDIRECT }));
    for (let steps = 0; steps < 12; steps++) {
        const where = answer.headers.get('location');
        if (where !== null && where.startsWith(REDIRECT)) { return tokenFor(issuer, client, new URL(where).searchParams.get('code'), form); }
        if (where !== null) { answer = await go(new URL(where, issuer).href); continue; }
        const page = await answer.text();
        const [action, prompt] = [/action="([^"]+)"/, /name="prompt" value="([^"]+)"/].map((pattern) => (pattern.exec(page) || [])[1]);
        if (!action) { throw new Error('the provider shows no form (' + answer.status + ')'); }
        answer = await go(new URL(action, issuer).href, form({ prompt, login, password: 'any' }));
    }
    throw new Error('the provider never comes to an end');
}

async function tokenFor(issuer, { id, secret }, code, form) {
    const { headers, ...rest } = form({ grant_type: 'authorization_code', code, redirect_uri: REDIRECT });
    const answer = await (await fetch(issuer + '/token', { ...rest, headers: { ...headers, authorization: 'Basic ' + Buffer.from(id + ':' + secret).toString('base64') } })).json();
    if (!answer.id_token) { throw new Error('the provider gives no token: ' + answer.error); }
    return answer.id_token;
}

module.exports = { makeKey, startProvider };
