'use strict';
// Which names an account of ours may have: what authsvc.FoldEmail gives and nothing else (vectors for both languages:
// authsvc/testdata/emails.json). MeshCentral lower-cases names and splits ids at "/", and ids that begin with "~" are
// reserved for principals that no e-mail may name.

const crypto = require('crypto');

const MAX_BYTES = 254; // RFC 5321 4.5.3.1.3
const REFUSED = /[A-Z/\\<>"`,\u017F\u212A\uFFFD]|\p{Cc}|\p{Cf}|\p{Z}|\p{Cs}/u;

/** Whether a text is an e-mail in its folded form. */
function isFoldedEmail(text) {
    if (typeof text !== 'string' || text.startsWith('~') || Buffer.byteLength(text) > MAX_BYTES) { return false; }
    const at = text.lastIndexOf('@');
    return at > 0 && at < text.length - 1 && !REFUSED.test(text) && text === text.toLowerCase();
}

/** Whether an account's name is reserved for principals, of sessions and of pools. MeshCentral's own of SAML begin alike. */
function isPrincipalName(name) { return typeof name === 'string' && /^~(?:s(?!aml:)|p:)/i.test(name); }

/** The same of a whole id. */
function isPrincipalId(id) { return typeof id === 'string' && id.startsWith('user/') && isPrincipalName(id.slice(id.indexOf('/', 5) + 1)); }

/** The account id of the principal of a session (meshbridge.PrincipalID). @param {string} sessionId UUID. @param {string} email folded */
function principalId(domain, sessionId, email) { return 'user/' + domain + '/~s:' + sessionId.replace(/-/g, '').slice(0, 12) + ':' + email; }

/** The same of a tenant's pool (meshbridge.PoolPrincipalID). @param {string} tenantId UUID */
function poolId(domain, tenantId) { return 'user/' + domain + '/~p:' + crypto.createHash('sha256').update(tenantId).digest('hex').slice(0, 16); }

module.exports = { poolId, isFoldedEmail, isPrincipalName, isPrincipalId, principalId };
