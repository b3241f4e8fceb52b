// The tabs of MeshCentral's page, by the number that its URL has for them.

export const VIEWMODE = Object.freeze({ GENERAL: 10, DESKTOP: 11, TERMINAL: 12, FILES: 13, INTEL_AMT: 14, CONSOLE: 15, EVENTS: 16, DETAILS: 17, PLUGINS: 19 });

const KNOWN = new Set(Object.values(VIEWMODE));
const USUAL = [VIEWMODE.GENERAL, VIEWMODE.DESKTOP, VIEWMODE.TERMINAL, VIEWMODE.FILES];
const HIDE_TABS = 2; // the bit of `hide` that takes MeshCentral's own tabs away

/** A view mode from a number, its digits or its name; null if it is none. */
export function modeOf(value) {
    const text = String(value ?? '').trim().toUpperCase().replace(/-/g, '_');
    const mode = /^\d\d$/.test(text) ? Number(text) : Object.hasOwn(VIEWMODE, text) ? VIEWMODE[text] : null;
    return KNOWN.has(mode) ? mode : null;
}

/** The tabs to offer, from the attribute's text: absent means the usual ones and those in `seen`; "none" or nothing known means no tabs. */
export function tabsOf(text, seen) {
    if (text === null) { return [...new Set([...USUAL, ...seen])].sort(); }
    return [...new Set(text.split(/[\s,]+/).map(modeOf))].filter((mode) => mode !== null);
}

/**
 * The address of another view of a session. The ticket of a separate origin works once, so it is left out after the first load.
 * @param {URL} url the session's proxyUrl. @param {object} how {mode, ownTabs: whether the element shows tabs itself, first}
 */
export function frameUrl(url, { mode, ownTabs, first }) {
    const made = new URL(url);
    made.searchParams.set('viewmode', mode);
    if (ownTabs) { made.searchParams.set('hide', Number(made.searchParams.get('hide')) | HIDE_TABS); }
    if (!first) { made.searchParams.delete('ticket'); }
    return made.href;
}
