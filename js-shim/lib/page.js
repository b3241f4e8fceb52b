'use strict';
// What a browser sees of us: the script that MeshCentral's page gets, and the pages that stand in for it.

// Runs before every script of the page. It takes the token out of the address bar (so a reload, a bookmark or a Referer
// cannot carry it) and gives the control channel the page's own credential, because a frame on another site has no cookies.
const SCRIPT = `<script>(function(){
var kept=location.search.slice(1).split('&').filter(function(p){return p&&!/^(token|auth|login)(=|$)/i.test(p)});
if(/[?&](token|auth|login)(=|&|$)/i.test(location.search)){history.replaceState(null,'',location.pathname+(kept.length?'?'+kept.join('&'):'')+location.hash)}
var make;Object.defineProperty(window,'MeshServerCreateControl',{configurable:true,get:function(){return make},
set:function(stock){make=function(domain,cookie){return stock(domain,cookie||window.authCookie)}}});
})();</script>`;

// For browsers that do not say what they load a page for: a login form that finds itself in a frame goes away.
const FRAME_GUARD = '<script>if(window.top!==window.self){location.replace(location.pathname+"?meshsso=reopen")}</script>';

/** Puts a script first into a rendered page. A page without a head is not MeshCentral's application: left as it is. */
function injectScript(html, script = SCRIPT) {
    const head = /<head\b[^>]*>/i.exec(html);
    const at = head ? head.index + head[0].length : (/<html\b[^>]*>/i.exec(html) || { index: -1, 0: '' });
    if (typeof at === 'number') { return html.slice(0, at) + script + html.slice(at); }
    return (at.index < 0) ? html : html.slice(0, at.index + at[0].length) + script + html.slice(at.index + at[0].length);
}

/**
 * Makes `res.render` add a script. MeshCentral renders through it whatever the language or style of the page.
 * @param {object} [how] {script, adjust(options): changes what the page is made of}
 */
function wrapRender(res, { script = SCRIPT, adjust = () => { } } = {}) {
    const render = res.render;
    res.render = function (view, options, callback) {
        if (options !== null && typeof options === 'object') { adjust(options); }
        if (typeof callback === 'function') { return render.apply(this, arguments); }
        return render.call(this, view, options, (err, html) => {
            if (err) { return res.req.next(err); }
            res.send(injectScript(html, script));
        });
    };
}

const TEXTS = {
    ACCESS_DENIED: { status: 401, title: 'Access denied', text: 'Your sign-in is not valid here or has ended. Please open this device from the dashboard again.' },
    REOPEN: { status: 401, title: 'Please reopen from the dashboard', text: 'This window has no sign-in any more. Please open the device from the dashboard again.' },
    FORBIDDEN: { status: 403, title: 'Not allowed', text: 'Your role does not allow this here.' },
    SERVICE_UNAVAILABLE: { status: 503, title: 'Sign-in is not available at the moment', text: 'This page tries again by itself in a few seconds.' }
};

/**
 * Answers a request with a page of ours (or a line of text where no page was asked for).
 * @param {string} code key of TEXTS. @param {object} config of readConfig.
 */
function sendPage(req, res, code, config) {
    const { status, title, text } = TEXTS[code];
    const retry = code === 'SERVICE_UNAVAILABLE';
    res.status(status);
    res.set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
    if (retry) { res.set('Retry-After', '5'); }
    if (!/\btext\/html\b/.test(req.headers.accept || '')) { return res.type('text/plain').send((code === 'REOPEN' ? 'ACCESS_DENIED' : code) + '\n'); }
    const link = (!retry && config.loginUrl) ? `<p><a href="${escape(config.loginUrl)}" target="_top" rel="noreferrer">Go to the dashboard</a></p>` : '';
    const script = retry ? RETRY : (code === 'FORBIDDEN') ? '' : expired(config.dashboardOrigins);
    res.type('text/html').send(`<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex"><title>${title}</title>${STYLE}<script>${script}</script></head>` +
        `<body data-meshsso="${code}"><main role="alert"><h1>${title}</h1><p>${text}</p>${link}</main></body></html>`);
}

const STYLE = '<style>body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;place-items:center;min-height:100vh;background:#f6f7f9;color:#1d2430}main{max-width:32rem;padding:2rem}h1{font-size:1.25rem}@media(prefers-color-scheme:dark){body{background:#14181f;color:#e6e9ee}a{color:#8ab4ff}}</style>';

// The token leaves the address bar at once; the retry keeps it in the page's memory only.
const RETRY = `(function(){var url=location.href;history.replaceState(null,'',location.pathname);setTimeout(function(){location.replace(url)},5000)})();`;

// Tells the dashboard around the frame. postMessage reaches the named origins only, and says nothing but that.
function expired(origins) {
    return `(function(){history.replaceState(null,'',location.pathname);if(window.parent!==window){${JSON.stringify(origins).replace(/</g, '\\u003c')}.forEach(function(o){window.parent.postMessage({type:'meshsso:expired'},o)})}})();`;
}

function escape(text) { return text.replace(/[&<>"']/g, (c) => '&#' + c.charCodeAt(0) + ';'); }

/** Only the configured dashboards may frame MeshCentral. */
function frameAncestors(res, origins) {
    const policy = res.getHeader('Content-Security-Policy');
    const sources = ["'self'"].concat(origins).join(' ');
    const rest = (typeof policy === 'string') ? policy.split(';').map((s) => s.trim()).filter((s) => s && !/^frame-ancestors\b/i.test(s)) : [];
    res.setHeader('Content-Security-Policy', rest.concat('frame-ancestors ' + sources).join('; '));
}

module.exports = { FRAME_GUARD, injectScript, wrapRender, sendPage, frameAncestors };
