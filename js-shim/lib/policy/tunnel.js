'use strict';
// Where a device is told to connect for a tunnel. The page writes a URL; the device gets one that was built anew: this
// server, this device, one kind, one name, and a relay cookie of this very person.

const MARK = '*'; // "the server that I am connected to"
const PATH = 'meshrelay.ashx?';
// MeshCentral's decoder stops at the padding and would ignore what follows; the device would not.
const COOKIE = /^[A-Za-z0-9@$]+={0,2}$/;
const invalid = { reason: 'TUNNEL_INVALID' };

/**
 * @param {*} value as the page sends it: the mark, then "/meshrelay.ashx?p=2&nodeid=node//…&id=…&rauth=…".
 * @param {object} person see fields.js. @param {object} frame the frame that the value is in, for its device.
 * @returns {{value: string, protocol: number} | {reason}}
 */
function parseTunnel(value, person, frame) {
    const head = MARK + person.domainUrl + PATH;
    if (typeof value !== 'string' || value.length > 2048 || !value.startsWith(head)) { return invalid; }
    const parts = readParts(value.slice(head.length));
    if (parts === null) { return invalid; }
    const { p, nodeid, id, rauth } = parts;
    if (!matches(/^[1-9]\d{0,3}$/, p) || !matches(/^[A-Za-z0-9]{1,64}$/, id) || (nodeid !== undefined && nodeid !== frame.nodeid)) { return invalid; }
    if (!matches(COOKIE, rauth) || !person.ownsRelayCookie(rauth)) { return { reason: 'SESSION_ENDED' }; }
    // MeshCentral and its agents read these without decoding: a cookie's "@" and "$" stay as they are.
    return { value: `${head}p=${p}&nodeid=${frame.nodeid}&id=${id}&rauth=${rauth}`, protocol: Number(p) };
}

function matches(pattern, text) { return typeof text === 'string' && pattern.test(text); }

// Each name once. Other names are of no use to the device and are left out.
function readParts(query) {
    const parts = {};
    for (const pair of query.split('&')) {
        const mark = pair.indexOf('=');
        if (mark < 0) { return null; }
        const name = pair.slice(0, mark);
        if (name in parts) { return null; }
        parts[name] = decode(pair.slice(mark + 1));
    }
    return parts;
}

function decode(text) { try { return decodeURIComponent(text); } catch (err) { return undefined; } }

module.exports = { parseTunnel };
