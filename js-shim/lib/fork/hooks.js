'use strict';
// The five places in MeshCentral where MeshSSO is called, as data: which file, how the place is found in the
// syntax tree, and the one line that is inserted there. Nothing here is copied from MeshCentral, and nothing here
// needs a package: the shim reads this list at start-up, where no parser is installed or wanted.
//
// A finder gets a Source (see source.js) and returns every match as a place:
//   { body, index, where, names }   the list of statements, the position in it, 'first' or 'before', the identifiers
// or throws Misfit with the syntactic reason. Anything but exactly one match is refused by plan.js.

/** Versions whose published package was patched, parsed and (for 1.1.x) run in the tests of this repository. */
const TESTED = ['0.7.99', '1.1.51', '1.1.55'];

const PACKAGE = 'meshsso-shim';
const MARK = '// meshsso:';

const HOOKS = [
    {
        name: 'init',
        file: 'meshcentral.js',
        calls: `require('${PACKAGE}').start(`,
        place: "before the statement that assigns X.webserver = require('./webserver.js').CreateWebServer(X, …)",
        find: (source) => source.webserverCreation(),
        line: ({ obj }) => `if (${obj}.args.jwtauth) { ${obj}.jwtAuth = require('${PACKAGE}').start(${obj}); }`,
    },
    {
        name: 'root',
        file: 'webserver.js',
        calls: '.jwtAuth.root(',
        place: 'first statement of function handleRootRequest(req, res, direct)',
        find: (source) => source.startOfFunction('handleRootRequest', ['req', 'res', 'direct']),
        line: ({ parent, obj, req, res, direct }) =>
      `if (${parent}.jwtAuth && ${parent}.jwtAuth.root(${obj}, ${req}, ${res}, () => handleRootRequest(${req}, ${res}, ${direct}))) { return; }`,
    },
    {
        name: 'meshaction',
        file: 'webserver.js',
        calls: '.jwtAuth.meshaction(',
        place: 'first statement of the block of if (req.query.meshaction != null) in obj.handleMeshAgentRequest',
        find: (source) => source.startOfQueryBranch('handleMeshAgentRequest', ['req', 'res'], 'meshaction'),
        line: ({ parent, obj, req, res }) =>
      `if (${parent}.jwtAuth && ${parent}.jwtAuth.meshaction(${obj}, ${req}, ${res}, () => ${obj}.handleMeshAgentRequest(${req}, ${res}))) { return; }`,
    },
    {
        name: 'http',
        file: 'webserver.js',
        calls: '.jwtAuth.http(',
        place: 'first statement of function setupHTTPHandlers; without that function (0.7.x), before the first route of the start-up block',
        find: (source) => (source.hasFunction('setupHTTPHandlers') ? source.startOfFunction('setupHTTPHandlers', []) : source.beforeFirstRoute('handleRootRequest')),
        line: ({ parent, obj }) => `if (${parent}.jwtAuth) { ${parent}.jwtAuth.http(${obj}); }`,
    },
    {
        name: 'websocket',
        file: 'webserver.js',
        calls: '.jwtAuth.websocket(',
        place: 'first statement of function PerformWSSessionAuth(ws, req, noAuthOk, func)',
        find: (source) => source.startOfFunction('PerformWSSessionAuth', ['ws', 'req', 'noAuthOk', 'func']),
        line: ({ parent, obj, ws, req, noAuthOk, func }) =>
      `if (${parent}.jwtAuth && ${parent}.jwtAuth.websocket(${obj}, ${ws}, ${req}, ${noAuthOk}, () => PerformWSSessionAuth(${ws}, ${req}, ${noAuthOk}, ${func}))) { return; }`,
    },
];

/** The files that hold hooks, in the order in which they are written: init first, so that a tree that was left half
 *  written has a shim that refuses to start rather than a server that runs without one. */
const FILES = [...new Set(HOOKS.map((hook) => hook.file))];

/** The comment that ends an inserted line and says whose it is. */
const markerOf = (hook) => MARK + hook.name;

module.exports = { HOOKS, FILES, TESTED, PACKAGE, MARK, markerOf };
