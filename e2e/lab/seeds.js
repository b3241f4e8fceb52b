'use strict';
// What other hands wrote into a MeshCentral's database: accounts with passwords and rights, and what refers to them.

const path = require('path');

const PASSWORD = 'Old-fork-1-password';
const ALL = 0xFFFFFFFF;
const NODE = 'node//' + 'n'.repeat(64);
const MESH = 'mesh//' + 'm'.repeat(64);
const UGRP = 'ugrp//' + 'u'.repeat(64);

/** An account's document. @param {object} hash of hashed. @param {object} [more] fields besides */
function accountOf(email, hash, more = {}) {
    return {
        type: 'user', _id: 'user//' + email, name: email, email, emailVerified: true, domain: '', creation: 1600000000, ...hash, siteadmin: 0,
        links: { [MESH]: { rights: ALL }, [NODE]: { rights: 8 }, [UGRP]: { rights: 1 } }, ...more
    };
}

/** A device group, a user group and a device that give these people rights, and the device's saved passwords of theirs. */
function surroundings(emails) {
    const links = { 'user//admin': { rights: 8 } };
    for (const email of emails) { links['user//' + email] = { rights: ALL, name: email }; }
    return [
        { type: 'mesh', _id: MESH, mtype: 2, name: 'seeded', desc: '', domain: '', links },
        { type: 'ugrp', _id: UGRP, name: 'seeded', desc: '', domain: '', links },
        { type: 'node', _id: NODE, mtype: 2, meshid: MESH, name: 'seeded', host: '127.0.0.1', domain: '', agent: { id: 6, ver: 0, caps: 31 }, links, ssh: links, rdp: links }
    ];
}

/** As MeshCentral keeps passwords, by its own function. @param {string} fork of installFork */
function hashed(fork, password) {
    return new Promise((resolve, reject) => { require(path.join(fork, 'pass.js')).hash(password, (err, salt, hash) => { if (err) { reject(err); } else { resolve({ salt, hash }); } }); });
}

module.exports = { ALL, MESH, NODE, PASSWORD, UGRP, accountOf, hashed, surroundings };
