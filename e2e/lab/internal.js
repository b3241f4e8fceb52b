'use strict';
// What the session proxy does on its way to MeshCentral: an internal token for each request, made here by the contract's words
// and with no code of ours. Also every way of doing it wrong that tests need.

const crypto = require('crypto');
const { sign } = require('./tokens');

const HEADER = 'x-meshsso-session';
const TYPE = 'meshsso-session+jwt';

/** The key of a label. @param {string} primary MESHSSO_SESSION_KEY or JWT_SECRET. */
function keyOf(primary, label = 'session token') { return Buffer.from(crypto.hkdfSync('sha256', primary, '', 'meshsso ' + label + ' v1', 32)); }

/** An internal token of a session, new at every call. */
function mint(key, session, changes = {}, header = { alg: 'HS256', typ: TYPE }) {
    const now = Math.floor(Date.now() / 1000);
    return sign({ iss: 'meshsso', aud: 'meshcentral', sub: session, jti: crypto.randomBytes(16).toString('base64url'), iat: now, exp: now + 30, ...changes }, key, header);
}

/** The cookie of MeshCentral's behind what a session's page carries in its place. @param {string} purpose "page" or "relay" */
function unseal(primary, session, purpose, text) {
    const sealed = Buffer.from(text.replace(/^meshsso1-/, ''), 'base64url');
    const cipher = crypto.createDecipheriv('aes-256-gcm', keyOf(primary, 'seal'), sealed.subarray(0, 12)).setAAD(Buffer.from(purpose + '\0' + session)).setAuthTag(sealed.subarray(-16));
    return Buffer.concat([cipher.update(sealed.subarray(12, -16)), cipher.final()]).toString();
}

/** The password of a session's account on a stock MeshCentral. */
function passwordOf(primary, session) { return crypto.createHmac('sha256', keyOf(primary, 'principal password')).update(session).digest().subarray(0, 20).toString('base64url') + '-Aa0'; }

/** What a lab needs to keep sessions: the option `proxy` of startLab. */
const SESSIONS = { dashboards: ['http://localhost:1'], env: { MESHSSO_SESSION_MIN_ROLE: 'viewer' } };

/** People's sessions in a lab that keeps some. */
function createSessions(lab) {
    const key = keyOf(lab.secrets.jwtSecret);

    async function call(method, path, token, body) {
        const answer = await fetch(lab.sessionApi + path, { method, headers: { authorization: 'Bearer ' + token, 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
        const text = await answer.text();
        if (!answer.ok) { throw new Error(method + ' ' + path.split('/').slice(0, 4).join('/') + ': ' + answer.status + ' ' + text); }
        return text === '' ? null : JSON.parse(text);
    }

    return {
        key,
        /** Opens a session of a person with a device. @returns {Promise<{id, email, principal, headers(): object, mint(changes, header): string, end(): Promise}>} */
        async open(email, agent, body = {}) {
            const token = await lab.token(email);
            const { sessionId: id } = await call('POST', '/api/meshcentral/session/' + agent.agentId, token, body);
            return {
                id, email, agent, principal: 'user//~s:' + id.replace(/-/g, '').slice(0, 12) + ':' + email,
                mint: (changes, header) => mint(key, id, changes, header),
                headers: () => ({ [HEADER]: mint(key, id) }),
                end: () => call('DELETE', '/api/meshcentral/session/' + id, token)
            };
        }
    };
}

module.exports = { HEADER, SESSIONS, TYPE, keyOf, mint, passwordOf, createSessions, unseal };
