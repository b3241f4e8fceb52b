'use strict';
// A dashboard made with React: the library's own CommonJS files, wrapped as modules, under the names of an import map.

const fs = require('fs');
const path = require('path');

const MODULES = { react: 'react/cjs/react.development.js', 'react-dom': 'react-dom/cjs/react-dom.development.js', 'react-dom/client': 'react-dom/cjs/react-dom-client.development.js', scheduler: 'scheduler/cjs/scheduler.development.js' };

function asModule(name) {
    const folder = path.dirname(require.resolve(name.split('/')[0] + '/package.json'));
    const text = fs.readFileSync(path.join(path.dirname(folder), MODULES[name]), 'utf8');
    const needs = [...new Set([...text.matchAll(/\brequire\("([^"]+)"\)/g)].map((match) => match[1]))];
    const names = Object.keys(require(name));
    return needs.map((need, i) => `import * as need${i} from '${need}';`).join('\n') + `
const process = { env: { NODE_ENV: 'development' } }, module = { exports: {} };
(function (require, module, exports) {\n${text}\n})((name) => ({ ${needs.map((need, i) => `'${need}': need${i}`).join(', ')} })[name], module, module.exports);
export const { ${names.join(', ')} } = module.exports;`;
}

const SCRIPT = `import { StrictMode, createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { MeshCentralEmbed, MeshCentralEmbedElement, VIEWMODE } from 'meshcentral-embed';
const page = window.dashboard = { states: [], errors: [], asked: 0, renders: 0, VIEWMODE, MeshCentralEmbedElement };
const root = createRoot(document.querySelector('main'));
const onStateChange = (detail) => page.states.push(detail.state);
page.getToken = () => 'head.secret-' + (++page.asked) + '.tail';
// Each rendering makes new callbacks, as a dashboard's code does.
function App({ props }) { page.renders++; return createElement(MeshCentralEmbed, { getToken: () => page.getToken(), onStateChange, onError: (detail) => page.errors.push([page.renders, detail.code]), ...props }); }
page.show = (props, strict = false) => root.render(props === null ? null : strict ? createElement(StrictMode, null, createElement(App, { props })) : createElement(App, { props }));
page.unmount = () => root.unmount();`;

/** Puts a React dashboard on a stand-in's server. */
function addReactDashboard(server) {
    const imports = { 'meshcentral-embed': '/api/meshcentral/embed-react.js' };
    for (const name of Object.keys(MODULES)) {
        imports[name] = '/modules/' + name + '.js';
        server.files.set(imports[name], ['text/javascript', asModule(name)]);
    }
    server.files.set('/react.js', ['text/javascript', SCRIPT]);
    server.files.set('/', ['text/html; charset=utf-8', `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>dashboard</title><link rel="icon" href="data:,"><script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module" src="/react.js"></script></head><body><main></main></body></html>`]);
}

module.exports = { addReactDashboard };
