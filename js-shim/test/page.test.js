'use strict';
const assert = require('node:assert/strict');
const { test } = require('node:test');
const vm = require('node:vm');
const { FRAME_GUARD, frameAncestors, injectScript, sendPage } = require('../lib/page');

function response() {
    const headers = {};
    return {
        headers, statusCode: 200, body: null,
        status(code) { this.statusCode = code; return this; },
        set(name, value) { Object.assign(headers, typeof name === 'string' ? { [name]: value } : name); return this; },
        type(value) { headers['Content-Type'] = value; return this; },
        send(body) { this.body = body; return this; },
        getHeader: (name) => headers[name], setHeader(name, value) { headers[name] = value; }
    };
}

const HTML = { headers: { accept: 'text/html,*/*' } };

// Runs the injected script as a page would, with a stand-in for the few browser objects that it touches.
function runInjected(search) {
    const script = /<script>([\s\S]*?)<\/script>/.exec(injectScript('<html><head><title>x</title></head></html>'))[1];
    const context = { location: { search, pathname: '/', hash: '#h' }, history: { replaceState(_state, _title, url) { context.replaced = url; } } };
    context.window = context;
    vm.createContext(context);
    vm.runInContext(script, context);
    return context;
}

test('the token leaves the address bar and the rest stays as it was', () => {
    assert.equal(runInjected('?token=abc&gotonode=a@$b&viewmode=12').replaced, '/?gotonode=a@$b&viewmode=12#h');
    assert.equal(runInjected('?token=abc').replaced, '/#h');
    assert.equal(runInjected('?gotonode=1').replaced, undefined);
});

test('the control channel gets the page\'s own credential, whenever it is made', () => {
    const context = runInjected('');
    vm.runInContext('var MeshServerCreateControl = function (domain, cookie) { return [domain, cookie]; }; var authCookie = "first";', context);
    assert.deepEqual([...vm.runInContext('MeshServerCreateControl("/")', context)], ['/', 'first']);
    assert.deepEqual([...vm.runInContext('authCookie = "second"; MeshServerCreateControl("/")', context)], ['/', 'second']);
    assert.deepEqual([...vm.runInContext('MeshServerCreateControl("/", "own")', context)], ['/', 'own']);
});

test('the script comes first, with or without a head, and a fragment is left alone', () => {
    assert.match(injectScript('<!DOCTYPE html><html lang=en><head lang=x><script>1</script>'), /<head lang=x><script>\(function/);
    assert.match(injectScript('<!DOCTYPE html><html lang=en><meta charset=utf-8><header>'), /<html lang=en><script>\(function/);
    assert.equal(injectScript('plain'), 'plain');
});

test('a login form that finds itself in a frame goes away, where the browser did not say that it is one', () => {
    const script = /<script>([\s\S]*?)<\/script>/.exec(injectScript('<html><head></head></html>', FRAME_GUARD))[1];
    for (const framed of [true, false]) {
        const context = { location: { pathname: '/', replace(url) { context.gone = url; } } };
        context.window = { self: 1, top: framed ? 2 : 1 };
        vm.runInNewContext(script, context);
        assert.equal(context.gone, framed ? '/?meshsso=reopen' : undefined);
    }
});

test('pages tell no reason, only configured dashboards, and escape what is configured', () => {
    const res = response();
    sendPage(HTML, res, 'ACCESS_DENIED', { loginUrl: 'https://d.example/?a=1&b="><script>', dashboardOrigins: ['https://d.example'] });
    assert.equal(res.statusCode, 401);
    assert.equal(res.headers['Cache-Control'], 'no-store');
    assert.ok(res.body.includes('"https://d.example"') && !res.body.includes('"><script>'));
    assert.ok(!/TOKEN_|USER_|TENANT_/.test(res.body));
});

test('an outage is 503 and retries; a client that is no browser gets a line of text', () => {
    const page = response();
    sendPage(HTML, page, 'SERVICE_UNAVAILABLE', { loginUrl: null, dashboardOrigins: [] });
    assert.equal(page.statusCode, 503);
    assert.equal(page.headers['Retry-After'], '5');
    const line = response();
    sendPage({ headers: { accept: '*/*' } }, line, 'ACCESS_DENIED', { loginUrl: null, dashboardOrigins: [] });
    assert.equal(line.body, 'ACCESS_DENIED\n');
});

test('only configured dashboards may frame', () => {
    const res = response();
    res.headers['Content-Security-Policy'] = "default-src 'none'; frame-ancestors *; script-src 'self'";
    frameAncestors(res, ['https://d.example']);
    assert.equal(res.headers['Content-Security-Policy'], "default-src 'none'; script-src 'self'; frame-ancestors 'self' https://d.example");
});
