'use strict';
// The version of the operator's rules (meshsso.yaml) by which the sidecar answers. When it is another one, no answer of before
// counts any more.

const EVERY = 1000; // ms: two sidecars with different rules behind one address must not have everybody asked about in circles

/** @param {object} parts {changed(): every answer so far is of other rules, now} */
function createRules({ changed, now }) {
    let version = null; // not known yet
    let latest = 0; // the last question that was asked when `version` was first heard of: answers up to it may be older
    let told = -Infinity;
    let timer = null;

    /**
     * Notes by which rules a question was answered.
     * @param {number} ticket of the question, rising. @param {number} newest ticket of all questions so far
     */
    function note(heard, ticket, newest) {
        if (heard === version || ticket <= latest) { return; }
        const first = version === null;
        version = heard;
        latest = newest;
        if (!first) { tell(); }
    }

    function tell() {
        if (timer !== null) { return; }
        const wait = told + EVERY - now();
        if (wait <= 0) { return say(); }
        timer = setTimeout(say, wait);
        timer.unref();
    }

    function say() {
        timer = null;
        told = now();
        changed();
    }

    return { note, /** Whether these rules hold. */ are: (heard) => heard === version, close() { clearTimeout(timer); } };
}

module.exports = { createRules };
