#!/usr/bin/env node
'use strict';
// node bench/merge.js OUT IN…: one array of figures, each with the machine that it was measured on.

const fs = require('fs');
const os = require('os');
const { execFileSync } = require('child_process');

const [out, ...inputs] = process.argv.slice(2);
const machine = {
    cpu: os.cpus()[0].model.trim(), cores: os.cpus().length, memoryGiB: Math.round(os.totalmem() / 2 ** 30), kernel: os.release().split('-')[0],
    go: execFileSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' }).trim(), node: process.version
};
const figures = inputs.flatMap((file) => JSON.parse(fs.readFileSync(file, 'utf8'))).map((figure) => ({ ...figure, raw: { ...figure.raw, machine } }));
fs.writeFileSync(out, JSON.stringify(figures, null, 2) + '\n');
