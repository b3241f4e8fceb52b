'use strict';
// Reverse links. MeshCentral's server decides by the links of users and user groups, its page by the links in each
// device's document. This keeps the documents equal to what is wanted, also for a device that MeshCentral made anew
// (agents that run without being installed lose their document at every disconnect).

const TOGETHER = 10; // documents

/**
 * @param {object} webserver MeshCentral's web server object. @param {object} store of createStore.
 * @param {(message: string) => void} log
 */
function createNodeLinks(webserver, store, log) {
    const wanted = new Map(); // node id → Map(holder id → rights); holders are our user groups and people
    const holders = new Set(); // holders whose links we know, so that what is not wanted may be removed
    const queued = new Map(); // node id → promise of the run in progress

    /**
     * States all links of one holder, a Map(node id → rights), and makes the documents follow.
     * @param {string[]} [formerly] devices that had its link before this process started
     */
    async function setHolder(holder, links, formerly = []) {
        holders.add(holder);
        const touched = new Set([...links.keys(), ...formerly]);
        for (const [node, map] of wanted) {
            if (map.has(holder) && !links.has(node)) { map.delete(holder); touched.add(node); if (map.size === 0) { wanted.delete(node); } }
        }
        for (const [node, rights] of links) {
            if (!wanted.has(node)) { wanted.set(node, new Map()); }
            wanted.get(node).set(holder, rights);
        }
        // A few at a time, with a breath between: a tenant may have hundreds, and everybody else goes on meanwhile.
        // Of a group, its members are told by whoever changed it; a single person's few devices are told of one by one.
        const rest = [...touched];
        const tell = holder.startsWith('user/');
        while (rest.length > 0) {
            await Promise.all(rest.splice(0, TOGETHER).map((node) => reconcile(node, tell)));
            await new Promise(setImmediate);
        }
    }

    // One run a device at a time; a request during a run waits for it and runs again.
    function reconcile(node, tell) {
        const before = queued.get(node) || Promise.resolve();
        const run = before.then(() => write(node, tell)).catch((err) => log('device ' + node.slice(0, 16) + '…: ' + err.message));
        queued.set(node, run);
        return run.finally(() => { if (queued.get(node) === run) { queued.delete(node); } });
    }

    async function write(id, tell) {
        const node = await store.change(id, (doc) => {
            if (doc === null || doc.type !== 'node' || !complete(doc)) { return null; } // null: not enrolled yet, addnode will come
            return webserver.cleanDevice(doc);
        });
        if (node === null || !tell) { return; }
        const event = { etype: 'node', action: 'changenode', nodeid: id, domain: node.domain, node: webserver.CloneSafeNode(node), nolog: 1 };
        webserver.parent.DispatchEvent(webserver.CreateNodeDispatchTargets(node.meshid, id), webserver, event);
    }

    /** Gives a device's document the links that are wanted, and only those of holders that are known. Returns whether it changed. */
    function complete(node) {
        const links = Object.assign({}, node.links);
        const want = wanted.get(node._id) || new Map();
        let changed = false;
        for (const holder of Object.keys(links)) {
            if ((holders.has(holder) && !want.has(holder)) || forgotten(holder)) { delete links[holder]; changed = true; }
        }
        for (const [holder, rights] of want) {
            if (!links[holder] || links[holder].rights !== rights) { links[holder] = { rights }; changed = true; }
        }
        if (changed) { node.links = links; }
        return changed;
    }

    // People are in memory only: what a device's document holds of them after a restart is nobody's.
    function forgotten(holder) { return holder.startsWith('user/') && webserver.users[holder] === undefined && !holders.has(holder); }

    // MeshCentral tells every change of a device; those of ours are looked at again.
    const listener = {
        HandleEvent(source, event) {
            if (event === null || typeof event !== 'object') { return; }
            if (event.action !== 'addnode' && event.action !== 'nodeconnect' && event.action !== 'changenode') { return; }
            const id = event.nodeid || (event.node && event.node._id);
            if (typeof id === 'string' && wanted.has(id) && !queued.has(id)) { reconcile(id, true); } // during a run, what was written was completed
        }
    };

    return {
        setHolder,
        start() {
            store.completeNodes(complete);
            webserver.parent.AddEventDispatch(['*'], listener);
        }
    };
}

module.exports = { createNodeLinks };
