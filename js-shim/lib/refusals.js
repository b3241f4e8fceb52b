'use strict';
// What the policy refused: said once a kind in MeshCentral's log, counted, and told to the sidecar, which has the metrics.

const EVERY = 2000; // ms between reports
const KINDS = 200; // kinds that are told apart between two reports: whoever invents names fills no memory. The sidecar takes 256
const SAID = 500; // kinds that are told apart in the log

/** @param {object} parts {report(refusals): Promise, log: {refused(text)}} */
function createRefusals({ report, log }) {
    const counts = new Map(); // surface kind reason → refusal of the contract
    const said = new Set();
    let timer = null;

    /**
     * @param {string} surface "control", "relay", "http" or "cookie". @param {string} kind action, path or field; never a value.
     * @param {string} reason of the contract. @param {string} userId
     */
    function note(surface, kind, reason, userId) {
        const refusal = { surface, kind: clean(kind), reason: 'REASON_' + reason, userId, count: 1 };
        say(refusal, reason);
        count(refusal);
        plan();
    }

    // Once a kind; when whoever invents names has used the room for them up, still once a surface and reason.
    function say(refusal, reason) {
        const entry = (said.has(keyOf(refusal)) || said.size < SAID) ? refusal : { ...refusal, kind: 'other' };
        if (said.has(keyOf(entry))) { return; }
        said.add(keyOf(entry));
        log.refused(reason + ': ' + entry.surface + ' ' + (entry.kind || '(no name)') + ' of ' + entry.userId);
    }

    function count(refusal) {
        const known = counts.has(keyOf(refusal)) || counts.size < KINDS;
        const entry = known ? refusal : { ...refusal, kind: 'other' };
        const before = counts.get(keyOf(entry));
        if (before) { before.count += entry.count; } else { counts.set(keyOf(entry), entry); }
    }

    function plan() { if (timer === null) { timer = setTimeout(flush, EVERY); timer.unref(); } }

    async function flush() {
        timer = null;
        const refusals = [...counts.values()];
        counts.clear();
        try { await report(refusals); } catch (err) { refusals.forEach(count); plan(); } // the sidecar is away: for the next report
    }

    return { note, close() { clearTimeout(timer); } };
}

function keyOf({ surface, kind, reason }) { return surface + ' ' + kind + ' ' + reason; }

/** Names come from whoever sends: only plain characters reach a log. */
function clean(kind) { return String(kind).replace(/[^A-Za-z0-9._/-]/g, '_').slice(0, 64); }

module.exports = { createRefusals };
