'use strict';
// Inside a tunnel to a real device: what it is, the device learns from the first message, and it does not ask again whether
// that is what the URL said.

const fs = require('fs');
const path = require('path');

const OPTIONS = { ctrlChannel: '102938', type: 'options', cols: 100, rows: 30 };
const said = (cell, pattern) => cell.relay !== undefined && pattern.test(Buffer.concat(cell.relay.messages.filter((m) => m !== 'c').map((m) => Buffer.from(Buffer.isBuffer(m) ? m : JSON.stringify(m)))).toString('latin1'));
const prompt = (cell) => said(cell, /[#$] $|[#$] ?\x1b/);
const picture = (cell) => cell.relay !== undefined && cell.relay.messages.some((m) => Buffer.isBuffer(m));
const listing = (cell) => said(cell, /secret\.txt/);
const secret = (cell) => said(cell, new RegExp(cell.site.secret));
const marked = (cell) => fs.existsSync(path.join(cell.device.dir, cell.nonce));

/** A tunnel of kind p to the cell's device, and what is sent in it. `first` is awaited after the first message, `ends`: it is refused by ending the tunnel. */
const inside = (name, own, p, send, evidence, more = {}) => ({ name: `tunnel ${p}, ${name}`, own, inside: { p, send }, evidence, people: 'TAVS', where: ['own'], ...more });

// A key goes down and up. The letters reach the terminal on the device's screen, over which the pointer was moved before.
const key = (code) => [0, 1].map((up) => Buffer.from([0, 1, 0, 6, up, code]));
const type = (text) => [...text.toUpperCase()].flatMap((letter) => key(letter.charCodeAt(0)));
const move = (x, y) => Buffer.from([0, 2, 0, 10, 0, 0, x >> 8, x & 255, y >> 8, y & 255]);

module.exports = [
    inside('as it says', 'TAS', 1, () => [OPTIONS, '1'], prompt),
    inside('as it says', 'TAVS', 2, () => [OPTIONS, '2'], picture),
    inside('as it says', 'TAS', 5, (cell) => ['5', { action: 'ls', reqid: 1, path: cell.device.dir }], listing),
    inside('begun as a terminal', '', 2, () => [OPTIONS, '1'], prompt, { ends: true }),
    inside('begun as files', '', 2, (cell) => ['5', { action: 'ls', reqid: 1, path: cell.device.dir }], listing, { ends: true }),
    inside('begun as one file', '', 2, (cell) => [{ ...OPTIONS, file: cell.site.secretFile(cell) }, '10'], secret, { ends: true }),
    inside('begun as one file', '', 5, (cell) => [{ ...OPTIONS, file: cell.site.secretFile(cell) }, '10'], secret, { ends: true }),
    inside('begun with a file\'s name', '', 2, (cell) => [{ ...OPTIONS, file: cell.site.secretFile(cell) }, '2'], secret, { silent: true }),
    inside('begun with the kind as bytes', '', 2, () => [Buffer.from('1'), '1'], prompt, { ends: true }),
    inside('begun with a kind and a space', '', 2, () => [' 1', '1'], prompt, { ends: true }),
    inside('a second kind', '', 2, () => ['2', '1', OPTIONS, '1'], prompt, { silent: true }),
    // A command that the terminal on the screen runs.
    {
        ...inside('keys', 'TAS', 2, (cell) => ['2', move(200, 200), ...type('touch ' + cell.nonce), ...key(13)], marked),
        first: picture, silent: true
    },
    inside('a direct connection', '', 2, () => ['2', { ctrlChannel: '102938', type: 'offer', sdp: 'v=0\r\n' }], (cell) => said(cell, /"type":"answer"/), { first: picture, silent: true })
];
