'use strict';
// A dashboard's page with the strictest policy that a page with a script can have, and what tests do with it.

// `tokens` is what the dashboard's sign-in gives, one after the other; the last one stays.
const SCRIPT = `import * as embed from 'EMBED';
const page = window.dashboard = { embed, api: 'EMBED', asked: [], states: [], errors: [], violations: [], count: 0, tokens: null };
addEventListener('securitypolicyviolation', (event) => page.violations.push(event.violatedDirective + ' ' + event.blockedURI));
addEventListener('meshcentral-state', (event) => page.states.push(event.detail));
addEventListener('meshcentral-error', (event) => page.errors.push(event.detail));
page.getToken = async (options) => { page.asked.push(options); return 'head.secret-' + (++page.count) + '.tail'; };
page.make = (attributes, properties = {}) => {
    const element = document.createElement('meshcentral-embed');
    for (const [name, value] of Object.entries(attributes)) { element.setAttribute(name, value); }
    Object.assign(element, { getToken: page.getToken }, properties);
    document.querySelector('main').append(element);
    return element;
};`;

function policy(api) {
    return ["default-src 'none'", "script-src 'self' " + api, 'connect-src ' + api, 'frame-src ' + api, "style-src 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"].join('; ');
}

/** Puts the dashboard on a stand-in's server. @param {object} server its own. @param {string} api origin of the API */
function addDashboard(server, api = server.url) {
    const html = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>dashboard</title><meta http-equiv="Content-Security-Policy" content="${policy(api)}">
<script type="module" src="/dashboard.js"></script></head><body><h1>Dashboard</h1><main></main><aside></aside></body></html>`;
    server.files.set('/', ['text/html; charset=utf-8', html]);
    server.files.set('/dashboard.js', ['text/javascript', SCRIPT.replaceAll('EMBED', api + '/api/meshcentral/embed.js')]);
}

/** Opens the dashboard; resolves to the page and short words for what tests do there. */
async function openDashboard(profile, url, { time } = {}) {
    const page = await profile.newPage();
    const urls = [], complaints = [];
    page.on('request', (request) => urls.push(request.url()));
    page.on('console', (message) => { if (message.type() === 'error') { complaints.push(message.text()); } });
    page.on('pageerror', (err) => complaints.push(String(err)));
    if (time !== undefined) { await page.clock.install({ time }); }
    await page.goto(url);
    await page.waitForFunction(() => window.dashboard !== undefined);
    const make = (attributes = {}) => page.evaluate((a) => { window.dashboard.make(a); }, { 'agent-id': '7', ...attributes });
    const state = (name) => page.waitForFunction((wanted) => document.querySelector('meshcentral-embed')?.state === wanted, name, { timeout: 10000 });
    return { page, urls, complaints, make, state, status: () => page.locator('meshcentral-embed [role=status]').textContent(), button: (name) => page.getByRole('button', { name }), frame: () => page.locator('meshcentral-embed iframe') };
}

module.exports = { addDashboard, openDashboard };
