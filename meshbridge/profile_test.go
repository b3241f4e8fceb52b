package meshbridge_test

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory/directorytest"
	"github.com/everydaytech/meshsso/meshbridge"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

func profile(name string, rank authsvc.Role, rights ...string) *authsvc.Profile {
	return &authsvc.Profile{Name: name, Rank: rank, DeviceRights: rights, Digest: name + strings.Join(rights, " ")}
}

func only(p *authsvc.Profile, agents ...int64) *authsvc.Profile {
	p.Digest += " some"
	p.Devices = func(d authsvc.Device) (bool, error) {
		for _, id := range agents {
			if id == d.AgentID {
				return true, nil
			}
		}
		if d.AgentID == 2 {
			return true, errors.New("the expression failed")
		}
		return false, nil
	}
	return p
}

func TestProfileRights(t *testing.T) {
	for name, c := range map[string]struct {
		rights []string
		want   uint32
	}{
		"some":                      {[]string{"remote-control", "no-terminal"}, 8 | 512},
		"nothing":                   {nil, 0},
		"restrictions alone":        {[]string{"view-only", "no-files"}, 0},
		"reserved ones":             {[]string{"wake", "edit-group", "manage-users", "manage-computers", "server-files", "uninstall", "guest-sharing"}, 64},
		"reserved and restrictions": {[]string{"uninstall", "view-only"}, 0},
		"unknown ones":              {[]string{"chat", "everything", ""}, 16384},
		"all":                       {meshbridge.RightNames(), 0x177FD8 &^ 32 &^ 32768},
	} {
		got := meshbridge.ProfileRights(&authsvc.Profile{DeviceRights: c.rights})
		if got != c.want || got&4 != 0 {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestSiteRightsFloor(t *testing.T) {
	const always = 64 | 1024 | 4096
	root := authsvc.User{IsSuperadmin: true}
	trusted, other := &authsvc.Issuer{AllowSuperadmin: true}, &authsvc.Issuer{}
	of := func(issuer *authsvc.Issuer) authsvc.Claims {
		return authsvc.Claims{Key: authsvc.KeyIssuer, Mapped: &authsvc.Mapped{Issuer: issuer}}
	}
	dashboard := authsvc.Claims{Key: authsvc.KeyDashboard}
	for name, c := range map[string]struct {
		user   authsvc.User
		claims authsvc.Claims
		role   authsvc.Role
		site   []string
		want   uint32
	}{
		"a superadmin":                      {root, dashboard, authsvc.RoleSuperadmin, []string{"full"}, 0xFFFFFFFF},
		"one with less":                     {root, dashboard, authsvc.RoleSuperadmin, []string{"recordings", "no-tools"}, always | 128 | 512},
		"a contradiction":                   {root, dashboard, authsvc.RoleSuperadmin, []string{"full", "no-tools"}, always | 128},
		"nothing":                           {root, dashboard, authsvc.RoleSuperadmin, nil, always},
		"a row that says nothing of it":     {authsvc.User{}, dashboard, authsvc.RoleSuperadmin, []string{"full"}, always},
		"a superadmin as an admin":          {root, dashboard, authsvc.RoleAdmin, []string{"full", "manage-users", "server-backup"}, always},
		"agents' key":                       {root, authsvc.Claims{Key: authsvc.KeyAgent}, authsvc.RoleSuperadmin, []string{"full"}, always},
		"an issuer":                         {root, of(other), authsvc.RoleSuperadmin, []string{"full", "recordings"}, always},
		"an issuer that may":                {root, of(trusted), authsvc.RoleSuperadmin, []string{"full"}, 0xFFFFFFFF},
		"an issuer that may, another's row": {authsvc.User{}, of(trusted), authsvc.RoleSuperadmin, []string{"full"}, always},
		"an admin with less":                {authsvc.User{}, dashboard, authsvc.RoleAdmin, []string{"no-tools", "unknown"}, always | 128},
		"no role":                           {authsvc.User{}, dashboard, authsvc.RoleNone, []string{"recordings"}, always | 128},
	} {
		id := &authsvc.Identity{User: c.user, Claims: c.claims, Decision: authsvc.Decision{Role: c.role, Profile: &authsvc.Profile{Rank: c.role, SiteRights: c.site}}}
		if got := meshbridge.SiteRights(id); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// Whoever has a profile reaches the same in both ways, and the proxy counts what MeshCentral does.
func TestProfilesInBothWays(t *testing.T) {
	helper := profile("helper", authsvc.RoleTechnician, "remote-control", "no-terminal")
	looker := profile("looker", authsvc.RoleViewer, "remote-control", "view-only")
	waker := profile("waker", authsvc.RoleTechnician, "wake")
	above := profile("above", authsvc.RoleAdmin, "agent-console")
	nameless := &authsvc.Profile{Name: "nameless", Rank: authsvc.RoleTechnician, DeviceRights: []string{"wake"}}
	on1 := func(roles ...string) (grants []authsvc.Grant) {
		for _, r := range roles {
			grants = append(grants, authsvc.Grant{AgentID: 1, Role: r})
		}
		return grants
	}
	known := map[string]*authsvc.Profile{"helper": helper, "waker": waker, "looker": looker, "above": above, "far": only(profile("far", authsvc.RoleTechnician, "chat"), 99)}
	for name, c := range map[string]struct {
		own    *authsvc.Profile
		role   authsvc.Role
		grants []authsvc.Grant
		want   map[string]uint32
	}{
		"a profile":                        {helper, authsvc.RoleTechnician, nil, masks(8|512, "A B")},
		"of a rank above the role":         {helper, authsvc.RoleViewer, nil, nil},
		"and no role":                      {helper, authsvc.RoleNone, on1("waker"), masks(64, "A")},
		"without a digest":                 {nameless, authsvc.RoleTechnician, nil, nil},
		"a grant, whose rights add":        {helper, authsvc.RoleTechnician, on1("waker"), map[string]uint32{"A": 8 | 64 | 512, "B": 8 | 512}},
		"grants of one rank add":           {waker, authsvc.RoleTechnician, on1("helper", "waker"), map[string]uint32{"A": 8 | 64 | 512, "B": 64}},
		"the greater grant":                {waker, authsvc.RoleTechnician, on1("looker", "helper"), map[string]uint32{"A": 8 | 64 | 512, "B": 64}},
		"a grant of an unknown role":       {waker, authsvc.RoleTechnician, on1("admin", "nobody"), masks(64, "A B")},
		"a grant above what the token may": {waker, authsvc.RoleTechnician, on1("above"), masks(64, "A B")},
		"a grant elsewhere":                {waker, authsvc.RoleTechnician, on1("far"), masks(64, "A B")},
	} {
		for _, way := range []meshbridge.Way{meshbridge.WayLinks, meshbridge.WayGroup} {
			w := wayWorld()
			b := meshbridge.New(meshbridge.Config{Groups: 100, Rights: way, Log: slog.New(slog.DiscardHandler)}, directorytest.Memory{World: w})
			id := identity(t, w, authsvc.User{ID: 1, Email: "p@x.example", TenantID: directorytest.TenantA, Grants: c.grants}, c.role, authsvc.KeyDashboard)
			id.Profile, id.MaxRole = c.own, authsvc.RoleTechnician
			id.Grants = known
			if got := reachOf(t, b, way, id, ""); !maps.Equal(got, c.want) {
				t.Errorf("%s, %s: %v, want %v", name, way, got, c.want)
			}
			access := map[string]uint32{}
			for _, a := range meshbridge.AllAccess(id) {
				if a.NodeID != "" {
					access[strings.TrimPrefix(a.NodeID, "node//")[:1]] = a.Rights
				}
			}
			if want := inTenantA(c.want); !maps.Equal(access, want) {
				t.Errorf("%s: the proxy counts %v, want %v", name, access, want)
			}
		}
	}
}

// inTenantA makes no difference of nil and empty.
func inTenantA(m map[string]uint32) map[string]uint32 {
	out := map[string]uint32{}
	maps.Copy(out, m)
	return out
}

func TestWhoMayOnlyLookStaysAtThat(t *testing.T) {
	w := wayWorld()
	id := identity(t, w, authsvc.User{ID: 1, Email: "p@x.example", TenantID: directorytest.TenantA, Grants: []authsvc.Grant{{AgentID: 1, Role: "helper"}}}, authsvc.RoleTechnician, authsvc.KeyDashboard)
	id.Profile = profile("looker", authsvc.RoleTechnician, "remote-control", "view-only")
	id.Grants = map[string]*authsvc.Profile{"helper": profile("helper", authsvc.RoleAdmin, "remote-control", "agent-console")}
	if a, ok := meshbridge.AccessTo(id, "1"); !ok || a.Rights != 8|256 || a.Role != authsvc.RoleTechnician {
		t.Errorf("%+v", a)
	}
	id.Profile = only(id.Profile) // and where the role does not reach, it restricts nothing
	if a, ok := meshbridge.AccessTo(id, "1"); !ok || a.Rights != 8|16 || a.Role != authsvc.RoleAdmin {
		t.Errorf("%+v", a)
	}
}

func TestProfileOfSomeDevices(t *testing.T) {
	w := wayWorld()
	some := only(profile("some", authsvc.RoleTechnician, "wake"), 1)
	person := func() *authsvc.Identity {
		id := identity(t, w, tess, authsvc.RoleTechnician, authsvc.KeyDashboard)
		id.Profile = some
		return id
	}
	var log bytes.Buffer
	b := bridge(w, &log)
	for range 2 {
		if got := reachOf(t, b, meshbridge.WayLinks, person(), ""); !maps.Equal(got, masks(64, "A")) {
			t.Errorf("reaches %v", got)
		}
	}
	if n := strings.Count(log.String(), "expression for devices fails"); n != 1 {
		t.Errorf("said %d times: %s", n, log.String())
	}
	if a, _ := meshbridge.AccessTo(person(), "2"); a.Rights != 0 || a.Role != authsvc.RoleNone {
		t.Errorf("a failed expression gives %+v", a)
	}
	group := meshbridge.New(meshbridge.Config{Groups: 1, Rights: meshbridge.WayGroup, Log: slog.New(slog.DiscardHandler)}, directorytest.Memory{World: w})
	if got, err := group.MapUser(t.Context(), person(), ""); authsvc.ReasonOf(err) != authsvc.RuleDenied || got != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func TestCheckProfiles(t *testing.T) {
	fine, some := profile("fine", authsvc.RoleViewer, "wake"), only(profile("some", authsvc.RoleViewer, "wake"), 1)
	for name, c := range map[string]struct {
		way  meshbridge.Way
		p    *authsvc.Profile
		says string
	}{
		"fine":          {meshbridge.WayGroup, fine, ""},
		"some devices":  {meshbridge.WayGroup, some, "role some says which devices"},
		"in links":      {meshbridge.WayLinks, some, ""},
		"reserved":      {meshbridge.WayLinks, profile("r", authsvc.RoleAdmin, "wake", "uninstall"), `"uninstall" is not`},
		"unknown right": {meshbridge.WayLinks, profile("r", authsvc.RoleAdmin, "wakes"), `"wakes" is not`},
	} {
		err := meshbridge.CheckProfiles(c.way, []*authsvc.Profile{fine, c.p})
		if (err == nil) != (c.says == "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProfileGroups(t *testing.T) {
	w := wayWorld()
	scope := authsvc.Scope{TenantID: directorytest.TenantA}
	p, boss := profile("p", authsvc.RoleTechnician, "wake"), profile("boss", authsvc.RoleSuperadmin, "wake", "chat")
	made := profile("made by a mapper", authsvc.RoleTechnician, "chat")
	group := meshbridge.ProfileGroupID("", scope, p)
	other := *p
	for name, same := range map[string]bool{"name": true, "digest": false, "rights": false} {
		switch other = *p; name {
		case "name":
			other.Name = "q"
		case "digest":
			other.Digest = "q"
		case "rights": // a digest that lies
			other.DeviceRights = []string{"chat"}
		}
		if got := meshbridge.ProfileGroupID("", scope, &other); (got == group) != same {
			t.Errorf("another %s: %s after %s", name, got, group)
		}
	}
	if group == meshbridge.UserGroupID("", scope, authsvc.RoleTechnician) || group == meshbridge.ProfileGroupID("", authsvc.Scope{All: true}, p) {
		t.Error("a group is two roles'")
	}

	current := []*authsvc.Profile{p, boss}
	b := meshbridge.New(meshbridge.Config{
		Groups: 100, Log: slog.New(slog.DiscardHandler), Profiles: func(string) []*authsvc.Profile { return current },
	}, directorytest.Memory{World: w})
	const known = authsvc.Reason("")
	ask := func(id string) authsvc.Reason {
		_, err := b.GroupLinks(t.Context(), id, "")
		if err == nil {
			return known
		}
		return authsvc.ReasonOf(err)
	}
	for id, want := range map[string]authsvc.Reason{
		group: known,
		meshbridge.ProfileGroupID("", authsvc.Scope{All: true}, boss):     known,
		meshbridge.ProfileGroupID("", authsvc.Scope{All: true}, p):        authsvc.GroupUnknown,
		meshbridge.ProfileGroupID("", scope, boss):                        authsvc.GroupUnknown,
		meshbridge.ProfileGroupID("", scope, made):                        authsvc.GroupUnknown,
		meshbridge.UserGroupID("", scope, authsvc.RoleTechnician):         authsvc.GroupUnknown,
		meshbridge.ProfileGroupID("", authsvc.Scope{TenantID: "nobo"}, p): authsvc.GroupUnknown,
	} {
		if got := ask(id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	id := identity(t, w, tess, authsvc.RoleTechnician, authsvc.KeyDashboard)
	id.Profile = made
	if reachOf(t, b, meshbridge.WayLinks, id, ""); ask(meshbridge.ProfileGroupID("", scope, made)) != known {
		t.Error("what a validation named is not known")
	}
	// A validation by the policy before this one may still be asking: what it was told of is known. It gives nobody anything.
	current = []*authsvc.Profile{boss}
	if got := ask(group); got != known {
		t.Errorf("a group that was named is %s at once", got)
	}
}

func TestMappedPerson(t *testing.T) {
	w := directorytest.Standard()
	id := identity(t, w, authsvc.User{ID: 1, Email: "tess@acme.example", FullName: "Tess", TenantID: directorytest.TenantA}, authsvc.RoleTechnician, authsvc.KeyIssuer)
	for name, want := range map[string]string{"": "Tess", "Dr. Tess": "Dr. Tess", "<b>": "Tess", " \n": "Tess"} {
		id.Name = name
		got, err := bridge(w, &bytes.Buffer{}).MapUser(t.Context(), id, "")
		if err != nil || got.GetUser().GetName() != want || got.GetUser().GetRealName() != want || got.GetVerifiedBy() != pb.VerifiedBy_VERIFIED_BY_ISSUER {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
}

// What a role takes away on the site, its session's principal lacks too, and nothing is given by the way.
func TestSiteRestrictionsReachThePrincipal(t *testing.T) {
	for name, c := range map[string]struct {
		profile *authsvc.Profile
		more    uint32
		want    uint32
	}{
		"built-in":             {nil, 0, 64 | 1024 | 4096},
		"no tools":             {&authsvc.Profile{SiteRights: []string{"no-tools", "no-new-groups"}}, 0, 64 | 128 | 1024 | 4096},
		"what grants":          {&authsvc.Profile{SiteRights: []string{"full", "manage-users"}}, 0, 64 | 1024 | 4096},
		"a keeper that errs":   {nil, 0xFFFFFFFF, 64 | 128 | 1024 | 4096},
		"a keeper that grants": {nil, 2 | 8 | 512, 64 | 1024 | 4096},
	} {
		s := authsvc.SessionIdentity{
			ID: "0f8fad5b-d9cb-469f-a165-70867728950e", Email: "tess@acme.example", NodeID: "node//" + keyA, Rights: 8, Role: authsvc.RoleTechnician,
			SiteRestrictions: c.more | meshbridge.SiteRestrictions(&authsvc.Identity{Decision: authsvc.Decision{Role: authsvc.RoleTechnician, Profile: c.profile}}),
		}
		got, err := bridge(directorytest.Standard(), &bytes.Buffer{}).MapSession(s, "")
		if err != nil || got.GetUser().GetSiteadmin() != c.want {
			t.Errorf("%s: %d, want %d (%v)", name, got.GetUser().GetSiteadmin(), c.want, err)
		}
	}
}
