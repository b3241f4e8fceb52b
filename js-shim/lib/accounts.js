'use strict';
// Accounts that MeshCentral keeps in its database, where a person of ours has the same id. Three kinds:
//   - somebody's own (no `tenantId`): never touched, unless the operator says `adoptAccounts`;
//   - written by the in-process module of old: they carry `tenantId`, and give nothing at all until their person signs in;
//   - none: but what an account of that id once left behind (login tokens, share links, page state) is nobody's any more.
// An account is adopted by removing it: a person of ours inherits nothing, also not from himself.

const { Denied } = require('./denied');
const { hideDocuments } = require('./hide');
const { FOREIGN, conflictOf, isOlderSignOn, keyOf, unfinished } = require('./ownership');
const { createStrip } = require('./strip');
const { closeTunnels } = require('./tunnels');

/**
 * @param {object} webserver MeshCentral's web server object. @param {object} parts {store, adopt: boolean, log}
 */
function createAccounts(webserver, { store, adopt, log }) {
    const { parent } = webserver;
    const strip = createStrip(webserver, store);
    const held = new Map(); // user id → the account that MeshCentral does not see
    const gone = new WeakSet(); // objects that MeshCentral may still save late, and must not
    const ownWrites = new WeakSet();
    const holders = new Map(); // user id → {key, ticket} of the latest person of ours under it
    const busy = new Map(); // user id → {key, promise}
    let people = null;
    let endSessions = null;

    /** Before anybody can connect: MeshCentral has read its accounts, and is about to set its routes up.
     * @param {object} ours of createPeople. @param {(id: string, denied: Denied) => void} endAll of createSessions */
    function start(ours, endAll) {
        people = ours;
        endSessions = endAll;
        for (const account of Object.values(webserver.users)) { if (isOlderSignOn(account)) { hold(account); } }
        if (held.size > 0) { log.info('JWT Auth: ' + held.size + ' account(s) of an older sign-on are held until their person signs in'); }
        occupyDomains();
        hideDocuments(parent.db, (id) => held.has(id));
        // MeshCentral takes accounts over that another program writes into a MongoDB.
        parent.AddEventDispatch(['*'], {
            HandleEvent(source, event) {
                if (event === null || typeof event !== 'object' || (event.action !== 'accountcreate' && event.action !== 'accountchange')) { return; }
                const account = webserver.users[event.userid];
                if (account && isOlderSignOn(account) && !people.isOurs(account)) { hold(account); }
            }
        });
    }

    // MeshCentral makes whoever comes first a site administrator where a domain has no accounts, even with `newAccounts` off.
    // People of ours are in no database, so such a domain is the normal case after the last old account was adopted.
    function occupyDomains() {
        for (const [domain, { share }] of Object.entries(parent.config.domains)) {
            if (share != null) { continue; }
            const keeper = { type: 'user', _id: 'user/' + domain + '/~meshsso', name: '~', domain, links: {}, siteadmin: 32 }; // 32: locked; "~" is not listed
            gone.add(keeper);
            webserver.users[keeper._id] = keeper;
        }
    }

    // Nothing that names a held id finds an account, and MeshCentral cannot put another one in its place. An accessor, because
    // MeshCentral looks accounts up in its own object at more than a hundred places.
    function hold(account) {
        const id = account._id;
        held.set(id, account);
        gone.add(account);
        Object.defineProperty(webserver.users, id, {
            configurable: true, enumerable: false, get: () => undefined,
            set(other) { gone.add(other); log.account('an account ' + id + ' was not made: the id is held'); }
        });
        parent.DispatchEvent([id], webserver, 'close');
        closeTunnels(webserver, id);
    }

    function release(id) {
        delete webserver.users[id];
        held.delete(id);
    }

    /**
     * Makes an id free for the person of a wish, and ends whoever had it before. Rejects with Denied.
     * @param {object} wish {id, domain, tenantId, userId} @param {number} ticket rising, drawn before the validation was asked for
     */
    async function settle(wish, ticket) {
        const holder = holders.get(wish.id);
        if (holder === undefined) {
            holders.set(wish.id, { key: keyOf(wish), ticket });
        } else if (holder.key === keyOf(wish)) {
            holder.ticket = Math.max(holder.ticket, ticket);
        } else {
            // The e-mail is another person's now. What was asked about the former one earlier may still be answered.
            if (ticket < holder.ticket) { throw new Denied('USER_MISMATCH', 'an answer about a former holder of the id came late'); }
            holders.set(wish.id, { key: keyOf(wish), ticket });
            endSessions(wish.id, new Denied('USER_MISMATCH', 'the e-mail is another person\'s now'));
            people.end(wish.id);
        }
        if (!people.has(wish.id)) { await free(wish); }
        confirm(wish);
    }

    /**
     * Whether an id is still the wish's person's after the caller has waited for something. Throws Denied.
     */
    function confirm(wish) {
        if (holders.get(wish.id).key !== keyOf(wish)) { throw new Denied('USER_MISMATCH', 'the id is another person\'s meanwhile'); }
        if (held.has(wish.id) || (webserver.users[wish.id] !== undefined && !people.has(wish.id))) { throw new Denied('ACCOUNT_CONFLICT', FOREIGN); }
    }

    // Sign-ins of one person at the same time share a run; another person's waits for it.
    function free(wish) {
        const running = busy.get(wish.id);
        if (running !== undefined && running.key === keyOf(wish)) { return running.promise; }
        const before = (running === undefined) ? Promise.resolve() : running.promise.catch(() => { });
        const entry = { key: keyOf(wish), promise: before.then(() => vacate(wish)) };
        busy.set(wish.id, entry);
        const done = () => { if (busy.get(wish.id) === entry) { busy.delete(wish.id); } };
        entry.promise.then(done, done);
        return entry.promise;
    }

    async function vacate(wish) {
        if (people.has(wish.id)) { return; }
        // The database too: an account may have been made on the command line since MeshCentral started.
        const account = held.get(wish.id) || webserver.users[wish.id] || await store.get(wish.id);
        if (account === null) { await strip.leftovers(wish.id); } else { await adoptAccount(wish, account); }
    }

    async function adoptAccount(wish, account) {
        const conflict = conflictOf(account, wish, adopt);
        if (conflict !== null) { throw new Denied('ACCOUNT_CONFLICT', conflict); }
        if (!held.has(wish.id)) { hold(account); }
        // First in one write: no password, factor, right or link is left, and a crash from here on leaves an account that is
        // held at the next start and finished at this person's next sign-in.
        const rest = unfinished(wish);
        ownWrites.add(rest);
        await store.set(rest);
        await strip.everything(wish.id);
        release(wish.id);
        log.account('adopted ' + wish.id);
    }

    return {
        start, settle, confirm,
        /** Whether MeshCentral must not save this user object. */
        keepsOut: (user) => !ownWrites.has(user) && (gone.has(user) || held.has(user._id))
    };
}

module.exports = { createAccounts };
