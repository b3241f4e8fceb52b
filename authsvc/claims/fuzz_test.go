package claims_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/config"
)

// Whatever a payload holds: no panic, the same verdict twice, never above the row, and never another person or tenant than the
// claims say.
func FuzzMapAndDecide(f *testing.F) {
	cfg := tenRules()
	cfg.ClaimValidationRules, cfg.UserValidationRules = nil, cfg.UserValidationRules[2:3]
	cfg.ClaimMappings.Name, cfg.ClaimMappings.Groups = claim("name"), expr("claims.o.map(k, k)")
	cfg.Issuers = []config.Issuer{{Name: "idp", Tenants: []string{tenantA}, ClaimMappings: &config.ClaimMappings{Roles: claim("roles")}}}
	p := policy(f, cfg)
	f.Add(payload(f, benchPayload))
	f.Add(payload(f, with(benchPayload, map[string]any{"o": map[string]any{"a": 1, "b": []any{}}, "email_verified": true})))
	f.Add(payload(f, with(idpPayload, map[string]any{"roles": []any{"admin"}})))
	f.Add([]byte(`{"userId":1.0}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, issuer := range []string{"", "idp"} {
			c, err := p.Map(context.Background(), issuer, data)
			again, err2 := p.Map(context.Background(), issuer, data)
			if (err == nil) != (err2 == nil) || !reflect.DeepEqual(c, again) {
				t.Fatalf("%v, %v", err, err2)
			}
			if err != nil {
				if !reflect.ValueOf(c).IsZero() || authsvc.ReasonOf(err) == authsvc.Internal {
					t.Fatalf("%+v, %v", c, err)
				}
				continue
			}
			if folded, ok := authsvc.FoldEmail(c.Email); !ok || folded != c.Email || (issuer == "") != (c.UserID > 0) || (issuer == "") != (c.TenantID != "") {
				t.Fatalf("%+v", c)
			}
			c.Key = authsvc.KeyDashboard
			d, err := p.Decide(context.Background(), benchUser, c)
			d2, err2 := p.Decide(context.Background(), benchUser, c)
			if (err == nil) != (err2 == nil) || !reflect.DeepEqual(d, d2) {
				t.Fatalf("%+v, %v; %+v, %v", d, err, d2, err2)
			}
			if d.Role > authsvc.RoleTechnician || d.MaxRole > authsvc.RoleAdmin || (err != nil && authsvc.ReasonOf(err) != authsvc.RuleDenied) {
				t.Fatalf("%+v, %v", d, err)
			}
		}
	})
}

// Whatever an expression is: compiled or refused with a place, and at run a verdict.
func FuzzExpression(f *testing.F) {
	for _, source := range []string{
		"claims.exp - claims.iat <= 86400", "has(claims.amr) && 'hwk' in claims.amr", "claims.a.exists(x, x.matches('^a+$'))",
		"claims.list.map(x, x + x).join('').size() > 3", "claims.?o.orValue({}).all(k, k != '')", "[[[[[1]]]]] == claims", "timestamp(claims.email) < timestamp('x')",
	} {
		f.Add(source)
	}
	c := says(with(builtInPayload, map[string]any{"amr": list("hwk"), "list": list("a", "b"), "o": map[string]any{"k": 1.0}, "exp": 2.0, "iat": 1.0}))
	f.Fuzz(func(t *testing.T, source string) {
		p, err := newRule(source)
		if err != nil {
			return
		}
		_, err = p.Decide(context.Background(), benchUser, c)
		_, again := p.Decide(context.Background(), benchUser, c)
		if (err != nil && authsvc.ReasonOf(err) != authsvc.RuleDenied) || (err == nil) != (again == nil) {
			t.Fatalf("%q: %v, %v", source, err, again)
		}
	})
}
