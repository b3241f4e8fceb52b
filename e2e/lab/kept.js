'use strict';
// A search (leaks.js) that keeps what it looked through, for names that become known only later.

const { createSearch } = require('./leaks');

const MOST = 8 << 20; // bytes of one stream that are kept: more is a file of the device, which a test knows

/** @param {object} search of createSearch. @returns {{search, again(names): {what, encoding, where}[]}} `search` in its place. */
function keeping(search) {
    const kept = [];
    function stream(where) {
        const inner = search.stream(where);
        const parts = [];
        let size = 0;
        kept.push({ where, parts });
        return {
            push(data) { inner.push(data); size += data.length; if (size <= MOST) { parts.push(Buffer.from(data)); } },
            end: () => inner.end()
        };
    }
    return {
        search: { stream, get bytes() { return search.bytes; }, get found() { return search.found; } },
        again(names) {
            const later = createSearch(names);
            for (const { where, parts } of kept) {
                const over = later.stream(where);
                for (const part of parts) { over.push(part); }
                over.end();
            }
            return later.found;
        }
    };
}

module.exports = { keeping };
