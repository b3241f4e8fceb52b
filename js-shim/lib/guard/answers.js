'use strict';
// What MeshCentral answers to a principal: its page decides by the links in each device's document what it shows, and no
// document has one of a principal's. It is put into the answer, in the place of everybody else's.

/**
 * @param {object} ws a control socket. @param {string} id of the principal. @param {(node: string) => number} maskOf
 */
function linkAnswers(ws, id, maskOf) {
    const send = ws.send;
    ws.send = function (data, ...rest) { return send.call(ws, (typeof data === 'string' && HOLDS_NODE.test(data)) ? linked(data, id, maskOf) : data, ...rest); };
}

const HOLDS_NODE = /"node"\s*:|"nodes"\s*:/;

function linked(text, id, maskOf) {
    let message;
    try { message = JSON.parse(text); } catch (err) { return text; } // no message of MeshCentral's page
    for (const node of nodesOf(message)) {
        const mask = maskOf(node._id);
        node.links = (mask === 0) ? {} : { [id]: { rights: mask } };
    }
    return JSON.stringify(message);
}

// The list of devices, by device group; or one device in an event.
function nodesOf(message) {
    if (message === null || typeof message !== 'object') { return []; }
    const { action, nodes, event } = message;
    const found = (action === 'nodes' && nodes !== null && typeof nodes === 'object') ? Object.values(nodes).flat() : [event && event.node, message.node];
    return found.filter((node) => node !== null && typeof node === 'object' && typeof node._id === 'string');
}

module.exports = { linkAnswers };
