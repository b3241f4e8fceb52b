'use strict';
// What the running shim can check without a parser: are our lines still there? It is called at every start of
// MeshCentral, so it needs nothing but the two files, and counts plain strings.

const fs = require('fs');
const path = require('path');
const { HOOKS, MARK, markerOf } = require('./hooks.js');

/** hookLines() → [{ name, file, marker, line }]: what an unmodified naming of MeshCentral's identifiers gets, without
 *  indentation. */
function hookLines() {
    const same = new Proxy({}, { get: (_, name) => name });
    return HOOKS.map((hook) => ({ name: hook.name, file: hook.file, marker: markerOf(hook), line: `${hook.line(same)} ${markerOf(hook)}` }));
}

/** markedLines(text) → every line that carries a marker: { name, number, text, live }. `name` is what follows the marker,
 *  known or not; `live` is false for a line that no longer calls anything (commented out, emptied). */
function markedLines(text) {
    const found = [];
    for (let at = text.indexOf(MARK), number = 1, counted = 0; at !== -1; ) {
        const start = text.lastIndexOf('\n', at) + 1;
        let end = text.indexOf('\n', at);
        if (end === -1) end = text.length;
        const whole = text.slice(start, end).trim();
        number += text.slice(counted, start).split('\n').length - 1;
        counted = start;
        const name = whole.slice(whole.lastIndexOf(MARK) + MARK.length);
        const hook = HOOKS.find((each) => each.name === name);
        found.push({ name, number, text: whole, live: hook !== undefined && whole.startsWith('if (') && whole.includes(hook.calls) });
        at = text.indexOf(MARK, end);
    }
    return found;
}

/** verifyHooks(dir) → { ok, problems, hooks: [{ name, file, count }] } for a MeshCentral folder. `ok` means that each
 *  of our lines is there exactly once and still is a call; whether it is in the right place is for `meshsso-fork check`,
 *  which has a parser. Never throws: an unreadable file is a problem like any other. */
function verifyHooks(dir) {
    const problems = [];
    const texts = new Map();
    const read = (file) => {
        if (!texts.has(file)) {
            try {
                texts.set(file, markedLines(fs.readFileSync(path.join(dir, file), 'latin1')));
            } catch (error) {
                texts.set(file, []);
                problems.push(`${file} cannot be read (${error.code || error.message})`);
            }
        }
        return texts.get(file);
    };
    const hooks = HOOKS.map((hook) => {
        const mine = read(hook.file).filter((line) => line.name === hook.name);
        const count = mine.filter((line) => line.live).length;
        if (mine.length > count) problems.push(`the ${hook.name} hook in ${hook.file} was altered and calls nothing`);
        else if (count === 0) problems.push(`the ${hook.name} hook is missing from ${hook.file}`);
        else if (count > 1) problems.push(`the ${hook.name} hook is in ${hook.file} ${count} times`);
        return { name: hook.name, file: hook.file, count };
    });
    return { ok: problems.length === 0, problems, hooks };
}

module.exports = { hookLines, verifyHooks, markedLines };
