'use strict';
// All files or none: temporary file, fsync, rename, each with the mode and owner of the file it replaces; when one
// cannot be put in place, those that were are put back.

const fs = require('fs');
const path = require('path');
const crypto = require('crypto');

const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');

/** replaceAll(changes): each { path, before: Buffer|null, after: Buffer|null }; null means that there is no file.
 *  Throws with the tree as it was; `error.restored` is false only if putting back failed too. */
function replaceAll(changes) {
    const staged = [];
    const done = [];
    try {
        for (const change of changes) {
            assertUnchanged(change);
            if (change.after !== null) staged.push(stage(change.path, change.after));
            else staged.push(null);
        }
        changes.forEach((change, i) => {
            assertUnchanged(change);
            if (staged[i] === null) fs.unlinkSync(change.path);
            else fs.renameSync(staged[i], change.path);
            staged[i] = null;
            done.push(change);
        });
        for (const dir of new Set(changes.map((change) => path.dirname(change.path)))) syncFolder(dir);
    } catch (error) {
        error.restored = putBack(done);
        throw error;
    } finally {
        for (const temporary of staged) if (temporary) fs.rmSync(temporary, { force: true });
    }
}

/** Removes what a run that was killed left beside these files. */
function sweep(targets) {
    for (const target of targets) {
        const dir = path.dirname(target);
        const prefix = `.${path.basename(target)}.meshsso-`;
        for (const name of fs.readdirSync(dir)) {
            if (name.startsWith(prefix) && /^[0-9a-f]{12}$/.test(name.slice(prefix.length))) fs.rmSync(path.join(dir, name), { force: true });
        }
    }
}

function putBack(done) {
    let all = true;
    for (const change of done.reverse()) {
        try {
            if (change.before === null) fs.rmSync(change.path, { force: true });
            else fs.renameSync(stage(change.path, change.before, change.stat), change.path);
        } catch {
            all = false;
        }
    }
    return all;
}

/** Somebody else's write between our reading and our writing is not overwritten. */
function assertUnchanged(change) {
    let now = null;
    try {
        now = fs.readFileSync(change.path);
        change.stat = fs.statSync(change.path);
    } catch (error) {
        if (error.code !== 'ENOENT') throw error;
    }
    const same = now === null || change.before === null ? now === change.before : now.equals(change.before);
    if (!same) throw new Error(`${change.path} was changed by somebody else while this ran`);
}

function stage(target, bytes, stat) {
    if (stat === undefined) {
        try {
            stat = fs.statSync(target);
        } catch (error) {
            if (error.code !== 'ENOENT') throw error;
        }
    }
    const temporary = path.join(path.dirname(target), `.${path.basename(target)}.meshsso-${crypto.randomBytes(6).toString('hex')}`);
    const file = fs.openSync(temporary, 'wx', 0o644);
    try {
        fs.writeFileSync(file, bytes);
        if (stat) {
            if (stat.uid !== process.geteuid?.() || stat.gid !== process.getegid?.()) fs.fchownSync(file, stat.uid, stat.gid);
            fs.fchmodSync(file, stat.mode & 0o7777);
        }
        fs.fsyncSync(file);
    } catch (error) {
        fs.rmSync(temporary, { force: true });
        throw error;
    } finally {
        fs.closeSync(file);
    }
    return temporary;
}

function syncFolder(dir) {
    try {
        const folder = fs.openSync(dir, 'r');
        fs.fsyncSync(folder);
        fs.closeSync(folder);
    } catch {
    // Not every system can sync a folder; the files themselves are synced.
    }
}

module.exports = { replaceAll, sweep, sha256 };
