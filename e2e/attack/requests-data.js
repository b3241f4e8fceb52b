'use strict';
// HTTP requests about devices and what a person may download or upload.

const fs = require('fs');
const path = require('path');
const { form, key } = require('./http');

const FILES = 'TAS'; // whoever may manage files, which a viewer may not
const ok = (test = () => true) => (cell) => cell.answer.status === 200 && test(cell.answer, cell);
const secret = ok(({ body }, { site }) => body.includes(site.secret));
const arrived = (cell) => fs.existsSync(path.join(cell.device.dir, cell.nonce + '.txt'));

const download = (name, own, cookie, more = {}) => ({
    name: 'devicefile.ashx ' + name, own, evidence: secret, agent: true,
    request: async (cell) => ({ target: `/devicefile.ashx?c=${await cookie(cell)}&m=x&n=${key(cell.node)}&f=${encodeURIComponent(cell.site.secretFile(cell))}` }), ...more
});
const mine = async (cell) => (await cell.person.cookies()).cookie;

/** A form with a file for the device. With `auth` the page's cookie is a field of it, and there is no session. */
const upload = (name, fields = () => ({}), more = {}) => ({
    name: 'uploadfilebatch.ashx ' + name, own: '', agent: true, slow: true, evidence: arrived,
    request: async (cell) => ({
        target: '/uploadfilebatch.ashx', method: 'POST',
        ...form({ nodeIds: cell.node, linuxpath: cell.device.dir || '/tmp', winpath: 'C:\\', overwriteFiles: 'on', ...await fields(cell) }, { name: cell.nonce + '.txt', text: 'uploaded' })
    }), ...more
});
/** Any other form with a file. */
const posted = (target, fields, more = {}) => ({
    name: target + ' POST', own: '', evidence: ok(),
    request: async (cell) => ({ target: '/' + target, method: 'POST', ...form(await fields(cell), { name: 'x.bin', text: 'x' }) }), ...more
});

module.exports = [
    download('with one\'s own cookie', FILES, mine),
    download('with one\'s own cookie and no session', FILES, mine, { bare: true }),
    download('with a cookie that is none', '', () => 'x'),
    download('with another tenant\'s cookie', '', async ({ site }) => (await site.other.cookies()).cookie, { where: ['own'] }),
    // Whoever presents a viewer's cookie is that viewer.
    download('with a viewer\'s cookie', '', async ({ site }) => (await site.people.V.cookies()).cookie, { where: ['own'], bare: true }),
    download('with a relay cookie', '', async (cell) => (await cell.person.cookies()).rcookie),
    {
        name: 'devicefile.ashx with no cookie', own: '', evidence: secret, agent: true,
        request: (cell) => ({ target: `/devicefile.ashx?n=${key(cell.node)}&f=${encodeURIComponent(cell.site.secretFile(cell))}` })
    },

    upload('with the session'),
    upload('with a cookie in the form', async (cell) => ({ auth: await mine(cell) }), { bare: true }),
    upload('with another tenant\'s cookie in the form', async ({ site }) => ({ auth: (await site.other.cookies()).cookie }), { where: ['foreign'], people: 'TAVG' }),
    upload('with both tenants\' devices', async ({ site }) => ({ nodeIds: site.devices.own.id + ',' + site.devices.foreign.id }), { where: ['foreign'], people: 'TAVG' }),
    {
        name: 'uploadfilebatch.ashx without a file', own: '', evidence: () => false, fatal: true,
        request: (cell) => ({ target: '/uploadfilebatch.ashx', method: 'POST', ...form({ nodeIds: cell.node, linuxpath: '/tmp' }) })
    },
    posted('uploadfile.ashx', ({ self }) => ({ link: self.replace('user//', 'user//') })),
    posted('uploadfile.ashx', async (cell) => ({ link: cell.self, auth: await mine(cell) }), { name: 'uploadfile.ashx POST, cookie in the form', bare: true }),
    posted('uploadmeshcorefile.ashx', ({ node }) => ({ attrib: node })),
    posted('uploadmeshcorefile.ashx', async (cell) => ({ attrib: cell.node, auth: await mine(cell) }), { name: 'uploadmeshcorefile.ashx POST, cookie in the form', bare: true }),
    posted('oneclickrecovery.ashx', ({ node }) => ({ attrib: node })),
    posted('oneclickrecovery.ashx', async (cell) => ({ attrib: cell.node, auth: await mine(cell) }), { name: 'oneclickrecovery.ashx POST, cookie in the form', bare: true }),
    posted('restoreserver.ashx', () => ({}), { people: 'TAVG' }), // a refusal that failed would end the server for the superadmin
    posted('restoreserver.ashx', async (cell) => ({ auth: await mine(cell) }), { name: 'restoreserver.ashx POST, cookie in the form', bare: true, people: 'TAVG' }),

    // Of a device, to look at.
    { name: 'devicepowerevents.ashx', own: 'TAVS', evidence: ok(({ body }) => body.includes('UTC Time')), request: ({ node }) => ({ target: '/devicepowerevents.ashx?id=' + node + '&tf=-60' }) },
    { name: 'devicepowerevents.ashx, a time zone that is none', own: '', fatal: true, silent: true, people: 'TAV', where: ['own'], evidence: () => false, request: ({ node }) => ({ target: '/devicepowerevents.ashx?id=' + node + '&l=xx-invalid&tz=No/Where' }) },
    { name: 'devicepowerevents.ashx, an offset of no place on earth', own: '', fatal: true, evidence: ok(), request: ({ node }) => ({ target: '/devicepowerevents.ashx?id=' + node + '&tf=99999999999999' }) },
    { name: 'xterm', own: FILES, evidence: ok(({ body }) => body.includes('xterm')), request: ({ node }) => ({ target: '/xterm?nodeid=' + node, headers: { accept: 'text/html' } }) },
    { name: 'messenger', own: FILES, evidence: ok(({ body }) => body.length > 1000), request: ({ node, self }) => ({ target: `/messenger?id=meshmessenger/${node}/${self}&title=x`, headers: { accept: 'text/html' } }) },
    { name: 'messenger with another person', own: '', stock: false, evidence: ok(), request: ({ node, other }) => ({ target: `/messenger?id=meshmessenger/${node}/${other}` }) },
    {
        name: 'meshagents, settings for a tool on one device', own: FILES, evidence: ok(({ body }, cell) => body.includes(cell.site.devices[cell.where].name || cell.node)),
        request: ({ node }) => ({ target: '/meshagents?meshaction=route&nodeid=' + node })
    },
    { name: 'meshagents, settings for a tool', all: FILES, evidence: ok(({ body }) => body.includes('username')), request: () => ({ target: '/meshagents?meshaction=generic' }) },
    { name: 'meshagents, settings by the page\'s cookie', all: FILES, bare: true, evidence: ok(({ body }) => body.includes('username')), request: async (cell) => ({ target: '/meshagents?meshaction=generic&auth=' + await mine(cell) }) },
    { name: 'meshagents, any other action', all: '', evidence: ok(), request: () => ({ target: '/meshagents?meshaction=other' }) }
];
