'use strict';
// package.json edited as text: whatever its form, one key comes and goes and nothing else moves.

const { test, describe } = require('node:test');
const assert = require('node:assert/strict');
const { setDependency, removeDependency, getDependency, edited, undone, NotAManifest } = require('../lib/fork/manifest.js');

const NAME = 'meshsso-shim';
const SPEC = 'file:/opt/mesh "sso"\\shim';

const forms = {
    'two spaces': '{\n  "name": "a",\n  "dependencies": {\n    "archiver": "1",\n    "ws": "2"\n  },\n  "engines": {}\n}\n',
    'CRLF, no last newline': '{\r\n  "name": "a",\r\n  "dependencies": {\r\n    "archiver": "1"\r\n  }\r\n}',
    tabs: '{\n\t"dependencies": {\n\t\t"ws": "2"\n\t},\n\t"name": "a"\n}\n\n',
    'one line': '{"name":"a","dependencies":{"ws":"2"}}',
    'one line with blanks': '{ "name": "a", "dependencies": { "ws": "2" } }',
    'no dependencies': '{\n  "name": "a",\n  "version": "1"\n}\n',
    'no dependencies, CRLF and tabs': '{\r\n\t"name": "a"\r\n}\r\n',
    'no dependencies, one line': '{"name":"a"}',
    'empty dependencies': '{\n  "name": "a",\n  "dependencies": {}\n}\n',
    'empty dependencies with white space': '{\n    "name": "a",\n    "dependencies": {\n    }\n}\n',
    'nothing at all': '{}',
    'byte order mark': '\uFEFF{\n  "name": "a",\n  "dependencies": { "ws": "2" }\n}\n',
    'the key as a value and in another section': '{\n  "name": "meshsso-shim",\n  "devDependencies": { "meshsso-shim": "9" },\n  "dependencies": {\n    "ws": "meshsso-shim"\n  }\n}\n',
    'escapes and odd names': '{\n  "name": "a\\"b",\n  "dependencies": {\n    "a\\u0062": "1",\n    "zz": "{}"\n  }\n}\n',
};

for (const [form, text] of Object.entries(forms)) {
    test(form, () => {
        const edit = setDependency(text, NAME, SPEC);
        const after = edited(text, edit);
        const [before, now] = [text, after].map((each) => JSON.parse(each.replace(/^\uFEFF/, '')));
        assert.deepEqual(now, { ...before, dependencies: { ...before.dependencies, [NAME]: SPEC } });
        assert.equal(getDependency(after, NAME), SPEC);
        assert.equal(undone(after, edit), text, 'undone byte for byte');
        assert.equal(setDependency(after, NAME, SPEC), null, 'a second time changes nothing');
        if (!form.startsWith('empty dependencies') && form !== 'nothing at all') {
            assert.equal(edited(after, removeDependency(after, NAME, { emptied: before.dependencies === undefined })), text, 'and so is taking the key out without the record');
        }
        const crlf = (each) => (each.match(/\r\n/g) || []).length;
        if (text.includes('\r\n')) assert.equal(crlf(after), (after.match(/\n/g) || []).length, 'one kind of line ending');
        else assert.equal(crlf(after), 0);
        assert.equal(/\n*$/.exec(after)[0], /\n*$/.exec(text)[0]);
    });
}

test('the new line looks like its neighbours', () => {
    assert.equal(edited(forms['two spaces'], setDependency(forms['two spaces'], NAME, '^1')), forms['two spaces'].replace('    "ws"', '    "meshsso-shim": "^1",\n    "ws"'));
    assert.equal(edited(forms.tabs, setDependency(forms.tabs, NAME, '^1')), forms.tabs.replace('\t\t"ws"', '\t\t"meshsso-shim": "^1",\n\t\t"ws"'));
    assert.equal(edited(forms['no dependencies'], setDependency(forms['no dependencies'], NAME, '^1')), '{\n  "name": "a",\n  "version": "1",\n  "dependencies": {\n    "meshsso-shim": "^1"\n  }\n}\n');
    assert.equal(edited(forms['one line'], setDependency(forms['one line'], NAME, '^1')), '{"name":"a","dependencies":{"meshsso-shim":"^1","ws":"2"}}');
});

test('another version replaces the value only', () => {
    const text = '{\n  "dependencies": {\n    "meshsso-shim" :  "^0.1.0"\n  }\n}';
    const edit = setDependency(text, NAME, '^2');
    assert.equal(edited(text, edit), text.replace('^0.1.0', '^2'));
    assert.equal(undone(edited(text, edit), edit), text);
});

describe('what is no package.json is not touched', () => {
    for (const [what, text] of Object.entries({ 'not JSON': '{', 'an array': '[]', 'a JavaScript object': "{ 'dependencies': {} }", 'a comment': '{} // x', 'dependencies as a list': '{"dependencies":[]}', 'dependencies twice': '{"dependencies":{},"dependencies":{}}' })) {
        test(what, () => assert.throws(() => setDependency(text, NAME, '^1'), NotAManifest));
    }
});
