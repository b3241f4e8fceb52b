'use strict';
// A MeshCentral folder on disk: is it one, which version, and may it be changed? Every answer that is no is a sentence.

const fs = require('fs');
const path = require('path');
const { FILES } = require('./hooks.js');

/** Something that the operator has to set right; the message is all they need. */
class Refusal extends Error {}

const STATE_FILE = '.meshsso-fork.json';

/** openTree(dir) → { dir, name, version, files: Map(name → File), manifest: File, host: File|null, state: File }.
 *  File: { name, path, bytes: Buffer|null, text }. `host` is the package.json of the folder that MeshCentral's own
 *  start-up `npm install` runs in, when that is another one. */
function openTree(given, { writable = false } = {}) {
    const dir = realFolder(given);
    const manifest = readInside(dir, 'package.json', `${given} is not a MeshCentral folder: it has no package.json`);
    let json;
    try {
        json = JSON.parse(manifest.text.replace(/^\uFEFF/, ''));
    } catch (error) {
        throw new Refusal(`${manifest.path} is not JSON: ${error.message}`);
    }
    const files = new Map();
    for (const name of FILES) files.set(name, readInside(dir, name, `${given} is not a MeshCentral folder: it has no ${name}`));
    if (json === null || typeof json.name !== 'string' || typeof json.version !== 'string') throw new Refusal(`${manifest.path} has no name or no version`);

    const above = path.dirname(dir);
    const hosted = path.basename(dir) === 'meshcentral' && path.basename(above) === 'node_modules';
    const hostDir = hosted ? path.dirname(above) : null;
    const host = hosted && fs.existsSync(path.join(hostDir, 'package.json')) ? readInside(hostDir, 'package.json') : null;
    const state = readInside(dir, STATE_FILE, null);
    const tree = { dir, name: json.name, version: json.version, files, manifest, host, hostDir, state, installDir: hostDir || dir };
    if (writable) assertWritable(tree);
    return tree;
}

function realFolder(given) {
    try {
        const dir = fs.realpathSync(given);
        if (!fs.statSync(dir).isDirectory()) throw new Refusal(`${given} is not a folder`);
        return dir;
    } catch (error) {
        if (error.code === 'ENOENT') throw new Refusal(`${given} does not exist`);
        if (error.code === 'EACCES') throw new Refusal(`${given} cannot be read by this user`);
        throw error;
    }
}

/** A file of the folder; a link is followed only inside it, so that nothing elsewhere is ever rewritten. */
function readInside(dir, name, missing) {
    const lexical = path.join(dir, name);
    let real;
    try {
        real = fs.realpathSync(lexical);
    } catch (error) {
        if (error.code === 'ENOENT' && missing === null && !isLink(lexical)) return { name, path: lexical, bytes: null, text: null };
        if (error.code === 'ENOENT' && isLink(lexical)) throw new Refusal(`${lexical} is a link that leads nowhere`);
        if (error.code === 'ENOENT') throw new Refusal(missing);
        throw new Refusal(`${lexical} cannot be read (${error.code})`);
    }
    if (path.relative(dir, real).split(path.sep)[0] === '..' || path.isAbsolute(path.relative(dir, real))) {
        throw new Refusal(`${lexical} is a link to ${real}, outside of ${dir}: nothing there is changed. Put a copy of the file in its place`);
    }
    let bytes;
    try {
        bytes = fs.readFileSync(real);
    } catch (error) {
        throw new Refusal(`${lexical} cannot be read (${error.code})`);
    }
    const text = bytes.toString('utf8');
    if (!Buffer.from(text, 'utf8').equals(bytes)) throw new Refusal(`${lexical} is not UTF-8 text`);
    return { name, path: real, bytes, text };
}

function isLink(file) {
    try {
        return fs.lstatSync(file).isSymbolicLink();
    } catch {
        return false;
    }
}

function assertWritable(tree) {
    const targets = [...tree.files.values(), tree.manifest, ...(tree.host ? [tree.host] : [])];
    const places = new Set([tree.dir, ...targets.flatMap((file) => [path.dirname(file.path), file.path])]);
    for (const place of places) {
        try {
            fs.accessSync(place, fs.constants.W_OK);
        } catch (error) {
            throw new Refusal(`${place} is not writable by this user (${error.code}); run this as the owner of the MeshCentral folder`);
        }
    }
}

module.exports = { openTree, Refusal, STATE_FILE };
