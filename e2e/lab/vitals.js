'use strict';
// What a process holds, as the kernel has it.

const fs = require('fs');

const MIB = 1 << 20;

function status(pid, name) { return Number(new RegExp('^' + name + ':\\s+(\\d+) kB$', 'm').exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024; }

/** Resident memory now, in bytes. */
function resident(pid) { return status(pid, 'VmRSS'); }

/** Open file descriptors. */
function descriptors(pid) { return fs.readdirSync(`/proc/${pid}/fd`).length; }

/** The peak of resident memory from now on: the kernel keeps it, so that no moment is missed. @returns {{before: number, growth(): number}} in bytes */
function watchPeak(pid) {
    fs.writeFileSync(`/proc/${pid}/clear_refs`, '5');
    const before = resident(pid);
    return { before, growth: () => status(pid, 'VmHWM') - before };
}

/** One number of a metrics page. @param {string} url of the page. @param {string} name of a metric without labels */
async function gauge(url, name) { return Number(new RegExp('^' + name + ' (\\S+)$', 'm').exec(await (await fetch(url)).text())[1]); }

module.exports = { MIB, descriptors, gauge, resident, watchPeak };
