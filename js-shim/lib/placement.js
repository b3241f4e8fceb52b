'use strict';
// The device group way: which device belongs into which tenant's device group, as the sidecar says. What belongs to nobody
// and sits in a group of ours waits in the lobby, which no person is linked to.

const { Denied } = require('./denied');

const GROUP_ID = /^mesh\/[^/]*\/[A-Za-z0-9@$]{64}$/;

/**
 * @param {object} parts {fetchGroups(domain, maxAgeMs), fetchDevices(groupId, version, maxAgeMs): the sidecar's ListDeviceGroups and
 *   GetGroupLinks, maxAge(): how old (ms) what it tells may be,
 *   meshes: createMeshes, queue(nodeIds): has their documents looked at, changed(): called when rights may have been taken away}
 */
function createPlacement({ fetchGroups, fetchDevices, maxAge, meshes, queue, changed }) {
    const groups = new Map(); // device group id → {version, nodes: Set}
    const homes = new Map(); // node id → device group id
    const busy = new Map(); // device group id → promise
    let lobby = null; // {id, name, deviceGroupId}

    /** Makes the membership of a tenant's group the one that a validation or a list named. */
    function ensure({ deviceGroupId: id, version }) {
        if (!GROUP_ID.test(id)) { return Promise.reject(new Denied('INTERNAL', 'a device group id out of shape')); }
        if (groups.has(id) && groups.get(id).version === version) { return Promise.resolve(); }
        if (!busy.has(id)) { busy.set(id, update(id).finally(() => busy.delete(id))); }
        return busy.get(id);
    }

    async function update(id) {
        const known = groups.get(id);
        const reply = await fetchDevices(id, known ? known.version : '', maxAge());
        if (!reply.group || reply.group.id !== id) { throw new Denied('INTERNAL', 'the sidecar answered for another group'); }
        if (reply.unchanged && known) { return; }
        apply(id, reply.group.version, reply.links.map((link) => checkedDevice(link.id)));
    }

    // Rights are answered from here at once; the documents follow.
    function apply(id, version, nodeIds) {
        const nodes = new Set(nodeIds);
        const before = groups.has(id) ? groups.get(id).nodes : new Set();
        const left = [...before].filter((node) => !nodes.has(node));
        for (const node of left) { if (homes.get(node) === id) { homes.delete(node); } }
        for (const node of nodes) { homes.set(node, id); }
        groups.set(id, { version, nodes });
        if (left.length > 0) { changed(); }
        queue([...left, ...[...nodes].filter((node) => !before.has(node))]);
    }

    /** Brings everything up to date. Resolves to whether the device group way is on. */
    async function refresh(domain = '') {
        const { tenants, lobby: waiting } = await fetchGroups(domain, maxAge());
        if (!waiting || !GROUP_ID.test(waiting.deviceGroupId)) { throw new Denied('INTERNAL', 'the sidecar names no lobby'); }
        await meshes.ensure(waiting);
        lobby = waiting;
        for (const tenant of tenants) {
            await meshes.ensure(tenant);
            await ensure(tenant);
        }
        const alive = new Set(tenants.map((tenant) => tenant.deviceGroupId));
        for (const id of groups.keys()) { if (!alive.has(id) && groups.get(id).nodes.size > 0) { apply(id, '', []); } }
    }

    /** Before a person's rights are answered from here: the whole picture once, then his own tenant's newest. */
    async function settle(tenant) {
        if (lobby === null) { await refresh(); }
        if (tenant && tenant.version !== '') { await ensure(tenant); }
    }

    return {
        ensure, refresh, settle,
        /** The device group of a device, or undefined. */
        homeOf: (node) => homes.get(node),
        /** Whether the way is on: until the first list has come nobody is moved anywhere. */
        isOn: () => lobby !== null,
        isManaged,
        managed: () => [...groups.keys(), lobby.deviceGroupId],
        nodesOf: (groupId) => (groups.has(groupId) ? [...groups.get(groupId).nodes] : []),
        place,
        /** Whether a device's document names another group than the one where it belongs. */
        isAstray: ({ _id: id, meshid }) => typeof meshid === 'string' && place(id, meshid) !== meshid
    };

    /** Where a device belongs that is in the group `current` now (or wants to be). */
    function place(node, current) {
        if (lobby === null) { return current; }
        return homes.get(node) || (isManaged(current) ? lobby.deviceGroupId : current);
    }

    function isManaged(id) { return lobby !== null && (groups.has(id) || id === lobby.deviceGroupId); }
}

function checkedDevice(id) {
    if (!/^node\/[^/]*\/[A-Za-z0-9@$]{64}$/.test(id)) { throw new Denied('INTERNAL', 'the sidecar answered a device out of shape'); }
    return id;
}

module.exports = { createPlacement };
