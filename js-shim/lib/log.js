'use strict';
// What operators read. Reasons go here and nowhere else; a token or a claim goes nowhere at all.

const TOKEN_LIKE = /\beyJ[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)+/g;
const TOKEN_ARGUMENT = /([?&"']?\b(?:token|auth|login)=)[^&\s"',]+/gi;

/** Blacks out what looks like a token in a text. */
function redact(value) {
    return (typeof value === 'string') ? value.replace(TOKEN_LIKE, '[token]').replace(TOKEN_ARGUMENT, '$1[redacted]') : value;
}

/** @param {object} parent MeshCentral's server object. */
function createLog(parent) {
    return {
        info: (text) => console.log(text),
        ok(id, req) {
            parent.debug('web', 'JWT auth ok for ' + id);
            parent.authLog('https', 'Accepted JWT for ' + id + ' from ' + (req.clientIp || 'unknown'));
        },
        denied(denied, hook, req) {
            const text = 'JWT auth denied: ' + denied.message + ' (' + hook.replace('HOOK_', '').toLowerCase() + ', from ' + (req.clientIp || 'unknown') + ')';
            parent.authLog('https', text);
            parent.debug('web', text);
        },
        account(text) {
            parent.authLog('https', 'JWT auth: ' + text);
            parent.debug('web', 'JWT auth: ' + text);
        },
        refused: (text) => { console.log('JWT policy refused: ' + text); },
        ended(session, denied) {
            const text = 'JWT session ended: ' + denied.message + ' (' + session.userId + ')';
            parent.authLog('https', text);
            parent.debug('web', text);
        },
        fault: (text) => console.error('JWT Auth: ' + text)
    };
}

/** MeshCentral prints and stores request URLs under --debug; they pass through here first. */
function redactDebug(parent) {
    const { debug } = parent;
    parent.debug = function (source, ...args) { return debug.call(parent, source, ...args.map(redact)); };
}

module.exports = { createLog, redact, redactDebug };
