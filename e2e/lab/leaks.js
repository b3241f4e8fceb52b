'use strict';
// Looks for names in bytes, however they are written: plain, with letters of either case, URL-encoded, as JSON and HTML
// escapes, in base64 at every alignment, in hex, in UTF-16. A finding says what and where, never the text around it.

const SHORTEST = 4; // bytes: a shorter name is found everywhere by chance
const SHORTEST_CORE = 7; // characters of base64 that do not depend on the neighbours
const ESCAPED = 12; // bytes that one byte of a name may take: %255C, &#x0002f;

/** What stays of a text's base64 when `before` bytes are in front of it, whatever they and those behind it are. */
function base64Core(bytes, before) {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64').replace(/=+$/, '');
    const end = (before + bytes.length) % 3 === 0 ? text.length : text.length - 1;
    return text.slice([0, 2, 3][before], end);
}

function utf16(text, bigEndian) { const bytes = Buffer.from(text, 'utf16le'); return bigEndian ? bytes.swap16() : bytes; }

const latin = (bytes) => Buffer.from(bytes).toString('latin1');

// Needles are texts of Latin-1, one character a byte, and are looked for in one of three readings of the data:
// as it is, with small letters, and with escapes undone.
function needlesOf(what, value) {
    const needles = [];
    const add = (encoding, reading, given) => {
        const text = reading === 'small' || reading === 'undone' ? given.toLowerCase() : given; // as the reading has its Latin-1
        if (text.length >= SHORTEST && !needles.some((n) => n.text === text && n.reading === reading)) { needles.push({ what, encoding, reading, text, digits: /^\d+$/.test(text) }); }
    };
    const bytes = Buffer.from(value);
    if (bytes.length < SHORTEST) { throw new Error(what + ' is too short to be looked for'); }
    const spelt = typeof value === 'string' ? [...new Set([value, value.toLowerCase(), value.toUpperCase()])] : [];
    if (typeof value === 'string') {
        const small = value.toLowerCase();
        add('plain', 'small', latin(Buffer.from(small)));
        add('escaped', 'undone', latin(Buffer.from(small)));
        add('UTF-16LE', 'small', latin(utf16(small)));
        add('UTF-16BE', 'small', latin(utf16(small, true)));
    } else { add('bytes', 'asis', latin(bytes)); }
    for (const form of spelt.length > 0 ? spelt.map((text) => Buffer.from(text)) : [bytes]) {
        for (const separator of ['', ':', ' ', '-']) { add('hex', 'small', form.toString('hex').replace(/..(?=.)/g, '$&' + separator)); }
        for (const [encoding, data] of [['base64', form], ...(spelt.length > 0 ? [['base64 of UTF-16', utf16(form.toString())]] : [])]) {
            for (const before of [0, 1, 2]) {
                const core = base64Core(data, before);
                if (core.length < SHORTEST_CORE) { continue; }
                add(encoding, 'undone as is', core);
                add(encoding, 'undone as is', core.replace(/\+/g, '-').replace(/\//g, '_'));
            }
        }
    }
    return needles;
}

const ENTITIES = { amp: '&', sol: '/', colon: ':', period: '.', quot: '"', apos: "'", lt: '<', gt: '>', num: '#', equals: '=', commat: '@', lowbar: '_', hyphen: '-', Tab: '\t', NewLine: '\n' };
const ESCAPE = /%([0-9a-f]{2})|\\u\{?0{0,4}([0-9a-f]{2})\}?|\\x([0-9a-f]{2})|\\([/"'\\])|&#x0{0,5}([0-9a-f]{2});|&#0{0,5}(\d{2,3});|&(\w{2,8});/gi;

/** The text with URL, JSON, JavaScript and HTML escapes undone, twice: one may hide in another. */
function undo(text) {
    for (let i = 0; i < 2; i++) {
        text = text.replace(ESCAPE, (whole, url, u, x, plain, hex, decimal, entity) => {
            const code = url ?? u ?? x ?? hex;
            if (code !== undefined) { return String.fromCharCode(parseInt(code, 16)); }
            if (plain !== undefined) { return plain; }
            if (decimal !== undefined) { return String.fromCharCode(Number(decimal) & 255); }
            return ENTITIES[entity] ?? whole;
        });
    }
    return text;
}

const READINGS = { asis: (text) => text, small: (text) => text.toLowerCase(), undone: (text) => undo(text).toLowerCase(), 'undone as is': undo };

// A number counts only where it is not part of a longer one.
function occurs(hay, { text, digits }) {
    for (let at = hay.indexOf(text); at >= 0; at = hay.indexOf(text, at + 1)) {
        if (!digits || (!/\d/.test(hay[at - 1] ?? '') && !/\d/.test(hay[at + text.length] ?? ''))) { return at; }
    }
    return -1;
}

/**
 * @param {Object<string, string|Buffer|Array>} names what must not be seen, by what it is. A text is looked for in any case, bytes as
 *   they are; a list holds several. A text of digits (a port) is looked for where it is a number of its own.
 * @returns {{stream(where: string): {push(chunk: Buffer), end()}, found: {what, encoding, where}[], bytes: number}} `found` has each
 *   name once a place and encoding.
 */
function createSearch(names) {
    const needles = Object.entries(names).flatMap(([what, values]) => [values].flat().flatMap((value) => needlesOf(what, value)));
    const overlap = Math.max(0, ...needles.map(({ text }) => text.length)) * ESCAPED;
    const search = { found: [], bytes: 0, stream };

    /** Bytes that belong together: what lies across two of its chunks is found. Data is looked at in larger pieces, at the latest at its end. */
    function stream(where) {
        const seen = new Set();
        let tail = '', waiting = [], size = 0;
        const look = () => {
            const text = tail + Buffer.concat(waiting).toString('latin1');
            const readings = {};
            for (const needle of needles) {
                const key = needle.what + ' ' + needle.encoding;
                const hay = readings[needle.reading] ??= READINGS[needle.reading](text);
                if (!seen.has(key) && occurs(hay, needle) >= 0) { seen.add(key); search.found.push({ what: needle.what, encoding: needle.encoding, where }); }
            }
            tail = overlap === 0 ? '' : text.slice(-overlap);
            waiting = [];
            size = 0;
        };
        return {
            push(chunk) { search.bytes += chunk.length; waiting.push(chunk); size += chunk.length; if (size >= 1 << 20) { look(); } },
            end() { if (size > 0) { look(); } }
        };
    }
    return search;
}

module.exports = { createSearch };
