'use strict';
// Looks at what was changed by hand in MeshCentral, and has it put right.

/**
 * @param {object} webserver MeshCentral's web server object.
 * @param {object} parts {groups, people, movers, placement, log: (text) => void}
 */
function startKeeper(webserver, { groups, people, movers, placement, log }) {
    const waiting = new Map(); // id → job: an edit comes as several events

    function soon(id, job) {
        if (waiting.has(id)) { return; }
        waiting.set(id, job);
        setImmediate(() => {
            waiting.delete(id);
            Promise.resolve().then(job).catch((err) => log(id.slice(0, 16) + '… could not be put right: ' + err.message));
        });
    }

    const LOOK = {
        usergroupchange: ({ ugrpid }) => soon(ugrpid, () => groups.repair(ugrpid)),
        deleteusergroup: ({ ugrpid }) => soon(ugrpid, () => groups.repair(ugrpid)),
        accountchange: ({ userid }) => { if (people.has(userid)) { soon(userid, () => people.repair(userid)); } },
        meshchange: ({ meshid }) => { if (placement.isManaged(meshid)) { soon(meshid, () => people.repairMembers(meshid)); } },
        nodemeshchange: ({ nodeid }) => { if (placement.isOn()) { soon(nodeid, () => movers.queue([nodeid])); } },
        // MeshCentral may write a document that it read before the device was moved.
        changenode: ({ node }) => { if (node && placement.isAstray(node)) { soon(node._id, () => movers.queue([node._id])); } },
        addnode: ({ node }) => { if (placement.isOn() && node) { soon(node._id, () => movers.queue([node._id])); } }
    };

    const listener = {
        HandleEvent(source, event) {
            if (event === null || typeof event !== 'object') { return; }
            const look = LOOK[event.action];
            if (look !== undefined) { look(event); }
        }
    };
    webserver.parent.AddEventDispatch(['*'], listener);
}

module.exports = { startKeeper };
