package proxy

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"regexp"
	"strconv"
)

// reasonAnswer: an answer of MeshCentral's that the page of a session has no use for, or that is not the session's.
const reasonAnswer = "ANSWER_WITHHELD"

// object is a JSON object on its way to the browser.
type object = map[string]any

// answerRule says what of an answer goes on: the fields of that name, after the change. A change that says false withholds it.
type answerRule struct {
	fields []string
	change func(v *visit, m object) bool
}

// always are fields that any answer may have: they repeat what the page sent.
var always = []string{"action", "responseid", "tag", "result"}

// answers are the messages of MeshCentral that go on. Each was read in meshuser.js of 1.1.55 where it is sent, and in the page
// where it is used. What is not here is withheld: most of it answers frames that are refused anyway.
var answers = map[string]answerRule{
	"ping": {}, "pong": {},
	"close":       {fields: []string{"cause", "msg"}, change: closeWords},
	"stopped":     {},
	"serverinfo":  {fields: []string{"serverinfo"}, change: serverInfo},
	"userinfo":    {fields: []string{"userinfo"}, change: func(v *visit, m object) bool { return inner(m, "userinfo", v.account) }},
	"authcookie":  {fields: []string{"cookie", "rcookie"}, change: sealCookies},
	"meshes":      {change: constant("meshes", []any{})},      // the principal has a device and no group
	"usergroups":  {change: constant("ugroups", nil)},         // names of all groups of the domain
	"loginTokens": {change: constant("loginTokens", []any{})}, // it has none
	"files":       {change: constant("filetree", object{"n": "Root", "f": object{}})},
	// Of other sessions, of the same person and of others, with addresses.
	"previousLogins": {change: constant("events", []any{})},
	"deviceShares":   {fields: []string{"nodeid"}, change: constant("deviceShares", []any{})},

	"nodes":          {fields: []string{"nodes", "skip", "limit", "totalcount"}, change: onlyNode},
	"events":         {fields: []string{"events", "nodeid", "userid"}, change: events},
	"event":          {fields: []string{"event"}, change: func(v *visit, m object) bool { return inner(m, "event", v.event) }},
	"powertimeline":  {fields: []string{"nodeid", "timeline"}},
	"lastconnect":    {fields: []string{"nodeid", "time", "addr", "noinfo"}},
	"lastconnects":   {fields: []string{"lastconnects"}, change: func(v *visit, m object) bool { return inner(m, "lastconnects", v.onlyKeyOfNode) }},
	"getsysinfo":     {fields: []string{"nodeid", "hardware", "time", "noinfo"}},
	"getnetworkinfo": {fields: []string{"nodeid", "updateTime", "netif", "netif2", "noinfo"}},
	"getNotes":       {fields: []string{"id", "notes"}, change: func(v *visit, m object) bool { return m["id"] == v.session.Agent.NodeID }},
	"msg": {fields: []string{
		"type", "nodeid", "value", "data", "title", "msg", "id", "icon", "titleid", "msgid", "args", "maxtime", "cpu", "memory", "thermals", "pid", "success", "error",
	}, change: deviceMessage},
	"intersession": {fields: []string{"subaction", "id"}},
	"wakedevices":  {}, "poweraction": {}, "toast": {}, "runcommands": {fields: []string{"nodeid", "value", "type"}}, "setNotes": {fields: []string{"id"}},
	"meshmessenger": {fields: []string{"nodeid"}}, "deviceMeshShares": {change: constant("deviceShares", []any{})},
}

// answerKinds are names of answers that are counted by name: those above and those that are known and withheld.
var answerKinds = map[string]bool{
	"users": true, "wssessioncount": true, "serverstats": true, "serverwarnings": true, "traceinfo": true, "trace": true, "serverBackup": true, "meshToolInfo": true,
	"updatePluginList": true, "plugin": true, "pluginStateChange": true, "createInviteLink": true, "inviteAgent": true, "createDeviceShareLink": true, "getcookie": true,
	"webrelay": true, "getmqttlogin": true, "createLoginToken": true, "logincookie": true, "twoFactorCookie": true, "recordings": true, "servererrors": true, "serverconsole": true,
	"no JSON": true, "other device": true, "satellite": true, "notify": true,
}

func init() {
	for name := range answers {
		answerKinds[name] = true
		answerKinds["event."+name] = true
	}
	for name := range deviceEvents {
		answerKinds["event."+name] = true
	}
}

// answer gives what the browser gets of a message, or the kind of what was withheld.
func (v *visit) answer(data []byte) (out []byte, dropped string) {
	m, ok := parseObject(data)
	if !ok {
		return nil, "no JSON"
	}
	action, _ := m["action"].(string)
	rule, ok := answers[action]
	if !ok {
		return nil, action
	}
	if node, there := m["nodeid"]; there && node != nil && node != v.session.Agent.NodeID {
		return nil, "other device"
	}
	keep(m, append(rule.fields[:len(rule.fields):len(rule.fields)], always...))
	if rule.change != nil && !rule.change(v, m) {
		return nil, action
	}
	out, err := encode(v.p.names.redactValue(m))
	if err != nil {
		return nil, "no JSON"
	}
	return out, ""
}

func parseObject(data []byte) (object, bool) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var m object
	if dec.Decode(&m) != nil || m == nil {
		return nil, false
	}
	_, err := dec.Token()
	return m, err == io.EOF
}

func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

func keep(m object, fields []string) {
	for name := range m {
		if !contains(fields, name) {
			delete(m, name)
		}
	}
}

func contains(list []string, name string) bool {
	for _, one := range list {
		if one == name {
			return true
		}
	}
	return false
}

func constant(field string, value any) func(*visit, object) bool {
	return func(_ *visit, m object) bool { m[field] = value; return true }
}

// inner changes an object inside; what is no object is withheld.
func inner(m object, field string, change func(object) bool) bool {
	in, ok := m[field].(object)
	return ok && change(in)
}

var closeWord = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

func closeWords(_ *visit, m object) bool {
	for _, field := range []string{"cause", "msg"} {
		if text, ok := m[field].(string); !ok || !closeWord.MatchString(text) {
			delete(m, field)
		}
	}
	return true
}

func sealCookies(v *visit, m object) bool {
	page, _ := m["cookie"].(string)
	relay, _ := m["rcookie"].(string)
	m["cookie"] = v.p.seal.seal(v.session.ID, sealPage, page)
	m["rcookie"] = v.p.seal.seal(v.session.ID, sealRelay, relay)
	return true
}

// serverFields are what the page needs to know of the server to show a device. What names it is not here.
var serverFields = []string{
	"domain", "domainauth", "serverTime", "features", "features2", "languages", "usersSessionRecording", "userGroupsSessionRecording", "devGroupSessionRecording",
	"lock2factor", "maxfidokeys", "guestdevicesharing", "consent", "timeout", "logoutonidlesessiontimeout", "linuxshell", "preConfiguredRemoteInput", "preConfiguredScripts",
	"maxdeviceview", "autoremoveinactivedevices",
}

// serverNames are where MeshCentral names itself: what is there is taken out of everything else.
var serverNames = []string{"name", "mpsname", "mpspass", "tlshash", "agentCertHash", "magenturl", "amtAcmFqdn"}

func serverInfo(v *visit, m object) bool {
	info, ok := m["serverinfo"].(object)
	if !ok {
		return false
	}
	for _, field := range serverNames {
		if name, ok := info[field].(string); ok {
			v.p.names.learn(name)
		}
	}
	keep(info, serverFields)
	// The page puts these into links for agents, which nobody of ours may make.
	host, port, err := net.SplitHostPort(v.site.host)
	if err != nil {
		host, port = v.site.host, "443"
	}
	number, _ := strconv.Atoi(port)
	info["name"], info["port"], info["https"], info["emailcheck"] = host, number, true, false
	for _, field := range []string{"mpsname", "mpspass", "tlshash", "agentCertHash", "magenturl", "domainsuffix"} {
		info[field] = ""
	}
	info["mpsport"], info["redirport"] = 0, 0
	return true
}

// redactValue takes MeshCentral's names out of every text.
func (n *names) redactValue(value any) any {
	switch x := value.(type) {
	case string:
		return n.redactText(x)
	case []any:
		for i := range x {
			x[i] = n.redactValue(x[i])
		}
	case object:
		for name, one := range x {
			if clean := n.redactText(name); clean != name {
				delete(x, name)
				name = clean
			}
			x[name] = n.redactValue(one)
		}
	}
	return value
}
