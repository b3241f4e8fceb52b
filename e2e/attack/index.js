'use strict';
// The attack suite: every cell against a protected MeshCentral, and what must be refused against one as it is.

const { expand } = require('./cells');
const { nothing } = require('./evidence');
const { protectedSite, stockSite } = require('./site');
const { refusalsSoFar } = require('../lab/metrics');
const { runCell, startListener } = require('./run');

// By surface. The order is that of the run.
const SURFACES = {
    frames: [...require('./frames-read'), ...require('./frames-device'), ...require('./frames-account'), ...require('./frames-server')],
    tunnels: [...require('./tunnels-ask'), ...require('./tunnels-join'), ...require('./tunnels-inside')],
    requests: [...require('./requests-data'), ...require('./requests-page')]
};

/** Every cell, in the order of the run. @param {RegExp} [only] names */
function cells(only = /^/) {
    const all = Object.entries(SURFACES).flatMap(([surface, rows]) => rows.flatMap((row) => expand(surface, row)));
    return all.filter(({ name }) => only.test(name));
}

/** What is wrong with an outcome, or null. */
function fault(cell, { denied, success, crashed, note }) {
    if (crashed) { return 'it ended MeshCentral'; }
    if (cell.expected === 'refused' && success) { return 'it had its effect' + (denied ? ', although it was denied' : ''); }
    if (cell.expected === 'refused' && !denied) { return 'no effect was seen, but it was not denied either' + (note ? ' (' + note + ')' : ''); }
    if (cell.expected === 'allowed' && !success) { return (denied ? 'it was denied' : 'it had no effect') + (note ? ' (' + note + ')' : ''); }
    return null;
}

/** @returns {Promise<{cells: number, refused: number, wrong: {name, why}[], refusals: object}>} */
async function attackProtected({ only, say, stopped }) {
    const site = await protectedSite(say);
    const listener = await startListener();
    const wrong = [];
    const all = cells(only);
    try {
        const pid = site.mesh.pid();
        for (const [done, cell] of all.entries()) {
            if (stopped()) { throw new Error('interrupted'); }
            if (done % 500 === 499) { say(`${done + 1} of ${all.length} cells`); }
            const outcome = await runCell(site, cell, listener);
            const why = fault(cell, outcome);
            if (why !== null) { wrong.push({ name: cell.name, why: `expected to be ${cell.expected}: ${why}` }); say('WRONG ' + cell.name + ': ' + why); }
            if (outcome.crashed) { await site.recover(); await site.agentsBack(); }
        }
        if (site.crashes === 0 && site.mesh.pid() !== pid) { wrong.push({ name: 'all', why: 'MeshCentral is another process than before' }); }
        for (const person of Object.values(site.people)) {
            for (const { word, where, text } of person.leaks) { wrong.push({ name: 'bytes ' + where + ': ' + person.letter, why: `received ${word}: ${JSON.stringify(text)}` }); }
        }
        const refused = all.filter((cell) => cell.expected === 'refused');
        return { cells: all.length, refused: refused.length, frames: refused.filter(({ row }) => row.frame && !row.silent).length, wrong, refusals: await refusals(site) };
    } finally {
        listener.close();
        await site.lab.stop();
    }
}

// What the operator sees of it: lines of MeshCentral's log, and the sidecar's counter.
async function refusals({ mesh, lab }) {
    const logged = [...mesh.output().matchAll(/^JWT policy refused: ([A-Z_]+): (\S+) (.*) of (user\/\S+)$/gm)].map(([, reason, surface, kind]) => ({ reason, surface, kind }));
    return { logged, counted: await refusalsSoFar(lab, 'tina@acme.example') };
}

/** @returns {Promise<{cells: number, breaches: {name, how}[]}>} */
async function attackStock({ only, say, stopped }) {
    const site = await stockSite(say);
    const listener = await startListener();
    const breaches = [];
    // Who has no right has none anywhere, and an administrator is a stranger at foreign devices like a technician.
    const telling = ({ row, who, where }) => where === '-' || who === 'T' || (who === 'G' ? where === 'foreign' : where === 'own' && !(who === 'A' && row.inside));
    const shows = (row) => row.stock !== false && (row.evidence !== nothing || row.fatal); // else there is nothing that could be seen
    const all = cells(only).filter((cell) => cell.expected === 'refused' && site.people[cell.who] && shows(cell.row) && telling(cell));
    // What ends the server comes last, once each: it takes seconds to come back.
    const order = [...all.filter(({ row }) => !row.fatal && !row.last), ...all.filter(({ row }) => row.last), ...all.filter(({ row, who, where }) => row.fatal && who === 'T' && ['-', 'own'].includes(where))];
    try {
        for (const [done, cell] of order.entries()) {
            if (done % 500 === 499) { say(`unprotected: ${done + 1} of ${order.length} cells`); }
            if (stopped()) { throw new Error('interrupted'); }
            const { success, crashed } = await runCell(site, cell, listener);
            if (success || crashed) { breaches.push({ name: cell.name, how: crashed ? 'ended the server' : 'had its effect' }); }
            if (crashed) { await site.recover(); }
        }
        return { cells: order.length, breaches };
    } finally {
        listener.close();
        await site.stop();
    }
}

/** The whole of it. @param {object} options {only: RegExp, say(text), stopped(): whether to end between two cells, parts: ['protected', 'stock']} */
async function attack({ only, say = () => { }, stopped = () => false, parts = ['protected', 'stock'] } = {}) {
    const began = Date.now();
    const guarded = parts.includes('protected') ? await attackProtected({ only, say, stopped }) : { cells: 0, wrong: [], refusals: null };
    const stock = parts.includes('stock') ? await attackStock({ only, say, stopped }) : { cells: 0, breaches: [] };
    return { guarded, stock, summary: { cells: guarded.cells, wrong: guarded.wrong.length, breachesUnprotected: stock.breaches.length, seconds: Math.round((Date.now() - began) / 1000) } };
}

module.exports = { attack, cells, SURFACES };
