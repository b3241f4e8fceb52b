'use strict';
// What the dashboard's backend does: signs a person's claims. Also every way of doing it wrong that tests need.

const crypto = require('crypto');

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** The claims of a row of the platform's users table, valid for `seconds`. */
function claimsOf(user, seconds = 3600, now = Math.floor(Date.now() / 1000)) {
    return { email: user.email, userId: user.user_id, tenantId: user.tenant_id || '00000000-0000-4000-8000-000000000000', role: user.is_superadmin ? 'superadmin' : user.role, iat: now, exp: now + seconds };
}

/** An HS256 token (another header or hash on request). */
function sign(claims, secret, header = { alg: 'HS256', typ: 'JWT' }, hash = 'sha256') {
    const input = encode(header) + '.' + encode(claims);
    return input + '.' + crypto.createHmac(hash, secret).update(input).digest('base64url');
}

module.exports = { claimsOf, sign, encode };
