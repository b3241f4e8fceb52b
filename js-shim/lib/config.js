'use strict';
// What an operator may say: `settings.jwtAuth` in MeshCentral's config.json (true, or an object; MeshCentral lower-cases
// its keys) and the MESHSSO_* environment, which wins. Every fault is reported at once.

const fs = require('fs');
const os = require('os');

const DEFAULT_ADDRESS = 'unix:///run/meshsso/auth.sock';
const KEYS = ['address', 'deadlinems', 'loginurl', 'dashboardorigins', 'cookiename', 'socketowner', 'adoptaccounts', 'tlsca', 'tlscert', 'tlskey'];

/** Reads and checks the options. Throws one Error that names every fault. */
function readConfig(args, env) {
    const faults = [];
    const set = optionsOf(args && args.jwtauth, faults);
    const pick = (name, variable) => (env[variable] !== undefined && env[variable] !== '') ? env[variable] : set[name];
    const config = {
        address: parseAddress(pick('address', 'MESHSSO_ADDRESS') || DEFAULT_ADDRESS, faults),
        deadlineMs: number(pick('deadlinems', 'MESHSSO_DEADLINE_MS'), 2000, 'deadlineMs', faults),
        loginUrl: httpUrl(pick('loginurl', 'MESHSSO_LOGIN_URL'), faults),
        dashboardOrigins: origins(pick('dashboardorigins', 'MESHSSO_DASHBOARD_ORIGINS'), faults),
        cookieName: cookieName(pick('cookiename', 'MESHSSO_COOKIE_NAME'), faults),
        socketOwners: owners(pick('socketowner', 'MESHSSO_SOCKET_OWNER'), faults),
        adoptAccounts: yesOrNo(pick('adoptaccounts', 'MESHSSO_ADOPT_ACCOUNTS'), false, 'adoptAccounts', faults),
        tls: tlsFiles(pick('tlsca', 'MESHSSO_TLS_CA'), pick('tlscert', 'MESHSSO_TLS_CERT'), pick('tlskey', 'MESHSSO_TLS_KEY'), faults)
    };
    if (config.address && config.address.kind === 'tcp' && !config.address.loopback && !config.tls) {
        faults.push('address: ' + config.address.target + ' is neither a socket nor loopback; set tlsCa, tlsCert and tlsKey (mutual TLS), or use ' + DEFAULT_ADDRESS);
    }
    // Both would make everybody one MeshCentral user, whatever their token says.
    if (args && args.nousers) { faults.push('settings.nousers gives everybody one account; remove it'); }
    if (args && args.user) { faults.push('settings.user gives everybody one account; remove it'); }
    if (faults.length > 0) { throw new Error('configuration: ' + faults.join('; ')); }
    return config;
}

function optionsOf(value, faults) {
    if (value === undefined || value === null || value === true) { return {}; }
    if (typeof value !== 'object' || Array.isArray(value)) { faults.push('settings.jwtAuth must be true or an object'); return {}; }
    const set = {};
    for (const key of Object.keys(value)) {
        const name = key.toLowerCase();
        if (name.startsWith('_')) { continue; } // MeshCentral's way to comment a key out
        if (!KEYS.includes(name)) { faults.push('settings.jwtAuth.' + key + ' is not known (known: ' + KEYS.join(', ') + ')'); continue; }
        set[name] = value[key];
    }
    return set;
}

function parseAddress(value, faults) {
    const text = String(value);
    if (text.startsWith('unix://')) {
        const path = text.slice('unix://'.length);
        if (path.startsWith('/')) { return { kind: 'unix', path, target: 'unix:' + path }; }
    } else {
        const match = /^(?:tcp:\/\/)?(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(text);
        if (match && Number(match[2]) > 0 && Number(match[2]) < 65536) {
            const host = match[1];
            const loopback = host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
            return { kind: 'tcp', loopback, target: host + ':' + match[2] };
        }
    }
    faults.push('address ' + JSON.stringify(text) + ' must be unix:///absolute/path or tcp://host:port');
    return null;
}

function number(value, fallback, name, faults) {
    if (value === undefined || value === null) { return fallback; }
    const n = Number(value);
    if (Number.isInteger(n) && n >= 1 && n <= 60000) { return n; }
    faults.push(name + ' must be a whole number of milliseconds from 1 to 60000');
    return fallback;
}

function yesOrNo(value, fallback, name, faults) {
    if (value === undefined) { return fallback; }
    if (value === true || value === 'true') { return true; }
    if (value === false || value === 'false') { return false; }
    faults.push(name + ' must be true or false');
    return fallback;
}

function httpUrl(value, faults) {
    if (value === undefined || value === null || value === '') { return null; }
    try {
        const url = new URL(value);
        if (url.protocol === 'https:' || url.protocol === 'http:') { return url.href; }
    } catch (err) { /* told below */ }
    faults.push('loginUrl must be an http(s) URL');
    return null;
}

function origins(value, faults) {
    const list = (typeof value === 'string') ? value.split(',').map((s) => s.trim()).filter(Boolean) : (value || []);
    if (!Array.isArray(list)) { faults.push('dashboardOrigins must be a list of origins'); return []; }
    return list.map((entry) => {
        try {
            const url = new URL(entry);
            if (url.origin !== 'null' && url.origin === String(entry).replace(/\/$/, '').toLowerCase()) { return url.origin; }
        } catch (err) { /* told below */ }
        faults.push('dashboardOrigins: ' + JSON.stringify(entry) + ' is not an origin such as https://dashboard.example.com');
        return null;
    }).filter(Boolean);
}

function cookieName(value, faults) {
    if (value === undefined || value === null || value === '') { return null; }
    if (/^[A-Za-z0-9_.-]{1,128}$/.test(value) && value !== 'xid' && value !== 'xid.sig') { return value; }
    faults.push('cookieName must be the name of the dashboard\'s cookie');
    return null;
}

// Whose socket is believed: root's and our own user's, and the one that is named (a sidecar container's uid).
function owners(value, faults) {
    const list = [0];
    if (typeof process.getuid === 'function') { list.push(process.getuid()); }
    if (value === undefined || value === null || value === '') { return list; }
    const uid = Number(value);
    if (Number.isInteger(uid) && uid >= 0) { list.push(uid); } else { faults.push('socketOwner must be a numeric user id (this machine: ' + os.platform() + ')'); }
    return list;
}

// All three or none: a certificate that is not shown would leave the connection open to anybody's answer.
function tlsFiles(ca, cert, key, faults) {
    const given = [ca, cert, key].filter(Boolean).length;
    if (given === 0) { return null; }
    if (given < 3) { faults.push('tlsCa, tlsCert and tlsKey belong together'); return null; }
    const tls = {};
    for (const [name, file] of Object.entries({ ca, cert, key })) {
        try { tls[name] = fs.readFileSync(file); } catch (err) { faults.push('the file of ' + name + ' cannot be read (' + err.code + ')'); }
    }
    return tls;
}

module.exports = { readConfig, DEFAULT_ADDRESS };
