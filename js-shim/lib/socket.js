'use strict';
// Is the process behind the sidecar's socket the one that we trust? Only the owner of a directory can put a socket in
// it, so the owner of the socket and of every directory above it are checked, before a connection is made and before
// every call on it. A socket that was replaced has another inode; the connection made to the old one is not used again.

const fs = require('fs');
const path = require('path');
const { Denied } = require('./denied');

/**
 * Checks a socket's place. Returns an identity that changes when the socket is replaced.
 * @param {string} file absolute path. @param {number[]} owners user ids that are believed.
 * @throws {Denied} SERVICE_UNAVAILABLE, saying what is wrong.
 */
function trustedSocket(file, owners) {
    const stat = lstat(file);
    if (!stat.isSocket()) { throw refuse(file, 'is not a socket'); }
    if (!owners.includes(stat.uid)) { throw refuse(file, 'belongs to uid ' + stat.uid + ', expected one of ' + owners.join(', ')); }
    for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
        checkDirectory(dir, owners);
        if (dir === path.dirname(dir)) { break; }
    }
    return stat.dev + ':' + stat.ino + ':' + stat.ctimeMs;
}

function checkDirectory(dir, owners) {
    const stat = lstat(dir);
    // /run and /var/run are links on some systems; root's links are root's word.
    if (stat.isSymbolicLink()) {
        if (stat.uid !== 0) { throw refuse(dir, 'is a symbolic link of uid ' + stat.uid); }
        return checkDirectory(fs.realpathSync(dir), owners);
    }
    if (!owners.includes(stat.uid)) { throw refuse(dir, 'belongs to uid ' + stat.uid + ', expected one of ' + owners.join(', ')); }
    const sticky = (stat.mode & 0o1000) !== 0;
    if ((stat.mode & 0o002) !== 0 && !sticky) { throw refuse(dir, 'is writable by everybody'); }
}

function lstat(file) {
    try { return fs.lstatSync(file); } catch (err) { throw refuse(file, err.code === 'ENOENT' ? 'does not exist; is `meshsso serve` running?' : 'cannot be read (' + err.code + ')'); }
}

function refuse(file, why) { return new Denied('SERVICE_UNAVAILABLE', file + ' ' + why); }

module.exports = { trustedSocket };
