'use strict';
// Which of the proxy's sessions have ended, asked of the sidecar twice a second while there are any here. What is not answered
// is not decided: then each session's own questions count (sessions.js), and the age of their answers.

const EVERY = 500; // ms
const TOGETHER = 1000; // ids in one question; the sidecar takes no more

/** @param {object} parts {ask(ids): Promise<{ended: string[]}>, ids(): string[], end(id)} */
function createEndedPoll({ ask, ids, end }) {
    let timer = null;
    let asking = false;
    let stopped = false;

    /** To be called when there may be a session. */
    function wake() {
        if (timer !== null || asking || stopped || ids().length === 0) { return; }
        timer = setTimeout(turn, EVERY);
        timer.unref();
    }

    async function turn() {
        timer = null;
        asking = true;
        try {
            const here = ids();
            for (let at = 0; at < here.length; at += TOGETHER) { await look(here.slice(at, at + TOGETHER)); }
        } catch (err) { /* the sidecar is away: the next turn asks again */ }
        asking = false;
        wake();
    }

    async function look(some) {
        const { ended } = await ask(some);
        for (const id of ended) { end(id); }
    }

    return { wake, stop() { stopped = true; clearTimeout(timer); } };
}

module.exports = { createEndedPoll };
