package claims_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
	"github.com/everydaytech/meshsso/authsvc/config"
)

// mapped makes a policy of one Go mapper, with the firm's roles if configured.
func mapped(t testing.TB, configured bool, f claims.MapperFunc) *claims.Policy {
	t.Helper()
	cfg := &config.File{}
	if configured {
		cfg = firm()
		cfg.ClaimMappings = nil
	}
	cfg.Mappers = []config.Mapper{{Name: "m"}}
	return policy(t, cfg, claims.WithMapper("m", func(map[string]any) (claims.Mapper, error) { return f, nil }))
}

func TestMapperFloor(t *testing.T) {
	technician := authsvc.User{TenantID: tenantA, Role: "helpdesk", FullName: "row"}
	boss := authsvc.User{TenantID: tenantA, IsSuperadmin: true}
	for name, c := range map[string]struct {
		user  authsvc.User
		draft func(d *claims.Draft)
	}{
		"another tenant":           {technician, func(d *claims.Draft) { d.TenantID = tenantB }},
		"no tenant":                {boss, func(d *claims.Draft) { d.TenantID = "" }},
		"an unknown role":          {technician, func(d *claims.Draft) { d.Role = "boss" }},
		"no role":                  {technician, func(d *claims.Draft) { d.Role = "" }},
		"a role above the row's":   {technician, func(d *claims.Draft) { d.Role = "admin" }},
		"superadmin":               {technician, func(d *claims.Draft) { d.Role = "superadmin" }},
		"another tenant's role":    {boss, func(d *claims.Draft) { d.Role = "own" }},
		"a site right that grants": {technician, func(d *claims.Draft) { d.SiteRights = append(d.SiteRights, "full") }},
		"the same of a superadmin made an admin": {boss, func(d *claims.Draft) {
			d.Role, d.SiteRights = "admin", []string{"backup"}
		}},
		"an unknown site right":   {boss, func(d *claims.Draft) { d.SiteRights = []string{"x"} }},
		"a reserved device right": {boss, func(d *claims.Draft) { d.DeviceRights = append(d.DeviceRights, "edit-group") }},
		"an unknown device right": {technician, func(d *claims.Draft) { d.DeviceRights = []string{"secret"} }},
		"too many groups":         {technician, func(d *claims.Draft) { d.Groups = make([]string, 2000) }},
		"a panic":                 {technician, func(*claims.Draft) { panic("secret") }},
	} {
		p := mapped(t, true, func(_ context.Context, _ claims.Claims, d *claims.Draft) error { c.draft(d); return nil })
		_, err := p.Decide(context.Background(), c.user, says(nil))
		if authsvc.ReasonOf(err) != authsvc.RuleDenied || !strings.Contains(err.Error(), "mappers[0] (m): ") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	failing := mapped(t, true, func(context.Context, claims.Claims, *claims.Draft) error { return errors.New("secret") })
	_, err := failing.Decide(context.Background(), technician, says(nil))
	if authsvc.ReasonOf(err) != authsvc.RuleDenied || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	late := mapped(t, true, func(ctx context.Context, _ claims.Claims, _ *claims.Draft) error { cancel(); return ctx.Err() })
	_, err = late.Decide(ctx, technician, says(nil))
	wantReason(t, err, "")
}

func TestMapperChanges(t *testing.T) {
	user := authsvc.User{TenantID: tenantA, Role: "helpdesk", FullName: "row", Grants: []authsvc.Grant{{Role: "admin"}}}
	p := mapped(t, true, func(_ context.Context, c claims.Claims, d *claims.Draft) error {
		if d.TenantID != tenantA || d.Role != "helpdesk" || d.Name != "row" || c.User.Role != "helpdesk" || c.Payload["do"] == nil {
			return fmt.Errorf("not prefilled: %+v %+v", c, d)
		}
		switch c.Payload["do"] {
		case "lower":
			d.Role = "viewer"
		case "replace":
			d.DeviceRights, d.Name, d.Groups = []string{"wake", "wake", "chat"}, "Ann", []string{"g"}
		case "both":
			d.Role, d.DeviceRights = "viewer", []string{"chat"}
		}
		c.Payload["do"] = "seen"
		return nil
	})
	for do, want := range map[string]struct {
		role   string
		rights []string
		max    authsvc.Role
		grant  string
	}{
		"nothing": {"helpdesk", []string{"chat", "no-files", "remote-control", "wake"}, authsvc.RoleAdmin, "admin"},
		"lower":   {"viewer", []string{"no-terminal", "remote-control", "view-only"}, authsvc.RoleViewer, "viewer"},
		"replace": {"helpdesk", []string{"chat", "wake"}, authsvc.RoleAdmin, "admin"},
		"both":    {"viewer", []string{"chat"}, authsvc.RoleViewer, "viewer"},
	} {
		members := map[string]any{"do": do}
		d := decided(t, p, user, says(members))
		if d.Profile.Name != want.role || d.Role != d.Profile.Rank || !slices.Equal(d.Profile.DeviceRights, want.rights) || d.MaxRole != want.max || d.Grants["admin"].Name != want.grant {
			t.Errorf("%s: %+v %+v", do, d, d.Profile)
		}
		if (d.Name == "Ann") != (do == "replace") || members["do"] != do {
			t.Errorf("%s: %+v, %v", do, d, members)
		}
	}
	// A mapper may undo what the token lowered, but never the cap on grants.
	raise := mapped(t, true, func(_ context.Context, _ claims.Claims, d *claims.Draft) error { d.Role = "helpdesk"; return nil })
	token := says(nil)
	token.Role, token.HasRole = "viewer", true
	if d := decided(t, raise, user, token); d.Profile.Name != "helpdesk" || d.MaxRole != authsvc.RoleViewer {
		t.Errorf("%+v", d)
	}
	// The device condition of a role stays with rights of a mapper's own.
	auditor := mapped(t, true, func(_ context.Context, _ claims.Claims, d *claims.Draft) error { d.DeviceRights = nil; return nil })
	if d := decided(t, auditor, authsvc.User{TenantID: tenantA, Role: "auditor"}, says(nil)); d.Profile.Devices == nil || len(d.Profile.DeviceRights) != 0 {
		t.Errorf("%+v", d.Profile)
	}
}

// Where no role is configured, only a mapper that changes rights makes a profile.
func TestMapperWithoutRoles(t *testing.T) {
	user := authsvc.User{TenantID: tenantA, Role: "technician"}
	same := mapped(t, false, func(context.Context, claims.Claims, *claims.Draft) error { return nil })
	if same.Mapper("") == nil {
		t.Error("the mapper would see no payload")
	}
	if d := decided(t, same, user, says(nil)); d.Profile != nil || d.Role != authsvc.RoleTechnician {
		t.Errorf("%+v", d)
	}
	other := mapped(t, false, func(_ context.Context, _ claims.Claims, d *claims.Draft) error {
		d.DeviceRights = []string{"wake"}
		return nil
	})
	if d := decided(t, other, user, says(nil)); d.Profile == nil || !slices.Equal(d.Profile.DeviceRights, []string{"wake"}) {
		t.Errorf("%+v", d)
	}
	boss := mapped(t, false, func(_ context.Context, _ claims.Claims, d *claims.Draft) error {
		d.SiteRights = []string{"backup"}
		return nil
	})
	if d := decided(t, boss, authsvc.User{IsSuperadmin: true}, says(nil)); d.Role != authsvc.RoleSuperadmin || !slices.Equal(d.Profile.SiteRights, []string{"backup"}) {
		t.Errorf("%+v", d)
	}
}

func TestRegister(t *testing.T) {
	factory := func(cfg map[string]any) (claims.Mapper, error) {
		if cfg["bad"] == true {
			panic("a bug")
		}
		return nil, nil
	}
	claims.Register("test-register", factory)
	for name, f := range map[string]claims.Factory{"test-register": factory, "": factory, "test-nil": nil} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Register(%q) does not panic", name)
				}
			}()
			claims.Register(name, f)
		}()
	}
	for _, cfg := range []map[string]any{nil, {"bad": true}} {
		_, err := claims.New(&config.File{Mappers: []config.Mapper{{Name: "test-register", Config: cfg}}}, vocab)
		if err == nil || !strings.HasPrefix(err.Error(), "mappers[0].config: ") {
			t.Errorf("%v", err)
		}
	}
}

// A mapper of your own: register it, name it in meshsso.yaml, and test it with claimstest.
func ExampleRegister() {
	claims.Register("no-terminal-unless-trained", func(cfg map[string]any) (claims.Mapper, error) {
		claim, ok := cfg["claim"].(string)
		if !ok {
			return nil, errors.New("claim is missing or not a string")
		}
		return claims.MapperFunc(func(_ context.Context, c claims.Claims, d *claims.Draft) error {
			if trained, _ := c.Payload[claim].(bool); !trained {
				d.DeviceRights = append(d.DeviceRights, "no-terminal")
			}
			return nil
		}), nil
	})

	// mappers:
	//   - name: no-terminal-unless-trained
	//     config: {claim: trained}
	p, err := claims.New(&config.File{Mappers: []config.Mapper{
		{Name: "no-terminal-unless-trained", Config: map[string]any{"claim": "trained"}},
	}}, vocab)
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := p.Mapper("")([]byte(`{"userId": 7, "email": "ann@example.com", "tenantId": "11111111-1111-4111-8111-111111111111", "trained": "yes"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := p.Decide(context.Background(), authsvc.User{ID: 7, TenantID: tenantA, Role: "technician"}, c)
	fmt.Println(d.Profile.DeviceRights, err)
	// Output: [no-terminal remote-control wake] <nil>
}
