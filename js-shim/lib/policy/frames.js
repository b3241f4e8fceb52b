'use strict';
// One frame of the control channel: refused, or built anew from what the policy knows.

const { readField } = require('./fields');
const { judge } = require('./table');

const MAX_BYTES = 256 * 1024; // far above what the page sends; a clipboard's text is the largest

/**
 * @param {object|null} table of compile; null while no policy was fetched.
 * @param {Buffer|string} data as it came. @param {object} person see fields.js.
 * @returns {{text: string, action: string, dropped: string[]} | {reason: string, action: string, responseid?: *, detail?: string}}
 */
function judgeFrame(table, data, person) {
    if (table === null) { return { reason: 'POLICY_MISSING', action: '' }; }
    const frame = parse(data);
    if (frame === null) { return { reason: 'FRAME_MALFORMED', action: '' }; }
    const { action, responseid, ...values } = frame;
    if (!isResponseId(responseid)) { return { reason: 'FRAME_FIELD', action, detail: 'responseid' }; }
    const rules = table.frames.get(action);
    const kind = (action === 'msg' && typeof values.type === 'string') ? 'msg.' + values.type : action;
    if (rules === undefined) { return { reason: 'FRAME_UNKNOWN', action: kind, responseid }; }
    const verdict = judge(rules, values, person, readField, table.tunnels);
    if (verdict.reason !== undefined) { return { reason: verdict.reason, action: kind, responseid, detail: verdict.field }; }
    const built = (responseid === undefined) ? { action, ...verdict.values } : { action, responseid, ...verdict.values };
    return { text: JSON.stringify(built), action: kind, dropped: verdict.dropped };
}

function parse(data) {
    if (data.length > MAX_BYTES) { return null; }
    try {
        const frame = JSON.parse(typeof data === 'string' ? data : data.toString('utf8'));
        return (frame !== null && typeof frame === 'object' && !Array.isArray(frame) && typeof frame.action === 'string') ? frame : null;
    } catch (err) { return null; }
}

// It comes back with the answer and is compared by whoever sent it.
function isResponseId(value) { return value === undefined || Number.isFinite(value) || (typeof value === 'string' && value.length <= 128); }

module.exports = { judgeFrame, MAX_BYTES };
