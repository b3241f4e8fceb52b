'use strict';
// Keeps the device group way up to date by itself, also while nobody signs in: what belongs where, and that it is there.

const { Denied } = require('./denied');

const RETRY = 2000; // ms until the sidecar is asked again that did not answer
const SOONEST = 500; // ms
const LATEST = 60 * 1000; // ms

/**
 * @param {object} parts {placement, movers, lifetime(): ms that the sidecar's answers hold, log: {info, fault}}
 */
function createFollower({ placement, movers, lifetime, log }) {
    let timer = null;
    let looked = false; // through all documents, once
    let told = null;

    async function turn() {
        let wait = RETRY;
        try {
            await placement.refresh();
            if (!looked) { looked = true; await movers.look(placement.managed()); }
            say(null);
            wait = Math.min(Math.max(lifetime() / 2, SOONEST), LATEST);
        } catch (err) {
            const denied = Denied.from(err);
            if (denied.reason === 'REQUEST_INVALID') { wait = LATEST; } else { say(denied.message); } // the way is not on, today
        }
        if (timer !== null) { plan(wait); }
    }

    function say(fault) {
        if (fault === told) { return; }
        told = fault;
        if (fault !== null) { log.fault('device groups are not up to date: ' + fault); }
    }

    function plan(wait) { timer = setTimeout(turn, wait); timer.unref(); }

    return {
        start() { plan(0); },
        stop() { clearTimeout(timer); timer = null; }
    };
}

module.exports = { createFollower };
