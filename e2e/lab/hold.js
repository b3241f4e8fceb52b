'use strict';
// Loaded into MeshCentral before everything else (NODE_OPTIONS): while the file that MESHSSO_LAB_HOLD names is there, control
// channels are not set up further than to where their id is drawn. Not part of the product.

const crypto = require('crypto');
const fs = require('fs');

const ID = 20; // bytes of a control channel's id (meshuser.js), and of nothing else that is drawn asynchronously

if (process.env.MESHSSO_LAB_HOLD && process.argv.includes('--launch')) {
    const { randomBytes } = crypto;
    crypto.randomBytes = (size, done) => {
        if (done === undefined || size !== ID) { return randomBytes(size, done); }
        const later = (...drawn) => (fs.existsSync(process.env.MESHSSO_LAB_HOLD) ? setTimeout(later, 10, ...drawn) : done(...drawn));
        return randomBytes(size, later);
    };
}
