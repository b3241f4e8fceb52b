#!/usr/bin/env node
'use strict';
// The figures of large tenants (e2e/lab/scale.js says what is measured).
//
//   node bench/scale.js FILE     writes a JSON array of figures

const fs = require('fs');
const { CASES, measure } = require('../e2e/lab/scale');

async function main(file) {
    const figures = [];
    for (const one of CASES) {
        const result = await measure(one);
        console.error(JSON.stringify(result));
        figures.push(...figuresOf(result, one));
    }
    fs.writeFileSync(file, JSON.stringify(figures, null, 2) + '\n');
}

function figuresOf({ label, ratios, medians, delays, bytes }, { changed }) {
    const idle = 'idle ' + delays.idle.p99.toFixed(1) + ' ms';
    return [
        ratio(`${label}, 200 people: validation p50 ÷ a tenant of 10's`, ratios.validation, medians.validation),
        ratio(`${label}, 200 people: page p50 ÷ a tenant of 10's`, ratios.page, medians.page),
        delay(`${label}: MeshCentral's event loop delay p99 during the first fill (${idle})`, delays.fill, { ...delays, userObjectBytes: bytes }),
        delay(`${label}, 200 people: event loop delay p99 during a change of ${changed} devices (${idle})`, delays.change, delays)
    ];
}

function ratio(name, value, milliseconds) { return { name, value: round(value), unit: 'ratio of p50', goal: 'Beside a tenant of ten: ≤ 1.5', spread: [round(value), round(value)], raw: { milliseconds } }; }
function delay(name, { p50, p99, max }, raw) { return { name, value: p99, unit: 'ms', goal: 'Event loop delay p99: ≤ 100', spread: [p50, max], raw }; }
function round(value) { return Math.round(value * 1000) / 1000; }

main(process.argv[2] || 'scale.json').catch((err) => { console.error(err); process.exit(1); });
