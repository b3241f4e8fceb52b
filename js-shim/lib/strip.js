'use strict';
// Takes out of MeshCentral's database what an account left there: more than MeshCentral's own account deletion takes (that
// one leaves share links and saved device passwords), less only the person's files on disk and the events.

const STATE = ['ws', 'im', 'nt', 'ntp']; // page state, picture, notes about and by the account: MeshCentral's prefixes

/** @param {object} webserver MeshCentral's web server object. @param {object} store of createStore. */
function createStrip(webserver, store) {

    /**
     * Removes what gives access by the account's id alone (login tokens, share links), and what its next holder must not see.
     * MeshCentral finds all of these by the id, whoever has it by then.
     */
    async function leftovers(id) {
        for (const type of ['logintoken', 'deviceshare']) {
            for (const doc of await store.all(type)) { if (doc.userid === id) { await store.remove(doc._id); } }
        }
        for (const prefix of STATE) { await store.remove(prefix + id); }
    }

    /** Removes everything; the account's own document last, so that what a crash leaves is found and finished. */
    async function everything(id) {
        await leftovers(id);
        for (const type of ['mesh', 'ugrp', 'node']) {
            for (const doc of await store.all(type)) { if (mentions(doc, id)) { await unlink(doc._id, id); } }
        }
        await store.remove(id);
    }

    // Read again right before it is written: MeshCentral changes devices all the time.
    async function unlink(docId, id) {
        const live = webserver.meshes[docId] || webserver.userGroups[docId];
        if (live && live.links) { delete live.links[id]; }
        const doc = await store.get(docId);
        if (doc === null || !mentions(doc, id)) { return; }
        for (const field of ['links', 'ssh', 'rdp']) { if (doc[field]) { delete doc[field][id]; } }
        await store.set(doc);
        announce(live || doc);
    }

    // Open pages follow: the lists of members, and the devices' links.
    function announce(doc) {
        const event = { domain: doc.domain, nolog: 1 };
        let targets = ['*', doc._id];
        if (doc.type === 'mesh') { Object.assign(event, { etype: 'mesh', meshid: doc._id, name: doc.name, mtype: doc.mtype, desc: doc.desc, action: 'meshchange', links: doc.links }); }
        if (doc.type === 'ugrp') { Object.assign(event, { etype: 'ugrp', ugrpid: doc._id, name: doc.name, desc: doc.desc, action: 'usergroupchange', links: doc.links }); }
        if (doc.type === 'node') {
            Object.assign(event, { etype: 'node', nodeid: doc._id, action: 'changenode', node: webserver.CloneSafeNode(doc) });
            targets = webserver.CreateNodeDispatchTargets(doc.meshid, doc._id);
        }
        webserver.parent.DispatchEvent(targets, webserver, event);
    }

    return { leftovers, everything };
}

function mentions(doc, id) { return ['links', 'ssh', 'rdp'].some((field) => doc[field] && doc[field][id] !== undefined); }

module.exports = { createStrip };
