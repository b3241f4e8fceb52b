'use strict';
// Pages, downloads, uploads and upgrades: a person's request passes the policy before MeshCentral reads it, with a query that
// was built anew.

const { Denied } = require('../denied');
const { judgeRequest } = require('../policy/requests');
const { personOf } = require('./person');

/** @param {object} parts {people, cookies, live, policy, refusals} */
function createRequestGuard(parts) {
    const { cookies, live, refusals } = parts;

    /**
     * Lets a request of a session through or throws Denied.
     * @param {object} req @param {object} res null for a socket. @param {string} path below the domain's URL.
     */
    return function guard(req, res, path, session) {
        const person = personOf(session, req.xdomain || { id: '' }, parts);
        const verdict = (person.pool && path !== 'control.ashx') ? { reason: 'RIGHT_MISSING' } // a tenant's pool has its control channel and nothing else
            : judgeRequest(parts.policy.table(), req.ws || res === null ? 'WS' : req.method, path, withoutCredentials(req.query), person);
        if (verdict.reason !== undefined) {
            refusals.note(surfaceOf(path), verdict.detail ? path + '.' + verdict.detail : path, verdict.reason, session.userId);
            throw new Denied(verdict.reason, path);
        }
        for (const name of verdict.dropped) { refusals.note(surfaceOf(path), path + '.' + name, 'FIELD_UNKNOWN', session.userId); }
        rebuild(req, verdict.query);
        for (const cookie of verdict.cookies) { cookies.admit(cookie); }
        const { node, protocol, needs } = verdict;
        if (res === null) {
            req.meshssoRelay = { node, protocol, needs };
        } else {
            // What streams ends with the session. A page that MeshCentral has not answered yet is answered by who is there then.
            const close = () => { if (node !== undefined || res.headersSent) { res.destroy(); } };
            const forget = live.add({ session, kind: 'request', node, needs, relay: () => req.query.id, close });
            res.on('close', () => { forget(); verdict.cookies.forEach(cookies.withdraw); });
        }
    };
}

// What said who it is was read before and is not the policy's to judge.
function withoutCredentials(query) {
    const rest = { ...query };
    for (const name of ['token', 'auth', 'login', 'user', 'pass']) { delete rest[name]; }
    return rest;
}

function rebuild(req, query) {
    req.query = query;
    const text = Object.keys(query).map((name) => encodeURIComponent(name) + '=' + encodeURIComponent(query[name])).join('&');
    for (const name of ['url', 'originalUrl']) {
        if (typeof req[name] === 'string') { req[name] = req[name].split('?')[0] + (text ? '?' + text : ''); }
    }
}

function surfaceOf(path) { return path === 'meshrelay.ashx' ? 'relay' : 'http'; }

module.exports = { createRequestGuard };
