package meshbridge

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/everydaytech/meshsso/authsvc"
)

// MoveKind says what WayGroup does to one device.
type MoveKind string

// The kinds.
const (
	MoveMove   MoveKind = "move"   // to its tenant's device group
	MoveStay   MoveKind = "stay"   // where it is, which is right
	MoveLobby  MoveKind = "lobby"  // out of every tenant's reach
	MoveAbsent MoveKind = "absent" // a row without a device in MeshCentral's list: nothing to move
)

// MoveKinds lists the kinds in the order of reports.
var MoveKinds = []MoveKind{MoveMove, MoveStay, MoveLobby, MoveAbsent}

// Move is what happens to one device.
type Move struct {
	Kind   MoveKind
	NodeID string // in full; empty for a row that names none in this domain
	Name   string // MeshCentral's, or of an absent device the row's
	FromID string // device group; empty for an absent device
	From   string // its name
	Why    string // in words; empty where there is nothing to say
}

// ownGroups is the key of the operator's own device groups, taken together.
const ownGroups = ""

// GroupMoves is everything that belongs into one device group.
type GroupMoves struct {
	Tenant authsvc.Tenant // zero for the lobby and for the operator's own groups
	ID     string         // of the device group; empty for the operator's own groups, taken together
	Name   string
	Moves  []Move // by name
}

// PlanMoves compares what MeshCentral lists with what the directory holds: exactly what WayGroup would do, from the same
// atlas that it works by. Groups are sorted by name, the
// operator's own and the lobby are the last; a group that nothing is said of is left out.
func PlanMoves(list DeviceList, set *authsvc.DeviceSet, tenants []authsvc.Tenant) []GroupMoves {
	p := newPlan(list.Domain, set, tenants)
	listed := map[string]bool{}
	for _, d := range list.Devices {
		listed[d.NodeID] = true
		p.device(d)
	}
	for _, row := range set.Devices {
		p.row(row, listed)
	}
	return p.sorted()
}

// plan is a list of moves that is being made.
type plan struct {
	domain string
	groups map[string]*GroupMoves // by id; all that there are
	home   map[string]string      // node id → the id of its device group
	reason map[string]string      // node id → why it has none although a row names it
}

func newPlan(domain string, set *authsvc.DeviceSet, tenants []authsvc.Tenant) *plan {
	p := &plan{domain: domain, groups: map[string]*GroupMoves{}, home: map[string]string{}, reason: map[string]string{}}
	p.groups[LobbyID(domain)] = &GroupMoves{ID: LobbyID(domain), Name: lobbyName}
	p.groups[ownGroups] = &GroupMoves{Name: "device groups of your own"}
	for _, t := range tenants {
		p.group(t)
	}
	a, _ := drawAtlas(set, tenants, domain)
	for id, g := range a.groups {
		for _, link := range g.devices {
			p.home[link.GetId()] = id
		}
	}
	for _, d := range set.Devices {
		p.group(authsvc.Tenant{ID: d.TenantID}) // also of a tenant that only devices name
		node, ok := ParseNodeID(d.NodeID)
		id := "node/" + domain + "/" + node.Key
		if _, state := linkable(d, domain); ok && state == deviceElsewhere {
			p.reason[id] = "its row names the MeshCentral domain " + node.Domain
		} else if ok && d.Disputed {
			p.reason[id] = "disputed: rows of several tenants, or of none, name it"
		}
	}
	return p
}

// group gives a tenant's group, which the shim names after the tenant's id where there is no name.
func (p *plan) group(t authsvc.Tenant) *GroupMoves {
	id := DeviceGroupID(p.domain, t.ID)
	if p.groups[id] == nil {
		p.groups[id] = &GroupMoves{Tenant: t, ID: id, Name: cmp.Or(DisplayName(t.Name, ""), t.ID)}
	}
	return p.groups[id]
}

func (p *plan) device(d ListedDevice) {
	from := p.groups[d.GroupID]
	m := Move{NodeID: d.NodeID, Name: d.Name, FromID: d.GroupID, From: d.GroupName}
	if m.From == "" && from != nil {
		m.From = from.Name
	}
	m.From = cmp.Or(m.From, d.GroupID)
	to, has := p.home[d.NodeID]
	switch {
	case !has && d.GroupID == LobbyID(p.domain), has && d.GroupID == to:
		m.Kind = MoveStay
	case has:
		m.Kind = MoveMove
		if from != nil && from.Tenant.ID != "" {
			m.Why = "it is in the device group of another tenant"
		}
	default:
		m.Kind = MoveLobby
	}
	if !has {
		to, m.Why = LobbyID(p.domain), cmp.Or(p.reason[d.NodeID], "no tenant's row names it")
	}
	if !has && from == nil { // an operator's own group: what is in it is the operator's, and gives people of ours no right
		to, m.Kind = ownGroups, MoveStay
	}
	p.add(to, m)
}

// row adds a device that MeshCentral does not list. Rows of other domains are not missing here.
func (p *plan) row(d authsvc.Device, listed map[string]bool) {
	m := Move{Kind: MoveAbsent, Name: cmp.Or(d.Hostname, d.UUID, fmt.Sprintf("agent %d", d.AgentID))}
	node, readable := ParseNodeID(d.NodeID)
	id, here := node.In(p.domain)
	switch {
	case d.NodeID == "":
		m.Why = "its row has no node id yet"
	case !readable:
		m.Why = "its row's node id is not one of MeshCentral's"
	case !here, listed[id]:
		return
	default:
		m.NodeID, m.Why = id, cmp.Or(p.reason[id], "MeshCentral does not list it")
		listed[id] = true // a second row of one device is not another device
	}
	p.add(p.group(authsvc.Tenant{ID: d.TenantID}).ID, m)
}

func (p *plan) add(group string, m Move) { p.groups[group].Moves = append(p.groups[group].Moves, m) }

func (p *plan) sorted() []GroupMoves {
	own, lobby := p.groups[ownGroups], p.groups[LobbyID(p.domain)]
	delete(p.groups, own.ID)
	delete(p.groups, lobby.ID)
	groups := slices.SortedFunc(maps.Values(p.groups), func(a, b *GroupMoves) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	var out []GroupMoves
	for _, g := range append(groups, own, lobby) {
		if len(g.Moves) == 0 {
			continue
		}
		slices.SortFunc(g.Moves, func(a, b Move) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.NodeID, b.NodeID)) })
		out = append(out, *g)
	}
	return out
}
