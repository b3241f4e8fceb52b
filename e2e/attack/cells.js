'use strict';
// A cell of the attack table: one person, one row of the data, one device. Rows say who is to be let through, by letters:
// T technician, A admin, V viewer, S superadmin, G somebody whose role is unknown, P the principal of a technician's session of
// the proxy, which is let through where the technician is. That is written from the specification and from no policy table:
// this is the second opinion.

const EVERYBODY = 'TAVSGP';
const WHERE = ['own', 'foreign', 'missing'];

/**
 * @param {object} row {name, own: letters that are allowed it on their own device, foreign: on another tenant's (default: the
 *   superadmin where `own` has him: both are his), or `all`: letters, for what names no device; people: whose cells there are;
 *   and what the surface's runner reads}
 */
function expand(surface, row) {
    const people = [...(row.people || EVERYBODY)];
    const cell = (who, where, letters) => ({ surface, row, who, where, expected: letters.includes(who === 'P' ? 'T' : who) ? 'allowed' : 'refused', name: `${surface} ${row.name}: ${who} ${where}` });
    if (row.all !== undefined) { return people.map((who) => cell(who, '-', row.all)); }
    const letters = { own: row.own, foreign: row.foreign === undefined ? (row.own.includes('S') ? 'S' : '') : row.foreign, missing: '' };
    return people.flatMap((who) => (row.where || WHERE).map((where) => cell(who, where, letters[where])));
}

module.exports = { EVERYBODY, expand };
