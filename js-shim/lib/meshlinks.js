'use strict';
// People's links to the device groups of their tenants, in MeshCentral's memory: its page reads them in the group, its server in
// the account (people.js).

/** @param {object} webserver MeshCentral's web server object. */
function createMeshLinks(webserver) {

    /** States the device groups of one person, a Map(device group id → rights); `before` are those that he had. */
    function setMember(user, before, wanted) {
        for (const id of before.keys()) { if (!wanted.has(id)) { change(id, user, null); } }
        for (const [id, rights] of wanted) { change(id, user, rights); }
    }

    function change(id, user, rights) {
        const mesh = webserver.meshes[id];
        if (!mesh) { return; }
        const links = mesh.links || (mesh.links = {});
        if (rights === null) {
            if (links[user._id] === undefined) { return; }
            delete links[user._id];
        } else {
            if (links[user._id] && links[user._id].rights === rights) { return; }
            links[user._id] = { name: user.name, rights };
        }
        // To this person alone, and with nobody else's link in it.
        const own = (rights === null) ? {} : { [user._id]: links[user._id] };
        const event = { etype: 'mesh', meshid: id, name: mesh.name, mtype: mesh.mtype, desc: mesh.desc, action: 'meshchange', links: own, domain: mesh.domain, nolog: 1 };
        webserver.parent.DispatchEvent([user._id], webserver, event);
    }

    return { setMember };
}

module.exports = { createMeshLinks };
