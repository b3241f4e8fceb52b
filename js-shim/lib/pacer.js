'use strict';
// Small jobs one after the other with room between them, each name once: what concerns two hundred people at once must not
// hold up MeshCentral.

const GAP = 25; // ms

function createPacer() {
    const jobs = new Map();
    let timer = null;

    function next() {
        timer = null;
        const [first] = jobs;
        if (first === undefined) { return; }
        jobs.delete(first[0]);
        try { first[1](); } finally { plan(); }
    }

    function plan() { if (timer === null && jobs.size > 0) { timer = setTimeout(next, GAP); timer.unref(); } }

    return {
        /** Does a job soon; one of the same name that still waits is replaced. */
        add(name, job) { jobs.set(name, job); plan(); }
    };
}

module.exports = { createPacer };
