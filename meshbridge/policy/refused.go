package policy

import "slices"

// refusedActions are those that MeshCentral knows and the table does not allow, full administrators included, by why. They
// are named for the labels of metrics, and so that every action that MeshCentral has was looked at: a test compares.
var refusedActions = map[string][]string{
	"mints access, or lets somebody else in": {
		"adddeviceuser", "addmeshuser", "adduser", "adduserbatch", "addusertousergroup", "amtsetupbin", "createDeviceShareLink", "createInviteLink",
		"createLoginToken", "getcookie", "getmqttlogin", "inviteAgent", "logincookie", "twoFactorCookie", "webrelay",
	},
	"changes accounts, or how one logs in": {
		"changeemail", "changelang", "changepassword", "changeusernotify", "changemeshnotify", "changeuserpass", "confirmMessaging", "confirmPhone",
		"deleteuser", "edituser", "otp-hkey-get", "otp-hkey-remove", "otp-hkey-yubikey-add", "otpauth-clear", "otpauth-getpasswords", "otpauth-request",
		"otpauth-setup", "otpdev-clear", "otpdev-set", "otpduo", "otpemail", "removeMessaging", "removePhone", "updateUserImage", "verifyMessaging",
		"verifyPhone", "verifyemail", "webauthn-endregister", "webauthn-startregister", "webpush",
	},
	"changes groups or devices, which follow PostgreSQL": {
		"addamtdevice", "addlocaldevice", "changeDeviceMesh", "changedevice", "createmesh", "createusergroup", "deletemesh", "deleteusergroup",
		"deviceMeshShares", "editmesh", "editusergroup", "importamtdevices", "meshamtpolicy", "removeDeviceShare", "removedevices", "removemeshuser",
		"removeuserfromusergroup", "scanamtdevice",
	},
	"changes agents": {
		"agentdisconnect", "distributeCore", "meshToolInfo", "oneclickrecovery", "uninstallagent", "updateAgents", "uploadagentcore",
	},
	"of the server": {
		"addplugin", "disableplugin", "fileoperation", "getpluginversions", "installplugin", "plugin", "pluginLatestCheck", "print", "removeplugin",
		"satellite", "serverBackup", "serverclearerrorlog", "serverconfig", "serverconsole", "serverupdate", "traceinfo", "trafficdelta",
		"trafficstats", "urlargs",
	},
	"reaches other people": {
		"emailuser", "interuser", "msguser", "notifyuser", "smsuser", "uicustomevent", "userbroadcast",
	},
	// getDeviceDetails and report put a time zone of the browser's into a function that throws, setDeviceEvent a text into
	// decodeURIComponent: each ends the server.
	"throws, or reads more than one device's": {"getDeviceDetails", "report", "setDeviceEvent"},
	"other than the page's": {
		"amt", "close", "getClip", "pushconsole", "pushmessage", "sendmqttmsg", "setClip",
	},
}

// refusedPaths are those that a signed-in person's page has links to and the table does not allow.
//
// uploadfilebatch.ashx is among them: a form without a file ends the server, and a cookie in the form's field `auth`, which
// nobody sees without reading the upload, makes the request another person's.
var refusedPaths = []string{
	"2fahold.ashx", "add-duo", "agentinvite", "agentdownload.ashx", "agenttransfer.ashx", "amtevents.ashx", "apf.ashx", "auth-duo", "backup.zip",
	"changepassword", "checkmail", "control-redirect.ashx", "createaccount", "deleteaccount", "downloadfile.ashx", "invite", "ipkvm.ashx",
	"localrelay.ashx", "meshosxagent", "meshsettings", "mstsc.html", "mstscrelay.ashx", "oneclickrecovery.ashx", "pluginadmin.ashx", "player",
	"resetaccount", "resetpassword", "restoreserver.ashx", "sharing", "ssh.html", "sshfilesrelay.ashx", "sshrelay.ashx", "sshterminalrelay.ashx",
	"tokenlogin", "translations", "uploadfile.ashx", "uploadfilebatch.ashx", "uploadmeshcorefile.ashx", "uploadnodefile.ashx", "userfiles",
	"webider.ashx", "webrelay.ashx",
}

// refusedNames are fields, arguments and cookies that are refused or dropped where they do harm.
var refusedNames = []string{
	"tcpport", "tcpaddr", "udpport", "udpaddr", "rauth", "token", "login", "user", "pass", "slowrelay", "tz", "l", "guestname", "cmdpath", "remove",
	// Inside a tunnel: what a viewer may not do, a direct connection, another kind than the tunnel's, anything before the kind.
	"input", "webrtc", "kind", "early", "fault",
}

// RefusedActions lists the actions that MeshCentral has and nobody of ours may send, sorted.
func RefusedActions() []string {
	var out []string
	for _, actions := range refusedActions {
		out = append(out, actions...)
	}
	slices.Sort(out)
	return out
}
