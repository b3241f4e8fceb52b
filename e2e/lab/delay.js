'use strict';
// Loaded into MeshCentral before everything else (NODE_OPTIONS): says how long its event loop was held up, on request.
// Not part of the product. A file named by MESHSSO_LAB_DELAY gets one JSON line a SIGUSR2: what was since the last one.

const fs = require('fs');
const { monitorEventLoopDelay } = require('perf_hooks');

if (process.env.MESHSSO_LAB_DELAY && process.argv.includes('--launch')) {
    const histogram = monitorEventLoopDelay({ resolution: 1 });
    histogram.enable();
    process.on('SIGUSR2', () => {
        const [p50, p99, max] = [histogram.percentile(50), histogram.percentile(99), histogram.max].map((ns) => Math.round(ns / 1e4) / 100);
        histogram.reset();
        fs.appendFileSync(process.env.MESHSSO_LAB_DELAY, JSON.stringify({ p50, p99, max }) + '\n');
    });
}
