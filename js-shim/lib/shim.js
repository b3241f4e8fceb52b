'use strict';
// The wiring: one object that a MeshCentral server holds.

const { createAccounts } = require('./accounts');
const { createClient } = require('./client');
const { createGroups } = require('./groups');
const { createLog, redactDebug } = require('./log');
const { createMeshes } = require('./meshes');
const { createNodeLinks } = require('./nodes');
const { createPeople } = require('./people');
const { createRefusal } = require('./refusal');
const { createSignIn } = require('./signin');
const { createStore, keepOutOfDatabase } = require('./db');
const { createHealth } = require('./health');
const { createRootHook } = require('./hooks/root');
const { createMeshActionHook } = require('./hooks/meshaction');
const { createHttpHook } = require('./hooks/http');
const { createWebSocketHook } = require('./hooks/websocket');
const { Denied } = require('./denied');
const { extractToken } = require('./token');

/** @param {object} parent MeshCentral's server object. @param {object} config of readConfig. */
function createShim(parent, config) {
    const log = createLog(parent);
    const client = createClient(config);
    const health = createHealth(config, client, log);
    let state = null; // people, meshes, accounts: made when MeshCentral's web server exists

    function attach(webserver) {
        const store = createStore(parent);
        const nodes = createNodeLinks(webserver, store, log.fault);
        const groups = createGroups(webserver, store, nodes, client.groupLinks);
        const meshes = createMeshes(webserver, store);
        const accounts = createAccounts(webserver, { store, adopt: config.adoptAccounts, log, now: Date.now });
        state = { people: createPeople(webserver, { groups, meshes, nodes, accounts, now: Date.now }), meshes, accounts };
        accounts.start(state.people);
        nodes.start();
    }

    function people() {
        if (state === null) { throw new Denied('INTERNAL', 'MeshCentral is not ready'); }
        return state.people;
    }

    const parts = { config, people, signIn: createSignIn({ config, client, people, log }), refusal: createRefusal({ config, log }) };
    const http = createHttpHook(parts);

    return {
        /** Starts: from now on people of ours never reach MeshCentral's database, and its log shows no token. */
        init() {
            keepOutOfDatabase(parent.db, (user) => state !== null && (state.people.isOurs(user) || state.accounts.keepsOut(user)));
            redactDebug(parent);
            if (config.dashboardOrigins.length > 0) { parent.config.settings.allowframing = true; } // bounded by frame-ancestors
            health.start();
            log.info('JWT Authentication Module Initialized');
        },
        /** Validates a token outside a request. cb(user|null): a MeshCentral user object, or null with the reason in the log. */
        validateToken(token, cb) {
            parts.signIn.admit(String(token), {}).then(({ user }) => { log.ok(user._id, {}); cb(user); }, (err) => {
                log.denied(Denied.from(err), 'HOOK_UNSPECIFIED', {});
                cb(null);
            });
        },
        /** The token of a request, or null. */
        extractToken(req) { try { return extractToken(req, config).token || null; } catch (err) { return null; } },
        /** Makes a tenant's device group. The id is the sidecar's (`tenant.deviceGroupId` of a validation). */
        ensureTenantMesh: (tenant) => (state === null) ? Promise.reject(new Denied('INTERNAL', 'MeshCentral is not ready')) : state.meshes.ensure(tenant),
        /** Resolves to {ok, reason}. */
        healthCheck: () => health.check(),
        root: createRootHook(parts),
        meshaction: createMeshActionHook(parts),
        http(webserver) { attach(webserver); http(webserver); },
        websocket: createWebSocketHook(parts),
        close() { health.stop(); client.close(); if (state !== null) { state.people.close(); } }
    };
}

module.exports = { createShim };
