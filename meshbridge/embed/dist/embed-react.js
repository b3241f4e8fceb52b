// meshbridge/embed/src/embed-react.js
import { createElement, useEffect, useRef } from "react";
import { MeshCentralEmbedElement, VIEWMODE } from "./embed.js";
function MeshCentralEmbed({ agentId, viewMode, title, getToken, apiBase, restrict, tabs, messages, className, style, id, onStateChange, onError }) {
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
    node.addEventListener("meshcentral-state", state);
    node.addEventListener("meshcentral-error", error);
    return () => {
      node.removeEventListener("meshcentral-state", state);
      node.removeEventListener("meshcentral-error", error);
    };
  }, []);
  const tabList = Array.isArray(tabs) ? tabs.join(" ") : tabs;
  return createElement("meshcentral-embed", {
    ref: element,
    id,
    class: className,
    style,
    "agent-id": agentId == null ? void 0 : String(agentId),
    "view-mode": viewMode == null ? void 0 : String(viewMode),
    label: title,
    "api-base": apiBase,
    restrict: restrict ? "" : void 0,
    tabs: tabList
  });
}
var embed_react_default = MeshCentralEmbed;
export {
  MeshCentralEmbed,
  MeshCentralEmbedElement,
  VIEWMODE,
  embed_react_default as default
};
