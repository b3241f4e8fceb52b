'use strict';
// The lab's own promises: it touches no database but its own, and says what a machine lacks.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { after, before, describe, test } = require('node:test');
const { makeSecrets, startPostgres } = require('../lab/postgres');

describe('the lab', { timeout: 120000 }, () => {
    let dir, server;
    before(async () => {
        dir = fs.mkdtempSync(path.join(os.tmpdir(), 'lab-test-'));
        fs.chmodSync(dir, 0o711);
        const room = path.join(dir, 'postgres');
        fs.mkdirSync(room, { mode: 0o711 });
        server = await startPostgres(room, makeSecrets(path.join(dir, 'secrets.json')));
    });
    after(async () => { await server.stop(); fs.rmSync(dir, { recursive: true, force: true }); });

    // Somebody's server, as the variable names it.
    async function named(database, setup) {
        await server.query('CREATE DATABASE ' + database);
        const { Client } = require('pg');
        const url = `postgres://${server.user}:${server.password}@127.0.0.1:${server.port}/${database}`;
        const client = new Client({ connectionString: url });
        await client.connect();
        for (const sql of setup) { await client.query(sql); }
        const use = async () => {
            process.env.MESHSSO_LAB_DATABASE_URL = url;
            try { return await startPostgres(dir, {}); } finally { delete process.env.MESHSSO_LAB_DATABASE_URL; }
        };
        return { use, client, done: () => client.end() };
    }

    test('a database with anything in it is left alone', async () => {
        const { use, client, done } = await named('theirs', ['CREATE TABLE customers (id int)', 'INSERT INTO customers VALUES (1)']);
        await assert.rejects(use(), /neither empty nor marked/);
        assert.equal((await client.query('SELECT count(*)::int AS n FROM customers')).rows[0].n, 1);
        await done();
    });

    test('a table in another schema counts, too', async () => {
        const { use, done } = await named('theirs_too', ['CREATE SCHEMA app', 'CREATE TABLE app.customers (id int)']);
        await assert.rejects(use(), /neither empty nor marked/);
        await done();
    });

    test('an empty one is used, and so is the lab\'s own of before', async () => {
        const { use, done } = await named('fresh', []);
        const first = await use();
        assert.equal(first.database, 'fresh');
        await first.query(fs.readFileSync(path.join(__dirname, '..', 'lab', 'platform.sql'), 'utf8'));
        const again = await use();
        assert.equal((await again.query("SELECT to_regclass('public.users') AS t")).rows[0].t, null, 'it begins anew');
        await assert.rejects(again.stop(), /not its own/);
        await done();
    });

    test('DATABASE_URL is never read', () => {
        const code = "const fs=require('fs');const text=fs.readdirSync('lab').map((f)=>fs.readFileSync('lab/'+f,'utf8')).join();process.exit(/env\\.DATABASE_URL|env\\[.DATABASE_URL/.test(text)?1:0)";
        execFileSync(process.execPath, ['-e', code], { cwd: path.join(__dirname, '..') });
    });

    test('what is missing is named, where it may not be installed', () => {
        const ask = (folder) => execFileSync(process.execPath, ['-e', `process.getuid=()=>1000;process.env.PATH='${folder}';require('./lab/prerequisites').ensurePrerequisites().then(()=>process.exit(1),(err)=>console.log(err.message))`], { cwd: path.join(__dirname, '..'), encoding: 'utf8' });
        assert.match(ask('/nonexistent'), /please install Go/);
        const onlyGo = path.join(dir, 'bin');
        fs.mkdirSync(onlyGo);
        fs.writeFileSync(path.join(onlyGo, 'go'), '', { mode: 0o755 });
        assert.match(ask(onlyGo), /please install: chromium xvfb xterm xauth procps/);
    });
});
