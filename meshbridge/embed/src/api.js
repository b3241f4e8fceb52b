// The session API. The token comes from the dashboard's callback and stays in this object.

const PATIENCE = 30000; // ms for one answer, and for the callback
const LONGEST_WAIT = 600; // s of a Retry-After that is believed

/** What went wrong: the API's stable code (or one of the element's own), HTTP status (0: no answer), seconds to wait or null. */
export class Problem extends Error {
    constructor(code, { status = 0, retryAfter = null, message = '' } = {}) {
        super(message || code);
        Object.assign(this, { name: 'Problem', code, status, retryAfter });
    }
}

export class Api {
    #base; #getToken; #token = '';

    /** @param {string} base "…/api/meshcentral". @param {(options: {refresh: boolean}) => string|Promise<string>} getToken */
    constructor(base, getToken) { this.#base = base.replace(/\/+$/, ''); this.#getToken = getToken; }

    /** Makes a session. Resolves to {id, url: URL, agent, lifetime: ms that it has left}. */
    async create(agentId, { viewMode, restrict }) {
        const { answer, now } = await this.#post('/session/' + encodeURIComponent(agentId), restrict ? { viewMode, restrict } : { viewMode });
        const { sessionId, sessionToken, proxyUrl, agent } = answer;
        const id = sessionId ?? sessionToken; // the API takes either for its name
        const url = this.#frameAddress(proxyUrl);
        if (typeof id !== 'string' || id === '' || url === null) { throw new Problem('BAD_ANSWER'); }
        return { id, url, agent: { hostname: String(agent?.hostname ?? agentId), id: agent?.id ?? agentId }, lifetime: lifetimeOf(answer, now) };
    }

    /** Prolongs a session with a fresh token. Resolves to the ms that it has left. */
    async renew(id) {
        const { answer, now } = await this.#post('/session/' + encodeURIComponent(id) + '/renew', undefined, true);
        return lifetimeOf(answer, now);
    }

    /** Ends a session; works while the page goes away, hence with the token at hand, and tells nobody if it fails. */
    end(id) {
        const headers = { Authorization: 'Bearer ' + this.#token };
        fetch(this.#base + '/session/' + encodeURIComponent(id), { method: 'DELETE', keepalive: true, headers, credentials: this.#credentials() }).catch(() => { /* it idles out */ });
    }

    async #post(path, body, refresh = false) {
        await this.#askToken(refresh);
        let response = await this.#send(path, body);
        if (response.status === 401 && !refresh) {
            await this.#askToken(true);
            response = await this.#send(path, body);
        }
        const { ok, status, headers, answer } = response;
        if (!ok) { throw problemOf(status, headers, answer); }
        if (answer === null || typeof answer !== 'object') { throw new Problem('BAD_ANSWER', { status }); }
        // The server's own clock, where it may be read: the browser's may be wrong.
        return { answer, now: Date.parse(headers.get('Date')) || Date.now() };
    }

    async #send(path, body) {
        const headers = { Authorization: 'Bearer ' + this.#token, ...(body && { 'Content-Type': 'application/json' }) };
        const abort = new AbortController();
        const options = { method: 'POST', headers, body: body && JSON.stringify(body), credentials: this.#credentials(), cache: 'no-store', redirect: 'error', signal: abort.signal };
        const ask = async () => {
            const response = await fetch(this.#base + path, options);
            const answer = await response.text().then(parseJson);
            return { ok: response.ok, status: response.status, headers: response.headers, answer };
        };
        return within(ask(), new Problem('TIMEOUT'), () => abort.abort()).catch((err) => { throw err instanceof Problem ? err : new Problem('NETWORK'); });
    }

    async #askToken(refresh) {
        const missing = new Problem('TOKEN_UNAVAILABLE');
        const token = await within(Promise.resolve().then(() => this.#getToken({ refresh })), missing).catch(() => { throw missing; });
        if (typeof token !== 'string' || !/^[\w.~+/=-]+$/.test(token)) { throw missing; }
        this.#token = token;
    }

    // Another origin's cookies are set and sent only where that is said.
    #credentials() { return new URL(this.#base, document.baseURI).origin === location.origin ? 'same-origin' : 'include'; }

    #frameAddress(proxyUrl) {
        if (typeof proxyUrl !== 'string') { return null; }
        const url = parseUrl(proxyUrl, new URL(this.#base, document.baseURI));
        return url !== null && (url.protocol === 'https:' || url.protocol === 'http:') ? url : null;
    }
}

/** A URL, or null. */
export function parseUrl(text, base) { try { return new URL(text, base); } catch (err) { return null; } }

function parseJson(text) { try { return JSON.parse(text); } catch (err) { return null; } }

function lifetimeOf({ expiresAt }, now) {
    const end = typeof expiresAt === 'string' ? Date.parse(expiresAt) : NaN;
    if (Number.isNaN(end)) { throw new Problem('BAD_ANSWER'); }
    return end - now;
}

function problemOf(status, headers, answer) {
    const message = typeof answer?.message === 'string' ? answer.message.slice(0, 500) : '';
    return new Problem(codeOf(answer?.code) ?? 'HTTP_' + status, { status, message, retryAfter: retryAfterOf(headers.get('Retry-After') ?? '') });
}

function codeOf(code) { return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : null; }

/** What the frame's page says of its session, as a problem; null if it says nothing of that kind. */
export function problemSaid(data) {
    if (data === null || typeof data !== 'object') { return null; }
    if (data.type === 'meshsso:expired') { return new Problem('SESSION_ENDED', { status: 401 }); }
    if (data.type !== 'meshsso:problem' || codeOf(data.code) === null) { return null; }
    return new Problem(data.code, { status: Number.isInteger(data.status) ? data.status : 0 });
}

function retryAfterOf(text) {
    const seconds = /^\d{1,9}$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
    return Number.isFinite(seconds) ? Math.min(Math.max(Math.ceil(seconds), 1), LONGEST_WAIT) : null;
}

function within(promise, problem, giveUp = () => { }) {
    let timer;
    const late = new Promise((resolve, reject) => { timer = setTimeout(() => { reject(problem); giveUp(); }, PATIENCE); });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
