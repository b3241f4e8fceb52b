#!/usr/bin/env node
'use strict';
// `make attack`: see `--help`.

const { attack, cells } = require('../attack');

const HELP = `make attack               sends everything that a signed-in person could send, as each role, to its own, another tenant's and
                          a missing device, to a MeshCentral with MeshSSO, and what must be refused to one without; the last
                          line is one JSON object {cells, wrong, breachesUnprotected, seconds}

ATTACK_ONLY=regex         only the cells whose names match (then nothing is said about what an unprotected server lets through)
ATTACK_PARTS=protected    or stock: one of the two servers only
ATTACK_LIST=1             prints the cells instead of running them`;

async function main() {
    if (process.argv.includes('--help')) { console.log(HELP); return 0; }
    const only = process.env.ATTACK_ONLY ? new RegExp(process.env.ATTACK_ONLY) : undefined;
    if (process.env.ATTACK_LIST === '1') { for (const { name, expected } of cells(only)) { console.log(expected.padEnd(8), name); } return 0; }
    const began = Date.now();
    const say = (text) => console.log(`[${((Date.now() - began) / 1000).toFixed(1).padStart(5)} s] ${text}`);
    // An interruption ends it between two cells, so that everything that was started is stopped.
    let stop = false;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) { process.once(signal, () => { stop = true; }); }
    const { guarded, stock, summary } = await attack({ only, say, stopped: () => stop, ...(process.env.ATTACK_PARTS ? { parts: process.env.ATTACK_PARTS.split(',') } : {}) });
    for (const { name, how } of stock.breaches) { say(`unprotected, ${how}: ${name}`); }
    for (const { name, why } of guarded.wrong) { say(`WRONG ${name}: ${why}`); }
    console.log(JSON.stringify(summary));
    return summary.wrong > 0 || (only === undefined && summary.breachesUnprotected === 0) ? 1 : 0;
}

main().then((code) => process.exit(code), (err) => { console.error('attack: ' + err.stack); process.exit(1); });
