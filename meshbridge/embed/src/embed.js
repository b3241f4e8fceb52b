// What a dashboard loads: <meshcentral-embed>. See docs/embedding.md.

import { MeshCentralEmbedElement } from './element.js';

export { MeshCentralEmbedElement };
export { VIEWMODE } from './modes.js';

if (globalThis.customElements && !customElements.get('meshcentral-embed')) { customElements.define('meshcentral-embed', MeshCentralEmbedElement); }
