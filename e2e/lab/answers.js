'use strict';
// Whether a device goes, asked past MeshSSO: an agent is connected before it runs the program that answers anybody.

const { until } = require('./process');
const { openSocket, passwordHeader } = require('./sockets');

/**
 * Resolves when the device has answered MeshCentral's own administrator. What an agent drops before that it drops on any server, with or
 * without us; what is asked of a person's tunnel afterwards is asked of a device that goes.
 * @param {object} lab {mesh, secrets} @param {string} nodeId @param {number} [ms]
 */
async function deviceAnswers({ mesh, secrets }, nodeId, ms = 90000) {
    const admin = openSocket(mesh.url, '/control.ashx', { headers: passwordHeader('admin', secrets.admin) });
    try {
        await admin.next((m) => m.action === 'serverinfo');
        await until(async () => {
            const from = admin.messages.length;
            admin.send({ action: 'msg', type: 'cpuinfo', nodeid: nodeId });
            return admin.next((m) => m.action === 'msg' && m.type === 'cpuinfo' && m.nodeid === nodeId, 3000, from).catch(() => false);
        }, ms, 'the device answers the administrator');
    } finally { admin.close(); }
}

module.exports = { deviceAnswers };
