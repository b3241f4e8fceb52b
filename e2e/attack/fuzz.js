'use strict';
// Random and mutated frames: the policy's own, with something of them changed. The same seed makes the same frames.

/** A small generator of numbers (mulberry32): 0 ≤ n < 1. */
function generator(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6D2B79F5) >>> 0;
        let t = Math.imul(state ^ (state >>> 15), 1 | state);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

const ODD = [null, true, false, 0, -1, 1, 1.5, 2 ** 53, -0, 1e308, '', ' ', '*', '%', '%00', '\u0000', '\ud800', '__proto__', 'constructor', '../../x', '<img src=x>', '${1}', 'a'.repeat(300),
    'node//', 'user//admin', 'mesh//x', [], {}, [[]], [null], { $ne: null }, { length: 5 }, { toString: 1 }, { split: 'x' }, { nodeid: {} }];

/**
 * @param {number} seed @param {object[]} frames valid ones, of which new ones are made. @param {string[]} words values that are worth putting anywhere (ids, cookies)
 * @param {string[]} names of actions and fields that exist
 * @returns {() => string} the next frame's text
 */
function createFuzzer(seed, { frames, words, names }) {
    const random = generator(seed);
    const below = (n) => Math.floor(random() * n);
    const pick = (list) => list[below(list.length)];
    const value = () => (random() < 0.5 ? pick(ODD) : random() < 0.8 ? pick(words) : nested(below(6)));
    const nested = (depth) => (depth === 0 ? pick(ODD) : random() < 0.5 ? [nested(depth - 1)] : { [pick(names)]: nested(depth - 1) });

    const CHANGES = [
        (frame) => { const name = pick(Object.keys(frame)); frame[name] = value(); },
        (frame) => { delete frame[pick(Object.keys(frame))]; },
        (frame) => { frame[pick(names)] = value(); },
        (frame) => { frame.action = pick(names); },
        (frame) => { const name = pick(Object.keys(frame)); frame[name] = [frame[name], value()]; },
        (frame) => { for (const name of Object.keys(frame)) { if (/node|^id$/.test(name)) { frame[name] = pick(words); } } },
        (frame) => { Object.assign(frame, structuredClone(pick(frames)), { action: frame.action }); },
        (frame) => { frame.responseid = value(); }
    ];
    // What is no frame any more: cut, repeated, with bytes changed.
    const BREAKS = [
        (text) => text.slice(0, below(text.length)),
        (text) => text + text,
        (text) => text.replace(/[a-z]/, () => String.fromCharCode(below(65536))),
        (text) => [...text].map((c) => (random() < 0.02 ? String.fromCharCode(below(256)) : c)).join(''),
        (text) => '[' + text + ']',
        (text) => text.replace('{', '{"action":"users",'),
        (text) => text.replace(/}$/, ',"__proto__":{"action":"users"}}')
    ];

    return () => {
        const frame = structuredClone(pick(frames));
        for (let changes = below(4); changes > 0 && Object.keys(frame).length > 0; changes--) { pick(CHANGES)(frame); }
        const text = JSON.stringify(frame) ?? '';
        return random() < 0.15 ? pick(BREAKS)(text) : text;
    };
}

module.exports = { createFuzzer };
