'use strict';
// The wiring: one object that a MeshCentral server holds.

const { createAccounts } = require('./accounts');
const { answerRights } = require('./rights');
const { createClient } = require('./client');
const { createCookies } = require('./cookies');
const { createEndedPoll } = require('./ended');
const { createFollower } = require('./follower');
const { createGroups } = require('./groups');
const { createLive } = require('./live');
const { createLog, redactDebug } = require('./log');
const { createMeshes } = require('./meshes');
const { createMeshLinks } = require('./meshlinks');
const { createMovers } = require('./movers');
const { createNodeLinks } = require('./nodes');
const { createPeople } = require('./people');
const { createPlacement } = require('./placement');
const { createPolicyHolder } = require('./policy/holder');
const { createRefusal } = require('./refusal');
const { createRefusals } = require('./refusals');
const { createRequestGuard } = require('./guard/request');
const { createRules } = require('./rules');
const { createSessions } = require('./sessions');
const { createSignIn } = require('./signin');
const { createStore, keepOutOfDatabase } = require('./db');
const { createHealth } = require('./health');
const { createRootHook } = require('./hooks/root');
const { createMeshActionHook } = require('./hooks/meshaction');
const { createHttpHook } = require('./hooks/http');
const { createWebSocketHook } = require('./hooks/websocket');
const { reserveNames, sweepPrincipals } = require('./reserve');
const { startKeeper } = require('./keeper');
const { guardControl } = require('./guard/control');
const { guardRelay } = require('./guard/relay');
const { Denied } = require('./denied');
const { extractToken } = require('./token');

const FRESH = 1000; // ms: what is wanted of the sidecar before its cache lifetime is known

// What the guards stand on. A MeshCentral without one of these would run without that guard: it must not run.
function requireParts(parent, webserver) {
    const parts = {
        'meshuser.js CreateMeshUser': webserver.meshUserHandler && webserver.meshUserHandler.CreateMeshUser,
        'meshrelay.js CreateMeshRelay': webserver.meshRelayHandler && webserver.meshRelayHandler.CreateMeshRelay,
        'meshagent.js CreateMeshAgent': webserver.meshAgentHandler && webserver.meshAgentHandler.CreateMeshAgent,
        GetNodeWithRights: webserver.GetNodeWithRights, GetNodeRights: webserver.GetNodeRights, encodeCookie: parent.encodeCookie, decodeCookie: parent.decodeCookie
    };
    const missing = Object.keys(parts).filter((name) => typeof parts[name] !== 'function');
    if (missing.length > 0) { throw new Error('JWT Auth: this MeshCentral lacks ' + missing.join(', ') + ', which MeshSSO guards'); }
}

/** @param {object} parent MeshCentral's server object. @param {object} config of readConfig. */
function createShim(parent, config) {
    const log = createLog(parent);
    const client = createClient(config);
    const health = createHealth(config, client, log);
    const refusals = createRefusals({ report: client.reportRefusals, log });
    const refusal = createRefusal({ config, log });
    const policy = createPolicyHolder(client.policy, String(parent.currentVer || ''), log.info);
    let state = null; // everything that stands on MeshCentral's web server: made when that exists
    const rules = createRules({ changed: () => { if (state !== null) { state.sessions.askAll(); } }, now: Date.now });
    const signIn = createSignIn({ config, client, people: () => ready().people, sessions: () => ready().sessions, cookies: () => ready().cookies, policy, rules, refusals, log });

    // Who is here and what he may do; then the guards, which stand on it; then the hooks.
    function attach(webserver) {
        requireParts(parent, webserver);
        webserver.destroyedSessions = webserver.destroyedSessions || {}; // MeshCentral before 1.0 has none
        const now = Date.now;
        const store = createStore(parent);
        const live = createLive(webserver, (session, node) => people.sessionMask(session, node));
        const nodes = createNodeLinks(webserver, store, log.fault);
        const groups = createGroups(webserver, store, nodes, client.groupLinks, live.sweep);
        const meshes = createMeshes(webserver, store);
        const movers = createMovers(webserver, store, (node, current) => placement.place(node, current), log.fault);
        const placement = createPlacement({ fetchGroups: client.deviceGroups, fetchDevices: client.groupLinks, maxAge: () => sessions.lifetime() / 4 || FRESH, meshes, queue: movers.queue, changed: live.sweep });
        const accounts = createAccounts(webserver, { store, adopt: config.adoptAccounts, log });
        const people = createPeople(webserver, { accounts, groups, meshes, nodes, placement, meshLinks: createMeshLinks(webserver), now, changed: live.sweep });
        const sessions = createSessions({ ask: signIn.ask, people, live, destroyed: () => webserver.destroyedSessions, log, now, random: Math.random, opened: () => ended.wake() });
        const ended = createEndedPoll({ ask: client.endedSessions, ids: sessions.ofProxy, end: (id) => sessions.endOfProxy(id, new Denied('SESSION_UNKNOWN', 'the session of the proxy ended')) });
        const cookies = createCookies(parent, { people, sessions, isThere: (id) => webserver.users[id] !== undefined, now });

        reserveNames(webserver);
        sweepPrincipals(webserver, store, log);
        accounts.start(people, sessions.endAll);
        const parts = { config, log, people, sessions, cookies, live, policy, refusals, refusal, signIn };
        parts.guardRequest = createRequestGuard(parts);
        parts.pageCookies = (session, req) => (options) => {
            if (options.authCookie !== undefined) { Object.assign(options, cookies.forPage(session, (req.xdomain || { id: '' }).id, req.clientIp)); }
        };
        answerRights(webserver, people.has, people.maskOf, log.fault);
        guardControl(webserver, parts);
        guardRelay(webserver, parts);
        nodes.start();
        const follower = createFollower({ placement, movers, lifetime: sessions.lifetime, log });
        startKeeper(webserver, { groups, people, movers, placement, log: log.fault });
        movers.redirectAgents();
        follower.start();
        createHttpHook(parts)(webserver);
        return { accounts, people, sessions, ended, cookies, meshes, follower, root: createRootHook(parts), meshaction: createMeshActionHook(parts), websocket: createWebSocketHook(parts) };
    }

    function ready() {
        if (state === null) { throw new Denied('INTERNAL', 'MeshCentral is not ready'); }
        return state;
    }

    return {
        /** Starts: from now on people of ours never reach MeshCentral's database, and its log shows no token. */
        init() {
            keepOutOfDatabase(parent.db, (user) => state !== null && (state.people.isOurs(user) || state.accounts.keepsOut(user)), (id) => state !== null && state.people.has(id));
            redactDebug(parent);
            if (config.dashboardOrigins.length > 0) { parent.config.settings.allowframing = true; } // bounded by frame-ancestors
            health.start();
            log.info('JWT Authentication Module Initialized');
        },
        /** Validates a token outside a request. cb(user|null): a MeshCentral user object, or null with the reason in the log. */
        validateToken(token, cb) {
            const present = async () => { const { userId } = await signIn.present({ token: String(token) }, {}); return ready().people.userOf(userId); };
            present().then((user) => { log.ok(user._id, {}); cb(user); }, (err) => {
                log.denied(Denied.from(err), 'HOOK_UNSPECIFIED', {});
                cb(null);
            });
        },
        /** The token of a request, or null. */
        extractToken(req) { try { return extractToken(req, config).token || null; } catch (err) { return null; } },
        /** Makes a tenant's device group. The id is the sidecar's (`tenant.deviceGroupId` of a validation). */
        ensureTenantMesh: async (tenant) => ready().meshes.ensure(tenant),
        /** Resolves to {ok, reason}. */
        healthCheck: () => health.check(),
        root: (...args) => ready().root(...args),
        meshaction: (...args) => ready().meshaction(...args),
        http(webserver) { state = attach(webserver); },
        websocket: (...args) => ready().websocket(...args),
        close() { health.stop(); refusals.close(); rules.close(); client.close(); if (state !== null) { state.sessions.close(); state.ended.stop(); state.follower.stop(); } }
    };
}

module.exports = { createShim };
