'use strict';
// The sidecar's metrics, as Prometheus reads them.

const { until } = require('./process');
const { openSocket } = require('./sockets');

/** All samples of one metric: [{labels: {name: value}, value}]. */
async function fetchMetric(url, name) {
    const text = await (await fetch(url)).text();
    return [...text.matchAll(new RegExp('^' + name + '\\{([^}]*)\\} (\\S+)$', 'gm'))].map(([, labels, value]) => ({
        labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, content]) => [key, content])), value: Number(value)
    }));
}

/**
 * What the policy has refused so far: [{surface, kind, reason, value}]. Reports go out every two seconds, in order: when one that
 * is caused here has arrived (a frame `print` of the person's), all before it have.
 */
async function refusalsSoFar(lab, email) {
    const read = async () => (await fetchMetric(lab.sidecar.metricsUrl, 'meshsso_refusals_total')).map(({ labels, value }) => ({ ...labels, value }));
    const prints = (list) => (list.find(({ kind, reason }) => kind === 'print' && reason === 'FRAME_UNKNOWN') || { value: 0 }).value;
    const socket = openSocket(lab.mesh.url, '/control.ashx?token=' + await lab.token(email));
    await socket.next((m) => m.action === 'serverinfo');
    for (let before = prints(await read()), settled = false; !settled;) { // a report may be on its way: two of ours cannot both be in it
        socket.send({ action: 'print', responseid: 'mark' });
        const now = await until(async () => { const list = prints(await read()); return list > before ? list : null; }, 15000, 'a refusal is counted');
        settled = now === before + 1;
        before = now;
    }
    socket.close();
    return read();
}

module.exports = { fetchMetric, refusalsSoFar };
