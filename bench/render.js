#!/usr/bin/env node
'use strict';
// bench/results.json → docs/benchmarks.md. Nothing is left out: a figure that misses its goal says so.

const fs = require('fs');
const path = require('path');

const figures = JSON.parse(fs.readFileSync(path.join(__dirname, 'results.json'), 'utf8'));
const { machine } = figures[0].raw;

/** The goal's number; its whole text is in results.json. */
function bound({ goal }) { return (/[≤≥] *[\d.]+/.exec(goal || '') || ['–'])[0]; }

/** Whether a value keeps a goal such as "… p50: ≤ 4.5" or "…: ≥ 0.60"; null for a figure without one. */
function kept({ value, goal }) {
    const match = /([≤≥]) *([\d.]+)/.exec(goal || '');
    if (match === null) { return null; }
    return (match[1] === '≤') ? value <= Number(match[2]) : value >= Number(match[2]);
}

const rows = figures.map((figure) => {
    const verdict = { true: 'kept', false: '**missed**', null: '–' }[String(kept(figure))];
    return `| ${figure.name} | ${figure.value.toFixed(2)} | ${figure.spread.map((value) => value.toFixed(2)).join(' … ')} | ${figure.unit} | ${bound(figure)} | ${verdict} |`;
});

fs.writeFileSync(path.join(__dirname, '..', 'docs', 'benchmarks.md'), `# Figures

Ratios against something measured in the same run, because microseconds are the machine's. Each value is the median of
alternating rounds; the spread is the least and the greatest of them. Raw numbers are in
[bench/results.json](../bench/results.json).

| figure | value | spread | unit | goal | |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

How they are measured:

- Client and server share one process and one unix socket; whatever is compared alternates, call by call (warm: round by
  round).
- The bare query of the cold figures is one prepared \`SELECT\` of a person's row by the folded e-mail, through the same view
  and on one connection; the cheapest query there is, a constant, is a row of its own. The tables have the indexes of
  [database.md](database.md).
- The shim's no-op is \`grpc.health.v1.Health/Check\` on the same server and channel.
- Control frames are a mix of eight that MeshCentral's page sends, judged by the real policy for a technician with 500 devices;
  the relay's guard is measured on a socket whose other end is a TCP connection. Neither has MeshCentral's own work in it.
- Rules are those of ten expressions in a \`meshsso.yaml\`, on validations without network and database, in turns token by token; a token
  that was met before is one whose verdict the policy remembers.
- The session proxy and HAProxy ([bench/haproxy.cfg](../bench/haproxy.cfg)) are processes of their own, HTTP in and verified TLS
  out; browser and MeshCentral are the benchmark's. Bulk is what a device sends, in frames of 64 KiB; direct is the same
  browser over TLS. The memory of an idle tunnel is heap in use after a collection, and stacks.
- Large tenants run in a real MeshCentral with 200 people on open control sockets; the two tenants alternate request by request.
  The event loop's delay is sampled every millisecond; its "spread" is the median and the greatest delay.

Measured on ${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, ${machine.go}, Node ${machine.node}, by

\`\`\`sh
make bench
\`\`\`

which writes \`bench/results.json\` and this page anew.
`);
