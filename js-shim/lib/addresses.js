'use strict';
// Whether a cookie that was made for one client address may be used from another: MeshCentral's own rule (`cookieIpCheck`).

const { BlockList, isIPv4, isIPv6 } = require('net');

const PRIVATE = new BlockList();
for (const [net, bits] of [['10.0.0.0', 8], ['172.16.0.0', 12], ['192.168.0.0', 16], ['127.0.0.0', 8], ['169.254.0.0', 16]]) { PRIVATE.addSubnet(net, bits, 'ipv4'); }
for (const [net, bits] of [['::1', 128], ['fc00::', 7], ['fe80::', 10]]) { PRIVATE.addSubnet(net, bits, 'ipv6'); }

/** @param {string} rule 'none', 'strict' or 'lax' (the same /24 network, or both private); anything else is 'lax'. */
function sameClient(made, used, rule) {
    if (rule === 'none') { return true; }
    const [a, b] = [plain(made), plain(used)];
    if (a === b) { return a !== ''; }
    if (rule === 'strict') { return false; }
    if (isPrivate(a) && isPrivate(b)) { return true; }
    return isIPv4(a) && isIPv4(b) && a.slice(0, a.lastIndexOf('.')) === b.slice(0, b.lastIndexOf('.'));
}

function plain(address) { return (typeof address === 'string') ? address.replace(/^::ffff:/i, '') : ''; }
function isPrivate(address) { return (isIPv4(address) && PRIVATE.check(address, 'ipv4')) || (isIPv6(address) && PRIVATE.check(address, 'ipv6')); }

module.exports = { sameClient };
