'use strict';
// A person with a script instead of a browser: a session, the credentials that MeshCentral's page carries, a control channel,
// and ears on every byte that arrives.

const { get } = require('./meshcentral');
const { openSocket } = require('./sockets');

/**
 * @param {object} mesh of startMeshCentral.
 * @param {object} who {letter, email, id (of the account, if it is not the e-mail's), signIn(): Promise<string> of a session's cookie, forbidden: string[] never to be heard}
 */
function createPerson(mesh, { letter, email, id = 'user//' + email, signIn, forbidden = [] }) {
    const leaks = []; // {word, where, text: what is around it, without what could be a credential} of what this person should not have received
    const open = new Set();
    let cookie = null, page = '', control = null;

    function hear(where, data) {
        const text = data.toString('latin1');
        if (text.includes('"type":"ps')) { return; } // the processes of this very machine, on which every device of the lab runs
        for (const word of forbidden) {
            const at = text.indexOf(word);
            if (at >= 0) { leaks.push({ word, where, text: text.slice(Math.max(0, at - 80), at + 80).replace(/[\w@$+/=-]{70,}/g, '…') }); }
        }
    }

    async function enter() {
        if (control !== null) { control.ws.terminate(); control = null; } // of a session that may be over
        cookie = await signIn();
        const root = await request('/', { headers: { accept: 'text/html' } });
        page = root.body;
        if (!page.includes('authCookie')) { throw new Error(email + ' did not get in (' + root.status + ')'); }
    }

    /** A request with the session's cookie; `bare` has none. */
    async function request(target, { method = 'GET', headers = {}, body, bare = false } = {}) {
        const answer = await get(mesh.url + target, { ...(cookie === null || bare ? {} : { cookie }), ...headers }, { method, body });
        hear(method + ' ' + target.split('?')[0], answer.raw);
        hear(method + ' ' + target.split('?')[0], Buffer.from(JSON.stringify(answer.headers)));
        return answer;
    }

    /** A socket with the session's cookie; `bare` has none. */
    function socket(target, { bare = false, headers = {}, ...options } = {}) {
        const made = openSocket(mesh.url, target, { ...options, headers: { ...(bare ? {} : { cookie }), ...headers } });
        made.ws.on('message', (data) => hear('WS ' + target.split('?')[0], data));
        open.add(made);
        made.closed.then(() => { made.over = true; open.delete(made); });
        return made;
    }

    /** The control channel, opened anew when it has ended. */
    async function channel() {
        if (control === null || control.over) {
            control = socket('/control.ashx');
            await control.next((m) => m.action === 'serverinfo');
        }
        return control;
    }

    /** Sends a frame and resolves to the first later message that matches. */
    async function ask(frame, match, ms) {
        const { messages, next, send } = await channel();
        const from = messages.length;
        send(frame);
        return next(match, ms, from);
    }

    return {
        letter, email, id, leaks, enter, request, socket, channel, ask,
        get cookie() { return cookie; },
        /** The page's own credentials, as the rendered HTML has them. */
        pageCookies: () => ({ auth: /authCookie = '([^']+)'/.exec(page)[1], rauth: /authRelayCookie = '([^']+)'/.exec(page)[1] }),
        /** The same, made anew: {cookie, rcookie}. */
        cookies: () => ask({ action: 'authcookie' }, (m) => m.action === 'authcookie'),
        close() { for (const made of open) { made.ws.terminate(); } }
    };
}

/** What a browser would send back of an answer's Set-Cookie. */
function cookieOf(answer) { return (answer.headers['set-cookie'] || []).map((line) => line.split(';')[0]).join('; '); }

module.exports = { createPerson, cookieOf };
