'use strict';
// One key in a package.json, changed as text: everything else in the file (order, indentation, line endings, the last
// newline or its absence) stays as it is. JSON is JavaScript's own notation, so the same parser gives the positions.

const acorn = require('acorn');

class NotAManifest extends Error {}

/** setDependency(text, name, spec) → { offset, removed, inserted }, or null if it already says so. */
function setDependency(text, name, spec) {
    const root = parse(text);
    const section = member(text, root, 'dependencies');
    const value = JSON.stringify(spec);
    if (section === null) return addMember(text, root, 'dependencies', (inner, outer) => `{${inner}${JSON.stringify(name)}: ${value}${outer}}`, { sorted: false });
    if (section.value.type !== 'ObjectExpression') throw new NotAManifest('its "dependencies" is not an object');
    const entry = member(text, section.value, name);
    if (entry === null) return addMember(text, section.value, name, () => value, { sorted: true, root });
    const old = text.slice(entry.value.start, entry.value.end);
    return JSON.parse(old) === spec ? null : { offset: entry.value.start, removed: old, inserted: value };
}

/** removeDependency(text, name, { emptied }) → the edit, or null if it is not there. `emptied`: take the section along if
 *  nothing else is in it. */
function removeDependency(text, name, { emptied = false } = {}) {
    const root = parse(text);
    const section = member(text, root, 'dependencies');
    if (section === null || section.value.type !== 'ObjectExpression') return null;
    const entry = member(text, section.value, name);
    if (entry === null) return null;
    if (section.value.properties.length === 1 && emptied) return removeMember(text, root, section);
    return removeMember(text, section.value, entry);
}

/** The value of a dependency, or undefined. */
function getDependency(text, name) {
    const root = parse(text);
    const section = member(text, root, 'dependencies');
    const entry = section && section.value.type === 'ObjectExpression' && member(text, section.value, name);
    return entry ? JSON.parse(text.slice(entry.value.start, entry.value.end)) : undefined;
}

const edited = (text, edit) => text.slice(0, edit.offset) + edit.inserted + text.slice(edit.offset + edit.removed.length);
const undone = (text, edit) => text.slice(0, edit.offset) + edit.removed + text.slice(edit.offset + edit.inserted.length);

function parse(text) {
    const json = text.replace(/^\uFEFF/, '');
    try {
        const value = JSON.parse(json);
        if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Error('not an object');
    } catch (error) {
        throw new NotAManifest(`it is not a JSON object: ${error.message}`);
    }
    return acorn.parseExpressionAt(text, text.length - json.length, { ecmaVersion: 'latest' });
}

function member(text, object, name) {
    const found = object.properties.filter((property) => JSON.parse(text.slice(property.key.start, property.key.end)) === name);
    if (found.length > 1) throw new NotAManifest(`it has "${name}" ${found.length} times`);
    return found.length === 1 ? found[0] : null;
}

/** White space between the opening brace and the first member. */
const leading = (text, object) => /^\s*/.exec(text.slice(object.start + 1))[0];

function addMember(text, object, name, render, { sorted, root }) {
    const key = JSON.stringify(name);
    const { properties } = object;
    const style = root || object;
    const outer = style.properties.length > 0 ? leading(text, style) : '\n  ';
    const unit = outer.includes('\n') ? outer.slice(outer.lastIndexOf('\n') + 1) : '';
    if (properties.length === 0) {
        const closing = root ? outer : '\n';
        const inner = root ? outer + unit : outer;
        const removed = text.slice(object.start + 1, object.end - 1);
        return { offset: object.start + 1, removed, inserted: `${inner}${key}: ${render(inner + unit, inner)}${closing}` };
    }
    const separator = leading(text, object);
    const first = properties[0];
    const colon = text.slice(first.key.end, first.value.start);
    const rendered = `${key}${colon}${render(separator + unit, separator)}`;
    const next = sorted && properties.find((property) => JSON.parse(text.slice(property.key.start, property.key.end)) > name);
    if (next) return { offset: next.start, removed: '', inserted: `${rendered},${separator}` };
    return { offset: properties[properties.length - 1].end, removed: '', inserted: `,${separator}${rendered}` };
}

function removeMember(text, object, property) {
    const at = object.properties.indexOf(property);
    const next = object.properties[at + 1];
    const previous = object.properties[at - 1];
    const [start, end] = next ? [property.start, next.start] : previous ? [previous.end, property.end] : [object.start + 1, object.end - 1];
    return { offset: start, removed: text.slice(start, end), inserted: '' };
}

module.exports = { setDependency, removeDependency, getDependency, edited, undone, NotAManifest };
