package meshbridge_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory/directorytest"
	"github.com/everydaytech/meshsso/meshbridge"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// held is a directory that gives the same answer until it is told to read again, as a cache does, and counts.
type held struct {
	directorytest.Memory
	sets    map[authsvc.Scope]*authsvc.DeviceSet
	devices atomic.Int64
	err     error
}

func newHeld(w directorytest.World) *held {
	return &held{Memory: directorytest.Memory{World: w}, sets: map[authsvc.Scope]*authsvc.DeviceSet{}}
}

func (h *held) Devices(ctx context.Context, scope authsvc.Scope) (*authsvc.DeviceSet, error) {
	h.devices.Add(1)
	if h.err != nil {
		return nil, h.err
	}
	if h.sets[scope] == nil {
		h.sets[scope], _ = h.Memory.Devices(ctx, scope)
	}
	return h.sets[scope], nil
}

func (h *held) Tenants(ctx context.Context) ([]authsvc.Tenant, error) {
	if h.err != nil {
		return nil, h.err
	}
	return h.Memory.Tenants(ctx)
}

func groupBridge(dir meshbridge.Directory) *meshbridge.Bridge {
	return meshbridge.New(meshbridge.Config{Domains: []string{"other"}, Groups: 100, Rights: meshbridge.WayGroup, Log: slog.New(slog.DiscardHandler)}, dir)
}

func TestDeviceGroups(t *testing.T) {
	b := groupBridge(directorytest.Memory{World: wayWorld()})
	got, err := b.DeviceGroups(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, g := range got.GetTenants() {
		names = append(names, g.GetName())
		members, err := b.GroupLinks(t.Context(), g.GetDeviceGroupId(), "another version")
		want := &pb.UserGroup{Id: g.GetDeviceGroupId(), Name: g.GetName(), Version: g.GetVersion()}
		if err != nil || g.GetVersion() == "" || members.GetUnchanged() || !proto.Equal(members.GetGroup(), want) || len(members.GetLinks()) == 0 {
			t.Errorf("%v has %v, %v", g, members, err)
		}
		again, err := b.GroupLinks(t.Context(), g.GetDeviceGroupId(), g.GetVersion())
		if err != nil || !again.GetUnchanged() || len(again.GetLinks()) != 0 {
			t.Errorf("again: %v, %v", again, err)
		}
		if g.GetDeviceGroupId() != meshbridge.DeviceGroupID("", g.GetId()) {
			t.Errorf("%s has the id of another: %s", g.GetId(), g.GetDeviceGroupId())
		}
	}
	slices.Sort(names)
	// The nameless one is the tenant that only a device names.
	if !slices.Equal(names, []string{"", "Acme", "Beta"}) || !slices.IsSortedFunc(got.GetTenants(), func(a, b *pb.Tenant) int { return strings.Compare(a.GetDeviceGroupId(), b.GetDeviceGroupId()) }) {
		t.Errorf("the groups are %v", got.GetTenants())
	}
	// What a MeshCentral's database holds must still be found by a later build.
	const lobby = "mesh//BDDzEyCNn@ZRs6vOOs86IaFYnIKg7hddlyzGunYjGOFLGZfXWS0miCCt8$Yh2Svi"
	if l := got.GetLobby(); l.GetId() != "" || l.GetName() != "MeshSSO lobby" || l.GetVersion() != "" || l.GetDeviceGroupId() != lobby {
		t.Errorf("the lobby is %v", l)
	}
	if other, err := b.DeviceGroups(t.Context(), "other"); err != nil || !strings.HasPrefix(other.GetLobby().GetDeviceGroupId(), "mesh/other/") || len(other.GetTenants()) != 3 {
		t.Errorf("the other domain: %v, %v", other, err)
	}
}

func TestDeviceGroupsRefuse(t *testing.T) {
	b := groupBridge(directorytest.Memory{World: wayWorld()})
	for group, want := range map[string]authsvc.Reason{
		"": authsvc.RequestInvalid, "mesh//short": authsvc.RequestInvalid, "node//" + keyA: authsvc.RequestInvalid, "mesh/a/b/" + keyA: authsvc.RequestInvalid,
		"mesh": authsvc.RequestInvalid, "mesh/d1/" + keyA: authsvc.DomainDenied, "mesh//" + keyA: authsvc.GroupUnknown,
		meshbridge.LobbyID(""): authsvc.GroupUnknown, meshbridge.DeviceGroupID("", "no tenant"): authsvc.GroupUnknown,
		strings.ToLower(meshbridge.DeviceGroupID("", directorytest.TenantA)):                          authsvc.GroupUnknown,
		meshbridge.UserGroupID("", authsvc.Scope{TenantID: directorytest.TenantA}, authsvc.RoleAdmin): authsvc.GroupUnknown,
	} {
		if got, err := b.GroupLinks(t.Context(), group, ""); authsvc.ReasonOf(err) != want || got != nil {
			t.Errorf("%.90q: %v, want %s", group, err, want)
		}
	}
	if got, err := b.DeviceGroups(t.Context(), "d1"); authsvc.ReasonOf(err) != authsvc.DomainDenied || got != nil {
		t.Errorf("a foreign domain: %v, %v", got, err)
	}
	links := meshbridge.New(meshbridge.Config{Log: slog.New(slog.DiscardHandler)}, directorytest.Memory{World: wayWorld()})
	if got, err := links.DeviceGroups(t.Context(), ""); authsvc.ReasonOf(err) != authsvc.RequestInvalid || got != nil {
		t.Errorf("the other way: %v, %v", got, err)
	}
	if got, err := links.GroupLinks(t.Context(), meshbridge.DeviceGroupID("", directorytest.TenantA), ""); authsvc.ReasonOf(err) != authsvc.GroupUnknown || got != nil {
		t.Errorf("a device group in the other way: %v, %v", got, err)
	}
}

// A database that is away is never an empty group: that would empty the group in MeshCentral.
func TestDeviceGroupsWithoutADatabase(t *testing.T) {
	h := newHeld(wayWorld())
	b := groupBridge(h)
	root := identity(t, h.World, authsvc.User{ID: 1, Email: "root@x.example"}, authsvc.RoleSuperadmin, authsvc.KeyDashboard)
	for _, away := range []error{authsvc.ErrStoreUnavailable, context.Canceled} {
		h.err = away
		_, e1 := b.DeviceGroups(t.Context(), "")
		_, e2 := b.GroupLinks(t.Context(), meshbridge.DeviceGroupID("", directorytest.TenantA), "")
		got, e3 := b.MapUser(t.Context(), root, "")
		for _, err := range []error{e1, e2, e3} {
			if authsvc.ReasonOf(err) != authsvc.ReasonOf(h.err) {
				t.Errorf("%v, want %v", err, h.err)
			}
		}
		if got != nil {
			t.Errorf("a person: %v", got)
		}
	}
}

// The version follows the membership and nothing else, and is the same wherever it is told.
func TestMembershipVersion(t *testing.T) {
	version := func(change func(*directorytest.World), user authsvc.User, role authsvc.Role) string {
		w := wayWorld()
		if change != nil {
			change(&w)
		}
		b := groupBridge(directorytest.Memory{World: w})
		resp, err := b.MapUser(t.Context(), identity(t, w, user, role, authsvc.KeyDashboard), "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.GroupLinks(t.Context(), resp.GetTenant().GetDeviceGroupId(), "")
		if err != nil || got.GetGroup().GetVersion() != resp.GetTenant().GetVersion() {
			t.Errorf("the person is told %q, the group is %v, %v", resp.GetTenant().GetVersion(), got.GetGroup(), err)
		}
		return resp.GetTenant().GetVersion()
	}
	base := version(nil, tess, authsvc.RoleAdmin)
	for name, c := range map[string]struct {
		change func(*directorytest.World)
		same   bool
	}{
		"nothing":           {nil, true},
		"renamed":           {func(w *directorytest.World) { w.Devices[0].Hostname = "x" }, true},
		"the tenant's name": {func(w *directorytest.World) { w.Tenants[directorytest.TenantA] = "Acme Ltd" }, true},
		"written otherwise": {func(w *directorytest.World) { w.Devices[1].NodeID = "node//" + keyB }, true},
		"hex": {func(w *directorytest.World) {
			raw, _ := base64.StdEncoding.DecodeString(keyB)
			w.Devices[1].NodeID = hex.EncodeToString(raw)
		}, true},
		"another tenant's":   {func(w *directorytest.World) { w.Devices[2].NodeID = strings.Repeat("D", 64) }, true},
		"another domain's":   {func(w *directorytest.World) { w.Devices[7].NodeID = "node/other/" + strings.Repeat("P", 64) }, true},
		"bound":              {func(w *directorytest.World) { w.Devices[9].NodeID = strings.Repeat("D", 64) }, false},
		"moved":              {moveA, false},
		"swapped":            {func(w *directorytest.World) { w.Devices[0].NodeID = strings.Repeat("D", 64) }, false},
		"deleted":            {func(w *directorytest.World) { w.Devices = w.Devices[1:] }, false},
		"a dispute is over":  {func(w *directorytest.World) { w.Devices[4].NodeID = "" }, false},
		"a dispute has come": {func(w *directorytest.World) { w.Devices[2].NodeID = keyB }, false},
	} {
		for _, role := range []authsvc.Role{authsvc.RoleAdmin, authsvc.RoleViewer, authsvc.RoleSuperadmin} {
			if got := version(c.change, tess, role); (got == base) != c.same {
				t.Errorf("%s, %s: %s after %s", name, role, got, base)
			}
		}
	}
}

// large has tenants with ten devices each.
func large(tenants int) directorytest.World {
	w := directorytest.World{Tenants: map[string]string{}}
	for n := range tenants {
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
		w.Tenants[id] = fmt.Sprintf("Tenant %d", n)
		for d := range 10 {
			w.Devices = append(w.Devices, authsvc.Device{AgentID: int64(10*n + d), TenantID: id, NodeID: fmt.Sprintf("node//%064d", 10*n+d)})
		}
	}
	return w
}

// fixed gives one read for ever; Memory looks for disputes in quadratic time.
func fixed(w directorytest.World) *held {
	h := newHeld(w)
	all := authsvc.Scope{All: true}
	h.sets[all] = &authsvc.DeviceSet{Scope: all, Devices: w.Devices}
	return h
}

// A thousand tenants are asked for one by one, as after a restart of MeshCentral, out of one read and one atlas.
func TestThousandTenantsAreOneAtlas(t *testing.T) {
	h := fixed(large(1000))
	b := groupBridge(h)
	list, err := b.DeviceGroups(t.Context(), "")
	if err != nil || len(list.GetTenants()) != 1000 {
		t.Fatal(len(list.GetTenants()), err)
	}
	for _, g := range list.GetTenants() {
		if got := links(t, b, g.GetDeviceGroupId(), g.GetVersion()); len(got) != 10 {
			t.Fatalf("%s has %d devices", g.GetId(), len(got))
		}
	}
	if again, err := b.DeviceGroups(t.Context(), ""); err != nil || again != list {
		t.Error("the list is made anew although nothing changed")
	}
	if len(h.sets) != 1 {
		t.Errorf("%d scopes were read", len(h.sets))
	}
	for name, change := range map[string]func(){
		"another read":   func() { h.sets[authsvc.Scope{All: true}] = &authsvc.DeviceSet{Scope: authsvc.Scope{All: true}} },
		"another name":   func() { h.World.Tenants["00000000-0000-4000-8000-000000000007"] = "Seven" },
		"another tenant": func() { h.World.Tenants["00000000-0000-4000-8000-999999999999"] = "New" },
	} {
		change()
		next, err := b.DeviceGroups(t.Context(), "")
		if err != nil || next == list {
			t.Errorf("%s does not count: %v", name, err)
		}
		list = next
	}
}

func BenchmarkDeviceGroups(b *testing.B) {
	for name, fresh := range map[string]bool{"remembered": false, "read anew": true} {
		b.Run(name, func(b *testing.B) {
			h := fixed(large(1000))
			bridge := groupBridge(h)
			all := authsvc.Scope{All: true}
			for b.Loop() {
				if fresh {
					h.sets[all] = &authsvc.DeviceSet{Scope: all, Devices: h.World.Devices}
				}
				if _, err := bridge.DeviceGroups(b.Context(), ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
