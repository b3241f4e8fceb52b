'use strict';
// The device group of each tenant: where its agents enrol. By itself it gives nobody a right.

const { Denied } = require('./denied');

/** @param {object} webserver MeshCentral's web server object. @param {object} store of createStore. */
function createMeshes(webserver, store) {
    const busy = new Map();

    /**
     * Makes the device group of a tenant if it is not there, or follows a new name.
     * @param {{id: string, name: string, deviceGroupId: string}} tenant of a validation.
     * @returns {Promise<string>} the device group's id.
     */
    function ensure(tenant) {
        const id = tenant.deviceGroupId;
        if (!/^mesh\/[^/]*\/[A-Za-z0-9@$]{64}$/.test(id)) { return Promise.reject(new Denied('INTERNAL', 'a device group id out of shape')); }
        const mesh = webserver.meshes[id];
        if (mesh && mesh.deleted == null && mesh.name === nameOf(tenant)) { return Promise.resolve(id); }
        if (!busy.has(id)) { busy.set(id, write(id, tenant).finally(() => busy.delete(id))); }
        return busy.get(id);
    }

    async function write(id, tenant) {
        const known = webserver.meshes[id];
        const mesh = Object.assign({ type: 'mesh', _id: id, mtype: 2, desc: '', domain: id.split('/')[1], links: {}, creation: Date.now() }, known);
        delete mesh.deleted;
        mesh.name = nameOf(tenant);
        await store.set(mesh);
        webserver.meshes[id] = mesh;
        const event = { etype: 'mesh', meshid: id, name: mesh.name, mtype: 2, desc: mesh.desc, action: known ? 'meshchange' : 'createmesh', links: mesh.links, domain: mesh.domain, nolog: 1 };
        webserver.parent.DispatchEvent(['*', 'server-createmesh', id], webserver, event);
        return id;
    }

    return { ensure };
}

// MeshCentral limits a group's name to 128 characters.
function nameOf(tenant) { return (tenant.name || tenant.id).slice(0, 128); }

module.exports = { createMeshes };
