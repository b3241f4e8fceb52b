'use strict';
// Whose an account of MeshCentral's is. What cannot be read counts against taking it over.

const FOREIGN = 'MeshCentral has an account of this id that MeshSSO did not make';

/** Whether the in-process module of old wrote an account (or an adoption that did not end). */
function isOlderSignOn(account) { return account.tenantId !== undefined; }

/**
 * Why an account must not be taken over by the person of a wish; null if it may.
 * @param {object} account of MeshCentral's. @param {object} wish {tenantId, userId} of the dashboard's row. @param {boolean} adopt the operator's word
 */
function conflictOf(account, wish, adopt) {
    const { tenantId } = account;
    if (tenantId === undefined) {
        if (!adopt) { return FOREIGN; }
    } else if (typeof tenantId !== 'string' || (tenantId === '' && account.adopting !== true)) {
        if (!adopt) { return 'the tenant of MeshCentral\'s account of this id cannot be read'; }
    } else if (tenantId.toLowerCase() !== (wish.tenantId || '').toLowerCase()) {
        return 'MeshCentral\'s account of this id belongs to another tenant';
    }
    for (const stored of [account.userId, account.user_id]) {
        if (stored !== undefined && !sameUser(stored, wish.userId)) { return 'MeshCentral\'s account of this id belongs to another user'; }
    }
    return null;
}

function sameUser(stored, userId) { return (typeof stored === 'number' || typeof stored === 'string') && String(stored) === String(userId); }

/** What an account is while it is being adopted: nobody's who could log in, with whom it is adopted by. */
function unfinished(wish) {
    return { type: 'user', _id: wish.id, name: wish.id.split('/')[2], domain: wish.domain, links: {}, tenantId: wish.tenantId || '', userId: wish.userId, adopting: true };
}

/** One text for the person behind an id: an e-mail may pass to another one. */
function keyOf(wish) { return (wish.tenantId || '').toLowerCase() + '/' + wish.userId; }

module.exports = { FOREIGN, isOlderSignOn, conflictOf, unfinished, keyOf };
