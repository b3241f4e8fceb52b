'use strict';
// The typed fields of the policy: whether a value fits, and what MeshCentral is given in its place. Nothing passes through
// that was not read: what comes back is built from parts that were checked.

const { parseTunnel } = require('./tunnel');

const KEY = /^[A-Za-z0-9@$]{64}$/;
const RELAY_ID = /^[A-Za-z0-9]{1,64}$/;
const CHAT_ID = /^meshmessenger\/(node\/[^/]*\/[A-Za-z0-9@$]{64})\/(user\/[^/]*\/[^/]+)$/;
const LONE_SURROGATE = /\p{Surrogate}/u; // no UTF-8 has it: a device that sends it back loses its connection
const STRING = 256; // characters, where the policy names no other limit
const MOST = 1000; // elements

const fits = (value) => ({ value });
const wrong = { reason: 'FRAME_FIELD' };

/**
 * @typedef {object} Person who sends: {id, domain, maskOf(nodeId): number, ownsCookie(cookie): boolean, ownsRelayCookie(cookie): boolean, domainUrl}
 * @typedef {object} Verdict {value} or {reason}; with `devices` that the value names and the `protocol` of a tunnel
 */

/** One reader a type: (value, field, person, sender's other fields) → Verdict. */
const READERS = {
    FIELD_TYPE_STRING: (value, field) => (isText(value, field) ? fits(value) : wrong),
    FIELD_TYPE_STRINGS: (value, field) => (isList(value, field) && value.every((one) => isText(one, field)) ? fits(value.slice()) : wrong),
    FIELD_TYPE_INTEGER: (value, field) => (Number.isSafeInteger(value) && value >= 0 && value <= (field.max || Number.MAX_SAFE_INTEGER) ? fits(value) : wrong),
    FIELD_TYPE_BOOLEAN: (value) => (typeof value === 'boolean' ? fits(value) : wrong),
    FIELD_TYPE_TAG: (value, field) => (value === null || typeof value === 'boolean' || Number.isFinite(value) || isText(value, field) ? fits(value) : wrong),
    FIELD_TYPE_SELF: (value, field, person) => (value === person.id ? fits(value) : { reason: 'RIGHT_MISSING' }),
    FIELD_TYPE_DEVICE: (value, field, person) => device(value, person),
    FIELD_TYPE_DEVICES: readDevices,
    FIELD_TYPE_DEVICE_KEY: (value, field, person) => {
        const verdict = (typeof value === 'string') ? device('node/' + person.domain + '/' + value, person) : wrong;
        return verdict.reason ? verdict : { value, devices: verdict.devices };
    },
    FIELD_TYPE_RELAY_ID: (value) => (typeof value === 'string' && RELAY_ID.test(value) ? fits(value) : { reason: 'TUNNEL_INVALID' }),
    FIELD_TYPE_PROTOCOL: (value) => (Number.isSafeInteger(value) && value > 0 ? { value, protocol: value } : { reason: 'TUNNEL_INVALID' }),
    FIELD_TYPE_TUNNEL: (value, field, person, frame) => parseTunnel(value, person, frame),
    FIELD_TYPE_COOKIE: (value, field, person) => (typeof value === 'string' && person.ownsCookie(value) ? { value, cookie: true } : { reason: 'SESSION_ENDED' }),
    FIELD_TYPE_CHAT_ID: readChat
};

function readDevices(value, field, person) {
    if (!isList(value, field) || value.length === 0) { return wrong; } // of no device every need would be met
    const devices = [];
    for (const one of value) {
        const verdict = device(one, person);
        if (verdict.reason) { return verdict; }
        devices.push(one);
    }
    return { value: devices.slice(), devices };
}

function device(id, person) {
    if (typeof id !== 'string') { return wrong; }
    const parts = id.split('/');
    if (parts.length !== 3 || parts[0] !== 'node' || !KEY.test(parts[2])) { return wrong; }
    return (parts[1] === person.domain && person.maskOf(id) !== 0) ? { value: id, devices: [id] } : { reason: 'DEVICE_DENIED' };
}

function readChat(value, field, person) {
    const parts = (typeof value === 'string') ? CHAT_ID.exec(value) : null;
    if (parts === null || parts[2] !== person.id) { return { reason: 'TUNNEL_INVALID' }; }
    const verdict = device(parts[1], person);
    return verdict.reason ? verdict : { value, devices: verdict.devices };
}

function isText(value, field) { return typeof value === 'string' && value.length <= (field.max || STRING) && !LONE_SURROGATE.test(value); }
function isPlain(value) { return ['string', 'number', 'boolean'].includes(typeof value); } // an object may have a toString that throws
function isList(value, field) { return Array.isArray(value) && value.length <= (field.most || MOST); }

/**
 * Reads one field.
 * @returns {{value} | {reason: string}}
 */
function readField(field, value, person, frame) {
    const reader = READERS[field.type];
    if (reader === undefined) { return wrong; } // a type of a newer sidecar fits nothing
    if (field.values.length > 0 && !(isPlain(value) && field.values.includes(String(value)))) { return wrong; }
    return reader(value, field, person, frame);
}

// In a query everything is text: digits are turned into the number that they are before they are read.
const NUMBERS = new Set(['FIELD_TYPE_INTEGER', 'FIELD_TYPE_PROTOCOL']);

/** Reads one argument of a query, whose value is given back as text. */
function readArgument(field, text, person, query) {
    if (typeof text !== 'string') { return wrong; } // repeated, or nested by brackets
    if (!NUMBERS.has(field.type)) { return (field.type === 'FIELD_TYPE_BOOLEAN') ? wrong : readField(field, text, person, query); }
    const verdict = readField(field, /^\d{1,15}$/.test(text) ? Number(text) : NaN, person, query);
    return verdict.reason ? verdict : { ...verdict, value: text };
}

module.exports = { readField, readArgument };
