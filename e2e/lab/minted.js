'use strict';
// Loaded into MeshCentral before everything else (NODE_OPTIONS): notes each credential that it hands out, as it goes into a
// socket. Not part of the product. A file named by MESHSSO_LAB_MINTED gets one JSON line {what, value} for each new one.

const fs = require('fs');
const net = require('net');

const PATTERNS = {
    'page cookie': /\bauthCookie\s*=\s*'([^']+)'|"cookie":"([^"]+)"/g,
    'relay cookie': /\bauthRelayCookie\s*=\s*'([^']+)'|"rcookie":"([^"]+)"|\brauth=([\w@$%+/=-]+)/g,
    'session cookie': /\bxid(?:\.sig)?=([^;\s]+)/g,
    'mpspass': /"mpspass":"([^"]+)"/g,
    'hash in a frame': /"(?:tlshash|agentCertHash|serverhash)":"([^"]+)"/g
};

/** What was noted so far. @returns {Object<string, string[]>} by what it is */
function minted(file) {
    const found = {};
    for (const line of fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean) : []) {
        const { what, value } = JSON.parse(line);
        (found[what] ??= []).push(value);
    }
    return found;
}

function note(file) {
    const seen = new Set();
    return (data) => {
        const text = Buffer.isBuffer(data) ? data.toString('latin1') : data;
        if (typeof text !== 'string') { return; }
        for (const [what, pattern] of Object.entries(PATTERNS)) {
            for (const match of text.matchAll(pattern)) {
                const value = match.slice(1).find(Boolean);
                if (value.length < 8 || seen.has(value)) { continue; }
                seen.add(value);
                fs.appendFileSync(file, JSON.stringify({ what, value }) + '\n', { mode: 0o600 });
            }
        }
    };
}

if (process.env.MESHSSO_LAB_MINTED && process.argv.includes('--launch')) {
    const look = note(process.env.MESHSSO_LAB_MINTED);
    const write = net.Socket.prototype._writeGeneric; // below HTTP and WebSocket, above TLS
    net.Socket.prototype._writeGeneric = function (many, data, ...rest) {
        for (const part of many ? data.map(({ chunk }) => chunk) : [data]) { look(part); }
        return write.call(this, many, data, ...rest);
    };
}

module.exports = { minted };
