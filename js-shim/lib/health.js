'use strict';
// Whether the sidecar and its database answer, told once at each change.

const EVERY = 5000; // ms between looks

/** @param {object} config of readConfig. @param {object} client of createClient. @param {object} log of createLog. */
function createHealth(config, client, log) {
    let timer = null;
    let told = null; // the last state that was printed

    async function check() {
        try {
            await client.health();
            return { ok: true, reason: null };
        } catch (err) {
            return { ok: false, reason: err.message };
        }
    }

    async function look() {
        const { ok, reason } = await check();
        if (ok !== told) {
            told = ok;
            if (ok) { log.info('JWT Auth: PostgreSQL connected'); } else { log.fault('not available, nobody is signed in: ' + reason); }
        }
        if (timer !== null) { timer = setTimeout(look, EVERY); timer.unref(); }
    }

    return {
        check,
        start() { timer = setTimeout(look, 0); },
        stop() { clearTimeout(timer); timer = null; }
    };
}

module.exports = { createHealth };
