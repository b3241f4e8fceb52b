'use strict';
// The user group of each tenant and role: its device links follow the sidecar by version.

const { Denied } = require('./denied');
const { createPacer } = require('./pacer');

/**
 * @param {object} webserver MeshCentral's web server object. @param {object} store of createStore.
 * @param {object} nodes of createNodeLinks. @param {(group, version) => Promise<object>} fetchLinks the sidecar's GetGroupLinks.
 * @param {() => void} changed called when rights may have been taken away
 */
function createGroups(webserver, store, nodes, fetchLinks, changed) {
    const versions = new Map(); // group id → version applied since this process started
    const current = new Map(); // group id → {group, links: Map(device → mask)}, as the sidecar said last
    const members = new Map(); // group id → Map(user id → user)
    const busy = new Map(); // group id → {version, promise}: people of one tenant who come together share one run
    const pacer = createPacer();

    /** Makes MeshCentral's group equal to the version that a validation named. */
    function ensure(group) {
        if (!/^ugrp\/[^/]*\/[A-Za-z0-9@$]{64}$/.test(group.id)) { return Promise.reject(new Denied('INTERNAL', 'a user group id out of shape')); }
        if (versions.get(group.id) === group.version) { return Promise.resolve(); }
        const running = busy.get(group.id);
        if (running !== undefined && running.version === group.version) { return running.promise; }
        const before = (running === undefined) ? Promise.resolve() : running.promise.catch(() => { });
        const promise = before.then(() => update(group));
        const entry = { version: group.version, promise };
        busy.set(group.id, entry);
        const done = () => { if (busy.get(group.id) === entry) { busy.delete(group.id); } };
        promise.then(done, done);
        return promise;
    }

    async function update(group) {
        if (versions.get(group.id) === group.version) { return; }
        const reply = await fetchLinks(group.id, versions.get(group.id) || '');
        if (!reply.group || reply.group.id !== group.id) { throw new Denied('INTERNAL', 'the sidecar answered for another group'); }
        if (!reply.unchanged) { await apply(reply.group, checkedLinks(reply.links)); }
        versions.set(group.id, reply.group.version);
    }

    async function apply(group, links) {
        current.set(group.id, { group, links }); // at once: rights are answered from here, the documents follow
        changed();
        const doc = webserver.userGroups[group.id] || { type: 'ugrp', _id: group.id, domain: group.id.split('/')[1], desc: 'Managed by MeshSSO. Changes here are overwritten.' };
        const formerly = Object.keys(doc.links || {}).filter((id) => id.startsWith('node/'));
        doc.name = group.name;
        doc.links = linksOf(group.id, links);
        webserver.userGroups[group.id] = doc; // before the devices: MeshCentral drops links to groups that it does not know
        await store.set(doc);
        await nodes.setHolder(group.id, links, formerly);
        // Members' open pages list their devices again: not all at once, each listing keeps MeshCentral busy.
        for (const user of membersOf(group.id).values()) { pacer.add(user._id, () => announce(doc, [user._id])); }
    }

    // Members are people in memory, which the database is never given (db.js); only the devices are worth keeping.
    function linksOf(groupId, links) {
        const all = {};
        for (const user of membersOf(groupId).values()) { all[user._id] = { userid: user._id, name: user.name, rights: 1 }; }
        for (const [node, rights] of links) { all[node] = { rights }; }
        return all;
    }

    function membersOf(groupId) { return members.get(groupId) || new Map(); }

    // A slim event: the stock one would send every link to every member.
    function announce(doc, targets) {
        const event = { etype: 'ugrp', ugrpid: doc._id, name: doc.name, action: 'usergroupchange', links: {}, domain: doc.domain, nolog: 1 };
        webserver.parent.DispatchEvent(targets, webserver, event);
    }

    function join(groupId, user) {
        const doc = webserver.userGroups[groupId];
        if (!doc) { throw new Denied('INTERNAL', 'the user group vanished'); }
        if (!members.has(groupId)) { members.set(groupId, new Map()); }
        members.get(groupId).set(user._id, user);
        doc.links = doc.links || {};
        doc.links[user._id] = { userid: user._id, name: user.name, rights: 1 };
        announce(doc, [user._id]);
    }

    function leave(groupId, user) {
        membersOf(groupId).delete(user._id);
        const doc = webserver.userGroups[groupId];
        if (!doc || !doc.links) { return; }
        delete doc.links[user._id];
        announce(doc, [user._id]);
    }

    /** Puts right what somebody changed in a group of ours by hand: in its links, its name, or its being there at all. */
    async function repair(groupId) {
        const known = current.get(groupId);
        if (known === undefined || busy.has(groupId)) { return; }
        const doc = webserver.userGroups[groupId];
        const wanted = linksOf(groupId, known.links);
        if (doc && doc.name === known.group.name && same(doc.links || {}, wanted)) { return; }
        const strangers = Object.keys((doc && doc.links) || {}).filter((id) => wanted[id] === undefined);
        for (const id of strangers) { await cut(groupId, id); }
        await apply(known.group, known.links);
    }

    // Who or what was linked by hand keeps a link of its own, by which MeshCentral's server decides.
    async function cut(groupId, id) {
        const other = webserver.users[id] || webserver.meshes[id];
        if (!other || !other.links || other.links[groupId] === undefined) { return; }
        delete other.links[groupId];
        if (other.type === 'mesh') { return store.set(other); }
        webserver.db.SetUser(other);
        webserver.parent.DispatchEvent([id], webserver, 'resubscribe');
        const event = { etype: 'user', userid: id, username: other.name, account: webserver.CloneSafeUser(other), action: 'accountchange', domain: other.domain, nolog: 1 };
        webserver.parent.DispatchEvent(['*', 'server-users', id], webserver, event);
    }

    return {
        ensure, join, leave, repair,
        /** The group's mask on a device; 0 is none. */
        maskOf: (groupId, node) => (current.has(groupId) && current.get(groupId).links.get(node)) || 0,
        devicesOf: (groupId) => (current.has(groupId) ? [...current.get(groupId).links.keys()] : [])
    };
}

function same(links, wanted) {
    const ids = Object.keys(wanted);
    return Object.keys(links).length === ids.length && ids.every((id) => links[id] !== undefined && links[id].rights === wanted[id].rights);
}

const ID = /^(?:node|mesh)\/[^/]*\/[A-Za-z0-9@$]{64}$/;

// A mask with "manage computers" (4) on a device breaks MeshCentral's page, and is more than any role of ours has.
function checkedLinks(links, kind = 'node') {
    const map = new Map();
    for (const link of links) {
        if (!ID.test(link.id) || !link.id.startsWith(kind + '/') || !Number.isInteger(link.rights) || (link.rights & 4) !== 0) {
            throw new Denied('INTERNAL', 'the sidecar answered a link out of shape');
        }
        map.set(link.id, link.rights);
    }
    return map;
}

module.exports = { createGroups, checkedLinks };
