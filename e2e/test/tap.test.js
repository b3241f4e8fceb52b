'use strict';
// The recorder between a real Chromium and a server: everything passes unchanged, everything is seen, whatever it comes by.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');
const { after, before, beforeEach, afterEach, describe, test } = require('node:test');
const WebSocket = require('ws');
const { createRecorder } = require('../demo/record');
const { newProfile, startBrowser } = require('../lab/browser');
const { createSearch } = require('../lab/leaks');
const { until } = require('../lab/process');
const { createTap } = require('../lab/tap');

// One name a channel, so that a finding says by which one it came.
const CHANNELS = ['header', 'cookie', 'location', 'redirect-body', 'page', 'gzip', 'brotli', 'deflate', 'error-page', 'status-line', 'fetch', 'socket-text', 'socket-binary', 'socket-fragments', 'socket-close', 'refused-upgrade', 'worker-script', 'worker-fetch', 'worker-socket', 'shared-worker', 'cut-off', 'download'];
const secret = (channel) => 'planted-in-' + channel + '.example';
const NAMES = Object.fromEntries(CHANNELS.map((channel) => [channel, secret(channel)]));

const PAGE = `<!DOCTYPE html><title>page</title><!-- ${secret('page')} --><script>
const socket = (url) => new Promise((resolve) => { const ws = new WebSocket(location.origin.replace('http', 'ws') + url); const got = []; ws.binaryType = 'arraybuffer';
    ws.onmessage = ({ data }) => got.push(typeof data === 'string' ? data : data.byteLength); ws.onopen = () => ws.send('from the page'); ws.onclose = ({ code }) => resolve([...got, code]); });
const read = (url) => fetch(url).then((r) => r.text()).catch(() => 'cut off');
const asked = (worker) => new Promise((resolve) => { worker.onmessage = ({ data }) => resolve(data); });
window.all = async () => {
    const shared = new SharedWorker('/shared.js');
    return { gzip: await read('/gzip'), brotli: await read('/brotli'), deflate: await read('/deflate'), error: await read('/error'), redirected: (await read('/redirect')).length, fetched: (await read('/fetch')).length,
        cut: await read('/cut'), socket: await socket('/socket'), refused: await socket('/refused'), worker: await asked(new Worker('/worker.js')), shared: await asked(shared.port) };
};</script><a href="/download" download>download</a>`;
const WORKER = `// ${secret('worker-script')}
(async () => { const text = await (await fetch('/worker-fetch')).text(); const ws = new WebSocket(location.origin.replace('http', 'ws') + '/worker-socket'); ws.onmessage = ({ data }) => { ws.onclose = () => postMessage([text.length, data.length]); ws.close(); }; })();`;
const SHARED = 'onconnect = async ({ ports: [port] }) => { port.postMessage((await (await fetch("/shared-fetch")).text()).length); };';

const ANSWERS = {
    '/': [200, { 'Content-Type': 'text/html', 'X-Served-By': secret('header'), 'Set-Cookie': 'a=' + secret('cookie') }, PAGE],
    '/gzip': [200, { 'Content-Encoding': 'gzip' }, zlib.gzipSync(secret('gzip'))],
    '/brotli': [200, { 'Content-Encoding': 'br' }, zlib.brotliCompressSync(secret('brotli'))],
    '/deflate': [200, { 'Content-Encoding': 'deflate' }, zlib.deflateSync(secret('deflate'))],
    '/error': [500, {}, secret('error-page'), secret('status-line')],
    '/redirect': [302, { Location: '/fetch?from=' + secret('location') }, secret('redirect-body')],
    '/fetch': [200, {}, 'x'.repeat(3 << 20) + Buffer.from('..' + secret('fetch')).toString('base64')],
    '/worker.js': [200, { 'Content-Type': 'text/javascript' }, WORKER],
    '/worker-fetch': [200, {}, secret('worker-fetch')],
    '/shared.js': [200, { 'Content-Type': 'text/javascript' }, SHARED],
    '/shared-fetch': [200, {}, secret('shared-worker')],
    '/download': [200, { 'Content-Disposition': 'attachment; filename=x' }, secret('download')]
};

describe('the tap', { timeout: 120000 }, () => {
    let browser, server, heard, front, recorder, dir, file, url;
    before(async () => { browser = await startBrowser(); });
    after(() => browser.close());
    beforeEach(async () => {
        dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tap-'));
        file = path.join(dir, 'traffic.jsonl');
        ({ server, heard } = await serve());
        recorder = createRecorder({ file, search: createSearch(NAMES) });
        const tap = createTap('http://127.0.0.1:' + server.address().port, recorder);
        front = http.createServer(tap.handle).on('upgrade', tap.upgrade).listen(0, '127.0.0.1');
        await new Promise((resolve) => front.once('listening', resolve));
        url = 'http://127.0.0.1:' + front.address().port;
    });
    afterEach(() => { for (const one of [front, server]) { one.close(); one.closeAllConnections(); } fs.rmSync(dir, { recursive: true }); });

    async function serve() {
        const listener = http.createServer((req, res) => {
            const target = req.url.split('?')[0];
            if (target === '/cut') { res.writeHead(200, { 'Content-Length': 1000 }).write(secret('cut-off')); return setTimeout(() => res.destroy(), 50); }
            const [status, headers, body, reason] = ANSWERS[target] ?? [404, {}, ''];
            res.writeHead(status, ...(reason ? [reason] : []), headers).end(body);
        });
        const sockets = new WebSocket.Server({ noServer: true, perMessageDeflate: true });
        const got = [];
        listener.on('upgrade', (req, socket, head) => {
            if (req.url === '/refused') { return socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: ' + secret('refused-upgrade').length + '\r\n\r\n' + secret('refused-upgrade')); }
            sockets.handleUpgrade(req, socket, head, (ws) => {
                if (req.url === '/worker-socket') { ws.send(secret('worker-socket')); return; }
                ws.on('message', (data) => {
                    got.push(data.toString());
                    ws.send(secret('socket-text'));
                    ws.send(Buffer.concat([crypto.randomBytes(70000), Buffer.from(secret('socket-binary'), 'utf16le')]));
                    ws.send(secret('socket-fragments').slice(0, 9), { fin: false });
                    ws.send(secret('socket-fragments').slice(9));
                    ws.close(4401, secret('socket-close'));
                });
            });
        });
        await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
        return { server: listener, heard: got };
    }

    test('each channel to a browser and its workers passes unchanged and is searched', async () => {
        const profile = await newProfile(browser, { acceptDownloads: true });
        const page = await profile.newPage();
        await page.goto(url + '/');
        assert.deepEqual(await page.evaluate(() => window.all()), {
            gzip: secret('gzip'), brotli: secret('brotli'), deflate: secret('deflate'), error: secret('error-page'), redirected: ANSWERS['/fetch'][2].length, fetched: ANSWERS['/fetch'][2].length,
            cut: 'cut off', socket: [secret('socket-text'), 70000 + 2 * secret('socket-binary').length, secret('socket-fragments'), 4401], refused: [1006],
            worker: [secret('worker-fetch').length, secret('worker-socket').length], shared: secret('shared-worker').length
        });
        const [download] = await Promise.all([page.waitForEvent('download'), page.click('a')]);
        assert.equal(fs.readFileSync(await download.path(), 'utf8'), secret('download'));
        assert.deepEqual(heard, ['from the page']);
        await profile.close();
        const { leaks, bytesInspected } = await recorder.close();
        assert.deepEqual([...new Set(leaks.map(({ what }) => what))].sort(), [...CHANNELS].sort());
        assert.ok(bytesInspected > 3 << 20, String(bytesInspected));
        const place = (what) => leaks.find((leak) => leak.what === what).where;
        assert.match(place('cookie'), /^\d+ GET \/ head$/);
        assert.match(place('gzip'), /^\d+ GET \/gzip body$/);
        assert.match(place('worker-socket'), /^\d+ WebSocket \/worker-socket messages$/);
        const lines = fs.readFileSync(file, 'utf8').trim().split('\n').map((text) => JSON.parse(text));
        assert.ok(lines.some((l) => l.direction === 'sent' && l.part === 'message' && l.text === 'from the page'), 'what is sent is recorded too');
        assert.ok(lines.some((l) => l.part === 'body' && l.text === secret('brotli')), 'decompressed');
        assert.ok(lines.some((l) => l.part === 'message' && l.text === secret('socket-fragments')), 'a message, not its frames');
        assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    });

    test('what a browser sends is no leak; a session\'s token is in no finding; a server that is away is a 502', async () => {
        const send = (target, options = {}) => new Promise((resolve, reject) => { const req = http.request(url + target, { method: 'POST', agent: false, ...options }, (res) => { res.resume(); res.on('end', () => resolve(res.statusCode)); }); req.on('error', reject); req.end(secret('page')); });
        assert.equal(await send('/api/meshcentral/proxy/secretsecretsecret/x?a=' + secret('page'), { headers: { 'x-mine': secret('page') } }), 404);
        ANSWERS['/api/meshcentral/proxy/secretsecretsecret/y'] = [200, {}, secret('page')];
        assert.equal(await send('/api/meshcentral/proxy/secretsecretsecret/y'), 200);
        server.close();
        server.closeAllConnections();
        assert.equal(await send('/'), 502);
        const { leaks } = await recorder.close();
        assert.deepEqual([...new Set(leaks.map(({ where }) => where))], ['2 POST /api/meshcentral/proxy/…/y body']);
    });

    test('nothing waits for its end: a long answer comes as it is made', async () => {
        let finish;
        server.removeAllListeners('request');
        server.on('request', (req, res) => { res.writeHead(200); res.write('begun'); finish = () => res.end(); });
        await new Promise((resolve, reject) => http.get(url + '/', { agent: false }, (res) => { res.once('data', (data) => { assert.equal(data.toString(), 'begun'); finish(); res.on('end', resolve); res.resume(); }); }).on('error', reject));
        await until(async () => (await recorder.close()).bytesInspected > 0, 5000, 'it is recorded');
    });
});
