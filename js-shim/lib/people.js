'use strict';
// The people who are signed in through us, as user objects in MeshCentral's memory.

const { Denied } = require('./denied');
const { checkedLinks } = require('./groups');
const { isFoldedEmail } = require('./ids');
const { closeTunnels } = require('./tunnels');

const MAX_TIMER = 0x7FFFFFFF; // the longest that a Node timer waits, in milliseconds

/**
 * @param {object} webserver MeshCentral's web server object. @param {object} parts {groups, meshes, nodes, accounts, now}
 */
function createPeople(webserver, { groups, meshes, nodes, accounts, now }) {
    const people = new Map(); // user id → {user, group, links, expires, timer, ticket}
    const made = new WeakSet(); // every user object that came from here, also of people who have ended

    /**
     * Makes or refreshes the person of a validation's answer. Returns {user, expires (ms), mark}.
     * @param {number} ticket rising, drawn before the validation was asked for: an answer that was overtaken by a later one
     *   changes nothing, or a right that was taken away meanwhile would come back
     */
    async function admit(reply, ticket) {
        const wish = wishOf(reply);
        if (wish.expires <= now()) { throw new Denied('TOKEN_EXPIRED'); }
        await accounts.settle(wish, ticket);
        if (reply.tenant) { await meshes.ensure(reply.tenant); }
        if (reply.userGroup) { await groups.ensure(reply.userGroup); }
        accounts.confirm(wish); // MeshCentral may have made an account while we waited
        const person = people.get(wish.id) || enter(wish);
        expireAt(person, Math.max(person.expires, wish.expires)); // first: what follows may wait for a database
        if (ticket >= person.ticket) {
            person.ticket = ticket;
            await refresh(person, wish);
        }
        // Once more: if the id went to another person meanwhile, the caller must not sign anybody in under it.
        return { user: person.user, expires: wish.expires, mark: accounts.confirm(wish) };
    }

    // Whether MeshCentral's account of this id is the object that we made. By identity: MeshCentral may have made one since.
    function holds(id) {
        const person = people.get(id);
        return person !== undefined && webserver.users[id] === person.user;
    }

    function enter(wish) {
        const seconds = Math.floor(now() / 1000);
        const user = { type: 'user', _id: wish.id, emailVerified: true, domain: wish.domain, links: {}, creation: seconds, login: seconds, access: seconds };
        const person = { user, group: null, links: new Map(), expires: 0, timer: null, ticket: 0 };
        made.add(user);
        people.set(wish.id, person);
        return person;
    }

    // The object is changed in place: open control sockets hold it.
    async function refresh(person, wish) {
        const { user } = person;
        const before = JSON.stringify([user.links, user.siteadmin, user.name]);
        Object.assign(user, { name: wish.name, realname: wish.realName, email: wish.email, siteadmin: wish.siteadmin, tenantId: wish.tenantId });
        const links = {};
        if (wish.group) { links[wish.group] = { rights: 1 }; }
        for (const [node, rights] of wish.links) { links[node] = { rights }; }
        user.links = links;
        webserver.users[user._id] = user;
        if (person.group !== wish.group) {
            if (person.group) { groups.leave(person.group, user); }
            person.group = wish.group;
        }
        if (wish.group) { groupMembership(person); }
        if (before !== JSON.stringify([user.links, user.siteadmin, user.name])) { announce(user); }
        if (wish.links.size > 0 || person.links.size > 0) { person.links = wish.links; await nodes.setHolder(user._id, wish.links); }
    }

    function groupMembership(person) {
        const doc = webserver.userGroups[person.group];
        if (!doc || !doc.links || !doc.links[person.user._id]) { groups.join(person.group, person.user); }
    }

    function announce(user) {
        const { parent } = webserver;
        parent.DispatchEvent([user._id], webserver, 'resubscribe');
        const event = { etype: 'user', userid: user._id, username: user.name, account: webserver.CloneSafeUser(user), action: 'accountchange', domain: user.domain, nolog: 1 };
        parent.DispatchEvent(['*', 'server-users', user._id], webserver, event);
    }

    function expireAt(person, expires) {
        person.expires = expires;
        clearTimeout(person.timer);
        const wait = Math.min(expires - now(), MAX_TIMER);
        person.timer = setTimeout(() => {
            if (person.expires > now()) { expireAt(person, person.expires); } else { end(person.user._id); }
        }, Math.max(wait, 0));
        person.timer.unref();
    }

    /** Ends a person at once: the account, every socket, tunnel and download. Cookies that name the account are dead with it. */
    function end(id) {
        const person = people.get(id);
        if (person === undefined) { return; }
        clearTimeout(person.timer);
        const held = holds(id);
        people.delete(id);
        if (held) { delete webserver.users[id]; }
        if (person.group) { groups.leave(person.group, person.user); }
        if (person.links.size > 0) { nodes.setHolder(id, new Map()); }
        webserver.parent.DispatchEvent([id], webserver, 'close');
        closeTunnels(webserver, id);
    }

    return {
        admit, end,
        has: holds,
        isOurs: (user) => made.has(user) || (user !== webserver.users[user._id] && holds(user._id)), // or a copy of one
        close() { for (const person of people.values()) { clearTimeout(person.timer); } }
    };
}

/** The answer of the sidecar, checked: what is out of shape is a fault and gives nothing. */
function wishOf(reply) {
    const user = reply && reply.user;
    const expires = reply && reply.expiresAt ? reply.expiresAt.seconds * 1000 + Math.floor((reply.expiresAt.nanos || 0) / 1e6) : NaN;
    const parts = (user && typeof user.id === 'string') ? user.id.split('/') : [];
    const sound = parts.length === 3 && parts[0] === 'user' && parts[1] === user.domain && isFoldedEmail(parts[2]) &&
        Number.isFinite(expires) && Number.isInteger(user.siteadmin) && typeof user.name === 'string' && user.name !== '';
    if (!sound) { throw new Denied('INTERNAL', 'the sidecar answered a user out of shape'); }
    return {
        id: user.id, name: user.name, realName: user.realName, email: user.email, domain: user.domain, siteadmin: user.siteadmin,
        tenantId: user.tenantId, userId: user.userId, expires, group: reply.userGroup ? reply.userGroup.id : null, links: checkedLinks(user.links || [])
    };
}

module.exports = { createPeople };
