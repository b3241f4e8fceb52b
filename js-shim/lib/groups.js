'use strict';
// The user group of each tenant and role: its device links follow the sidecar by version.

const { Denied } = require('./denied');

/**
 * @param {object} webserver MeshCentral's web server object. @param {object} store of createStore.
 * @param {object} nodes of createNodeLinks. @param {(group, version) => Promise<object>} fetchLinks the sidecar's GetGroupLinks.
 * @param {() => void} changed called when rights may have been taken away
 */
function createGroups(webserver, store, nodes, fetchLinks, changed) {
    const versions = new Map(); // group id → version applied since this process started
    const current = new Map(); // group id → Map(device → mask), as the sidecar said last
    const busy = new Map(); // group id → {version, promise}: people of one tenant who come together share one run

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
        current.set(group.id, links); // at once: rights are answered from here, the documents follow
        changed();
        const doc = webserver.userGroups[group.id] || { type: 'ugrp', _id: group.id, domain: group.id.split('/')[1], desc: 'Managed by MeshSSO. Changes here are overwritten.' };
        const before = Object.entries(doc.links || {});
        const formerly = before.map(([id]) => id).filter((id) => id.startsWith('node/'));
        doc.name = group.name;
        doc.links = Object.fromEntries(before.filter(([id]) => id.startsWith('user/')));
        for (const [node, rights] of links) { doc.links[node] = { rights }; }
        webserver.userGroups[group.id] = doc; // before the devices: MeshCentral drops links to groups that it does not know
        // Members are people in memory; only the devices are worth keeping.
        await store.set(Object.assign({}, doc, { links: Object.fromEntries(Object.entries(doc.links).filter(([id]) => !id.startsWith('user/'))) }));
        await nodes.setHolder(group.id, links, formerly);
        announce(doc);
    }

    // A slim event: members' open pages list their devices again. The stock one would send every link to every member.
    function announce(doc, extraTargets) {
        const event = { etype: 'ugrp', ugrpid: doc._id, name: doc.name, action: 'usergroupchange', links: {}, domain: doc.domain, nolog: 1 };
        webserver.parent.DispatchEvent([doc._id].concat(extraTargets || []), webserver, event);
    }

    function join(groupId, user) {
        const doc = webserver.userGroups[groupId];
        if (!doc) { throw new Denied('INTERNAL', 'the user group vanished'); }
        doc.links = doc.links || {};
        doc.links[user._id] = { userid: user._id, name: user.name, rights: 1 };
        announce(doc, [user._id]);
    }

    function leave(groupId, user) {
        const doc = webserver.userGroups[groupId];
        if (!doc || !doc.links) { return; }
        delete doc.links[user._id];
        announce(doc, [user._id]);
    }

    return {
        ensure, join, leave,
        /** The group's mask on a device; 0 is none. */
        maskOf: (groupId, node) => (current.has(groupId) && current.get(groupId).get(node)) || 0,
        devicesOf: (groupId) => (current.has(groupId) ? [...current.get(groupId).keys()] : [])
    };
}

// A mask with "manage computers" (4) on a device breaks MeshCentral's page, and is more than any role of ours has.
function checkedLinks(links) {
    const map = new Map();
    for (const link of links) {
        if (!/^node\/[^/]*\/[A-Za-z0-9@$]{64}$/.test(link.id) || !Number.isInteger(link.rights) || (link.rights & 4) !== 0) {
            throw new Denied('INTERNAL', 'the sidecar answered a device link out of shape');
        }
        map.set(link.id, link.rights);
    }
    return map;
}

module.exports = { createGroups, checkedLinks };
