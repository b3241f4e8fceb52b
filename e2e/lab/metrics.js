'use strict';
// The sidecar's metrics, as Prometheus reads them.

/** All samples of one metric: [{labels: {name: value}, value}]. */
async function fetchMetric(url, name) {
    const text = await (await fetch(url)).text();
    return [...text.matchAll(new RegExp('^' + name + '\\{([^}]*)\\} (\\S+)$', 'gm'))].map(([, labels, value]) => ({
        labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, content]) => [key, content])), value: Number(value)
    }));
}

module.exports = { fetchMetric };
