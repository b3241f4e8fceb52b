// What a person sees and hears of a session.

import { frameUrl } from './modes.js';
import { clock, say, sayProblem } from './texts.js';
import { CSS } from './style.js';

const SANDBOX = 'allow-same-origin allow-scripts allow-forms allow-downloads';
const MARKS = [300, 120, 60, 30]; // s before the end at which a screen reader is told
const AGAIN = { error: 'retry', offline: 'retry', 'not-enrolled': 'retry', ended: 'reconnect' };

let sheet = null;

function make(tag, props = {}, attributes = {}) {
    const node = Object.assign(document.createElement(tag), props);
    for (const [name, value] of Object.entries(attributes)) { node.setAttribute(name, value); }
    return node;
}

// Writes what differs: what is written anew may be read aloud anew.
function put(node, name, value) { if (node[name] !== value) { node[name] = value; } }

const button = (name, onclick) => make('button', { type: 'button', onclick, hidden: true }, { part: 'button ' + name });

export class View {
    #root; #on; #parts = {}; #frame = null; #key = ''; #marked = null; #tabs = []; #said = '';

    /** @param {ShadowRoot} root @param {object} on {retry, renew, tab(mode), fullScreen, loaded} */
    constructor(root, on) {
        this.#root = root;
        this.#on = on;
        if (sheet === null) { sheet = new CSSStyleSheet(); sheet.replaceSync(CSS); }
        root.adoptedStyleSheets = [sheet];
        const p = this.#parts;
        p.root = make('section', { className: 'root' });
        p.bar = make('div', { className: 'bar' }, { part: 'bar' });
        p.tabs = make('div', { className: 'tabs', onkeydown: (event) => this.#arrows(event) }, { role: 'tablist', part: 'tabs' });
        p.timer = make('span', { hidden: true }, { role: 'timer', 'aria-live': 'off', part: 'timer' });
        p.renew = button('renew', on.renew);
        p.fullScreen = button('full-screen', on.fullScreen);
        p.panel = make('div', { className: 'panel', id: 'panel', tabIndex: -1 }, { part: 'panel' });
        p.message = make('div', { className: 'message' }, { part: 'message' });
        p.spinner = make('div', { className: 'spinner' }, { part: 'spinner', 'aria-hidden': 'true' });
        p.status = make('p', {}, { role: 'status', part: 'status' });
        p.again = button('retry', () => { on.retry(); p.panel.focus(); });
        p.wait = make('p', { hidden: true }, { part: 'wait' });
        p.bar.append(p.tabs, make('span', { className: 'space' }), p.timer, p.renew, p.fullScreen);
        p.message.append(p.spinner, p.status, p.wait, p.again);
        p.panel.append(p.message);
        p.root.append(p.bar, p.panel);
        root.append(p.root);
    }

    /** @param {object} state of the controller. @param {object} how {messages, tabs: modes, label, fullScreen: boolean|null (not possible)} */
    render(state, how) {
        const p = this.#parts;
        const { messages } = how;
        const host = state.session?.agent.hostname;
        const view = say(messages, 'view' + state.mode);
        p.root.setAttribute('part', 'root state-' + state.name);
        p.root.setAttribute('aria-label', how.label || say(messages, host === undefined ? 'region' : 'regionOf', { host }));
        this.#renderTabs(state, how);
        this.#renderMessage(state, messages, { host, view });
        this.#renderTimer(state, messages);
        p.fullScreen.hidden = how.fullScreen === null || state.session === null;
        put(p.fullScreen, 'textContent', say(messages, how.fullScreen ? 'exitFullScreen' : 'fullScreen'));
        p.bar.hidden = [p.tabs, p.timer, p.renew, p.fullScreen].every((part) => part.hidden);
        this.#renderFrame(state, how, how.label || say(messages, 'frame', { host, view }));
    }

    /** Says something that does not stay. */
    tell(text) { this.#parts.status.textContent = text; }

    /** Takes the frame away; the next render makes a new one. */
    forget() {
        if (this.#frame !== null && this.#root.activeElement === this.#frame) { this.#parts.panel.focus(); }
        this.#frame?.remove();
        this.#frame = null;
        this.#key = '';
    }

    /** The element was moved, so the frame loads its address anew; one with a ticket that is used up must not be that address. */
    moved() { if (this.#frame !== null && new URL(this.#frame.src).searchParams.has('ticket')) { this.forget(); } }

    get frame() { return this.#frame; }

    #renderTabs(state, { messages, tabs }) {
        const p = this.#parts;
        p.tabs.hidden = tabs.length < 2;
        p.tabs.setAttribute('aria-label', say(messages, 'tabs'));
        if (String(tabs) !== String(this.#tabs)) {
            this.#tabs = tabs;
            p.tabs.replaceChildren(...tabs.map((mode) => make('button', { type: 'button', id: 'tab-' + mode, value: mode, onclick: () => this.#on.tab(mode) }, { role: 'tab', 'aria-controls': 'panel' })));
        }
        const own = tabs.includes(state.mode);
        for (const [i, tab] of [...p.tabs.children].entries()) {
            const selected = Number(tab.value) === state.mode;
            put(tab, 'textContent', say(messages, 'view' + tab.value));
            tab.setAttribute('aria-selected', selected);
            tab.setAttribute('part', selected ? 'tab tab-selected' : 'tab');
            tab.tabIndex = selected || (!own && i === 0) ? 0 : -1;
        }
        const labelled = !p.tabs.hidden && own;
        for (const [name, value] of [['role', 'tabpanel'], ['aria-labelledby', 'tab-' + state.mode]]) {
            if (labelled) { p.panel.setAttribute(name, value); } else { p.panel.removeAttribute(name); }
        }
    }

    #renderMessage(state, messages, places) {
        const p = this.#parts;
        const { name, problem } = state;
        const busy = name === 'loading';
        // What was told stays until the state changes.
        const text = problem !== null ? sayProblem(messages, problem) : busy || name === 'ready' ? say(messages, name, places) : '';
        if (this.#said !== name + text) { this.#said = name + text; p.status.textContent = text; }
        p.message.className = name === 'ready' ? 'message aside' : problem !== null ? 'message problem' : 'message';
        p.panel.setAttribute('aria-busy', busy);
        p.spinner.hidden = !busy;
        p.again.hidden = !(name in AGAIN);
        p.again.disabled = state.retryIn !== null && state.retryIn > 0;
        put(p.again, 'textContent', say(messages, AGAIN[name] ?? 'retry'));
        p.wait.hidden = !p.again.disabled;
        put(p.wait, 'textContent', p.wait.hidden ? '' : say(messages, 'retryIn', { seconds: state.retryIn }));
    }

    #renderTimer({ remaining, renewing, renewFailed }, messages) {
        const p = this.#parts;
        if (remaining === null && this.#root.activeElement === p.renew) { p.panel.focus(); }
        p.timer.hidden = p.renew.hidden = remaining === null;
        if (remaining === null) { this.#marked = null; return; }
        const ends = say(messages, 'endsIn', { time: clock(remaining) });
        put(p.timer, 'textContent', renewFailed ? say(messages, 'renewFailed') + ' ' + ends : ends);
        put(p.renew, 'textContent', say(messages, renewing ? 'renewing' : 'renew'));
        p.renew.setAttribute('aria-disabled', renewing); // not `disabled`: it would lose the focus
        const mark = MARKS.findLast((at) => remaining <= at);
        if (mark !== this.#marked) { this.#marked = mark; this.tell(ends); }
    }

    #renderFrame({ name, session }, { tabs }, title) {
        if (session === null) { this.forget(); return; }
        const key = session.id + ' ' + session.shows;
        if (key !== this.#key) {
            this.forget();
            this.#key = key;
            const frame = make('iframe', { title, referrerPolicy: 'no-referrer' }, { part: 'frame', sandbox: SANDBOX, allow: 'clipboard-read; clipboard-write; fullscreen' });
            frame.addEventListener('load', () => { if (frame === this.#frame) { this.#on.loaded(); } });
            frame.src = frameUrl(session.url, { mode: session.shows, ownTabs: tabs.length > 1, first: session.first });
            this.#frame = frame;
            this.#parts.panel.append(frame);
        }
        put(this.#frame, 'title', title);
        put(this.#frame, 'className', name === 'loading' ? 'waiting' : '');
        // Whoever pressed "Try again" goes on in what was opened.
        if (name === 'ready' && this.#root.activeElement === this.#parts.panel) { this.#frame.focus(); }
    }

    // The tab list pattern of the ARIA Authoring Practices, with manual activation: a view takes a while to load.
    #arrows(event) {
        const tabs = [...this.#parts.tabs.children];
        const at = tabs.indexOf(this.#root.activeElement);
        const forth = getComputedStyle(this.#parts.tabs).direction === 'rtl' ? -1 : 1;
        const to = { ArrowRight: at + forth, ArrowLeft: at - forth, Home: 0, End: tabs.length - 1 }[event.key];
        if (to === undefined || at < 0) { return; }
        event.preventDefault();
        tabs[(to + tabs.length) % tabs.length].focus();
    }
}
