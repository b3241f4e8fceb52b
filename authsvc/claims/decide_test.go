package claims_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
	"github.com/everydaytech/meshsso/authsvc/config"
)

// roles of a firm: two of one rank, and one that tenant B has otherwise.
func firm() *config.File {
	return &config.File{
		ClaimMappings: &config.ClaimMappings{Roles: claim("roles")},
		Roles: map[string]config.Role{
			"helpdesk": {Rank: "technician", DeviceRights: []string{"wake", "chat", "remote-control", "no-files"}, SiteRights: []string{"locked"}},
			"auditor":  {Rank: "technician", DeviceRights: []string{"remote-control", "view-only", "chat"}, SiteRights: []string{"no-tools"}, Devices: "device.platform == 'linux'"},
			"viewer":   {SiteRights: []string{"locked"}},
		},
		Tenants: map[string]config.Tenant{tenantB: {Roles: map[string]config.Role{"helpdesk": {DeviceRights: []string{"chat"}}, "own": {Rank: "admin", DeviceRights: []string{}}}}},
	}
}

// says makes claims of the built-in issuer with this payload.
func says(members map[string]any) authsvc.Claims {
	return authsvc.Claims{Key: authsvc.KeyDashboard, Mapped: &authsvc.Mapped{Payload: members}}
}

func decided(t *testing.T, p *claims.Policy, user authsvc.User, c authsvc.Claims) authsvc.Decision {
	t.Helper()
	d, err := p.Decide(context.Background(), user, c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func list(items ...string) []any {
	out := []any{}
	for _, s := range items {
		out = append(out, s)
	}
	return out
}

func TestDecideRoles(t *testing.T) {
	p := policy(t, firm())
	for _, c := range []struct {
		tenant, row string
		super       bool
		token       any
		role        string
		max         authsvc.Role
	}{
		{tenantA, "helpdesk", false, list("Helpdesk"), "helpdesk", authsvc.RoleTechnician},
		{tenantA, "helpdesk", false, list("helpdesk", "viewer"), "helpdesk", authsvc.RoleAdmin}, // repeats the row's text
		{tenantA, "helpdesk", false, "viewer", "helpdesk&viewer", authsvc.RoleViewer},
		{tenantA, "helpdesk", false, list("auditor"), "helpdesk&auditor", authsvc.RoleTechnician},
		{tenantA, "helpdesk", false, list("technician", "auditor"), "helpdesk&auditor", authsvc.RoleTechnician}, // first by name
		{tenantA, "helpdesk", false, list("auditor", "technician"), "helpdesk&auditor", authsvc.RoleTechnician},
		{tenantA, "helpdesk", false, list("admin", "viewer"), "helpdesk", authsvc.RoleAdmin},
		{tenantA, "helpdesk", false, list("boss"), "none", authsvc.RoleNone},
		{tenantA, "helpdesk", false, list(), "none", authsvc.RoleNone},
		{tenantA, "helpdesk", false, nil, "none", authsvc.RoleNone},
		{tenantA, "helpdesk", false, 3.0, "none", authsvc.RoleNone},
		{tenantA, "helpdesk", false, []any{"helpdesk", 1.0}, "none", authsvc.RoleNone},
		{tenantA, "helpdesk", false, list("superadmin"), "helpdesk", authsvc.RoleAdmin},
		{tenantA, "superadmin", false, list("superadmin"), "admin", authsvc.RoleAdmin},
		{tenantA, "guest", false, list("guest"), "none", authsvc.RoleAdmin},
		{tenantA, "guest", false, list("viewer"), "none", authsvc.RoleViewer},
		{tenantA, "own", false, list("own"), "none", authsvc.RoleAdmin}, // tenant B's alone
		{tenantB, "own", false, list("admin"), "own&admin", authsvc.RoleAdmin},
		{tenantA, "viewer", true, list("superadmin"), "superadmin", authsvc.RoleAdmin},
		{tenantA, "viewer", true, list("helpdesk"), "helpdesk", authsvc.RoleTechnician},
	} {
		d := decided(t, p, authsvc.User{TenantID: c.tenant, Role: c.row, IsSuperadmin: c.super}, says(map[string]any{"roles": c.token}))
		if d.Profile == nil || d.Profile.Name != c.role || d.Role != d.Profile.Rank || d.MaxRole != c.max {
			t.Errorf("row %q, token %v: %+v %+v, want %s and grants up to %s", c.row, c.token, d, d.Profile, c.role, c.max)
		}
		if !slices.ContainsFunc(p.Profiles(c.tenant), func(p *authsvc.Profile) bool { return p.Digest == d.Profile.Digest }) {
			t.Errorf("row %q, token %v: the profile is not among the tenant's", c.row, c.token)
		}
	}
}

// Of two roles of one rank only what both give is left, with what either takes away; whose is whose changes nothing.
func TestDecideMeets(t *testing.T) {
	p := policy(t, firm())
	d := decided(t, p, authsvc.User{TenantID: tenantA, Role: "helpdesk"}, says(map[string]any{"roles": "auditor"}))
	if !slices.Equal(d.Profile.DeviceRights, []string{"chat", "no-files", "remote-control", "view-only"}) ||
		!slices.Equal(d.Profile.SiteRights, []string{"locked", "no-tools"}) {
		t.Errorf("%+v", d.Profile)
	}
	for platform, want := range map[string]bool{"linux": true, "windows": false} {
		if ok, err := d.Profile.Devices(authsvc.Device{Platform: platform}); err != nil || ok != want {
			t.Errorf("%s: %v, %v", platform, ok, err)
		}
	}
	other := decided(t, p, authsvc.User{TenantID: tenantA, Role: "auditor"}, says(map[string]any{"roles": "helpdesk"}))
	if other.Profile.Digest != d.Profile.Digest {
		t.Error("another profile the other way round")
	}
}

// A role of a lower rank may give what the row's does not, or on more devices: a token, or a cap, never brings that.
func TestLoweringAddsNothing(t *testing.T) {
	p := policy(t, &config.File{
		ClaimMappings: &config.ClaimMappings{Roles: claim("roles")},
		Roles:         map[string]config.Role{"site-admin": {Rank: "admin", DeviceRights: []string{"chat", "no-files"}, Devices: "device.platform == 'linux'"}},
	})
	row := authsvc.User{TenantID: tenantA, Role: "site-admin", Grants: []authsvc.Grant{{AgentID: 1, Role: "site-admin"}}}
	d := decided(t, p, row, says(map[string]any{"roles": "technician"}))
	for name, got := range map[string]*authsvc.Profile{"role": d.Profile, "grant": d.Grants["site-admin"]} {
		if got.Rank != authsvc.RoleTechnician || slices.ContainsFunc(got.DeviceRights, func(r string) bool { return r != "chat" && r != "no-files" }) {
			t.Errorf("%s: %+v", name, got)
		}
		if !slices.Contains(got.DeviceRights, "no-files") {
			t.Errorf("%s: what the row takes away is back: %+v", name, got)
		}
		if got.Devices == nil {
			t.Errorf("%s: reaches every device", name)
		} else if ok, err := got.Devices(authsvc.Device{Platform: "windows"}); ok || err != nil {
			t.Errorf("%s: reaches what the row does not: %v", name, err)
		}
		if !slices.ContainsFunc(p.Profiles(tenantA), func(p *authsvc.Profile) bool { return p.Digest == got.Digest }) {
			t.Errorf("%s: the profile is not among the tenant's", name)
		}
	}
}

func TestProfilesOverridePerKey(t *testing.T) {
	p := policy(t, firm())
	in := func(tenant, name string) *authsvc.Profile {
		return decided(t, p, authsvc.User{TenantID: tenant, Role: name}, says(map[string]any{"roles": name})).Profile
	}
	viewer := in(tenantA, "viewer")
	if !slices.Equal(viewer.DeviceRights, []string{"no-terminal", "remote-control", "view-only"}) || !slices.Equal(viewer.SiteRights, []string{"locked"}) {
		t.Errorf("%+v", viewer)
	}
	b := in(tenantB, "helpdesk")
	if b.Rank != authsvc.RoleTechnician || !slices.Equal(b.DeviceRights, []string{"chat"}) || !slices.Equal(b.SiteRights, []string{"locked"}) {
		t.Errorf("%+v", b)
	}
	digests := map[string]bool{}
	for _, profile := range p.Profiles(tenantB) {
		if digests[profile.Digest] {
			t.Errorf("%s is there twice", profile.Name)
		}
		digests[profile.Digest] = true
	}
	if digests[in(tenantA, "helpdesk").Digest] || !digests[b.Digest] {
		t.Error("tenants share what only one has")
	}
	failing := policy(t, &config.File{Roles: map[string]config.Role{"viewer": {Devices: "int(device.hostname) > 1"}}})
	if ok, err := decided(t, failing, authsvc.User{Role: "viewer"}, says(nil)).Profile.Devices(authsvc.Device{Hostname: "secret"}); ok || err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v, %v", ok, err)
	}
}

// Grants are of the row's roles in the row's tenant, under the token's cap.
func TestDecideGrants(t *testing.T) {
	p := policy(t, firm())
	user := authsvc.User{TenantID: tenantA, Role: "guest", Grants: []authsvc.Grant{{Role: "helpdesk"}, {Role: "superadmin"}, {Role: "own"}, {Role: "Viewer"}, {Role: "Viewer"}}}
	for token, want := range map[string][4]string{
		"guest": {"helpdesk", "admin", "none", "viewer"}, "viewer": {"helpdesk&viewer", "viewer", "none", "viewer"}, "boss": {"none", "none", "none", "none"},
	} {
		d := decided(t, p, user, says(map[string]any{"roles": token}))
		got := [4]string{d.Grants["helpdesk"].Name, d.Grants["superadmin"].Name, d.Grants["own"].Name, d.Grants["Viewer"].Name}
		if got != want || len(d.Grants) != 4 {
			t.Errorf("token %q: %v, want %v", token, got, want)
		}
	}
}

// What a token takes away from somebody's role it takes away on devices of individual grants, too.
func TestATokenLowersGrants(t *testing.T) {
	p := policy(t, &config.File{
		ClaimMappings: &config.ClaimMappings{Roles: claim("roles")},
		Roles:         map[string]config.Role{"without-key": {Rank: "technician", DeviceRights: []string{"remote-control", "no-files"}}},
	})
	row := authsvc.User{TenantID: tenantA, Role: "technician", Grants: []authsvc.Grant{{AgentID: 1, Role: "technician"}, {AgentID: 2, Role: "viewer"}}}
	d := decided(t, p, row, says(map[string]any{"roles": "without-key"}))
	if got := d.Grants["technician"].DeviceRights; !slices.Equal(got, []string{"no-files", "remote-control"}) {
		t.Errorf("a technician's grant gives %v", got)
	}
	if got := d.Grants["viewer"].DeviceRights; slices.Contains(got, "wake") || !slices.Contains(got, "view-only") {
		t.Errorf("a viewer's grant gives %v", got)
	}
	d = decided(t, p, row, says(map[string]any{"roles": []any{"technician", "without-key"}}))
	if got := d.Grants["technician"].DeviceRights; !slices.Contains(got, "wake") || slices.Contains(got, "no-files") {
		t.Errorf("a token that repeats the row's role leaves %v", got)
	}
}

func TestDecideCeiling(t *testing.T) {
	boss := authsvc.User{TenantID: tenantA, Role: "admin", IsSuperadmin: true}
	for allow, want := range map[bool]authsvc.Role{true: authsvc.RoleSuperadmin, false: authsvc.RoleAdmin} {
		p := policy(t, further(func(is *config.Issuer) { is.AllowSuperadmin = allow }))
		c, err := p.Map(context.Background(), "idp", payload(t, idpPayload))
		if err != nil {
			t.Fatal(err)
		}
		c.Key = authsvc.KeyIssuer
		if d := decided(t, p, boss, c); d.Role != want || d.MaxRole != authsvc.RoleAdmin {
			t.Errorf("allowSuperadmin %v: %+v", allow, d)
		}
		c.Key = authsvc.KeyAgent
		if d := decided(t, p, boss, c); d.Role != authsvc.RoleAdmin {
			t.Errorf("an agent's token: %+v", d)
		}
		// Claims that were read before a reload are held to what the issuer may now.
		c.Key = authsvc.KeyIssuer
		now := policy(t, further(nil))
		if d := decided(t, now, boss, c); d.Role != authsvc.RoleAdmin {
			t.Errorf("after a reload: %+v", d)
		}
		now = policy(t, further(func(is *config.Issuer) { is.Tenants = []string{tenantB} }))
		_, err = now.Decide(context.Background(), boss, c)
		wantReason(t, err, authsvc.RuleDenied)
		_, err = policy(t, nil).Decide(context.Background(), boss, c)
		wantReason(t, err, authsvc.RuleDenied)
	}
}

func TestDecideExpressions(t *testing.T) {
	cfg := firm()
	cfg.ClaimMappings = &config.ClaimMappings{
		Roles: expr("claims.realm.roles.filter(r, r != user.email)"), Name: expr("claims.given + ' ' + claims.family"), Groups: expr("claims.groups"),
	}
	cfg.UserValidationRules = []config.Rule{
		{Expression: "result.rank != 'admin' || 'hwk' in claims.amr", Message: "admins need a key"},
		{Expression: "result.role == 'helpdesk' ? 'no-files' in result.deviceRights && 'locked' in result.siteRights && result.groups == ['g'] : true", Message: "as configured"},
		{Expression: "result.name == 'Ann Lee' && user.id == 7 && user.tenantId != '' && !user.isSuperadmin && issuer == ''", Message: "who"},
	}
	p := policy(t, cfg)
	user := authsvc.User{ID: 7, TenantID: tenantA, Role: "helpdesk", FullName: "row"}
	base := map[string]any{"realm": map[string]any{"roles": list("helpdesk")}, "given": "Ann", "family": "Lee", "groups": "g"}
	if d := decided(t, p, user, says(base)); d.Name != "Ann Lee" || d.Profile.Name != "helpdesk" {
		t.Errorf("%+v", d)
	}
	for name, changes := range map[string]map[string]any{
		"no roles": {"realm": nil}, "roles of a number": {"realm": map[string]any{"roles": 1.0}}, "mixed roles": {"realm": map[string]any{"roles": []any{"helpdesk", 1.0}}},
		"superadmin": {"realm": map[string]any{"roles": list("SuperAdmin")}}, "no name": {"given": nil}, "another name": {"given": "Bob"}, "mixed groups": {"groups": []any{1.0}},
		"another group": {"groups": "h"},
	} {
		_, err := p.Decide(context.Background(), user, says(with(base, changes)))
		if authsvc.ReasonOf(err) != authsvc.RuleDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	boss := with(base, map[string]any{"realm": map[string]any{"roles": list("admin")}})
	_, err := p.Decide(context.Background(), authsvc.User{ID: 7, TenantID: tenantA, Role: "admin"}, says(boss))
	wantReason(t, err, authsvc.RuleDenied)
	if !strings.Contains(err.Error(), "userValidationRules[0]") {
		t.Errorf("%v", err)
	}
	// Claims that were not read under the policy are not judged by it.
	_, err = p.Decide(context.Background(), user, authsvc.Claims{Key: authsvc.KeyDashboard})
	wantReason(t, err, authsvc.RuleDenied)
}

func TestDecideNames(t *testing.T) {
	p := policy(t, &config.File{ClaimMappings: &config.ClaimMappings{Name: claim("name")}})
	for given, want := range map[string]string{"Ann": "Ann", "": "", "a\nb": "", "a\u202eb": "", strings.Repeat("x", 201): "", "\xff": ""} {
		if d := decided(t, p, authsvc.User{FullName: "row"}, says(map[string]any{"name": given})); d.Name != want {
			t.Errorf("%q: %q", given, d.Name)
		}
	}
	if d := decided(t, p, authsvc.User{}, says(map[string]any{"name": 1.0})); d.Name != "" {
		t.Errorf("%+v", d)
	}
}

// The same token gets the same verdict, whatever order Go has for maps.
func TestDecideIsDeterministic(t *testing.T) {
	p := policy(t, &config.File{ClaimMappings: &config.ClaimMappings{
		Name: expr("claims.o.map(k, k).join('')"), Groups: expr("claims.l[0].map(k, k)"), Roles: expr("claims.o.filter(k, k == 'viewer')"),
	}, UserValidationRules: []config.Rule{{Expression: "result.groups == ['a', 'b', 'c', 'd', 'e']", Message: "m"}}})
	members := map[string]any{
		"o": map[string]any{"viewer": 1.0, "q": 1.0, "w": 1.0, "e": 1.0, "r": 1.0},
		"l": []any{map[string]any{"e": 1.0, "d": 1.0, "c": 1.0, "b": 1.0, "a": 1.0}},
	}
	want := decided(t, p, authsvc.User{Role: "admin"}, says(members))
	for range 50 {
		if got := decided(t, p, authsvc.User{Role: "admin"}, says(members)); !reflect.DeepEqual(got, want) || got.Name != "eqrviewerw" || got.Role != authsvc.RoleViewer {
			t.Fatalf("%+v, %+v", got, want)
		}
	}
}

func TestTrace(t *testing.T) {
	cfg := firm()
	cfg.ClaimMappings.Name = expr("claims.nothing")
	cfg.UserValidationRules = []config.Rule{{Expression: "true", Message: "m"}}
	var steps []string
	ctx := claims.WithTrace(context.Background(), func(s claims.Step) {
		steps = append(steps, s.Stage+" "+s.Rule+" "+map[bool]string{true: "ok", false: s.Message}[s.OK])
	})
	p := policy(t, cfg)
	c, err := p.Map(ctx, "", payload(t, with(builtInPayload, map[string]any{"roles": []string{"helpdesk"}})))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Decide(ctx, authsvc.User{TenantID: tenantA, Role: "helpdesk"}, c)
	wantReason(t, err, authsvc.RuleDenied)
	if strings.Contains(err.Error(), "nothing") {
		t.Errorf("the denial tells a claim: %v", err)
	}
	want := []string{
		"payload payload ok", "subject claimMappings.subject ok", "email claimMappings.email ok", "tenant claimMappings.tenant ok",
		"roles claimMappings.roles ok", "role helpdesk ok", "name claimMappings.name RULE_DENIED: claimMappings.name: fails: fails: no such key: nothing",
	}
	if !slices.Equal(steps, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(steps, "\n"), strings.Join(want, "\n"))
	}
}

// Lists that are longer than anybody's count as none, or deny.
func TestDecideLongLists(t *testing.T) {
	long := make([]string, 1025)
	for i := range long {
		long[i] = "admin"
	}
	user, c := authsvc.User{TenantID: tenantA, Role: "admin"}, says(map[string]any{"roles": list(long...)})
	if d := decided(t, policy(t, firm()), user, c); d.Role != authsvc.RoleNone {
		t.Errorf("%+v", d)
	}
	_, err := policy(t, &config.File{ClaimMappings: &config.ClaimMappings{Roles: expr("claims.roles")}}).Decide(context.Background(), user, c)
	wantReason(t, err, authsvc.RuleDenied)
}

// One policy serves many at once.
func TestDecideConcurrently(t *testing.T) {
	p := policy(t, firm())
	user := authsvc.User{TenantID: tenantA, Role: "helpdesk"}
	digests := make([]string, 16)
	var all sync.WaitGroup
	for i := range digests {
		all.Go(func() {
			c, err := p.Mapper("")(payload(t, with(builtInPayload, map[string]any{"roles": []string{"auditor"}})))
			if err != nil {
				t.Error(err)
				return
			}
			c.Key = authsvc.KeyDashboard
			if d, err := p.Decide(context.Background(), user, c); err == nil {
				digests[i] = d.Profile.Digest
			}
		})
	}
	all.Wait()
	if slices.Sort(digests); digests[0] == "" || digests[0] != digests[15] {
		t.Errorf("%v", digests)
	}
}
