'use strict';
const path = require('path');

const ROOT = path.resolve(__dirname, '..', '..');
const CACHE = path.join(ROOT, '.cache');

module.exports = { ROOT, CACHE, BINARY: path.join(ROOT, 'bin', 'meshsso'), SHIM: path.join(ROOT, 'js-shim') };
