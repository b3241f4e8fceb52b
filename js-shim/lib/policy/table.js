'use strict';
// The policy as the sidecar sent it, made ready for look-ups, and the one judgement that frames and requests share.

const RANK = ['FRAME_UNKNOWN', 'REQUEST_UNKNOWN', 'FRAME_FIELD', 'TUNNEL_INVALID', 'SESSION_ENDED', 'DEVICE_DENIED', 'RIGHT_MISSING'];
const NO_NEED = { all: 0, none: 0 };

/** @param {object} policy of GetPolicy. @returns {object} {version, frames: Map, tunnels: Map, requests, fieldsOf} */
function compile(policy) {
    const frames = new Map();
    for (const rule of policy.frames) { append(frames, rule.action, prepare(rule, rule.fields)); }
    const requests = policy.requests.map((rule) => Object.assign(prepare(rule, rule.arguments), { pattern: rule.path, methods: new Set(rule.methods) }));
    const tunnels = new Map(policy.tunnels.map((rule) => [rule.protocol, { kind: rule.kind, need: rule.need || NO_NEED }]));
    return { version: policy.version, frames, tunnels, requests };
}

function append(map, key, value) { if (map.has(key)) { map.get(key).push(value); } else { map.set(key, [value]); } }

function prepare(rule, fields) {
    return { fields: new Map(fields.map((field) => [field.name, field])), required: fields.filter((field) => field.required).map((field) => field.name),
        need: rule.need || NO_NEED, siteAdmin: rule.siteAdmin, everywhere: rule.needEverywhere === true };
}

/** Whether a mask on a device is one that the need asks for. */
function meets(mask, need) { return mask !== 0 && ((mask & need.all) >>> 0) === need.all && (mask & need.none) === 0; }

/** The request rules of one method and path. */
function requestRules(table, method, path) {
    return table.requests.filter((rule) => rule.methods.has(method) && (rule.pattern === path || (rule.pattern.endsWith('*') && path.startsWith(rule.pattern.slice(0, -1)))));
}

/**
 * Judges named values by rules of which one must fit. A name that no rule knows is dropped; one that another rule knows
 * makes a rule that does not know it unfit, so that a check cannot be stepped around by way of a rule with fewer fields.
 * @param {object[]} rules at least one. @param {object} values name → value. @param {object} person see fields.js; also {siteAdmin, everyDevice(): number[]}
 * @param {Function} read readField or readArgument. @param {Map} tunnels of compile.
 * @returns {{values: object, dropped: string[], found: object[] (the readers' verdicts), needs: object[]} | {reason: string, field?: string}}
 */
function judge(rules, values, person, read, tunnels) {
    const known = [];
    const dropped = [];
    for (const name of Object.keys(values)) { (rules.some((rule) => rule.fields.has(name)) ? known : dropped).push(name); }
    let worst = { reason: RANK[2] };
    for (const rule of rules) {
        const result = judgeRule(rule, known, values, person, read, tunnels);
        if (result.reason === undefined) { return { ...result, dropped }; }
        if (RANK.indexOf(result.reason) >= RANK.indexOf(worst.reason)) { worst = result; }
    }
    return worst;
}

function judgeRule(rule, known, values, person, read, tunnels) {
    if (rule.siteAdmin && !person.siteAdmin) { return { reason: 'RIGHT_MISSING' }; }
    const missing = rule.required.find((name) => values[name] === undefined);
    if (missing !== undefined) { return { reason: 'FRAME_FIELD', field: missing }; }
    const built = {};
    const found = [];
    for (const name of known) {
        const field = rule.fields.get(name);
        const verdict = (field === undefined) ? { reason: 'FRAME_FIELD' } : read(field, values[name], person, values);
        if (verdict.reason !== undefined) { return { reason: verdict.reason, field: name }; }
        built[name] = verdict.value;
        found.push(verdict);
    }
    const needs = needsOf(rule, found, tunnels);
    if (needs === null) { return { reason: 'TUNNEL_INVALID' }; }
    const masks = rule.everywhere ? person.everyDevice() : found.flatMap((verdict) => verdict.devices || []).map((id) => person.maskOf(id));
    if (rule.everywhere && masks.length === 0) { return { reason: 'DEVICE_DENIED' }; }
    return masks.every((mask) => needs.every((need) => meets(mask, need))) ? { values: built, found, needs } : { reason: 'RIGHT_MISSING' };
}

// The needs on every device that was named: the rule's own, and the tunnel's if one is asked for.
function needsOf(rule, verdicts, tunnels) {
    const kinds = verdicts.filter((verdict) => verdict.protocol !== undefined).map((verdict) => tunnels.get(verdict.protocol));
    return kinds.includes(undefined) ? null : [rule.need, ...kinds.map((kind) => kind.need)];
}

module.exports = { compile, judge, meets, requestRules };
