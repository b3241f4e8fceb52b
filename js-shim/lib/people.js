'use strict';
// The people who are signed in through us, as user objects in MeshCentral's memory; and the principals of the proxy's sessions,
// each of which is one person on one device, with an account id of its own that nobody else can have.

const { Denied } = require('./denied');
const { checkedLinks } = require('./groups');
const { isFoldedEmail, poolId, principalId } = require('./ids');
const { both, union } = require('./rights');

const FULL = 0xFFFFFFFF; // a full site administrator
// Site rights that take something away: locked, no new groups, no tools, settings locked, no new devices. A principal has no other.
const RESTRICTING = 32 | 64 | 128 | 1024 | 4096;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const POOL = 'tenant:'; // begins the subject of a tenant's pool, in whose name the proxy asks which devices are online
const NOTHING = { group: null, links: new Map(), meshes: new Map() };

/**
 * @param {object} webserver MeshCentral's web server object. @param {object} parts {accounts, groups, meshes, nodes, placement, meshLinks, now, changed()}
 */
function createPeople(webserver, { accounts, groups, meshes, nodes, placement, meshLinks, now, changed }) {
    const people = new Map(); // user id → {user, sessionId (of a principal), group, links, meshes, ticket, lead}
    const made = new WeakSet(); // every user object that came from here, also of people who have ended

    /**
     * Makes or refreshes the person of a validation's answer. Returns {user, expires (ms), freshFor (ms), reach, settled: a promise of
     *   MeshCentral's documents following}.
     * @param {number} ticket rising, drawn before the validation was asked for: an answer that was overtaken by a later one
     *   changes nothing, or a right that was taken away meanwhile would come back
     * @param {string} token (or id of the proxy's session) whose answer it is. MeshCentral has one account for all tokens of a
     *   person: the one that was presented last leads, and the timely questions about the others do not change what the account may do.
     * @param {boolean} presented false for a question of the shim's own
     */
    async function admit(reply, ticket, token, presented) {
        const asked = now();
        const wish = wishOf(reply);
        if (wish.expires <= asked) { throw new Denied('TOKEN_EXPIRED'); }
        const { settle, confirm } = (wish.sessionId === null) ? accounts : PRINCIPALS;
        await settle(wish, ticket);
        if (reply.tenant) { await meshes.ensure(reply.tenant); }
        if (reply.userGroup) { await groups.ensure(reply.userGroup); }
        if (wish.meshes.size > 0) { await placement.settle(reply.tenant); }
        confirm(wish); // MeshCentral may have made an account while we waited, or the e-mail passed to another person
        const person = people.get(wish.id) || enter(wish);
        let settled = null;
        if (ticket >= person.ticket && (presented || person.lead === null || person.lead === token)) {
            Object.assign(person, { ticket, lead: token });
            settled = refresh(person, wish);
        }
        const reach = { group: wish.group, links: wish.links, meshes: wish.meshes, siteadmin: wish.siteadmin };
        reach.text = JSON.stringify([reach.group, reach.siteadmin, [...reach.links], [...reach.meshes]]);
        return { user: person.user, expires: wish.expires, freshFor: Math.max(0, wish.freshFor - (now() - asked)), reach, settled };
    }

    // Nothing can have been left under an id that was never used before, and accounts of that shape are not let in (reserve.js).
    const PRINCIPALS = {
        async settle() { },
        confirm({ id, sessionId }) {
            const person = people.get(id);
            if ((person !== undefined && person.sessionId !== sessionId) || (webserver.users[id] !== undefined && !holds(id))) { throw new Denied('ACCOUNT_CONFLICT', 'the id of a principal is taken'); }
        }
    };

    /** A token leads no longer: the next answer about another one of the same person may. */
    function unlead(id, token) {
        const person = people.get(id);
        if (person !== undefined && person.lead === token) { person.lead = null; }
    }

    // Whether MeshCentral's account of this id is the object that we made. By identity: MeshCentral may have made one since.
    function holds(id) {
        const person = people.get(id);
        return person !== undefined && webserver.users[id] === person.user;
    }

    function enter(wish) {
        const seconds = Math.floor(now() / 1000);
        const user = { type: 'user', _id: wish.id, emailVerified: true, domain: wish.domain, links: {}, creation: seconds, login: seconds, access: seconds };
        const person = { user, sessionId: wish.sessionId, since: now(), group: null, links: new Map(), meshes: new Map(), ticket: 0, lead: null };
        made.add(user);
        people.set(wish.id, person);
        return person;
    }

    // The object is changed in place: open control sockets hold it.
    function refresh(person, wish) {
        const { user } = person;
        const before = JSON.stringify([user.links, user.siteadmin, user.name]);
        Object.assign(user, { name: wish.name, realname: wish.realName, email: wish.email, siteadmin: wish.siteadmin, tenantId: wish.tenantId });
        user.links = linksOf(wish);
        const former = person.links;
        webserver.users[user._id] = user;
        meshLinks.setMember(user, person.meshes, wish.meshes);
        Object.assign(person, { links: wish.links, meshes: wish.meshes, siteadmin: wish.siteadmin });
        if (person.group !== wish.group) {
            if (person.group) { groups.leave(person.group, user); }
            person.group = wish.group;
        }
        if (wish.group) { groupMembership(person); }
        if (before !== JSON.stringify([user.links, user.siteadmin, user.name])) { announce(user); changed(); }
        // A principal is nowhere but in memory: its page gets the link in the answers that it is sent (guard/answers.js).
        if (person.sessionId !== null) { return null; }
        return (wish.links.size > 0 || former.size > 0) ? nodes.setHolder(user._id, wish.links) : null;
    }

    /** The account's mask on a device now; 0 is none. */
    function maskOf(id, node) { return holds(id) ? maskIn(people.get(id), node) : 0; }

    function maskIn({ group, links, meshes: groupsOfDevices }, node) {
        let mask = union(links.get(node) || 0, group === null ? 0 : groups.maskOf(group, node));
        const home = (groupsOfDevices.size > 0) ? placement.homeOf(node) : undefined;
        if (home !== undefined) { mask = union(mask, groupsOfDevices.get(home) || 0); }
        return mask;
    }

    /** The mask of one session: what its own token gives, and no more than the account has now. */
    function sessionMask({ userId, reach }, node) { return both(maskOf(userId, node), maskIn(reach, node)); }

    /** The masks of a session on every device of the account. */
    function sessionMasks(session) {
        const { group, links, meshes: groupsOfDevices } = people.get(session.userId) || NOTHING;
        const devices = new Set([...links.keys(), ...(group === null ? [] : groups.devicesOf(group)), ...[...groupsOfDevices.keys()].flatMap(placement.nodesOf)]);
        return [...devices].map((node) => sessionMask(session, node));
    }

    function isSiteAdmin({ userId, reach }) { return holds(userId) && (people.get(userId).user.siteadmin & reach.siteadmin) >>> 0 === FULL; }

    /** Puts right what somebody changed in the account of a person of ours by hand. */
    function repair(id) {
        if (!holds(id)) { return; }
        const person = people.get(id);
        const wanted = linksOf(person);
        if (JSON.stringify([person.user.links, person.user.siteadmin]) === JSON.stringify([wanted, person.siteadmin])) { return; }
        Object.assign(person.user, { links: wanted, siteadmin: person.siteadmin });
        if (person.group) { groupMembership(person); }
        meshLinks.setMember(person.user, person.meshes, person.meshes);
        announce(person.user);
    }

    function repairMembers(meshId) {
        for (const { user, meshes: groupsOfDevices } of people.values()) {
            if (holds(user._id) && groupsOfDevices.has(meshId)) { meshLinks.setMember(user, groupsOfDevices, groupsOfDevices); }
        }
    }

    function linksOf({ group, links, meshes: groupsOfDevices }) {
        const all = {};
        if (group) { all[group] = { rights: 1 }; }
        for (const [id, rights] of [...links, ...groupsOfDevices]) { all[id] = { rights }; }
        return all;
    }

    function groupMembership(person) {
        const doc = webserver.userGroups[person.group];
        if (!doc || !doc.links || !doc.links[person.user._id]) { groups.join(person.group, person.user); }
    }

    function announce(user) {
        const { parent } = webserver;
        parent.DispatchEvent([user._id], webserver, 'resubscribe');
        const event = { etype: 'user', userid: user._id, username: user.name, account: webserver.CloneSafeUser(user), action: 'accountchange', domain: user.domain, nolog: 1 };
        parent.DispatchEvent(isPrincipal(user._id) ? [user._id] : ['*', 'server-users', user._id], webserver, event);
    }

    function isPool(id) { return isPrincipal(id) && people.get(id).sessionId.startsWith(POOL); }

    function isPrincipal(id) { return holds(id) && people.get(id).sessionId !== null; }

    /** Takes a person out of MeshCentral. What was open for him is closed by whoever calls (live.js), the control sockets here too. */
    function end(id) {
        const person = people.get(id);
        if (person === undefined) { return; }
        const held = holds(id);
        people.delete(id);
        if (held) { delete webserver.users[id]; }
        if (person.group) { groups.leave(person.group, person.user); }
        if (person.links.size > 0 && person.sessionId === null) { nodes.setHolder(id, new Map()); }
        meshLinks.setMember(person.user, person.meshes, new Map());
        webserver.parent.DispatchEvent([id], webserver, 'close');
    }

    return {
        admit, end,
        repair, repairMembers, maskOf, sessionMask, sessionMasks, isSiteAdmin, unlead,
        has: holds, isPrincipal, isPool,
        /** Since when (ms) a person is here; Infinity if he is not. */
        since: (id) => (holds(id) ? people.get(id).since : Infinity),
        userOf: (id) => (holds(id) ? people.get(id).user : null),
        isOurs: (user) => made.has(user) || (user !== webserver.users[user._id] && holds(user._id)) // or a copy of one
    };
}

/** The answer of the sidecar, checked: what is out of shape is a fault and gives nothing. */
function wishOf(reply) {
    const user = reply && reply.user;
    const [expires, freshFor] = [milliseconds(reply && reply.expiresAt), milliseconds(reply && reply.freshFor)];
    const parts = (user && typeof user.id === 'string') ? user.id.split('/') : [];
    const links = splitLinks((user && user.links) || []);
    const named = reply && reply.session ? isPrincipalOf(reply, links) : isFoldedEmail(parts[2]);
    const sound = parts.length === 3 && parts[0] === 'user' && parts[1] === user.domain && named &&
        Number.isFinite(expires) && Number.isFinite(freshFor) && freshFor >= 0 && Number.isInteger(user.siteadmin) && typeof user.name === 'string' && user.name !== '';
    if (!sound) { throw new Denied('INTERNAL', 'the sidecar answered a user out of shape'); }
    return {
        id: user.id, name: user.name, realName: user.realName, email: user.email, domain: user.domain, siteadmin: user.siteadmin,
        sessionId: reply.session ? reply.session.id : null,
        tenantId: user.tenantId, userId: user.userId, expires, freshFor, group: reply.userGroup ? reply.userGroup.id : null, ...links
    };
}

function isPrincipalOf(reply, links) {
    if (reply.userGroup || (reply.user.siteadmin & ~RESTRICTING) !== 0) { return false; }
    const { id } = reply.session;
    return (typeof id === 'string' && id.startsWith(POOL)) ? isPoolOf(reply, id.slice(POOL.length)) : isSessionOf(reply, links);
}

// One session, one device, nothing else.
function isSessionOf({ user, session, tenant }, { links, meshes }) {
    return UUID.test(session.id) && isFoldedEmail(user.email) && user.id === principalId(user.domain, session.id, user.email) && !tenant && meshes.size === 0 && links.size === 1;
}

// One tenant and nobody's e-mail.
function isPoolOf({ user, tenant }, tenantId) {
    return UUID.test(tenantId) && user.id === poolId(user.domain, tenantId) && user.email === '' && Boolean(tenant) && tenant.id === tenantId;
}

// Links to single devices, and to the device groups of tenants (the device group way).
function splitLinks(links) {
    const isMesh = (link) => typeof link.id === 'string' && link.id.startsWith('mesh/');
    return { links: checkedLinks(links.filter((link) => !isMesh(link))), meshes: checkedLinks(links.filter(isMesh), 'mesh') };
}

// Of a protobuf Timestamp or Duration; NaN if there is none.
function milliseconds(time) { return time ? time.seconds * 1000 + Math.floor((time.nanos || 0) / 1e6) : NaN; }

module.exports = { createPeople };
