'use strict';
// One JavaScript file of MeshCentral as text and syntax tree, and the questions that the hooks ask of it. Places are
// recognised by what the code means (a function of this name, an assignment to that property), never by how it looks.

const acorn = require('acorn');

/** Why a place was not found, in words about syntax. */
class Misfit extends Error {}

const isFunction = (node) => node.type === 'FunctionDeclaration' || node.type === 'FunctionExpression' || node.type === 'ArrowFunctionExpression';
const isIdentifier = (node, name) => node && node.type === 'Identifier' && (name === undefined || node.name === name);
const isMember = (node, property) => node && node.type === 'MemberExpression' && !node.computed && node.property.name === property;
const isNull = (node) => node.type === 'Literal' && node.value === null && node.raw === 'null';
const isCallOfRequire = (node, module) =>
    node.type === 'CallExpression' && isIdentifier(node.callee, 'require') && node.arguments.length === 1 && node.arguments[0].value === module;

const ROUTES = new Set(['get', 'post', 'put', 'patch', 'delete', 'all', 'ws']);

/** descend(node, enter) → all nodes of a subtree in the order of the text. enter(node, parent) may return false to leave
 *  out what is below that node. */
function* descend(root, enter = () => true) {
    const open = [[root, null]];
    while (open.length > 0) {
        const [node, parent] = open.pop();
        yield node;
        if (enter(node, parent) === false) continue;
        const below = [];
        for (const key in node) {
            const value = node[key];
            if (value === null || typeof value !== 'object') continue;
            if (Array.isArray(value)) for (const each of value) each && below.push([each, node]);
            else if (typeof value.type === 'string') below.push([value, node]);
        }
        while (below.length > 0) open.push(below.pop());
    }
}

class Source {
    constructor(text, name) {
        this.text = text;
        this.comments = [];
        try {
            this.tree = acorn.parse(text, { ecmaVersion: 'latest', sourceType: 'script', allowReturnOutsideFunction: true, allowHashBang: true, onComment: this.comments });
        } catch (error) {
            throw new Misfit(`${name} is not JavaScript that can be parsed: ${error.message}`);
        }
        // Every node once, and the way up from it; all questions are then filters.
        this.parents = new Map();
        this.nodes = [...descend(this.tree, (node, parent) => this.parents.set(node, parent))];
    }

    /** The nodes that a node lies in, outermost first. */
    above(node) {
        const way = [];
        for (let at = this.parents.get(node); at; at = this.parents.get(at)) way.unshift(at);
        return way;
    }

    lineOf(offset) {
        return this.text.slice(0, offset).split('\n').length;
    }

    // ---- the questions of hooks.js -------------------------------------------------------------------------------

    /** Before the statement X.webserver = require('./webserver.js').CreateWebServer(X, …). */
    webserverCreation() {
        return this.nodes
            .filter((node) => {
                if (node.type !== 'ExpressionStatement' || node.expression.type !== 'AssignmentExpression') return false;
                const { operator, left, right } = node.expression;
                if (operator !== '=' || !isMember(left, 'webserver') || !isIdentifier(left.object)) return false;
                if (right.type !== 'CallExpression' || !isMember(right.callee, 'CreateWebServer')) return false;
                return isCallOfRequire(right.callee.object, './webserver.js') && isIdentifier(right.arguments[0], left.object.name);
            })
            .map((node) => ({ ...this.positionOf(node), where: 'before', names: { obj: node.expression.left.object.name } }));
    }

    hasFunction(name) {
        return this.functionsNamed(name).length > 0;
    }

    /** The start of each function declared with this name; `roles` names its parameters as the hook's line calls them. */
    startOfFunction(name, roles) {
        return this.functionsNamed(name).map((node) => {
            const server = this.serverAround(node, `function ${name}`);
            return { ...this.startOf(node.body, `function ${name}`), names: { ...server, ...this.parameters(node, roles, `function ${name}`) } };
        });
    }

    /** In obj.METHOD = function (req, res): the start of the block of if (req.query.KEY != null). */
    startOfQueryBranch(method, roles, key) {
        const assigned = this.nodes.filter(
            (node) => node.type === 'AssignmentExpression' && node.operator === '=' && isMember(node.left, method) && isIdentifier(node.left.object) && isFunction(node.right),
        );
        return assigned.flatMap((node) => {
            const what = `the function assigned to ${node.left.object.name}.${method}`;
            const server = this.serverAround(node.right, what);
            if (server.obj !== node.left.object.name) throw new Misfit(`${what} belongs to ${node.left.object.name}, but CreateWebServer returns ${server.obj}`);
            const names = this.parameters(node.right, roles, what);
            return this.nodes
                .filter((each) => {
                    if (each.type !== 'IfStatement' || this.functionAround(each) !== node.right) return false;
                    const { test } = each;
                    if (test.type !== 'BinaryExpression' || (test.operator !== '!=' && test.operator !== '!==') || !isNull(test.right)) return false;
                    return isMember(test.left, key) && isMember(test.left.object, 'query') && isIdentifier(test.left.object.object, names.req);
                })
                .map((each) => {
                    const branch = `the branch of if (${names.req}.query.${key} != null)`;
                    if (each.consequent.type !== 'BlockStatement') throw new Misfit(`${branch} is not a block`);
                    this.refuseShadows([node.right], server, branch);
                    return { ...this.startOf(each.consequent, branch), names: { ...server, ...names } };
                });
        });
    }

    /** Where routes are registered straight in the start-up function (0.7.x): before the first of them, in the block whose
   *  for-in loop calls app.get(url, HANDLER), and after the middleware that sets security headers. */
    beforeFirstRoute(handler) {
        const blocks = new Map(); // block → the variable whose app it is
        for (const node of this.nodes) {
            if (!this.isRoute(node) || !node.arguments.some((argument) => isIdentifier(argument, handler))) continue;
            const around = this.functionAround(node);
            const loop = this.above(node).find((each) => each.type === 'ForInStatement' && around && this.parents.get(each) === around.body);
            if (loop) blocks.set(around.body, node.callee.object.object.name);
        }
        return [...blocks].map(([block, owner]) => {
            const what = `the block that registers ${handler}`;
            const server = this.serverAround(this.parents.get(block), what);
            if (owner !== server.obj) throw new Misfit(`${what} registers it with ${owner}.app, but CreateWebServer returns ${server.obj}`);
            const index = block.body.findIndex((statement) => this.ownCalls(statement).some((call) => this.isRoute(call)));
            const secured = block.body.slice(0, index).some((statement) =>
                this.ownCalls(statement).some((call) => this.isCallOfApp(call, 'use') && call.arguments.some(isFunction)),
            );
            if (!secured) throw new Misfit(`${what} has no ${owner}.app.use(function …) before its first route, so the security middleware would come too late`);
            return { body: block.body, index, where: 'before', names: server };
        });
    }

    // ---- the words that the questions are made of ------------------------------------------------------------------

    functionsNamed(name) {
        return this.nodes.filter((node) => node.type === 'FunctionDeclaration' && isIdentifier(node.id, name));
    }

    functionAround(node) {
        let at = this.parents.get(node);
        while (at && !isFunction(at)) at = this.parents.get(at);
        return at || null;
    }

    /** obj.app.METHOD(…) */
    isCallOfApp(node, method) {
        if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression' || node.callee.computed) return false;
        if (method !== undefined && node.callee.property.name !== method) return false;
        return isMember(node.callee.object, 'app') && isIdentifier(node.callee.object.object);
    }

    /** obj.app.get(path, handler): app.get with one argument reads a setting and registers nothing. */
    isRoute(node) {
        return this.isCallOfApp(node) && ROUTES.has(node.callee.property.name) && node.arguments.length > 1;
    }

    /** Calls that run when the statement runs: those in functions that it merely defines are left out. */
    ownCalls(statement) {
        return [...descend(statement, (node) => !isFunction(node))].filter((node) => node.type === 'CallExpression');
    }

    /** The variables of the CreateWebServer that a node lies in: its first parameter and the object that it returns. */
    serverAround(node, what) {
        const created = this.nodes.filter((each) => each.type === 'AssignmentExpression' && isMember(each.left, 'CreateWebServer') && isFunction(each.right));
        if (created.length !== 1) throw new Misfit(`CreateWebServer is assigned a function ${created.length} times, not once`);
        const server = created[0].right;
        const above = this.above(node);
        if (!above.includes(server)) throw new Misfit(`${what} is not inside CreateWebServer`);
        const [parent] = server.params;
        if (!isIdentifier(parent)) throw new Misfit('the first parameter of CreateWebServer is not a plain name');
        const returned = server.body.type === 'BlockStatement' ? server.body.body.filter((each) => each.type === 'ReturnStatement' && isIdentifier(each.argument)) : [];
        if (returned.length !== 1) throw new Misfit('CreateWebServer does not end in one return of a plain variable');
        const names = { parent: parent.name, obj: returned[0].argument.name };
        this.refuseShadows([...above.slice(above.indexOf(server) + 1), node].filter(isFunction), names, what);
        return names;
    }

    /** parent and obj must mean at the place what they mean in CreateWebServer. */
    refuseShadows(functions, names, what) {
        for (const each of functions) {
            for (const name of [names.parent, names.obj]) {
                if (this.declares(each, name)) throw new Misfit(`${what} lies in a function that declares its own ${name} (line ${this.lineOf(each.start)})`);
            }
        }
    }

    /** Does the function itself, anywhere in it but in functions of its own, declare this name? */
    declares(owner, name) {
        const within = [...descend(owner.body, (node) => !isFunction(node))];
        const patterns = [
            ...owner.params,
            ...within.filter((node) => node.type === 'VariableDeclarator' || node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration').map((node) => node.id),
            ...within.filter((node) => node.type === 'CatchClause' && node.param).map((node) => node.param),
        ];
        return patterns.some((pattern) => [...descend(pattern)].some((node) => isIdentifier(node, name)));
    }

    /** { req: 'req', … }: the real names of a function's parameters, by the role they play in the hook's line. */
    parameters(node, roles, what) {
        if (node.params.length < roles.length) throw new Misfit(`${what} takes ${node.params.length} parameters, not (${roles.join(', ')})`);
        const names = {};
        roles.forEach((role, i) => {
            if (!isIdentifier(node.params[i])) throw new Misfit(`parameter ${i + 1} of ${what} is not a plain name`);
            names[role] = node.params[i].name;
        });
        return names;
    }

    positionOf(statement) {
        const block = this.parents.get(statement);
        const body = block && (block.type === 'BlockStatement' || block.type === 'Program') ? block.body : null;
        if (!body) throw new Misfit(`the statement on line ${this.lineOf(statement.start)} stands in no block`);
        return { body, index: body.indexOf(statement) };
    }

    /** The first statement of a block, after its directives ('use strict'). */
    startOf(block, what) {
        const index = block.body.findIndex((statement) => statement.directive === undefined);
        if (index === -1) throw new Misfit(`${what} has no statement to stand in front of`);
        return { block, body: block.body, index, where: 'first' };
    }
}

module.exports = { Source, Misfit };
