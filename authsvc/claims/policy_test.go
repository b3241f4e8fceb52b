package claims_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
	"github.com/everydaytech/meshsso/authsvc/config"
)

const (
	tenantA = "11111111-1111-4111-8111-111111111111"
	tenantB = "22222222-2222-4222-8222-222222222222"
)

// vocab is like the real one, only smaller.
var vocab = claims.Vocabulary{
	DeviceRights: []string{"remote-control", "wake", "chat", "view-only", "no-terminal", "no-files", "edit-group"},
	Restricting:  []string{"view-only", "no-terminal", "no-files"},
	Reserved:     []string{"edit-group"},
	SiteRights:   []string{"no-new-groups", "no-tools", "locked"},
	SiteGranting: []string{"full", "backup"},
	Defaults: func(r authsvc.Role) (device, site []string) {
		switch r {
		case authsvc.RoleSuperadmin:
			return []string{"remote-control", "wake", "chat"}, []string{"full"}
		case authsvc.RoleAdmin, authsvc.RoleTechnician:
			return []string{"remote-control", "wake"}, []string{"locked"}
		case authsvc.RoleViewer:
			return []string{"remote-control", "view-only", "no-terminal"}, []string{"locked", "no-tools"}
		}
		return nil, []string{"locked", "no-tools"}
	},
}

func policy(t testing.TB, cfg *config.File, opts ...claims.Option) *claims.Policy {
	t.Helper()
	p, err := claims.New(cfg, vocab, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func payload(t testing.TB, members map[string]any) []byte {
	t.Helper()
	data, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// with gives base with changes; a nil value removes a member.
func with(base, changes map[string]any) map[string]any {
	out := maps.Clone(base)
	for name, v := range changes {
		if out[name] = v; v == nil {
			delete(out, name)
		}
	}
	return out
}

func expr(text string) *config.Mapping  { return &config.Mapping{Expression: text} }
func claim(name string) *config.Mapping { return &config.Mapping{Claim: name} }

func wantReason(t *testing.T, err error, want authsvc.Reason) {
	t.Helper()
	if got := authsvc.ReasonOf(err); err == nil || got != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// All faults come at once, each with its place.
func TestNewTellsEveryFault(t *testing.T) {
	cfg := &config.File{
		ClaimMappings: &config.ClaimMappings{
			Subject: &config.Mapping{Claim: "a", Expression: "'b'"}, Email: &config.Mapping{}, Tenant: expr("1"), Roles: expr("user.rolle"),
		},
		ClaimValidationRules: []config.Rule{{Expression: "claims.a", Message: "fine: dyn"}, {Expression: "user.id == 1", Message: "early"}},
		Issuers: []config.Issuer{
			{Name: "one", Tenants: []string{tenantA}, ClaimValidationRules: []config.Rule{{Expression: "claims.", Message: "m"}}},
			{Name: "one", Tenants: []string{tenantA}},
			{Name: "", Tenants: []string{tenantA}},
			{Name: "two", Subjects: map[string]string{"x": "no e-mail"}},
			{Name: "three", Tenants: []string{strings.ToUpper("aaaaaaaa-1111-4111-8111-111111111111")}},
		},
		UserValidationRules: []config.Rule{{Expression: "result.ranks == ''", Message: ""}},
		Roles: map[string]config.Role{
			"superadmin": {}, "none": {}, "new": {}, "technician": {Rank: "admin"}, "viewer": {}, "Viewer": {}, " x": {},
			"bad": {
				Rank: "superadmin", DeviceRights: []string{"wake", "edit-group", "fly"}, SiteRights: []string{"full", "nothing"},
				Devices: "device.hostnames == ''",
			},
		},
		Tenants: map[string]config.Tenant{"x": {}, tenantB: {Roles: map[string]config.Role{"viewer": {Devices: "claims.x"}}}},
		Mappers: []config.Mapper{{Name: "unheard-of"}},
	}
	_, err := claims.New(cfg, vocab)
	if err == nil {
		t.Fatal("no fault")
	}
	for _, want := range []string{
		"claimMappings.subject: ", "claimMappings.email: ", "claimMappings.tenant.expression: yields int", "claimMappings.roles.expression: does not compile: 1:5: undefined field",
		"claimValidationRules[1].expression: ", "issuers[0].claimValidationRules[0].expression: ", "issuers[1].name: ", "issuers[2].name: ",
		"issuers[3].tenants: ", `issuers[3].subjects["x"]: `, "issuers[4].tenants[0]: ", "userValidationRules[0].expression: ", "userValidationRules[0].message: ",
		"roles.superadmin: ", "roles.none: ", "roles.new.rank: ", "roles.new.deviceRights: ", "roles.viewer: is there twice", "roles.technician.rank: ", `roles[" x"]`, "roles.bad.rank: ",
		"roles.bad.deviceRights[1]: ", "roles.bad.deviceRights[2]: ", "roles.bad.siteRights[0]: ", "roles.bad.siteRights[1]: ", "roles.bad.devices: ",
		`tenants["x"]: `, `tenants["` + tenantB + `"].roles.viewer.devices: `, "mappers[0].name: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no fault %q in:\n%v", want, err)
		}
	}
	for line := range strings.Lines(err.Error()) {
		if strings.HasPrefix(line, "claimValidationRules[0]") || !strings.Contains(line, ": ") {
			t.Errorf("a fault that is none, or without a place: %s", line)
		}
	}
}

// What a hostile or careless expression could cost is refused at load.
func TestNewRefusesWhatIsUnbounded(t *testing.T) {
	for name, source := range map[string]string{
		"loops in loops":  "claims.a.exists(x, claims.b.exists(y, claims.c.exists(z, x == y && y == z)))",
		"a pattern":       "claims.a.matches(claims.b)",
		"a bad pattern":   "claims.a.matches('(')",
		"a large pattern": "claims.a.matches('((a{100}){10}){1000}')",
		"deep":            strings.Repeat("!(", 200) + "true" + strings.Repeat(")", 200),
		"long":            "true" + strings.Repeat(" ", 5000),
		"many nodes":      strings.Repeat("[1].map(a, [1].map(b, [1].map(c, c))).size() > 0 && ", 60) + "true",
		"another type":    "'true'",
		"another member":  "issuers == ''",
	} {
		_, err := claims.New(&config.File{ClaimValidationRules: []config.Rule{{Expression: source, Message: "m"}}}, vocab)
		if err == nil || !strings.HasPrefix(err.Error(), "claimValidationRules[0].expression: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := claims.New(&config.File{UserValidationRules: slices.Repeat([]config.Rule{{Expression: "true", Message: "m"}}, 65)}, vocab); err == nil {
		t.Error("65 rules are accepted")
	}
}

func TestVersion(t *testing.T) {
	if v := policy(t, nil).Version(); v != "" {
		t.Errorf("the built-in policy has version %q", v)
	}
	seen := map[string]int{}
	for i, cfg := range []config.File{
		{}, {UserValidationRules: []config.Rule{{Expression: "true", Message: "m"}}},
		{Roles: map[string]config.Role{"viewer": {}}}, {Roles: map[string]config.Role{"viewer": {DeviceRights: []string{}}}},
		{Roles: map[string]config.Role{"viewer": {DeviceRights: []string{"wake"}}}},
	} {
		v := policy(t, &cfg).Version()
		if again := policy(t, &cfg).Version(); again != v || len(v) != 24 {
			t.Errorf("file %d has versions %q and %q", i, v, again)
		}
		if other, taken := seen[v]; taken {
			t.Errorf("files %d and %d have one version", other, i)
		}
		seen[v] = i
	}
}

// Without a file everything is as the built-in rule says.
func TestBuiltInPolicyIsTheRoleRule(t *testing.T) {
	p := policy(t, nil)
	if p.Mapper("") != nil || p.Profiles(tenantA) != nil || policy(t, &config.File{Roles: map[string]config.Role{"viewer": {}}}).Mapper("") != nil {
		t.Error("a payload is read that nobody needs, or a role defined that nobody configured")
	}
	texts := []string{"", "guest", "none", "viewer", "TECHNICIAN", "admin", "superadmin"}
	for _, super := range []bool{false, true} {
		for _, row := range texts {
			user := authsvc.User{Role: row, IsSuperadmin: super, TenantID: tenantA, Grants: []authsvc.Grant{{AgentID: 1, Role: "admin"}}}
			for _, token := range append(texts, "-") {
				for _, key := range []authsvc.KeyID{authsvc.KeyDashboard, authsvc.KeyAgent, authsvc.KeyNone} {
					c := authsvc.Claims{Key: key, Role: token, HasRole: token != "-"}
					got, err := p.Decide(context.Background(), user, c)
					want, _ := claims.RoleRule{}.Decide(context.Background(), user, c)
					if err != nil || got.Role != want.Role || got.MaxRole != want.MaxRole || got.Profile != nil || got.Grants != nil {
						t.Fatalf("row %q %v, token %q, key %d: %+v, %v, want %+v", row, super, token, key, got, err, want)
					}
				}
			}
		}
	}
}

func newRule(source string) (*claims.Policy, error) {
	return claims.New(&config.File{UserValidationRules: []config.Rule{{Expression: source, Message: "m"}}}, vocab)
}
