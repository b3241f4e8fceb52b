// <MeshCentralEmbed>, the element for React 17 and later. The session belongs to the element, so that effects that run
// twice (StrictMode) make no second one.

import { createElement, useEffect, useRef } from 'react';
import { MeshCentralEmbedElement, VIEWMODE } from './embed.js';

export { MeshCentralEmbedElement, VIEWMODE };

/**
 * @param {object} props agentId; viewMode (VIEWMODE, default GENERAL); title (names the frame); getToken ({refresh}) => token or
 *   a promise (or set MeshCentralEmbedElement.getToken once); apiBase; restrict; tabs ("none", or names or numbers); messages; className, style,
 *   id; onStateChange(detail), onError(detail): details of the events meshcentral-state and meshcentral-error.
 */
export function MeshCentralEmbed({ agentId, viewMode, title, getToken, apiBase, restrict, tabs, messages, className, style, id, onStateChange, onError }) {
    const element = useRef(null);
    const latest = useRef({});
    useEffect(() => {
        latest.current = { onStateChange, onError };
        Object.assign(element.current, { getToken, messages });
    });
    useEffect(() => {
        const node = element.current;
        const state = (event) => latest.current.onStateChange?.(event.detail);
        const error = (event) => latest.current.onError?.(event.detail);
        node.addEventListener('meshcentral-state', state);
        node.addEventListener('meshcentral-error', error);
        return () => { node.removeEventListener('meshcentral-state', state); node.removeEventListener('meshcentral-error', error); };
    }, []);
    const tabList = Array.isArray(tabs) ? tabs.join(' ') : tabs;
    return createElement('meshcentral-embed', {
        ref: element, id, class: className, style, 'agent-id': agentId == null ? undefined : String(agentId), 'view-mode': viewMode == null ? undefined : String(viewMode),
        label: title, 'api-base': apiBase, restrict: restrict ? '' : undefined, tabs: tabList
    });
}

export default MeshCentralEmbed;
