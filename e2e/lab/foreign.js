'use strict';
// What a person with a script asks for that a session must not give: another device's everything, and administration. The
// attack suite has far more; this is what every door is tried with.

/** Control frames about a device. @param {object} what {own, id: device ids, rcookie: a relay cookie of the asker's} */
function deviceFrames({ own, id, rcookie }) {
    const value = `*/meshrelay.ashx?p=1&nodeid=${id}&id=x&rauth=${rcookie}`;
    return [
        { action: 'msg', type: 'tunnel', nodeid: id, usage: 1, value }, { action: 'msg', type: 'tunnel', nodeid: own, usage: 1, value },
        { action: 'msg', type: 'ps', nodeid: id }, { action: 'msg', type: 'cpuinfo', nodeid: id }, { action: 'msg', type: 'getclip', nodeid: id }, { action: 'getsysinfo', nodeid: id }, { action: 'getnetworkinfo', nodeid: id },
        { action: 'lastconnect', nodeid: id }, { action: 'powertimeline', nodeid: id }, { action: 'events', nodeid: id }, { action: 'getNotes', id }, { action: 'setNotes', id, notes: 'x' }, { action: 'wakedevices', nodeids: [id] },
        { action: 'poweraction', nodeids: [id], actiontype: 2 }, { action: 'runcommands', nodeids: [id], type: 3, cmds: 'id' }, { action: 'deviceShares', nodeid: id }, { action: 'changedevice', nodeid: id, name: 'x' }, { action: 'webrelay', nodeid: id }
    ];
}

/** Requests about a device. @param {object} what {id, cookie: the asker's} */
function deviceTargets({ id, cookie }) {
    const [, , key] = id.split('/');
    return [`/devicefile.ashx?c=${encodeURIComponent(cookie)}&n=${encodeURIComponent(key)}&f=/etc/hostname`, `/devicepowerevents.ashx?id=${encodeURIComponent(id)}`, `/xterm?nodeid=${encodeURIComponent(id)}`, `/meshagents?meshaction=route&nodeid=${encodeURIComponent(id)}`];
}

const ADMIN_ACTIONS = ['createmesh', 'adduser', 'edituser', 'deleteuser', 'users', 'wssessioncount', 'createLoginToken', 'logincookie', 'changepassword', 'createDeviceShareLink', 'serverupdate', 'serverconsole', 'serverstats', 'createusergroup', 'adddeviceuser', 'addmeshuser'];

/** Control frames of an administrator. @param {string} own the asker's device */
function adminFrames(own) { return ADMIN_ACTIONS.map((action) => ({ action, meshname: 'x', username: 'x', pass: 'x', userid: 'user//admin', nodeid: own, cmd: 'help', value: 'help' })); }

const ADMIN_TARGETS = ['/backup.zip', '/recordings.ashx?file=x', '/userimage.ashx?id=user//admin', '/downloadfile.ashx?link=x', '/meshsettings?id=x&ac=x'];

module.exports = { ADMIN_TARGETS, adminFrames, deviceFrames, deviceTargets };
