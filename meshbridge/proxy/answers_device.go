package proxy

import (
	"encoding/json"
	"strings"
)

// nodeFields are what the page shows of a device. Not here: other people's links, credentials of Intel AMT, SSH and RDP, push
// tokens.
var nodeFields = []string{
	"_id", "type", "mtype", "icon", "name", "rname", "host", "ip", "domain", "agent", "conn", "pwr", "agct", "osdesc", "desc", "tags", "users", "lusers", "upnusers", "av", "wsc",
	"defender", "antivirus", "firewall", "volumes", "lastbootuptime", "firstconnect", "lastconnect", "lastaddr", "consent", "state", "mc", "wlan", "ssh", "rdp",
	"intelamt", "publicip", "sessions",
}

// amtFields are what the page shows of a device's Intel AMT.
var amtFields = []string{"ver", "state", "flags", "sku", "tls"}

// groupKey stands for the id of the device's group: whoever knows that one can enrol an agent into it.
var groupKey = strings.Repeat("0", 64)

// onlyNode leaves of a list of devices the session's own.
func onlyNode(v *visit, m object) bool {
	groups, ok := m["nodes"].(object)
	if !ok {
		return m["result"] != nil
	}
	own := []any{}
	for _, list := range groups {
		nodes, _ := list.([]any)
		for _, one := range nodes {
			if node, ok := one.(object); ok && v.node(node) {
				own = append(own, node)
			}
		}
	}
	m["nodes"] = object{v.group(): own}
	delete(m, "totalcount")
	return true
}

func (v *visit) group() string { return "mesh/" + v.person.Domain + "/" + groupKey }

// node leaves of a device what the page shows; false if it is another one.
func (v *visit) node(node object) bool {
	if node["_id"] != v.session.Agent.NodeID {
		return false
	}
	keep(node, nodeFields)
	for _, field := range []string{"ssh", "rdp"} { // 1 to 3: what is stored for this account
		if _, ok := node[field].(json.Number); !ok {
			delete(node, field)
		}
	}
	if amt, ok := node["intelamt"].(object); ok {
		keep(amt, amtFields)
	} else {
		delete(node, "intelamt")
	}
	v.sessions(node)
	node["meshid"] = v.group()
	// The page goes by this link alone: Connect shows by it.
	node["links"] = object{v.person.ID: object{"rights": v.rights()}}
	return true
}

// sessions leaves of those that a device reports how many there are of each kind, and by name the own ones.
func (v *visit) sessions(node object) {
	kinds, ok := node["sessions"].(object)
	if !ok {
		delete(node, "sessions")
		return
	}
	for kind, list := range kinds {
		who, ok := list.(object)
		if !ok {
			delete(kinds, kind)
			continue
		}
		for id := range who {
			if strings.HasPrefix(id, "user/") && id != v.person.ID && !strings.HasPrefix(id, v.person.ID+"/") {
				delete(who, id)
			}
		}
		if kind == "help" || kind == "msg" || len(who) == 0 {
			delete(kinds, kind)
		}
	}
	if len(kinds) == 0 {
		delete(node, "sessions")
	}
}

func (v *visit) onlyKeyOfNode(m object) bool {
	keep(m, []string{v.session.Agent.NodeID})
	return true
}

// accountFields are what the page needs of the account that it runs as.
var accountFields = []string{"_id", "name", "realname", "email", "emailVerified", "siteadmin", "creation", "login", "quota", "flags", "removeRights", "consent", "lang"}

func (v *visit) account(account object) bool {
	if account["_id"] != v.person.ID {
		return false
	}
	keep(account, accountFields)
	account["links"] = object{v.session.Agent.NodeID: object{"rights": v.rights()}}
	return true
}

// deviceMessage passes what the device's agent says, and MeshCentral's own notices.
func deviceMessage(_ *visit, m object) bool {
	if m["nodeid"] == nil {
		_, answers := m["responseid"]
		return m["type"] == "notify" || answers
	}
	return true
}

// deviceEvents are those that the page follows to show one device, and those of its list "Events".
var deviceEvents = map[string][]string{
	"changenode":    {"node"},
	"addnode":       {"node"},
	"removenode":    nil,
	"nodeconnect":   {"conn", "pwr", "ct", "id"},
	"ifchange":      nil,
	"sysinfohash":   nil,
	"agentlog":      nil,
	"relaylog":      {"protocol", "bytesin", "bytesout"},
	"manual":        nil,
	"runcommands":   nil,
	"batchupload":   nil,
	"wakedevices":   nil,
	"poweraction":   nil,
	"toast":         nil,
	"setNotes":      nil,
	"openUrl":       nil,
	"msg":           nil,
	"powertimeline": nil,
	// Looked at apart.
	"devicesessions": {"sessions"},
}

// eventFields are of every event.
var eventFields = []string{"action", "time", "etype", "nodeid", "domain", "msgid", "msgArgs", "msg", "nolog", "noact", "userid", "username", "_id"}

// event passes one that happened to the device or the own account; false withholds it.
func (v *visit) event(e object) bool {
	action, _ := e["action"].(string)
	switch own := e["userid"] == v.person.ID; {
	case action == "userWebState" && own:
		keep(e, []string{"action", "state", "userid", "nolog", "noact"})
		return true
	case action == "accountchange":
		keep(e, []string{"action", "account", "nolog", "noact"})
		return inner(e, "account", v.account)
	case e["nodeid"] != v.session.Agent.NodeID:
		return false
	}
	fields, ok := deviceEvents[action]
	if !ok {
		return false
	}
	keep(e, append(fields[:len(fields):len(fields)], eventFields...))
	if node, there := e["node"]; there {
		if doc, ok := node.(object); !ok || !v.node(doc) {
			return false
		}
	}
	v.sessions(e)
	v.anonymize(e)
	return true
}

// events passes lists of what happened, without other people's names.
func events(v *visit, m object) bool {
	if id, there := m["userid"]; there && id != nil && id != v.person.ID {
		return false
	}
	list, ok := m["events"].([]any)
	if !ok {
		return false
	}
	own := []any{}
	for _, one := range list {
		if e, ok := one.(object); ok && (e["nodeid"] == v.session.Agent.NodeID || e["nodeid"] == nil && e["userid"] == v.person.ID) {
			keep(e, append([]string{"protocol", "bytesin", "bytesout"}, eventFields...))
			v.anonymize(e)
			own = append(own, e)
		}
	}
	m["events"] = own
	return true
}

// anonymize leaves of what somebody else did that it was done: the texts hold names and addresses.
func (v *visit) anonymize(e object) {
	id, by := e["userid"].(string)
	if !by || id == v.person.ID {
		return
	}
	delete(e, "userid")
	delete(e, "username")
	if e["msgid"] != nil {
		delete(e, "msg")
	} else {
		e["msg"] = withheld
	}
	list, _ := e["msgArgs"].([]any)
	for i, arg := range list {
		if _, number := arg.(json.Number); !number {
			list[i] = withheld
		}
	}
}
