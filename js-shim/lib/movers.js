'use strict';
// Moves devices into the device groups where they belong: in MeshCentral's database one by one, and at an agent's connection
// before MeshCentral has asked anything about it.

const BREATH = 20; // documents between two turns for everybody else
const PAGE = 200; // documents read at a time

/**
 * @param {object} webserver MeshCentral's. @param {object} store of createStore.
 * @param {(node: string, current: string) => string} place of createPlacement. @param {(text: string) => void} log
 */
function createMovers(webserver, store, place, log) {
    const waiting = new Set();
    let running = null;

    /** Has these devices looked at, soon, each once. */
    function queue(nodeIds) {
        for (const id of nodeIds) { waiting.add(id); }
        if (running === null && waiting.size > 0) { running = work().finally(() => { running = null; }); }
        return running;
    }

    async function work() {
        for (let done = 1; waiting.size > 0; done++) {
            const [id] = waiting;
            waiting.delete(id);
            try { await settle(id); } catch (err) { log('device ' + id.slice(0, 16) + '… could not be moved: ' + err.message); }
            if (done % BREATH === 0) { await new Promise(setImmediate); }
        }
    }

    async function settle(id) {
        let from, to;
        const node = await store.change(id, (doc) => {
            if (doc === null || doc.type !== 'node' || typeof doc.meshid !== 'string') { return null; } // not enrolled yet
            from = doc.meshid;
            to = place(id, from);
            if (to === from) { return null; }
            doc.meshid = to;
            return webserver.cleanDevice(doc);
        });
        if (node === null) { return; }
        const agent = webserver.wsagents[id];
        if (agent) { agent.meshid = to.split('/')[2]; }
        await store.change('lc' + id, (last) => (last !== null && last.meshid !== to ? { ...last, meshid: to } : null));
        announce(node, from, to);
    }

    // Open pages follow. Those of the former group learn that the device is gone and nothing else of it.
    function announce(node, from, to) {
        const event = { etype: 'node', action: 'nodemeshchange', nodeid: node._id, oldMeshId: from, newMeshId: to, domain: node.domain, nolog: 1 };
        webserver.parent.DispatchEvent(targets(from), webserver, { ...event, node: { _id: node._id, meshid: to } });
        webserver.parent.DispatchEvent(targets(to), webserver, { ...event, node: webserver.CloneSafeNode(withState(node)) });
    }

    function withState(node) {
        const state = webserver.parent.GetConnectivityState(node._id);
        return state ? { ...node, conn: state.connectivity, pwr: state.powerState } : node;
    }

    /** Looks through all documents of these device groups for devices that do not belong there, page by page. */
    async function look(meshIds) {
        const wrong = [];
        for (let skip = 0; ; skip += PAGE) {
            const nodes = await store.nodesIn(meshIds, skip, PAGE);
            for (const node of nodes) { if (place(node._id, node.meshid) !== node.meshid) { wrong.push(node._id); } }
            if (nodes.length < PAGE) { break; }
            await new Promise(setImmediate);
        }
        await queue(wrong);
    }

    function targets(meshId) { return webserver.CreateMeshDispatchTargets(meshId, []); }

    // An agent names its own group. What MeshCentral reads of it from the first moment on is where the device belongs.
    function redirectAgents() {
        const handler = webserver.meshAgentHandler;
        const create = handler.CreateMeshAgent;
        handler.CreateMeshAgent = function (...args) {
            const agent = create.apply(handler, args);
            if (agent !== null && typeof agent === 'object') { redirect(agent); }
            return agent;
        };
    }

    function redirect(agent) {
        let wish = agent.dbMeshKey;
        Object.defineProperty(agent, 'dbMeshKey', {
            configurable: true, enumerable: true,
            get: () => ((typeof wish === 'string' && typeof agent.dbNodeKey === 'string') ? place(agent.dbNodeKey, wish) : wish),
            set(value) { wish = value; }
        });
    }

    return { queue, look, redirectAgents };
}

module.exports = { createMovers };
