// A constructed style sheet: a page's Content-Security-Policy has nothing to allow for it.

export const CSS = `
:host { display: block; block-size: 100%; min-block-size: var(--meshcentral-min-height, 24rem);
    --ink: var(--meshcentral-color, #1d2430); --paper: var(--meshcentral-background, #fff); --wash: var(--meshcentral-wash, #f4f6f9);
    --line: var(--meshcentral-border, #c4cad4); --accent: var(--meshcentral-accent, #1d4ed8); --danger: var(--meshcentral-danger, #b42318); }
@media (prefers-color-scheme: dark) { :host {
    --ink: var(--meshcentral-color, #e6e9ee); --paper: var(--meshcentral-background, #171b22); --wash: var(--meshcentral-wash, #1f242d);
    --line: var(--meshcentral-border, #454d5a); --accent: var(--meshcentral-accent, #8ab4ff); --danger: var(--meshcentral-danger, #ff9b90); } }
:host([hidden]), [hidden] { display: none !important; }
.root { block-size: 100%; min-block-size: inherit; display: grid; grid-template-rows: auto 1fr; box-sizing: border-box; overflow: hidden;
    color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-radius: var(--meshcentral-radius, 6px); font: var(--meshcentral-font, 0.9375rem/1.5 system-ui, sans-serif); }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; padding: 0.25rem 0.5rem; background: var(--wash); border-block-end: 1px solid var(--line); }
.tabs { display: flex; flex-wrap: wrap; gap: 0.25rem; }
.space { flex: 1; }
button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: var(--meshcentral-radius, 6px); padding: 0.25rem 0.75rem; min-block-size: 2rem; cursor: pointer; }
button:disabled { cursor: default; opacity: 0.6; }
.tabs button { border-color: transparent; background: none; }
.tabs button[aria-selected=true] { border-color: var(--line); background: var(--paper); box-shadow: inset 0 -2px var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.panel { position: relative; display: grid; min-block-size: 0; }
.panel > * { grid-area: 1 / 1; }
iframe { border: 0; inline-size: 100%; block-size: 100%; background: #fff; color-scheme: light; }
iframe.waiting { visibility: hidden; }
.message { place-self: center; text-align: center; padding: 2rem; max-inline-size: 36rem; }
.message p { margin: 0 0 1rem; }
.message.problem p { color: var(--danger); }
.spinner { inline-size: 2rem; block-size: 2rem; margin: 0 auto 1rem; border: 3px solid var(--line); border-block-start-color: var(--accent); border-radius: 50%; animation: turn 1s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }
@media (prefers-reduced-motion: reduce) { .spinner { animation: none; } }
.aside { position: absolute; inline-size: 1px; block-size: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (forced-colors: active) { .tabs button[aria-selected=true] { outline: 1px solid; } }
`;
