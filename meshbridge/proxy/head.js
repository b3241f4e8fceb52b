(function () {
    'use strict';
    // MeshCentral's page believes that it is at the root of its own server. Whatever it asks of that server by script is led
    // below the session's path.
    var root = __ROOT__, host = location.host;
    function lead(given) {
        if (given === undefined || given === null) { return given; }
        var url;
        try { url = new URL(String(given), document.baseURI); } catch (ex) { return given; }
        if (url.host !== host || !/^(https?|wss?):$/.test(url.protocol) || url.pathname === root || url.pathname.indexOf(root + '/') === 0) { return given; }
        url.pathname = root + url.pathname;
        return url.href;
    }
    function leadFirst(list) { if (list.length > 0) { list[0] = lead(list[0]); } return list; }

    ['WebSocket', 'EventSource', 'Worker', 'SharedWorker'].forEach(function (name) {
        if (!window[name]) { return; }
        window[name] = new Proxy(window[name], { construct: function (target, args, made) {
            var one = Reflect.construct(target, leadFirst(args), made);
            if (name === 'WebSocket') { one.addEventListener('close', tell); }
            return one;
        } });
    });
    // The session ended: the element around the frame says so. Whoever may be around it is in frame-ancestors.
    function tell(event) {
        if (event.code === 4401 && parent !== window) { parent.postMessage({ type: 'meshsso:problem', code: event.reason || 'SESSION_ENDED', status: 401 }, '*'); }
    }
    var ask = XMLHttpRequest.prototype.open;
    XMLHttpRequest.prototype.open = function (method, url) { arguments[1] = lead(url); return ask.apply(this, arguments); };
    var get = window.fetch;
    if (get) {
        window.fetch = function (what, how) { return get.call(window, (what instanceof Request) ? new Request(lead(what.url), what) : lead(what), how); };
    }
    var open = window.open;
    window.open = function () { return open.apply(window, leadFirst(Array.prototype.slice.call(arguments))); };
    if (navigator.sendBeacon) {
        var beacon = navigator.sendBeacon;
        navigator.sendBeacon = function (url, data) { return beacon.call(navigator, lead(url), data); };
    }
    // A service worker would outlive the session.
    try { if (navigator.serviceWorker) { navigator.serviceWorker.register = function () { return Promise.reject(new Error('not here')); }; } } catch (ex) { }

    [['HTMLAnchorElement', 'href'], ['HTMLAreaElement', 'href'], ['HTMLLinkElement', 'href'], ['HTMLImageElement', 'src'], ['HTMLIFrameElement', 'src'], ['HTMLScriptElement', 'src'],
        ['HTMLMediaElement', 'src'], ['HTMLSourceElement', 'src'], ['HTMLFormElement', 'action']].forEach(function (one) {
        var made = window[one[0]] && window[one[0]].prototype, was = made && Object.getOwnPropertyDescriptor(made, one[1]);
        if (!was || !was.set) { return; }
        Object.defineProperty(made, one[1], { configurable: true, enumerable: was.enumerable, get: was.get, set: function (url) { was.set.call(this, lead(url)); } });
    });
    // Links and forms that came as text.
    document.addEventListener('click', function (event) {
        var link = event.target && event.target.closest && event.target.closest('a[href]');
        if (!link) { return; }
        var to = lead(link.href);
        if (to !== link.href) { link.href = to; }
        // With `download` a browser asks without the cookies of a frame on another site. The page's own frame for files asks with
        // them, and what it gets is an attachment.
        if (link.target === 'fileDownloadFrame' && /^https?:/.test(to)) { link.removeAttribute('download'); }
    }, true);

    // The page's settings stay apart from those of the page around it.
    try {
        var store = window.localStorage, mark = 'meshsso:';
        var names = function () { return Object.keys(store).filter(function (name) { return name.indexOf(mark) === 0; }); };
        var own = {
            getItem: function (name) { return store.getItem(mark + name); },
            setItem: function (name, value) { store.setItem(mark + name, value); },
            removeItem: function (name) { store.removeItem(mark + name); },
            clear: function () { names().forEach(function (name) { store.removeItem(name); }); },
            key: function (n) { var name = names()[n]; return (name === undefined) ? null : name.substring(mark.length); },
            get length() { return names().length; }
        };
        Object.defineProperty(window, 'localStorage', { configurable: true, get: function () { return own; } });
    } catch (ex) { }
})();
