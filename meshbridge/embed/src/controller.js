// One session at a time: opened, shown, renewed, ended. Knows nothing of the page it is shown in.

import { Problem } from './api.js';

const LEAD = 360; // s before the end at which a session is renewed
const WARNING = 300; // s before the end from which on the rest is counted down
const PAUSE = 30; // s between attempts to renew

const seconds = (ms) => Math.max(Math.ceil(ms / 1000), 0);
// What says that the session is no more, as against "not now". A 401 may be about the token alone.
const isOver = ({ code, status }) => [403, 404, 410].includes(status) || (status === 401 && code.startsWith('SESSION_'));

/**
 * States: idle, loading, ready, offline, not-enrolled, error, ended. A change, and each second that shows, is told by
 * `changed(state)`: {name, problem, mode, renewing, renewFailed, session: {id, url, agent, end, shows, first}|null, remaining: s|null, retryIn: s|null}.
 */
export class Controller {
    #host; #wanted = null; #turn = 0; #session = null; #retryAt = null; #timer = null; #renewing = false; #renewFailed = false; #name = 'idle'; #problem = null; #mode = null;

    /** @param {object} host {changed(state), visible(): boolean, told(text key)} */
    constructor(host) { this.#host = host; }

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
        if (this.#wanted !== null && this.#session === null && this.#name !== 'loading' && !early) { this.#create(); }
    }

    /** Shows another view: of the session that there is, else of a new one. */
    show(mode) {
        if (mode === this.#mode || this.#wanted === null) { return; }
        this.#mode = mode;
        if (this.#wanted.restrict) { this.open({ ...this.#wanted, mode }); return; }
        if (this.#session === null) { this.retry(); return; } // or it is being made and will be shown so
        if (!this.#session.first) { this.#load(); } // else when the first load is through: it redeems the ticket
    }

    /** The frame has loaded. */
    loaded() {
        if (this.#session === null || this.#name !== 'loading') { return; }
        this.#session.first = false;
        if (this.#session.shows === this.#mode) { this.#become('ready'); } else { this.#load(); }
    }

    #load() { this.#session.shows = this.#mode; this.#become('loading'); }

    /** The element was moved: its frame starts anew. A ticket that may have been used does not work again. */
    moved() {
        if (this.#session === null) { return; }
        if (this.#session.first) { this.open({ ...this.#wanted, mode: this.#mode }); } else { this.#load(); }
    }

    /** The frame's page says what is wrong with its session. */
    said(problem) {
        if (this.#session === null) { return; }
        if (isOver(problem)) { this.#over(this.#left() <= 0 ? 'SESSION_EXPIRED' : problem.code, problem.status); return; }
        this.#drop();
        this.#failed(problem);
    }

    /** Ends the session for good, also while the page goes away. */
    close() { this.#drop(); this.#become('idle'); }

    async renew() {
        const session = this.#session;
        if (session === null || this.#renewing) { return; }
        this.#renewing = true;
        this.#tell();
        try {
            const lifetime = await this.#wanted.api.renew(session.id);
            if (session !== this.#session) { return; }
            session.end = Date.now() + lifetime;
            this.#renewFailed = false;
            this.#plan(lifetime / 2);
            this.#host.told('renewed');
        } catch (problem) {
            if (session === this.#session) { this.#notRenewed(problem); }
        } finally {
            if (session === this.#session) { this.#renewing = false; this.#tell(); }
        }
    }

    #notRenewed(problem) {
        if (isOver(problem)) { this.#over(problem.code, problem.status); return; }
        this.#session.renewAt = Date.now() + Math.max(problem.retryAfter ?? 0, PAUSE) * 1000;
        this.#renewFailed = true;
        this.#host.told('renewFailed');
    }

    async #create() {
        const turn = ++this.#turn;
        const { api, agentId, restrict } = this.#wanted;
        const mode = this.#mode;
        this.#retryAt = null;
        this.#become('loading');
        let made;
        try {
            made = await api.create(agentId, { viewMode: mode, restrict });
        } catch (problem) {
            if (turn === this.#turn) { this.#failed(problem instanceof Problem ? problem : new Problem('FAULT')); }
            return;
        }
        if (turn !== this.#turn) { api.end(made.id); return; } // nobody waits for it any more
        this.#session = { ...made, end: Date.now() + made.lifetime, renewAt: 0, first: true };
        this.#plan(made.lifetime / 2);
        this.#load();
    }

    // A short session is renewed at its half; one that renewing does not prolong is not asked about all the time.
    #plan(half) { this.#session.renewAt = Math.max(this.#session.end - Math.min(LEAD * 1000, half), Date.now() + PAUSE * 1000); }

    #failed(problem) {
        this.#retryAt = problem.retryAfter === null ? null : Date.now() + problem.retryAfter * 1000;
        this.#become({ AGENT_OFFLINE: 'offline', AGENT_NOT_ENROLLED: 'not-enrolled' }[problem.code] ?? 'error', problem);
    }

    #over(code, status = 0) { this.#drop(); this.#become('ended', new Problem(code, { status })); }

    #drop() {
        this.#turn++;
        if (this.#session !== null) { this.#wanted.api.end(this.#session.id); }
        this.#session = null;
        this.#retryAt = null;
        this.#renewing = this.#renewFailed = false;
    }

    #left() { return this.#session.end - Date.now(); }

    /** What passing time brings; also called when the page becomes visible. */
    tick() {
        if (this.#session !== null) {
            if (this.#left() <= 0) { this.#over('SESSION_EXPIRED'); return; }
            if (Date.now() >= this.#session.renewAt && this.#host.visible()) { this.renew(); return; }
        } else if (this.#retryAt !== null && Date.now() >= this.#retryAt && this.#host.visible()) { this.#create(); return; }
        this.#tell();
    }

    #become(name, problem = null) {
        this.#name = name;
        this.#problem = problem;
        const needed = this.#session !== null || this.#retryAt !== null;
        if (needed && this.#timer === null) { this.#timer = setInterval(() => this.tick(), 1000); }
        if (!needed && this.#timer !== null) { clearInterval(this.#timer); this.#timer = null; }
        this.#tell();
    }

    #tell() {
        const session = this.#session;
        const remaining = session === null ? null : seconds(this.#left());
        this.#host.changed({
            name: this.#name, problem: this.#problem, mode: this.#mode, renewing: this.#renewing, renewFailed: this.#renewFailed, session,
            remaining: remaining !== null && remaining <= WARNING ? remaining : null,
            retryIn: this.#retryAt === null ? null : seconds(this.#retryAt - Date.now())
        });
    }
}
