'use strict';
// Requests by hand.

/** A form as a browser posts it, in parts; with a file if one is given. */
function form(fields, file) {
    const mark = '----attack' + Math.random().toString(36).slice(2);
    const part = (head, text) => `--${mark}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}\r\n`;
    let body = Object.entries(fields).map(([name, value]) => part(`name="${name}"`, value)).join('');
    if (file) { body += part(`name="files"; filename="${file.name}"\r\nContent-Type: application/octet-stream`, file.text); }
    return { headers: { 'content-type': 'multipart/form-data; boundary=' + mark }, body: body + `--${mark}--\r\n` };
}

/** A form of a plain page. */
const fields = (values) => ({ headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(values).toString() });

/** The last part of an id, for a URL. */
const key = (id) => encodeURIComponent(id.split('/')[2]);

module.exports = { fields, form, key };
