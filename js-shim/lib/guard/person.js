'use strict';
// Who sends, as the policy sees him: one session, whose rights are asked anew at every frame.

/**
 * @param {object} session of sessions.js. @param {object} domain MeshCentral's. @param {object} parts {people, cookies}
 * @returns {object} the person of policy/fields.js and policy/table.js
 */
function personOf(session, domain, { people, cookies }) {
    return {
        id: session.userId,
        pool: people.isPool(session.userId),
        domain: domain.id,
        domainUrl: (domain.dns == null && domain.url) || '/',
        get siteAdmin() { return people.isSiteAdmin(session); },
        maskOf: (node) => people.sessionMask(session, node),
        everyDevice: () => people.sessionMasks(session),
        ownsCookie: (cookie) => cookies.owns(cookie, session.userId),
        ownsRelayCookie: (cookie) => cookies.ownsRelay(cookie, session.userId)
    };
}

module.exports = { personOf };
