package meshbridge_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory/directorytest"
	"github.com/everydaytech/meshsso/meshbridge"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

var update = flag.Bool("update", false, "write testdata")

var (
	keyA = strings.Repeat("A", 64)
	keyB = strings.Repeat("B", 64)
	keyC = strings.Repeat("C", 64)
)

func bridge(w directorytest.World, log *bytes.Buffer, domains ...string) *meshbridge.Bridge {
	return meshbridge.New(meshbridge.Config{Domains: domains, Groups: 100, Log: slog.New(slog.NewTextHandler(log, nil))}, directorytest.Memory{World: w})
}

func identity(t *testing.T, w directorytest.World, user authsvc.User, role authsvc.Role, key authsvc.KeyID) *authsvc.Identity {
	t.Helper()
	scope := authsvc.Scope{TenantID: user.TenantID, All: role == authsvc.RoleSuperadmin}
	if scope.All {
		scope.TenantID = ""
	}
	id := &authsvc.Identity{
		User: user, Decision: authsvc.Decision{Role: role, MaxRole: authsvc.RoleAdmin},
		Claims: authsvc.Claims{Key: key, UserID: user.ID, ExpiresAt: time.Unix(1800000000, 500)},
	}
	if user.TenantID != "" {
		id.Tenant = authsvc.Tenant{ID: user.TenantID, Name: w.Tenants[user.TenantID], Known: true}
	}
	id.Email, _ = authsvc.FoldEmail(user.Email)
	if scope.All || scope.TenantID != "" {
		set, err := directorytest.Memory{World: w}.Devices(t.Context(), scope)
		if err != nil {
			t.Fatal(err)
		}
		id.Devices = set
	}
	return id
}

var tess = authsvc.User{ID: 1, Email: "Tess@Acme.example", FullName: "Tess \"<b>\" Tech", TenantID: directorytest.TenantA}

func TestRightsNeverBreakThePage(t *testing.T) {
	want := map[authsvc.Role]uint32{
		authsvc.RoleNone: 0, authsvc.RoleViewer: 1800, authsvc.RoleTechnician: 1327304, authsvc.RoleAdmin: 1458392, authsvc.RoleSuperadmin: 1458392,
	}
	for role := range authsvc.Role(20) {
		mask := meshbridge.DeviceRights(role)
		if mask&4 != 0 || mask == 0xFFFFFFFF || mask != want[role] {
			t.Errorf("%s (%d) has %d", role, role, mask)
		}
	}
	if len(meshbridge.RightNames()) != 21 {
		t.Error(meshbridge.RightNames())
	}
}

func TestSiteRights(t *testing.T) {
	for _, c := range []struct {
		role authsvc.Role
		key  authsvc.KeyID
		want uint32
	}{
		{authsvc.RoleSuperadmin, authsvc.KeyDashboard, 0xFFFFFFFF},
		{authsvc.RoleSuperadmin, authsvc.KeyAgent, 64 | 1024 | 4096}, // cannot happen, and gives nothing if it does
		{authsvc.RoleSuperadmin, authsvc.KeyNone, 64 | 1024 | 4096},
		{authsvc.RoleAdmin, authsvc.KeyDashboard, 64 | 1024 | 4096},
		{authsvc.RoleTechnician, authsvc.KeyDashboard, 64 | 1024 | 4096},
		{authsvc.RoleViewer, authsvc.KeyDashboard, 64 | 128 | 1024 | 4096},
		{authsvc.RoleNone, authsvc.KeyDashboard, 64 | 128 | 1024 | 4096},
	} {
		id := &authsvc.Identity{Claims: authsvc.Claims{Key: c.key}, User: authsvc.User{IsSuperadmin: true}, Decision: authsvc.Decision{Role: c.role}}
		if got := meshbridge.SiteRights(id); got != c.want {
			t.Errorf("%s, key %d: %d, want %d", c.role, c.key, got, c.want)
		}
	}
}

func TestMapUser(t *testing.T) {
	w := directorytest.Standard()
	var log bytes.Buffer
	b := bridge(w, &log)
	got, err := b.MapUser(t.Context(), identity(t, w, tess, authsvc.RoleTechnician, authsvc.KeyAgent), "")
	if err != nil {
		t.Fatal(err)
	}
	want := &pb.User{
		Id: "user//tess@acme.example", Name: "tess", RealName: "tess", Email: "tess@acme.example",
		Siteadmin: 64 | 1024 | 4096, TenantId: directorytest.TenantA, Role: "technician", UserId: 1,
	}
	if !proto.Equal(got.GetUser(), want) {
		t.Errorf("the user is %v", got.GetUser())
	}
	if got.GetTenant().GetName() != "Acme" || got.GetTenant().GetDeviceGroupId() != meshbridge.DeviceGroupID("", directorytest.TenantA) ||
		got.GetVerifiedBy() != pb.VerifiedBy_VERIFIED_BY_AGENT || got.GetExpiresAt().GetNanos() != 500 {
		t.Errorf("the reply is %v", got)
	}
	if g := got.GetUserGroup(); g.GetId() != meshbridge.UserGroupID("", authsvc.Scope{TenantID: directorytest.TenantA}, authsvc.RoleTechnician) ||
		!strings.HasPrefix(g.GetName(), "meshsso-") || len(g.GetName()) != 20 || strings.Contains(g.GetName(), "Acme") {
		t.Errorf("the group is %v", g)
	}
	if got, err := b.MapUser(t.Context(), identity(t, w, tess, authsvc.RoleNone, authsvc.KeyDashboard), ""); err != nil || got.GetUserGroup() != nil {
		t.Errorf("no role: %v, %v", got.GetUserGroup(), err)
	}
	nowhere := authsvc.User{ID: 2, Email: "root@x.example", IsSuperadmin: true}
	if got, err := b.MapUser(t.Context(), identity(t, w, nowhere, authsvc.RoleAdmin, authsvc.KeyDashboard), ""); err != nil || got.GetUserGroup() != nil || got.GetTenant() != nil {
		t.Errorf("a lowered superadmin of no tenant: %v, %v", got, err)
	}
	if _, err := b.MapUser(t.Context(), identity(t, w, tess, authsvc.RoleAdmin, authsvc.KeyDashboard), "d1"); authsvc.ReasonOf(err) != authsvc.DomainDenied {
		t.Errorf("a foreign domain: %v", err)
	}
}

func TestGrants(t *testing.T) {
	w := directorytest.Standard()
	user := tess
	user.Grants = []authsvc.Grant{
		{AgentID: 1, Role: "admin"},  // disputed
		{AgentID: 2, Role: "viewer"}, // good
		{AgentID: 2, Role: "technician"}, {AgentID: 2, Role: "nonsense"}, {AgentID: 3, Role: "admin"}, {AgentID: 4, Role: "admin"},
		{AgentID: 11, Role: "admin"}, // the other tenant's
		{AgentID: 99, Role: "admin"},
	}
	b := bridge(w, &bytes.Buffer{})
	for _, c := range []struct {
		limit authsvc.Role
		want  uint32
	}{{authsvc.RoleAdmin, 1327304}, {authsvc.RoleViewer, 1800}, {authsvc.RoleNone, 0}} {
		id := identity(t, w, user, authsvc.RoleViewer, authsvc.KeyDashboard)
		id.MaxRole = c.limit
		got, err := b.MapUser(t.Context(), id, "")
		if err != nil {
			t.Fatal(err)
		}
		links := got.GetUser().GetLinks()
		if c.want == 0 && len(links) == 0 {
			continue
		}
		if len(links) != 1 || links[0].GetId() != "node//"+keyB || links[0].GetRights() != c.want {
			t.Errorf("under %s: %v", c.limit, links)
		}
	}
	super := user
	super.IsSuperadmin = true // whose device set holds every tenant's devices
	got, err := b.MapUser(t.Context(), identity(t, w, super, authsvc.RoleSuperadmin, authsvc.KeyDashboard), "")
	if err != nil || len(got.GetUser().GetLinks()) != 1 {
		t.Errorf("a superadmin's grants reach another tenant: %v, %v", got.GetUser().GetLinks(), err)
	}
}

func TestGroupLinks(t *testing.T) {
	w := directorytest.Standard()
	var log bytes.Buffer
	for name, warm := range map[string]bool{"known from a validation": true, "after a restart": false} {
		t.Run(name, func(t *testing.T) {
			b := bridge(w, &log, "other")
			for _, c := range []struct {
				domain string
				user   authsvc.User
				role   authsvc.Role
				want   []string
			}{
				{"", tess, authsvc.RoleViewer, []string{"node//" + keyB}},
				{"", tess, authsvc.RoleAdmin, []string{"node//" + keyB}},
				{"other", tess, authsvc.RoleAdmin, []string{"node/other/" + keyB}},
				{"", authsvc.User{TenantID: directorytest.TenantB}, authsvc.RoleTechnician, []string{"node//" + keyC}},
				{"", authsvc.User{}, authsvc.RoleSuperadmin, []string{"node//" + keyB, "node//" + keyC}},
			} {
				scope := authsvc.Scope{TenantID: c.user.TenantID, All: c.role == authsvc.RoleSuperadmin}
				group := meshbridge.UserGroupID(c.domain, scope, c.role)
				version := ""
				if warm {
					got, err := b.MapUser(t.Context(), identity(t, w, c.user, c.role, authsvc.KeyDashboard), c.domain)
					if err != nil || got.GetUserGroup().GetId() != group {
						t.Fatal(got, err)
					}
					version = got.GetUserGroup().GetVersion()
				}
				got, err := b.GroupLinks(t.Context(), group, "other version")
				if err != nil || got.GetUnchanged() || (warm && got.GetGroup().GetVersion() != version) {
					t.Fatal(got, err)
				}
				var ids []string
				for _, l := range got.GetLinks() {
					ids = append(ids, l.GetId())
					if l.GetRights() != meshbridge.DeviceRights(c.role) {
						t.Errorf("rights %d", l.GetRights())
					}
				}
				if !slices.Equal(ids, c.want) {
					t.Errorf("%s %s: %v, want %v", scope, c.role, ids, c.want)
				}
				again, err := b.GroupLinks(t.Context(), group, got.GetGroup().GetVersion())
				if err != nil || !again.GetUnchanged() || len(again.GetLinks()) != 0 {
					t.Errorf("again: %v, %v", again, err)
				}
			}
			if b.DevicesIgnored() == 0 || !strings.Contains(log.String(), "devices ignored") || strings.Contains(log.String(), "garbage") {
				t.Errorf("ignored %d, log %s", b.DevicesIgnored(), log.String())
			}
		})
	}
}

func TestGroupLinksRefuses(t *testing.T) {
	b := bridge(directorytest.Standard(), &bytes.Buffer{})
	unknown := authsvc.Scope{TenantID: directorytest.Lost}
	for group, want := range map[string]authsvc.Reason{
		"": authsvc.RequestInvalid, "ugrp//short": authsvc.RequestInvalid, "mesh//" + keyA: authsvc.GroupUnknown, "ugrp/" + keyA: authsvc.RequestInvalid,
		"ugrp/a/b/" + keyA: authsvc.RequestInvalid, strings.Repeat("x", 100000): authsvc.RequestInvalid,
		"ugrp/d1/" + keyA: authsvc.DomainDenied, "ugrp//" + keyA: authsvc.GroupUnknown,
		meshbridge.UserGroupID("", unknown, authsvc.RoleAdmin):                                                         authsvc.GroupUnknown,
		meshbridge.UserGroupID("", authsvc.Scope{TenantID: directorytest.TenantA}, authsvc.RoleNone):                   authsvc.GroupUnknown,
		meshbridge.UserGroupID("", authsvc.Scope{TenantID: directorytest.TenantA}, authsvc.RoleSuperadmin):             authsvc.GroupUnknown,
		meshbridge.UserGroupID("", authsvc.Scope{All: true}, authsvc.RoleAdmin):                                        authsvc.GroupUnknown,
		strings.ToLower(meshbridge.UserGroupID("", authsvc.Scope{TenantID: directorytest.TenantA}, authsvc.RoleAdmin)): authsvc.GroupUnknown,
	} {
		if got, err := b.GroupLinks(t.Context(), group, ""); authsvc.ReasonOf(err) != want || got != nil {
			t.Errorf("%.90q: %v, want %s", group, err, want)
		}
	}
}

// The version follows the links and nothing else.
func TestVersion(t *testing.T) {
	version := func(change func(*directorytest.World), role authsvc.Role) string {
		w := directorytest.Standard()
		if change != nil {
			change(&w)
		}
		got, err := bridge(w, &bytes.Buffer{}).GroupLinks(t.Context(), meshbridge.UserGroupID("", authsvc.Scope{TenantID: directorytest.TenantA}, role), "")
		if err != nil {
			t.Fatal(err)
		}
		return got.GetGroup().GetVersion()
	}
	base := version(nil, authsvc.RoleAdmin)
	for name, c := range map[string]struct {
		change func(*directorytest.World)
		role   authsvc.Role
		same   bool
	}{
		"renamed":           {func(w *directorytest.World) { w.Devices[1].Hostname = "x" }, authsvc.RoleAdmin, true},
		"written otherwise": {func(w *directorytest.World) { w.Devices[1].NodeID = "node//" + keyB }, authsvc.RoleAdmin, true},
		"hex": {func(w *directorytest.World) {
			raw, _ := base64.StdEncoding.DecodeString(keyB)
			w.Devices[1].NodeID = hex.EncodeToString(raw)
		}, authsvc.RoleAdmin, true},
		"bound":        {func(w *directorytest.World) { w.Devices[2].NodeID = strings.Repeat("D", 64) }, authsvc.RoleAdmin, false},
		"moved":        {func(w *directorytest.World) { w.Devices[1].TenantID = directorytest.TenantB }, authsvc.RoleAdmin, false},
		"dispute over": {func(w *directorytest.World) { w.Devices[6].NodeID = "" }, authsvc.RoleAdmin, false},
		"other rights": {nil, authsvc.RoleViewer, false},
	} {
		if got := version(c.change, c.role); (got == base) != c.same {
			t.Errorf("%s: %s after %s", name, got, base)
		}
	}
}

func ExampleDeviceRights() {
	fmt.Println(meshbridge.DeviceRights(authsvc.RoleViewer), meshbridge.DeviceRights(authsvc.RoleAdmin))
	// Output: 1800 1458392
}
