package meshbridge_test

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory/directorytest"
	"github.com/everydaytech/meshsso/meshbridge"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// The conformance suite of the two ways: whom the devices' owner lets reach what, and with which mask, must not depend on
// how MeshCentral is told.

func TestWays(t *testing.T) {
	for _, way := range []meshbridge.Way{meshbridge.WayLinks, meshbridge.WayGroup} {
		t.Run(way.String(), func(t *testing.T) { conform(t, way) })
	}
}

const (
	viewer     = uint32(1800)
	technician = uint32(1327304)
	admin      = uint32(1458392)
)

// wayWorld has devices that are fine (letters A, B of tenant A, C of B), disputed (S), of no tenant (N), of a tenant that is
// not in the view tenants (L), of another domain (O), unusable and unbound.
func wayWorld() directorytest.World {
	key := func(letter string) string { return strings.Repeat(letter, 64) }
	return directorytest.World{
		Tenants: map[string]string{directorytest.TenantA: "Acme", directorytest.TenantB: "Beta"},
		Devices: []authsvc.Device{
			{AgentID: 1, TenantID: directorytest.TenantA, NodeID: "node//" + key("A")},
			{AgentID: 2, TenantID: directorytest.TenantA, NodeID: key("B")},
			{AgentID: 3, TenantID: directorytest.TenantB, NodeID: key("C")},
			{AgentID: 4, TenantID: directorytest.TenantA, NodeID: key("S")},
			{AgentID: 5, TenantID: directorytest.TenantB, NodeID: "node//" + key("S")},
			{AgentID: 6, NodeID: key("N")},
			{AgentID: 7, TenantID: directorytest.Lost, NodeID: key("L")},
			{AgentID: 8, TenantID: directorytest.TenantA, NodeID: "node/other/" + key("O")},
			{AgentID: 9, TenantID: directorytest.TenantA, NodeID: "garbage"},
			{AgentID: 10, TenantID: directorytest.TenantA},
			{AgentID: 11, TenantID: directorytest.TenantB, NodeID: key("C")}, // twice in one tenant is one device
		},
	}
}

// person is one line of the matrix.
type person struct {
	tenant string
	role   authsvc.Role
	limit  authsvc.Role
	grants []authsvc.Grant
	domain string
}

func conform(t *testing.T, way meshbridge.Way) {
	all := []authsvc.Grant{
		{AgentID: 1, Role: "admin"}, {AgentID: 3, Role: "admin"}, {AgentID: 4, Role: "admin"}, {AgentID: 6, Role: "admin"},
		{AgentID: 9, Role: "admin"}, {AgentID: 10, Role: "admin"}, {AgentID: 99, Role: "admin"},
	}
	const a, b = directorytest.TenantA, directorytest.TenantB
	for name, c := range map[string]struct {
		person person
		change func(*directorytest.World)
		want   map[string]uint32
	}{
		"admin":             {person{tenant: a, role: authsvc.RoleAdmin}, nil, masks(admin, "A B")},
		"technician":        {person{tenant: a, role: authsvc.RoleTechnician}, nil, masks(technician, "A B")},
		"viewer":            {person{tenant: a, role: authsvc.RoleViewer}, nil, masks(viewer, "A B")},
		"no role":           {person{tenant: a}, nil, nil},
		"the other tenant":  {person{tenant: b, role: authsvc.RoleAdmin}, nil, masks(admin, "C")},
		"superadmin":        {person{role: authsvc.RoleSuperadmin}, nil, masks(admin, "A B C L")},
		"superadmin with a": {person{tenant: a, role: authsvc.RoleSuperadmin}, nil, masks(admin, "A B C L")},
		"superadmin lowered by the token, of a tenant": {person{tenant: a, role: authsvc.RoleViewer, limit: authsvc.RoleViewer}, nil, masks(viewer, "A B")},
		"superadmin lowered by the token, of none":     {person{role: authsvc.RoleAdmin}, nil, nil},
		"another domain":                             {person{tenant: a, role: authsvc.RoleAdmin, domain: "other"}, nil, masks(admin, "B O")},
		"superadmin in another domain":               {person{role: authsvc.RoleSuperadmin, domain: "other"}, nil, masks(admin, "B C L O")},
		"grants and no role":                         {person{tenant: a, grants: all, limit: authsvc.RoleAdmin}, nil, masks(admin, "A")},
		"grants above the role":                      {person{tenant: a, role: authsvc.RoleTechnician, grants: all, limit: authsvc.RoleAdmin}, nil, map[string]uint32{"A": technician | admin, "B": technician}},
		"grants, lowered by the token":               {person{tenant: a, role: authsvc.RoleViewer, grants: all, limit: authsvc.RoleViewer}, nil, masks(viewer, "A B")},
		"grants of a superadmin":                     {person{tenant: a, role: authsvc.RoleSuperadmin, grants: all, limit: authsvc.RoleAdmin}, nil, masks(admin, "A B C L")},
		"a device moved away":                        {person{tenant: a, role: authsvc.RoleAdmin}, moveA, masks(admin, "B")},
		"a device moved here":                        {person{tenant: b, role: authsvc.RoleAdmin}, moveA, masks(admin, "A C")},
		"a moved device, for a superadmin":           {person{role: authsvc.RoleSuperadmin}, moveA, masks(admin, "A B C L")},
		"a dispute that ended":                       {person{tenant: b, role: authsvc.RoleAdmin}, func(w *directorytest.World) { w.Devices[3].NodeID = "" }, masks(admin, "C S")},
		"a dispute that began with nobody's":         {person{tenant: a, role: authsvc.RoleAdmin}, func(w *directorytest.World) { w.Devices[5].NodeID = w.Devices[1].NodeID }, masks(admin, "A")},
		"a device that lost its tenant":              {person{tenant: a, role: authsvc.RoleAdmin}, func(w *directorytest.World) { w.Devices[0].TenantID = "" }, masks(admin, "B")},
		"a tenant without devices":                   {person{tenant: b, role: authsvc.RoleAdmin}, func(w *directorytest.World) { w.Devices = w.Devices[:2] }, nil},
		"the tenant gone, for a superadmin":          {person{role: authsvc.RoleSuperadmin}, func(w *directorytest.World) { delete(w.Tenants, b) }, masks(admin, "A B C L")},
		"the tenant gone, for who was let in before": {person{tenant: b, role: authsvc.RoleAdmin}, func(w *directorytest.World) { delete(w.Tenants, b) }, masks(admin, "C")},
		"all tenants and devices gone":               {person{role: authsvc.RoleSuperadmin}, func(w *directorytest.World) { *w = directorytest.World{} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := wayWorld()
			changed := &directorytest.Memory{World: w}
			br := meshbridge.New(meshbridge.Config{Domains: []string{"other"}, Groups: 100, Rights: way, Log: slog.New(slog.DiscardHandler)}, changed)
			if c.change != nil { // after the bridge has answered from the world as it was
				reach(t, br, way, changed.World, c.person)
				c.change(&changed.World)
			}
			if got := reach(t, br, way, changed.World, c.person); !maps.Equal(got, c.want) {
				t.Errorf("reaches %v, want %v", got, c.want)
			}
		})
	}
}

func moveA(w *directorytest.World) { w.Devices[0].TenantID = directorytest.TenantB }

func masks(mask uint32, letters string) map[string]uint32 {
	out := map[string]uint32{}
	for letter := range strings.FieldsSeq(letters) {
		out[letter] = mask
	}
	return out
}

// reach works out what MeshCentral would let a person do, by letter of device. Masks add up, as they do there.
func reach(t *testing.T, b *meshbridge.Bridge, way meshbridge.Way, w directorytest.World, p person) map[string]uint32 {
	t.Helper()
	id := identity(t, w, authsvc.User{ID: 1, Email: "p@x.example", TenantID: p.tenant, Grants: p.grants}, p.role, authsvc.KeyDashboard)
	id.MaxRole = p.limit
	if p.role == authsvc.RoleNone && len(p.grants) == 0 {
		id.Devices = nil // as authsvc.Service does
	}
	return reachOf(t, b, way, id, p.domain)
}

func reachOf(t *testing.T, b *meshbridge.Bridge, way meshbridge.Way, id *authsvc.Identity, domain string) map[string]uint32 {
	t.Helper()
	resp, err := b.MapUser(t.Context(), id, domain)
	if err != nil {
		t.Fatal(err)
	}
	checkShape(t, way, resp)
	got := map[string]uint32{}
	add := func(node string, mask uint32) {
		letter, ok := strings.CutPrefix(node, "node/"+domain+"/")
		if !ok || mask == 0 {
			t.Fatalf("a link to %s with %d", node, mask)
		}
		got[letter[:1]] |= mask
	}
	if g := resp.GetUserGroup(); g != nil {
		for _, l := range links(t, b, g.GetId(), g.GetVersion()) {
			add(l.GetId(), l.GetRights())
		}
	}
	for _, l := range resp.GetUser().GetLinks() {
		if strings.HasPrefix(l.GetId(), "node/") {
			add(l.GetId(), l.GetRights())
			continue
		}
		for _, member := range links(t, b, l.GetId(), "") {
			if member.GetRights() != 0 {
				t.Errorf("a device group's member has rights: %v", member)
			}
			add(member.GetId(), l.GetRights())
		}
	}
	return got
}

// links asks for a group's links; version is what its id came with, "" if nothing.
func links(t *testing.T, b *meshbridge.Bridge, group, version string) []*pb.Link {
	t.Helper()
	got, err := b.GroupLinks(t.Context(), group, "")
	if err != nil || (version != "" && got.GetGroup().GetVersion() != version) {
		t.Fatalf("%s: %v, %v", group, got, err)
	}
	if !slices.IsSortedFunc(got.GetLinks(), byID) {
		t.Errorf("%s is not sorted", group)
	}
	return got.GetLinks()
}

func byID(a, b *pb.Link) int { return strings.Compare(a.GetId(), b.GetId()) }

// checkShape sees that a way uses its own means only.
func checkShape(t *testing.T, way meshbridge.Way, resp *pb.ValidateTokenResponse) {
	t.Helper()
	mesh := slices.ContainsFunc(resp.GetUser().GetLinks(), func(l *pb.Link) bool { return strings.HasPrefix(l.GetId(), "mesh/") })
	switch {
	case way == meshbridge.WayLinks && (mesh || resp.GetTenant().GetVersion() != ""), way == meshbridge.WayGroup && resp.GetUserGroup() != nil:
		t.Errorf("%s answers %v", way, resp)
	case !slices.IsSortedFunc(resp.GetUser().GetLinks(), byID):
		t.Errorf("the links are not sorted: %v", resp.GetUser().GetLinks())
	}
}

func TestParseWay(t *testing.T) {
	for name, want := range map[string]bool{"links": true, "group": true, "": false, "Group": false, "group ": false, "unknown": false} {
		way, ok := meshbridge.ParseWay(name)
		if ok != want || (ok && way.String() != name) {
			t.Errorf("%q: %s, %v", name, way, ok)
		}
	}
}
