'use strict';
// Text in, text out: puts the hook lines into a file, takes them out again, and says what state a file is in.
// A file is "applied" when taking our lines out and putting them in again gives exactly the file that is there.

const { HOOKS, MARK, markerOf } = require('./hooks.js');
const { markedLines } = require('./markers.js');
const { Source, Misfit } = require('./source.js');

const hooksOf = (file) => HOOKS.filter((hook) => hook.file === file);

/** weave(text, file) → { text, problems, hooks: [{ name, line, number }] }: the file with its hook lines. With any
 *  problem ({ hook, file, matches, message }) nothing was inserted and `text` is null. */
function weave(text, file) {
    const hooks = hooksOf(file);
    let source;
    try {
        source = new Source(text, file);
    } catch (error) {
        if (!(error instanceof Misfit)) throw error;
        return { text: null, hooks: [], problems: hooks.map((hook) => ({ hook: hook.name, file, matches: 0, message: error.message })) };
    }
    const problems = [];
    const insertions = [];
    for (const hook of hooks) {
        let places = [];
        try {
            places = hook.find(source);
            if (places.length !== 1) throw new Misfit(places.length === 0 ? 'nothing of this shape is there' : `lines ${places.map((place) => source.lineOf(place.body[place.index].start)).join(', ')} all have this shape`);
            insertions.push({ hook, ...lineFor(source, hook, places[0]) });
        } catch (error) {
            if (!(error instanceof Misfit)) throw error;
            problems.push({ hook: hook.name, file, matches: places.length, message: `${error.message} (looked for: ${hook.place})` });
        }
    }
    if (problems.length > 0) return { text: null, hooks: [], problems };

    insertions.sort((a, b) => a.at - b.at);
    let woven = '';
    let from = 0;
    for (const insertion of insertions) {
        woven += text.slice(from, insertion.at);
        insertion.start = woven.length + insertion.indent.length;
        woven += insertion.indent + insertion.line + insertion.ending;
        from = insertion.at;
    }
    woven += text.slice(from);
    prove(woven, file, insertions);
    return { text: woven, problems: [], hooks: insertions.map(({ hook, line, start }) => ({ name: hook.name, line, number: woven.slice(0, start).split('\n').length })) };
}

/** Where the line of a hook goes, and how it is indented and ended. */
function lineFor(source, hook, place) {
    const { text } = source;
    const statement = place.body[place.index];
    const lineStart = (offset) => text.lastIndexOf('\n', offset - 1) + 1;
    const nextLine = (offset) => text.indexOf('\n', offset) + 1;
    const opening = place.index === 0 ? place.block && place.block.start : place.body[place.index - 1].end - 1;
    const at = place.where === 'first' ? nextLine(opening) : lineStart(statement.start);
    const inComment = source.comments.some((comment) => comment.start < at && at < comment.end);
    const alone = place.where === 'first' ? at > 0 && at <= statement.start : text.slice(at, statement.start).trim() === '';
    if (!alone || inComment) throw new Misfit(`line ${source.lineOf(statement.start)} leaves no room for a line of our own in front of its statement`);
    const indent = /^[ \t]*/.exec(text.slice(lineStart(statement.start)))[0];
    const ending = text.slice(0, at).endsWith('\r\n') ? '\r\n' : '\n';
    return { at, indent, ending, line: `${hook.line(place.names)} ${markerOf(hook)}` };
}

/** The result is parsed again: each line must be a statement where its finder says it should be. A failure here is a
 *  fault of this tool, so it is an exception and not a refusal. */
function prove(woven, file, insertions) {
    const source = new Source(woven, `${file} with its hooks`);
    for (const { hook, line, start } of insertions) {
        const places = hook.find(source);
        const place = places[0];
        const statement = places.length === 1 && place.body[place.where === 'first' ? place.index : place.index - 1];
        const right = statement && statement.type === 'IfStatement' && statement.start === start && line.startsWith(woven.slice(statement.start, statement.end));
        if (!right) throw new Error(`the ${hook.name} hook would not stand where it should in ${file}`);
    }
}

/** unweave(text, file) → { text, removed, stuck }: the file without our lines. A line that carries our marker but is not
 *  one whole call of ours (somebody joined it with other code) is not touched and comes back in `stuck`. */
function unweave(text, file) {
    const removed = [];
    const stuck = [];
    const lines = text.split(/(?<=\n)/);
    const ours = new Map(markedLines(text).map((line) => [line.number, line]));
    const kept = lines.filter((line, i) => {
        const marked = ours.get(i + 1);
        if (!marked) return true;
        if (!isOneCall(marked.text)) {
            stuck.push({ file, number: i + 1, text: marked.text });
            return true;
        }
        removed.push({ file, number: i + 1, name: marked.name, text: marked.text });
        return false;
    });
    return { text: kept.join(''), removed, stuck };
}

/** A line that is nothing but one of our calls, as inserted, edited, or commented out. */
function isOneCall(line) {
    if (!line.includes('jwtAuth')) return false;
    try {
        const { body } = new Source(line, 'line').tree;
        return body.length === 0 || (body.length === 1 && body[0].type === 'IfStatement' && body[0].alternate === null);
    } catch (error) {
        if (error instanceof Misfit) return false;
        throw error;
    }
}

/** examine(text, file) → { state, hooks: [{ name, state, number, detail }], woven }: state is
 *  'absent' (no line of ours), 'applied' (every line as and where it should be) or 'altered' (anything between);
 *  a hook is 'in place', 'missing', 'altered', 'duplicated' or 'moved'; `problems` as in weave. */
function examine(text, file) {
    const marked = markedLines(text);
    const bare = marked.length === 0 ? text : unweave(text, file).text;
    const woven = weave(bare, file);
    if (marked.length === 0) return { state: 'absent', problems: woven.problems, woven, hooks: hooksOf(file).map((hook) => ({ name: hook.name, file, state: 'missing' })) };

    const hooks = hooksOf(file).map((hook) => {
        const mine = marked.filter((line) => line.name === hook.name);
        const wanted = woven.hooks.find((each) => each.name === hook.name);
        const base = { name: hook.name, file };
        if (mine.length === 0) return { ...base, state: 'missing', detail: 'has no line' };
        const number = mine[0].number;
        if (mine.length > 1) return { ...base, number, state: 'duplicated', detail: `has lines ${mine.map((line) => line.number).join(', ')}` };
        if (!mine[0].live || (wanted && mine[0].text !== wanted.line)) return { ...base, number, state: 'altered', detail: `was changed on line ${number}` };
        // Line numbers compare only in a file that is otherwise whole; elsewhere the whole-file comparison below decides.
        if (woven.text !== null && marked.length === woven.hooks.length && number !== wanted.number) {
            return { ...base, number, state: 'moved', detail: `is on line ${number}, its place is line ${wanted.number}` };
        }
        return { ...base, number, state: 'in place' };
    });
    const known = new Set(hooks.map((hook) => hook.name));
    for (const line of marked) {
        if (!known.has(line.name)) hooks.push({ name: line.name, file, number: line.number, state: 'altered', detail: `on line ${line.number} is no marker of this tool's (${MARK}NAME)` });
    }
    const applied = woven.text === text;
    if (!applied && hooks.every((hook) => hook.state === 'in place')) {
        hooks[0] = { ...hooks[0], state: 'altered', detail: 'has other white space or line endings than its place' };
    }
    return { state: applied ? 'applied' : 'altered', problems: woven.problems, woven, hooks };
}

module.exports = { weave, unweave, examine };
