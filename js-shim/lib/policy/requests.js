'use strict';
// One HTTP request or socket upgrade of a person of ours: refused, or with a query built anew from what the policy knows.

const { readArgument } = require('./fields');
const { judge, requestRules } = require('./table');

/**
 * @param {object|null} table of compile. @param {string} method "GET", "POST" or "WS". @param {string} path below the domain's URL.
 * @param {object} query parsed. @param {object} person see fields.js.
 * @returns {{query: object, dropped: string[], node?: string, protocol?: number, needs: object[], cookies: string[]} | {reason: string, detail?: string}}
 */
function judgeRequest(table, method, path, query, person) {
    if (table === null) { return { reason: 'POLICY_MISSING' }; }
    const rules = requestRules(table, method === 'HEAD' ? 'GET' : method, path);
    if (rules.length === 0) { return { reason: 'REQUEST_UNKNOWN' }; }
    const verdict = judge(rules, query, person, readArgument, table.tunnels);
    if (verdict.reason !== undefined) { return { reason: verdict.reason === 'FRAME_FIELD' ? 'REQUEST_UNKNOWN' : verdict.reason, detail: verdict.field }; }
    const { found } = verdict;
    return {
        query: verdict.values, dropped: verdict.dropped, needs: verdict.needs,
        node: found.flatMap((one) => one.devices || [])[0], protocol: found.map((one) => one.protocol).find(Boolean),
        cookies: found.filter((one) => one.cookie).map((one) => one.value)
    };
}

module.exports = { judgeRequest };
