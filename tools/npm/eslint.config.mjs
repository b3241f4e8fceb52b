// One style for all JavaScript here, and the faults that a linter can see. Run from the project's root by `make lint`.
import js from '@eslint/js';
import stylistic from '@stylistic/eslint-plugin';
import globals from 'globals';

export default [
    { ignores: ['**/node_modules/', '.cache/', 'bin/', 'meshbridge/embed/dist/'] },
    js.configs.recommended,
    {
        files: ['**/*.js', 'js-shim/bin/*'],
        languageOptions: { ecmaVersion: 2023, sourceType: 'commonjs', globals: { ...globals.node } },
        plugins: { '@stylistic': stylistic },
        rules: {
            '@stylistic/indent': ['error', 4, { SwitchCase: 0, ignoredNodes: ['TemplateLiteral *'] }],
            '@stylistic/semi': 'error',
            '@stylistic/quotes': ['error', 'single', { avoidEscape: true, allowTemplateLiterals: 'always' }],
            '@stylistic/eol-last': 'error',
            '@stylistic/no-trailing-spaces': 'error',
            'no-unused-vars': ['error', { args: 'after-used', caughtErrors: 'none' }],
            'no-empty': ['error', { allowEmptyCatch: false }],
            'no-shadow': ['error', { builtinGlobals: false }],
            'no-var': 'error', 'prefer-const': 'error', eqeqeq: ['error', 'always', { null: 'ignore' }], 'no-control-regex': 'off', 'no-promise-executor-return': 'off'
        }
    },
    {
        // What a dashboard loads: modules of a page, which may also be imported where there is none.
        files: ['meshbridge/embed/src/*.js'],
        languageOptions: { sourceType: 'module', globals: { ...Object.fromEntries(Object.keys(globals.node).map((name) => [name, 'off'])), ...globals.browser } }
    },
    {
        // Code that runs in the page, inside evaluate().
        files: ['e2e/lab/browser.js', 'e2e/lab/embed-page.js', 'e2e/test/*.js', 'e2e/demo/check*.js'],
        languageOptions: { globals: { window: 'readonly', document: 'readonly', location: 'readonly', xterm: 'readonly' } }
    },
    {
        files: ['e2e/test/embed*.js'],
        languageOptions: { globals: Object.fromEntries(['addEventListener', 'getComputedStyle', 'history', 'indexedDB', 'MessageEvent', 'MutationObserver'].map((name) => [name, 'readonly'])) }
    }
];
