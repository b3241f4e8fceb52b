'use strict';
// Cases of meshbridge/policy/testdata/vectors.json, judged by this engine. As a program it judges cases from its standard
// input, one JSON object a line, so that the other engine's fuzzing can ask it.

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { compile } = require('../lib/policy/table');
const { judgeFrame } = require('../lib/policy/frames');
const { judgeRequest } = require('../lib/policy/requests');

const DATA = path.join(__dirname, '..', '..', 'meshbridge', 'policy', 'testdata');
const read = (name) => JSON.parse(fs.readFileSync(path.join(DATA, name), 'utf8'));
const vectors = () => read('vectors.json');

// The golden file leaves out what is zero and has 64-bit numbers as text; the shim gets them from gRPC as below.
const field = (f) => ({ name: f.name, type: f.type, required: f.required === true, values: f.values || [], max: Number(f.max || 0), most: f.most || 0 });
const need = (n) => (n ? { all: n.all || 0, none: n.none || 0 } : null);
const TABLE = (({ version, reviewed_versions, frames, tunnels, requests }) => compile({
    version, reviewedVersions: reviewed_versions,
    frames: frames.map((r) => ({ action: r.action, fields: (r.fields || []).map(field), need: need(r.need), siteAdmin: r.site_admin === true })),
    tunnels: tunnels.map((r) => ({ protocol: r.protocol, kind: r.kind, need: need(r.need) })),
    requests: requests.map((r) => ({ path: r.path || '', methods: r.methods, arguments: (r.arguments || []).map(field), need: need(r.need), siteAdmin: r.site_admin === true, needEverywhere: r.need_everywhere === true }))
}))(read('policy.json'));

const PEOPLE = vectors().people;

function personOf(name) {
    const { id, masks, siteAdmin } = PEOPLE[name];
    return { id, domain: '', domainUrl: '/', siteAdmin: siteAdmin === true, maskOf: (node) => (Object.hasOwn(masks, node) ? masks[node] : 0), everyDevice: () => Object.values(masks),
        ownsCookie: (cookie) => cookie === 'mine', ownsRelayCookie: (cookie) => cookie === 'myrelay@$' };
}

/** What a case gives, in the words of its `want`. */
function judgeVector({ person, frame = '', request }) {
    if (request) {
        const query = {}; // as Express reads it: what comes twice is a list, what has brackets an object
        for (const [name, value] of request.query || []) {
            const plain = name.split('[')[0] || name;
            query[plain] = (Object.hasOwn(query, plain) || plain !== name) ? [value] : value;
        }
        const verdict = judgeRequest(TABLE, request.method, request.path, query, personOf(person));
        if (verdict.reason !== undefined) { return { reason: verdict.reason, ...(verdict.detail && { detail: verdict.detail }) }; }
        return { query: Object.entries(verdict.query), ...(verdict.dropped.length && { dropped: verdict.dropped }), ...(verdict.node && { device: verdict.node }), ...(verdict.protocol && { protocol: verdict.protocol }) };
    }
    const verdict = judgeFrame(TABLE, Buffer.from(frame), personOf(person));
    const action = verdict.action === '' ? {} : { action: verdict.action };
    if (verdict.reason !== undefined) { return { reason: verdict.reason, ...action, ...(verdict.detail && { detail: verdict.detail }) }; }
    return { text: verdict.text, ...action, ...(verdict.dropped.length && { dropped: verdict.dropped }) };
}

module.exports = { judgeVector, vectors };

if (require.main === module) {
    readline.createInterface({ input: process.stdin }).on('line', (line) => process.stdout.write(JSON.stringify(judgeVector(JSON.parse(line))) + '\n'));
}
