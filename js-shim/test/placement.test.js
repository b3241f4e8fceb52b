'use strict';
// The device group way: where devices belong by what the sidecar says, and how they get there.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { createMovers } = require('../lib/movers');
const { createPlacement } = require('../lib/placement');
const { startKeeper } = require('../lib/keeper');
const { standInDatabase, standInStore } = require('./database.helper');

const MESH = (c) => 'mesh//' + c.repeat(64);
const NODE = (c) => 'node//' + c.repeat(64);
const LOBBY = { id: '', name: 'lobby', deviceGroupId: MESH('L') };

function world(members, where) {
    const docs = new Map(Object.entries(where).map(([id, meshid]) => [id, { _id: id, type: 'node', domain: '', meshid }]));
    const events = [], faults = [];
    const w = { members, docs, events, faults, changes: 0, fetches: 0 };
    const db = w.db = standInDatabase(docs, { broken: () => w.broken });
    const store = standInStore(db);
    const webserver = {
        wsagents: {}, cleanDevice: (node) => node, CloneSafeNode: (node) => ({ ...node }), CreateMeshDispatchTargets: (id) => [id],
        parent: { GetConnectivityState: () => null, DispatchEvent: (targets, source, event) => events.push([targets[0], event]), AddEventDispatch(ids, listener) { w.listener = listener; } }, meshAgentHandler: { CreateMeshAgent: () => ({}) }
    };
    const tenants = () => Object.keys(w.members).map((id) => ({ id, name: id, deviceGroupId: id, version: w.members[id].join() || 'none' }));
    w.movers = createMovers(webserver, store, (node, current) => w.placement.place(node, current), (text) => faults.push(text));
    w.placement = createPlacement({
        fetchGroups: async () => ({ tenants: tenants(), lobby: LOBBY }), maxAge: () => 1000, meshes: { ensure: async () => { } }, queue: w.movers.queue, changed: () => { w.changes++; },
        fetchDevices: async (id) => { w.fetches++; return { group: { id, version: w.members[id].join() || 'none' }, links: w.members[id].map((node) => ({ id: node, rights: 0 })) }; }
    });
    w.webserver = webserver;
    w.where = () => Object.fromEntries([...docs].map(([id, doc]) => [id, doc.meshid]));
    w.refresh = async () => { await w.placement.refresh(); await w.movers.look(w.placement.managed()); await w.movers.queue([]); };
    return w;
}

test('devices go where their rows say, strangers in tenants\' groups to the lobby, an operator\'s own stay', async () => {
    const w = world({ [MESH('A')]: [NODE('a'), NODE('b')], [MESH('B')]: [NODE('c')] }, { [NODE('a')]: MESH('A'), [NODE('b')]: MESH('O'), [NODE('c')]: MESH('A'), [NODE('x')]: MESH('A'), [NODE('o')]: MESH('O') });
    assert.equal(w.placement.place(NODE('x'), MESH('A')), MESH('A'), 'nobody is moved before the first list has come');
    await w.refresh();
    assert.deepEqual(w.where(), { [NODE('a')]: MESH('A'), [NODE('b')]: MESH('A'), [NODE('c')]: MESH('B'), [NODE('x')]: LOBBY.deviceGroupId, [NODE('o')]: MESH('O') });
    const told = w.events.filter(([target, event]) => target === MESH('A') && event.nodeid === NODE('x'));
    assert.deepEqual(told.map(([, event]) => event.node), [{ _id: NODE('x'), meshid: LOBBY.deviceGroupId }], 'who loses a device learns nothing else of it');
    assert.equal(w.placement.homeOf(NODE('a')), MESH('A'));
    assert.equal(w.placement.homeOf(NODE('x')), undefined);
    const before = w.fetches;
    await w.refresh();
    assert.equal(w.fetches, before, 'nothing is fetched for a version that is held');
});

test('a moved row is answered at once and sweeps; a tenant that is gone leaves nobody behind', async () => {
    const w = world({ [MESH('A')]: [NODE('a')], [MESH('B')]: [] }, { [NODE('a')]: MESH('A') });
    await w.refresh();
    w.members = { [MESH('A')]: [], [MESH('B')]: [NODE('a')] };
    await w.refresh();
    assert.equal(w.placement.homeOf(NODE('a')), MESH('B'));
    assert.equal(w.where()[NODE('a')], MESH('B'));
    assert.equal(w.changes, 1);
    w.members = { [MESH('A')]: [] };
    await w.refresh();
    assert.equal(w.placement.homeOf(NODE('a')), undefined);
    assert.equal(w.where()[NODE('a')], LOBBY.deviceGroupId);
});

test('an agent is in its right group from its first moment, whatever its settings file says', async () => {
    const w = world({ [MESH('A')]: [NODE('a')] }, {});
    w.movers.redirectAgents();
    await w.refresh();
    const agent = w.webserver.meshAgentHandler.CreateMeshAgent();
    agent.dbMeshKey = MESH('A');
    assert.equal(agent.dbMeshKey, MESH('A'), 'it has not said who it is');
    agent.dbNodeKey = NODE('x');
    assert.equal(agent.dbMeshKey, LOBBY.deviceGroupId);
    agent.dbNodeKey = NODE('a');
    agent.dbMeshKey = MESH('O');
    assert.equal(agent.dbMeshKey, MESH('A'));
});

test('a document that MeshCentral read before the device was moved does not take it back', async () => {
    const id = NODE('a');
    const w = world({ [MESH('A')]: [], [MESH('B')]: [id] }, { [id]: MESH('A') });
    startKeeper(w.webserver, { groups: {}, people: {}, movers: w.movers, placement: w.placement, log: (text) => w.faults.push(text) });
    const rename = (name, later) => new Promise((resolve) => {
        w.db.Get(id, async (err, [node]) => {
            await later;
            node.name = name;
            w.db.Set(node, resolve);
            w.listener.HandleEvent(null, { action: 'changenode', nodeid: id, node });
        });
    });
    await Promise.all([rename('while it is moved'), w.refresh()]);
    assert.deepEqual([w.docs.get(id).name, w.docs.get(id).meshid], ['while it is moved', MESH('B')]);
    w.docs.get(id).meshid = MESH('A');
    let moved;
    const late = rename('after it was moved', new Promise((resolve) => { moved = resolve; }));
    await w.movers.queue([id]);
    moved();
    await late;
    assert.equal(w.docs.get(id).meshid, MESH('A'));
    await new Promise(setImmediate);
    await w.movers.queue([]);
    assert.deepEqual([w.docs.get(id).name, w.docs.get(id).meshid, w.faults], ['after it was moved', MESH('B'), []]);
});

test('an answer out of shape moves nobody, and one device that cannot be written stops no other', async () => {
    const w = world({ [MESH('A')]: ['node//short'] }, { [NODE('a')]: MESH('O') });
    await assert.rejects(w.placement.refresh(), { reason: 'INTERNAL' });
    await assert.rejects(w.placement.ensure({ deviceGroupId: 'mesh//../x', version: '1' }), { reason: 'INTERNAL' });
    const v = world({ [MESH('A')]: [NODE('a'), NODE('b')] }, { [NODE('a')]: MESH('O'), [NODE('b')]: MESH('O') });
    v.broken = NODE('a');
    await v.refresh();
    assert.equal(v.where()[NODE('b')], MESH('A'));
    assert.equal(v.faults.length, 1);
});
