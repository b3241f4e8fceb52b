// <meshcentral-embed agent-id="…" view-mode="12">: its attributes, its properties, its life in the page.

import { Api, parseUrl, problemSaid } from './api.js';
import { Controller } from './controller.js';
import { VIEWMODE, modeOf, tabsOf } from './modes.js';
import { MESSAGES, say, sayProblem } from './texts.js';
import { View } from './view.js';

const OWN = parseUrl('.', import.meta.url);
const BASE = OWN?.pathname.endsWith('/api/meshcentral/') ? OWN.href : '/api/meshcentral'; // whoever serves this file serves the API

export class MeshCentralEmbedElement extends (globalThis.HTMLElement ?? class { }) { // importable where there is no page
    static observedAttributes = ['agent-id', 'view-mode', 'api-base', 'restrict', 'tabs', 'label'];
    static messages = { ...MESSAGES };
    /** The callback of every element that has none of its own. */
    static getToken = null;

    #view; #controller; #getToken = null; #messages = null; #opened = ''; #due = false; #live = false; #mode = VIEWMODE.GENERAL; #seen = new Set(); #state = null; #told = '';

    constructor() {
        super();
        this.#controller = new Controller({ changed: (state) => this.#changed(state), visible: () => !document.hidden && this.getClientRects().length > 0, told: (key) => this.#view.tell(say(this.#texts(), key)) });
        this.#view = new View(this.attachShadow({ mode: 'open' }), {
            retry: () => this.retry(), renew: () => this.renew(), tab: (mode) => { this.viewMode = mode; }, fullScreen: () => this.#toggleFullScreen(), loaded: () => this.#controller.loaded()
        });
        // Properties that were set before this file was there.
        for (const name of ['getToken', 'messages', 'viewMode', 'agentId']) { if (Object.hasOwn(this, name)) { const value = this[name]; delete this[name]; this[name] = value; } }
    }

    /** `({refresh: boolean}) => string | Promise<string>`: the dashboard's token. `refresh`: the last one did not do. */
    get getToken() { return this.#getToken; }
    set getToken(callback) { this.#getToken = typeof callback === 'function' ? callback : null; this.#schedule(); }

    /** Texts of this element, over those of all elements. */
    get messages() { return this.#messages; }
    set messages(texts) { this.#messages = texts ?? null; this.#render(); }

    get agentId() { return this.getAttribute('agent-id'); }
    set agentId(id) { if (id == null) { this.removeAttribute('agent-id'); } else { this.setAttribute('agent-id', id); } }

    /** The view that is shown; it follows the tabs, the attribute does not. */
    get viewMode() { return this.#mode; }
    set viewMode(value) { this.#mode = modeOf(value) ?? VIEWMODE.GENERAL; this.#schedule(); }

    /** loading, ready, offline, not-enrolled, error, ended, or idle. */
    get state() { return this.#state?.name ?? 'idle'; }

    retry() { this.#controller.retry(); }
    renew() { return this.#controller.renew(); }

    connectedCallback() {
        for (const [target, type] of this.#listened()) { target.addEventListener(type, this); }
        if (this.#live) { this.#view.moved(); this.#controller.moved(); }
        this.#schedule();
    }

    disconnectedCallback() {
        for (const [target, type] of this.#listened()) { target.removeEventListener(type, this); }
        // A move is a removal and an insertion; what is not back in the next task is gone.
        setTimeout(() => { if (!this.isConnected) { this.#close(); } });
    }

    // Element.moveBefore() keeps the frame, so nothing is to be done.
    connectedMoveCallback() { }

    attributeChangedCallback(name, before, now) {
        if (before === now) { return; }
        if (name === 'view-mode') { this.viewMode = now; }
        this.#schedule();
        this.#render();
    }

    handleEvent(event) {
        if (event.type === 'message') { this.#heard(event); }
        if (event.type === 'visibilitychange') { this.#controller.tick(); }
        if (event.type === 'fullscreenchange') { this.#render(); }
        if (event.type === 'pagehide') { this.#close(); }
        if (event.type === 'pageshow' && event.persisted) { this.#schedule(); } // back from the browser's page cache
    }

    #listened() { return [[window, 'message'], [window, 'pagehide'], [window, 'pageshow'], [document, 'visibilitychange'], [document, 'fullscreenchange']]; }

    // The frame is on MeshSSO's own address; a page that is not its origin or not this frame says nothing to us.
    #heard({ source, origin, data }) {
        const { session } = this.#state ?? {};
        if (!session || !this.#view.frame || source !== this.#view.frame.contentWindow || origin !== session.url.origin) { return; }
        const problem = problemSaid(data);
        if (problem !== null) { this.#controller.said(problem); }
    }

    // Attributes and properties come one by one; a session is opened once they are all there.
    #schedule() {
        if (this.#due) { return; }
        this.#due = true;
        queueMicrotask(() => { this.#due = false; if (this.isConnected) { this.#open(); } });
    }

    #open() {
        const callback = () => this.#getToken ?? this.constructor.getToken;
        const agentId = this.agentId;
        const base = this.getAttribute('api-base') || BASE;
        const restrict = this.hasAttribute('restrict');
        if (!agentId || callback() === null) { this.#close(); return; }
        const opened = JSON.stringify([agentId, base, restrict]);
        if (opened === this.#opened) { this.#controller.show(this.#mode); return; }
        this.#opened = opened;
        this.#live = true;
        this.#controller.open({ api: new Api(base, (options) => callback()(options)), agentId, mode: this.#mode, restrict });
    }

    #close() {
        this.#opened = '';
        if (!this.#live) { return; }
        this.#live = false;
        this.#controller.close();
    }

    #texts() { return { ...this.constructor.messages, ...this.#messages }; }

    #changed(state) {
        this.#state = state;
        if (state.mode !== null) { this.#seen.add(state.mode); }
        this.#render();
        const { name, problem, mode, session } = state;
        const told = JSON.stringify([name, problem?.code, mode, session?.id, session?.end]);
        if (told === this.#told) { return; }
        this.#told = told;
        const detail = { state: name, code: problem?.code ?? null, viewMode: mode, agent: session?.agent ?? null, sessionId: session?.id ?? null, expiresAt: session ? new Date(session.end) : null };
        this.#emit('meshcentral-state', detail);
        if (problem !== null && name !== 'ended') { this.#emit('meshcentral-error', { code: problem.code, status: problem.status, message: sayProblem(this.#texts(), problem), detail: problem.message, retryAfter: problem.retryAfter }); }
    }

    #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true })); }

    #render() {
        if (this.#state === null) { return; }
        const tabs = this.hasAttribute('restrict') ? [] : tabsOf(this.getAttribute('tabs'), this.#seen);
        this.#view.render(this.#state, { messages: this.#texts(), tabs, label: this.getAttribute('label') ?? '', fullScreen: document.fullscreenEnabled ? this.matches(':fullscreen') : null });
    }

    #toggleFullScreen() {
        const done = this.matches(':fullscreen') ? document.exitFullscreen() : this.requestFullscreen();
        done.catch(() => { /* the browser said no; nothing has changed */ });
    }
}
