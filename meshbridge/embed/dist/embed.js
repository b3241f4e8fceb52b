// meshbridge/embed/src/api.js
var PATIENCE = 3e4;
var LONGEST_WAIT = 600;
var Problem = class extends Error {
  constructor(code, { status = 0, retryAfter = null, message = "" } = {}) {
    super(message || code);
    Object.assign(this, { name: "Problem", code, status, retryAfter });
  }
};
var Api = class {
  #base;
  #getToken;
  #token = "";
  /** @param {string} base "…/api/meshcentral". @param {(options: {refresh: boolean}) => string|Promise<string>} getToken */
  constructor(base, getToken) {
    this.#base = base.replace(/\/+$/, "");
    this.#getToken = getToken;
  }
  /** Makes a session. Resolves to {id, url: URL, agent, lifetime: ms that it has left}. */
  async create(agentId, { viewMode, restrict }) {
    const { answer, now } = await this.#post("/session/" + encodeURIComponent(agentId), restrict ? { viewMode, restrict } : { viewMode });
    const { sessionId, sessionToken, proxyUrl, agent } = answer;
    const id = sessionId ?? sessionToken;
    const url = this.#frameAddress(proxyUrl);
    if (typeof id !== "string" || id === "" || url === null) {
      throw new Problem("BAD_ANSWER");
    }
    return { id, url, agent: { hostname: String(agent?.hostname ?? agentId), id: agent?.id ?? agentId }, lifetime: lifetimeOf(answer, now) };
  }
  /** Prolongs a session with a fresh token. Resolves to the ms that it has left. */
  async renew(id) {
    const { answer, now } = await this.#post("/session/" + encodeURIComponent(id) + "/renew", void 0, true);
    return lifetimeOf(answer, now);
  }
  /** Ends a session; works while the page goes away, hence with the token at hand, and tells nobody if it fails. */
  end(id) {
    const headers = { Authorization: "Bearer " + this.#token };
    fetch(this.#base + "/session/" + encodeURIComponent(id), { method: "DELETE", keepalive: true, headers, credentials: this.#credentials() }).catch(() => {
    });
  }
  async #post(path, body, refresh = false) {
    await this.#askToken(refresh);
    let response = await this.#send(path, body);
    if (response.status === 401 && !refresh) {
      await this.#askToken(true);
      response = await this.#send(path, body);
    }
    const { ok, status, headers, answer } = response;
    if (!ok) {
      throw problemOf(status, headers, answer);
    }
    if (answer === null || typeof answer !== "object") {
      throw new Problem("BAD_ANSWER", { status });
    }
    return { answer, now: Date.parse(headers.get("Date")) || Date.now() };
  }
  async #send(path, body) {
    const headers = { Authorization: "Bearer " + this.#token, ...body && { "Content-Type": "application/json" } };
    const abort = new AbortController();
    const options = { method: "POST", headers, body: body && JSON.stringify(body), credentials: this.#credentials(), cache: "no-store", redirect: "error", signal: abort.signal };
    const ask = async () => {
      const response = await fetch(this.#base + path, options);
      const answer = await response.text().then(parseJson);
      return { ok: response.ok, status: response.status, headers: response.headers, answer };
    };
    return within(ask(), new Problem("TIMEOUT"), () => abort.abort()).catch((err) => {
      throw err instanceof Problem ? err : new Problem("NETWORK");
    });
  }
  async #askToken(refresh) {
    const missing = new Problem("TOKEN_UNAVAILABLE");
    const token = await within(Promise.resolve().then(() => this.#getToken({ refresh })), missing).catch(() => {
      throw missing;
    });
    if (typeof token !== "string" || !/^[\w.~+/=-]+$/.test(token)) {
      throw missing;
    }
    this.#token = token;
  }
  // Another origin's cookies are set and sent only where that is said.
  #credentials() {
    return new URL(this.#base, document.baseURI).origin === location.origin ? "same-origin" : "include";
  }
  #frameAddress(proxyUrl) {
    if (typeof proxyUrl !== "string") {
      return null;
    }
    const url = parseUrl(proxyUrl, new URL(this.#base, document.baseURI));
    return url !== null && (url.protocol === "https:" || url.protocol === "http:") ? url : null;
  }
};
function parseUrl(text, base) {
  try {
    return new URL(text, base);
  } catch (err) {
    return null;
  }
}
function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch (err) {
    return null;
  }
}
function lifetimeOf({ expiresAt }, now) {
  const end = typeof expiresAt === "string" ? Date.parse(expiresAt) : NaN;
  if (Number.isNaN(end)) {
    throw new Problem("BAD_ANSWER");
  }
  return end - now;
}
function problemOf(status, headers, answer) {
  const message = typeof answer?.message === "string" ? answer.message.slice(0, 500) : "";
  return new Problem(codeOf(answer?.code) ?? "HTTP_" + status, { status, message, retryAfter: retryAfterOf(headers.get("Retry-After") ?? "") });
}
function codeOf(code) {
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : null;
}
function problemSaid(data) {
  if (data === null || typeof data !== "object") {
    return null;
  }
  if (data.type === "meshsso:expired") {
    return new Problem("SESSION_ENDED", { status: 401 });
  }
  if (data.type !== "meshsso:problem" || codeOf(data.code) === null) {
    return null;
  }
  return new Problem(data.code, { status: Number.isInteger(data.status) ? data.status : 0 });
}
function retryAfterOf(text) {
  const seconds2 = /^\d{1,9}$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1e3;
  return Number.isFinite(seconds2) ? Math.min(Math.max(Math.ceil(seconds2), 1), LONGEST_WAIT) : null;
}
function within(promise, problem, giveUp = () => {
}) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => {
      reject(problem);
      giveUp();
    }, PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// meshbridge/embed/src/controller.js
var LEAD = 360;
var WARNING = 300;
var PAUSE = 30;
var seconds = (ms) => Math.max(Math.ceil(ms / 1e3), 0);
var isOver = ({ code, status }) => [403, 404, 410].includes(status) || status === 401 && code.startsWith("SESSION_");
var Controller = class {
  #host;
  #wanted = null;
  #turn = 0;
  #session = null;
  #retryAt = null;
  #timer = null;
  #renewing = false;
  #renewFailed = false;
  #name = "idle";
  #problem = null;
  #mode = null;
  /** @param {object} host {changed(state), visible(): boolean, told(text key)} */
  constructor(host) {
    this.#host = host;
  }
  /** Opens another session, in place of the one that there is. @param {{api, agentId, mode, restrict}} wanted */
  open(wanted) {
    this.#drop();
    this.#wanted = wanted;
    this.#mode = wanted.mode;
    this.#create();
  }
  /** Opens again what could not be opened or has ended, unless the server said to wait. */
  retry() {
    const early = this.#retryAt !== null && Date.now() < this.#retryAt;
    if (this.#wanted !== null && this.#session === null && this.#name !== "loading" && !early) {
      this.#create();
    }
  }
  /** Shows another view: of the session that there is, else of a new one. */
  show(mode) {
    if (mode === this.#mode || this.#wanted === null) {
      return;
    }
    this.#mode = mode;
    if (this.#wanted.restrict) {
      this.open({ ...this.#wanted, mode });
      return;
    }
    if (this.#session === null) {
      this.retry();
      return;
    }
    if (!this.#session.first) {
      this.#load();
    }
  }
  /** The frame has loaded. */
  loaded() {
    if (this.#session === null || this.#name !== "loading") {
      return;
    }
    this.#session.first = false;
    if (this.#session.shows === this.#mode) {
      this.#become("ready");
    } else {
      this.#load();
    }
  }
  #load() {
    this.#session.shows = this.#mode;
    this.#become("loading");
  }
  /** The element was moved: its frame starts anew. A ticket that may have been used does not work again. */
  moved() {
    if (this.#session === null) {
      return;
    }
    if (this.#session.first) {
      this.open({ ...this.#wanted, mode: this.#mode });
    } else {
      this.#load();
    }
  }
  /** The frame's page says what is wrong with its session. */
  said(problem) {
    if (this.#session === null) {
      return;
    }
    if (isOver(problem)) {
      this.#over(this.#left() <= 0 ? "SESSION_EXPIRED" : problem.code, problem.status);
      return;
    }
    this.#drop();
    this.#failed(problem);
  }
  /** Ends the session for good, also while the page goes away. */
  close() {
    this.#drop();
    this.#become("idle");
  }
  async renew() {
    const session = this.#session;
    if (session === null || this.#renewing) {
      return;
    }
    this.#renewing = true;
    this.#tell();
    try {
      const lifetime = await this.#wanted.api.renew(session.id);
      if (session !== this.#session) {
        return;
      }
      session.end = Date.now() + lifetime;
      this.#renewFailed = false;
      this.#plan(lifetime / 2);
      this.#host.told("renewed");
    } catch (problem) {
      if (session === this.#session) {
        this.#notRenewed(problem);
      }
    } finally {
      if (session === this.#session) {
        this.#renewing = false;
        this.#tell();
      }
    }
  }
  #notRenewed(problem) {
    if (isOver(problem)) {
      this.#over(problem.code, problem.status);
      return;
    }
    this.#session.renewAt = Date.now() + Math.max(problem.retryAfter ?? 0, PAUSE) * 1e3;
    this.#renewFailed = true;
    this.#host.told("renewFailed");
  }
  async #create() {
    const turn = ++this.#turn;
    const { api, agentId, restrict } = this.#wanted;
    const mode = this.#mode;
    this.#retryAt = null;
    this.#become("loading");
    let made;
    try {
      made = await api.create(agentId, { viewMode: mode, restrict });
    } catch (problem) {
      if (turn === this.#turn) {
        this.#failed(problem instanceof Problem ? problem : new Problem("FAULT"));
      }
      return;
    }
    if (turn !== this.#turn) {
      api.end(made.id);
      return;
    }
    this.#session = { ...made, end: Date.now() + made.lifetime, renewAt: 0, first: true };
    this.#plan(made.lifetime / 2);
    this.#load();
  }
  // A short session is renewed at its half; one that renewing does not prolong is not asked about all the time.
  #plan(half) {
    this.#session.renewAt = Math.max(this.#session.end - Math.min(LEAD * 1e3, half), Date.now() + PAUSE * 1e3);
  }
  #failed(problem) {
    this.#retryAt = problem.retryAfter === null ? null : Date.now() + problem.retryAfter * 1e3;
    this.#become({ AGENT_OFFLINE: "offline", AGENT_NOT_ENROLLED: "not-enrolled" }[problem.code] ?? "error", problem);
  }
  #over(code, status = 0) {
    this.#drop();
    this.#become("ended", new Problem(code, { status }));
  }
  #drop() {
    this.#turn++;
    if (this.#session !== null) {
      this.#wanted.api.end(this.#session.id);
    }
    this.#session = null;
    this.#retryAt = null;
    this.#renewing = this.#renewFailed = false;
  }
  #left() {
    return this.#session.end - Date.now();
  }
  /** What passing time brings; also called when the page becomes visible. */
  tick() {
    if (this.#session !== null) {
      if (this.#left() <= 0) {
        this.#over("SESSION_EXPIRED");
        return;
      }
      if (Date.now() >= this.#session.renewAt && this.#host.visible()) {
        this.renew();
        return;
      }
    } else if (this.#retryAt !== null && Date.now() >= this.#retryAt && this.#host.visible()) {
      this.#create();
      return;
    }
    this.#tell();
  }
  #become(name, problem = null) {
    this.#name = name;
    this.#problem = problem;
    const needed = this.#session !== null || this.#retryAt !== null;
    if (needed && this.#timer === null) {
      this.#timer = setInterval(() => this.tick(), 1e3);
    }
    if (!needed && this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
    this.#tell();
  }
  #tell() {
    const session = this.#session;
    const remaining = session === null ? null : seconds(this.#left());
    this.#host.changed({
      name: this.#name,
      problem: this.#problem,
      mode: this.#mode,
      renewing: this.#renewing,
      renewFailed: this.#renewFailed,
      session,
      remaining: remaining !== null && remaining <= WARNING ? remaining : null,
      retryIn: this.#retryAt === null ? null : seconds(this.#retryAt - Date.now())
    });
  }
};

// meshbridge/embed/src/modes.js
var VIEWMODE = Object.freeze({ GENERAL: 10, DESKTOP: 11, TERMINAL: 12, FILES: 13, INTEL_AMT: 14, CONSOLE: 15, EVENTS: 16, DETAILS: 17, PLUGINS: 19 });
var KNOWN = new Set(Object.values(VIEWMODE));
var USUAL = [VIEWMODE.GENERAL, VIEWMODE.DESKTOP, VIEWMODE.TERMINAL, VIEWMODE.FILES];
var HIDE_TABS = 2;
function modeOf(value) {
  const text = String(value ?? "").trim().toUpperCase().replace(/-/g, "_");
  const mode = /^\d\d$/.test(text) ? Number(text) : Object.hasOwn(VIEWMODE, text) ? VIEWMODE[text] : null;
  return KNOWN.has(mode) ? mode : null;
}
function tabsOf(text, seen) {
  if (text === null) {
    return [.../* @__PURE__ */ new Set([...USUAL, ...seen])].sort();
  }
  return [...new Set(text.split(/[\s,]+/).map(modeOf))].filter((mode) => mode !== null);
}
function frameUrl(url, { mode, ownTabs, first }) {
  const made = new URL(url);
  made.searchParams.set("viewmode", mode);
  if (ownTabs) {
    made.searchParams.set("hide", Number(made.searchParams.get("hide")) | HIDE_TABS);
  }
  if (!first) {
    made.searchParams.delete("ticket");
  }
  return made.href;
}

// meshbridge/embed/src/texts.js
var MESSAGES = {
  region: "Remote control",
  regionOf: "Remote control of {host}",
  frame: "{view} of {host}",
  loading: "Connecting …",
  ready: "Connected to {host}: {view}.",
  retry: "Try again",
  retryIn: "Trying again in {seconds} s.",
  reconnect: "Reconnect",
  endsIn: "This session ends in {time}.",
  renew: "Stay connected",
  renewing: "Renewing …",
  renewed: "The session goes on.",
  renewFailed: "The session could not be renewed.",
  fullScreen: "Full screen",
  exitFullScreen: "Exit full screen",
  tabs: "View",
  view10: "General",
  view11: "Desktop",
  view12: "Terminal",
  view13: "Files",
  view14: "Intel AMT",
  view15: "Console",
  view16: "Events",
  view17: "Details",
  view19: "Plugins",
  // By the API's `code`, and codes of the element's own.
  AGENT_OFFLINE: "The device is offline. It can be opened when it is connected again.",
  AGENT_NOT_ENROLLED: "Remote control is not set up on this device yet.",
  SESSION_EXPIRED: "The session has expired.",
  SESSION_ENDED: "The session was ended.",
  SESSION_NOT_FOUND: "The session was ended.",
  SESSION_UNKNOWN: "The session was ended.",
  SESSION_LEFT: "The session was ended.",
  SESSION_IDLE: "The session was not used for a while and has ended.",
  SESSION_NOT_YOURS: "This session belongs to somebody else, or to another browser.",
  ACCESS_REVOKED: "Your access to this device has changed.",
  ROLE_DENIED: "Your role does not allow this.",
  TOKEN_UNAVAILABLE: "The dashboard gave no sign-in. Sign in again and retry.",
  NETWORK: "There is no connection to the server.",
  TIMEOUT: "The server takes too long to answer.",
  // By HTTP status, for codes that have no text; `other` for the rest.
  status400: "This view cannot be opened.",
  status401: "Your sign-in is no longer valid. Sign in again and retry.",
  status403: "You may not open this device.",
  status404: "There is no such device.",
  status429: "Too many sessions are open. Close one and retry.",
  status503: "Remote control is not available at the moment.",
  other: "Something went wrong."
};
function say(messages, key, places = {}) {
  const text = typeof messages[key] === "string" ? messages[key] : MESSAGES[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => Object.hasOwn(places, name) ? String(places[name]) : whole);
}
function sayProblem(messages, { code, status }) {
  const known = (key) => typeof messages[key] === "string" || Object.hasOwn(MESSAGES, key);
  return say(messages, [code, "status" + status].find(known) ?? "other");
}
function clock(seconds2) {
  return Math.floor(seconds2 / 60) + ":" + String(seconds2 % 60).padStart(2, "0");
}

// meshbridge/embed/src/style.js
var CSS = `
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

// meshbridge/embed/src/view.js
var SANDBOX = "allow-same-origin allow-scripts allow-forms allow-downloads";
var MARKS = [300, 120, 60, 30];
var AGAIN = { error: "retry", offline: "retry", "not-enrolled": "retry", ended: "reconnect" };
var sheet = null;
function make(tag, props = {}, attributes = {}) {
  const node = Object.assign(document.createElement(tag), props);
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, value);
  }
  return node;
}
function put(node, name, value) {
  if (node[name] !== value) {
    node[name] = value;
  }
}
var button = (name, onclick) => make("button", { type: "button", onclick, hidden: true }, { part: "button " + name });
var View = class {
  #root;
  #on;
  #parts = {};
  #frame = null;
  #key = "";
  #marked = null;
  #tabs = [];
  #said = "";
  /** @param {ShadowRoot} root @param {object} on {retry, renew, tab(mode), fullScreen, loaded} */
  constructor(root, on) {
    this.#root = root;
    this.#on = on;
    if (sheet === null) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
    }
    root.adoptedStyleSheets = [sheet];
    const p = this.#parts;
    p.root = make("section", { className: "root" });
    p.bar = make("div", { className: "bar" }, { part: "bar" });
    p.tabs = make("div", { className: "tabs", onkeydown: (event) => this.#arrows(event) }, { role: "tablist", part: "tabs" });
    p.timer = make("span", { hidden: true }, { role: "timer", "aria-live": "off", part: "timer" });
    p.renew = button("renew", on.renew);
    p.fullScreen = button("full-screen", on.fullScreen);
    p.panel = make("div", { className: "panel", id: "panel", tabIndex: -1 }, { part: "panel" });
    p.message = make("div", { className: "message" }, { part: "message" });
    p.spinner = make("div", { className: "spinner" }, { part: "spinner", "aria-hidden": "true" });
    p.status = make("p", {}, { role: "status", part: "status" });
    p.again = button("retry", () => {
      on.retry();
      p.panel.focus();
    });
    p.wait = make("p", { hidden: true }, { part: "wait" });
    p.bar.append(p.tabs, make("span", { className: "space" }), p.timer, p.renew, p.fullScreen);
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
    const view = say(messages, "view" + state.mode);
    p.root.setAttribute("part", "root state-" + state.name);
    p.root.setAttribute("aria-label", how.label || say(messages, host === void 0 ? "region" : "regionOf", { host }));
    this.#renderTabs(state, how);
    this.#renderMessage(state, messages, { host, view });
    this.#renderTimer(state, messages);
    p.fullScreen.hidden = how.fullScreen === null || state.session === null;
    put(p.fullScreen, "textContent", say(messages, how.fullScreen ? "exitFullScreen" : "fullScreen"));
    p.bar.hidden = [p.tabs, p.timer, p.renew, p.fullScreen].every((part) => part.hidden);
    this.#renderFrame(state, how, how.label || say(messages, "frame", { host, view }));
  }
  /** Says something that does not stay. */
  tell(text) {
    this.#parts.status.textContent = text;
  }
  /** Takes the frame away; the next render makes a new one. */
  forget() {
    if (this.#frame !== null && this.#root.activeElement === this.#frame) {
      this.#parts.panel.focus();
    }
    this.#frame?.remove();
    this.#frame = null;
    this.#key = "";
  }
  /** The element was moved, so the frame loads its address anew; one with a ticket that is used up must not be that address. */
  moved() {
    if (this.#frame !== null && new URL(this.#frame.src).searchParams.has("ticket")) {
      this.forget();
    }
  }
  get frame() {
    return this.#frame;
  }
  #renderTabs(state, { messages, tabs }) {
    const p = this.#parts;
    p.tabs.hidden = tabs.length < 2;
    p.tabs.setAttribute("aria-label", say(messages, "tabs"));
    if (String(tabs) !== String(this.#tabs)) {
      this.#tabs = tabs;
      p.tabs.replaceChildren(...tabs.map((mode) => make("button", { type: "button", id: "tab-" + mode, value: mode, onclick: () => this.#on.tab(mode) }, { role: "tab", "aria-controls": "panel" })));
    }
    const own = tabs.includes(state.mode);
    for (const [i, tab] of [...p.tabs.children].entries()) {
      const selected = Number(tab.value) === state.mode;
      put(tab, "textContent", say(messages, "view" + tab.value));
      tab.setAttribute("aria-selected", selected);
      tab.setAttribute("part", selected ? "tab tab-selected" : "tab");
      tab.tabIndex = selected || !own && i === 0 ? 0 : -1;
    }
    const labelled = !p.tabs.hidden && own;
    for (const [name, value] of [["role", "tabpanel"], ["aria-labelledby", "tab-" + state.mode]]) {
      if (labelled) {
        p.panel.setAttribute(name, value);
      } else {
        p.panel.removeAttribute(name);
      }
    }
  }
  #renderMessage(state, messages, places) {
    const p = this.#parts;
    const { name, problem } = state;
    const busy = name === "loading";
    const text = problem !== null ? sayProblem(messages, problem) : busy || name === "ready" ? say(messages, name, places) : "";
    if (this.#said !== name + text) {
      this.#said = name + text;
      p.status.textContent = text;
    }
    p.message.className = name === "ready" ? "message aside" : problem !== null ? "message problem" : "message";
    p.panel.setAttribute("aria-busy", busy);
    p.spinner.hidden = !busy;
    p.again.hidden = !(name in AGAIN);
    p.again.disabled = state.retryIn !== null && state.retryIn > 0;
    put(p.again, "textContent", say(messages, AGAIN[name] ?? "retry"));
    p.wait.hidden = !p.again.disabled;
    put(p.wait, "textContent", p.wait.hidden ? "" : say(messages, "retryIn", { seconds: state.retryIn }));
  }
  #renderTimer({ remaining, renewing, renewFailed }, messages) {
    const p = this.#parts;
    if (remaining === null && this.#root.activeElement === p.renew) {
      p.panel.focus();
    }
    p.timer.hidden = p.renew.hidden = remaining === null;
    if (remaining === null) {
      this.#marked = null;
      return;
    }
    const ends = say(messages, "endsIn", { time: clock(remaining) });
    put(p.timer, "textContent", renewFailed ? say(messages, "renewFailed") + " " + ends : ends);
    put(p.renew, "textContent", say(messages, renewing ? "renewing" : "renew"));
    p.renew.setAttribute("aria-disabled", renewing);
    const mark = MARKS.findLast((at) => remaining <= at);
    if (mark !== this.#marked) {
      this.#marked = mark;
      this.tell(ends);
    }
  }
  #renderFrame({ name, session }, { tabs }, title) {
    if (session === null) {
      this.forget();
      return;
    }
    const key = session.id + " " + session.shows;
    if (key !== this.#key) {
      this.forget();
      this.#key = key;
      const frame = make("iframe", { title, referrerPolicy: "no-referrer" }, { part: "frame", sandbox: SANDBOX, allow: "clipboard-read; clipboard-write; fullscreen" });
      frame.addEventListener("load", () => {
        if (frame === this.#frame) {
          this.#on.loaded();
        }
      });
      frame.src = frameUrl(session.url, { mode: session.shows, ownTabs: tabs.length > 1, first: session.first });
      this.#frame = frame;
      this.#parts.panel.append(frame);
    }
    put(this.#frame, "title", title);
    put(this.#frame, "className", name === "loading" ? "waiting" : "");
    if (name === "ready" && this.#root.activeElement === this.#parts.panel) {
      this.#frame.focus();
    }
  }
  // The tab list pattern of the ARIA Authoring Practices, with manual activation: a view takes a while to load.
  #arrows(event) {
    const tabs = [...this.#parts.tabs.children];
    const at = tabs.indexOf(this.#root.activeElement);
    const forth = getComputedStyle(this.#parts.tabs).direction === "rtl" ? -1 : 1;
    const to = { ArrowRight: at + forth, ArrowLeft: at - forth, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === void 0 || at < 0) {
      return;
    }
    event.preventDefault();
    tabs[(to + tabs.length) % tabs.length].focus();
  }
};

// meshbridge/embed/src/element.js
var OWN = parseUrl(".", import.meta.url);
var BASE = OWN?.pathname.endsWith("/api/meshcentral/") ? OWN.href : "/api/meshcentral";
var MeshCentralEmbedElement = class extends (globalThis.HTMLElement ?? class {
}) {
  // importable where there is no page
  static observedAttributes = ["agent-id", "view-mode", "api-base", "restrict", "tabs", "label"];
  static messages = { ...MESSAGES };
  /** The callback of every element that has none of its own. */
  static getToken = null;
  #view;
  #controller;
  #getToken = null;
  #messages = null;
  #opened = "";
  #due = false;
  #live = false;
  #mode = VIEWMODE.GENERAL;
  #seen = /* @__PURE__ */ new Set();
  #state = null;
  #told = "";
  constructor() {
    super();
    this.#controller = new Controller({ changed: (state) => this.#changed(state), visible: () => !document.hidden && this.getClientRects().length > 0, told: (key) => this.#view.tell(say(this.#texts(), key)) });
    this.#view = new View(this.attachShadow({ mode: "open" }), {
      retry: () => this.retry(),
      renew: () => this.renew(),
      tab: (mode) => {
        this.viewMode = mode;
      },
      fullScreen: () => this.#toggleFullScreen(),
      loaded: () => this.#controller.loaded()
    });
    for (const name of ["getToken", "messages", "viewMode", "agentId"]) {
      if (Object.hasOwn(this, name)) {
        const value = this[name];
        delete this[name];
        this[name] = value;
      }
    }
  }
  /** `({refresh: boolean}) => string | Promise<string>`: the dashboard's token. `refresh`: the last one did not do. */
  get getToken() {
    return this.#getToken;
  }
  set getToken(callback) {
    this.#getToken = typeof callback === "function" ? callback : null;
    this.#schedule();
  }
  /** Texts of this element, over those of all elements. */
  get messages() {
    return this.#messages;
  }
  set messages(texts) {
    this.#messages = texts ?? null;
    this.#render();
  }
  get agentId() {
    return this.getAttribute("agent-id");
  }
  set agentId(id) {
    if (id == null) {
      this.removeAttribute("agent-id");
    } else {
      this.setAttribute("agent-id", id);
    }
  }
  /** The view that is shown; it follows the tabs, the attribute does not. */
  get viewMode() {
    return this.#mode;
  }
  set viewMode(value) {
    this.#mode = modeOf(value) ?? VIEWMODE.GENERAL;
    this.#schedule();
  }
  /** loading, ready, offline, not-enrolled, error, ended, or idle. */
  get state() {
    return this.#state?.name ?? "idle";
  }
  retry() {
    this.#controller.retry();
  }
  renew() {
    return this.#controller.renew();
  }
  connectedCallback() {
    for (const [target, type] of this.#listened()) {
      target.addEventListener(type, this);
    }
    if (this.#live) {
      this.#view.moved();
      this.#controller.moved();
    }
    this.#schedule();
  }
  disconnectedCallback() {
    for (const [target, type] of this.#listened()) {
      target.removeEventListener(type, this);
    }
    setTimeout(() => {
      if (!this.isConnected) {
        this.#close();
      }
    });
  }
  // Element.moveBefore() keeps the frame, so nothing is to be done.
  connectedMoveCallback() {
  }
  attributeChangedCallback(name, before, now) {
    if (before === now) {
      return;
    }
    if (name === "view-mode") {
      this.viewMode = now;
    }
    this.#schedule();
    this.#render();
  }
  handleEvent(event) {
    if (event.type === "message") {
      this.#heard(event);
    }
    if (event.type === "visibilitychange") {
      this.#controller.tick();
    }
    if (event.type === "fullscreenchange") {
      this.#render();
    }
    if (event.type === "pagehide") {
      this.#close();
    }
    if (event.type === "pageshow" && event.persisted) {
      this.#schedule();
    }
  }
  #listened() {
    return [[window, "message"], [window, "pagehide"], [window, "pageshow"], [document, "visibilitychange"], [document, "fullscreenchange"]];
  }
  // The frame is on MeshSSO's own address; a page that is not its origin or not this frame says nothing to us.
  #heard({ source, origin, data }) {
    const { session } = this.#state ?? {};
    if (!session || !this.#view.frame || source !== this.#view.frame.contentWindow || origin !== session.url.origin) {
      return;
    }
    const problem = problemSaid(data);
    if (problem !== null) {
      this.#controller.said(problem);
    }
  }
  // Attributes and properties come one by one; a session is opened once they are all there.
  #schedule() {
    if (this.#due) {
      return;
    }
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      if (this.isConnected) {
        this.#open();
      }
    });
  }
  #open() {
    const callback = () => this.#getToken ?? this.constructor.getToken;
    const agentId = this.agentId;
    const base = this.getAttribute("api-base") || BASE;
    const restrict = this.hasAttribute("restrict");
    if (!agentId || callback() === null) {
      this.#close();
      return;
    }
    const opened = JSON.stringify([agentId, base, restrict]);
    if (opened === this.#opened) {
      this.#controller.show(this.#mode);
      return;
    }
    this.#opened = opened;
    this.#live = true;
    this.#controller.open({ api: new Api(base, (options) => callback()(options)), agentId, mode: this.#mode, restrict });
  }
  #close() {
    this.#opened = "";
    if (!this.#live) {
      return;
    }
    this.#live = false;
    this.#controller.close();
  }
  #texts() {
    return { ...this.constructor.messages, ...this.#messages };
  }
  #changed(state) {
    this.#state = state;
    if (state.mode !== null) {
      this.#seen.add(state.mode);
    }
    this.#render();
    const { name, problem, mode, session } = state;
    const told = JSON.stringify([name, problem?.code, mode, session?.id, session?.end]);
    if (told === this.#told) {
      return;
    }
    this.#told = told;
    const detail = { state: name, code: problem?.code ?? null, viewMode: mode, agent: session?.agent ?? null, sessionId: session?.id ?? null, expiresAt: session ? new Date(session.end) : null };
    this.#emit("meshcentral-state", detail);
    if (problem !== null && name !== "ended") {
      this.#emit("meshcentral-error", { code: problem.code, status: problem.status, message: sayProblem(this.#texts(), problem), detail: problem.message, retryAfter: problem.retryAfter });
    }
  }
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
  #render() {
    if (this.#state === null) {
      return;
    }
    const tabs = this.hasAttribute("restrict") ? [] : tabsOf(this.getAttribute("tabs"), this.#seen);
    this.#view.render(this.#state, { messages: this.#texts(), tabs, label: this.getAttribute("label") ?? "", fullScreen: document.fullscreenEnabled ? this.matches(":fullscreen") : null });
  }
  #toggleFullScreen() {
    const done = this.matches(":fullscreen") ? document.exitFullscreen() : this.requestFullscreen();
    done.catch(() => {
    });
  }
};

// meshbridge/embed/src/embed.js
if (globalThis.customElements && !customElements.get("meshcentral-embed")) {
  customElements.define("meshcentral-embed", MeshCentralEmbedElement);
}
export {
  MeshCentralEmbedElement,
  VIEWMODE
};
