package claims_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
	"github.com/everydaytech/meshsso/authsvc/config"
)

var benchUser = authsvc.User{ID: 7, TenantID: tenantA, Role: "technician", FullName: "Ann Lee", Email: "ann@example.com"}

func BenchmarkRoleRule(b *testing.B) {
	c := authsvc.Claims{Key: authsvc.KeyDashboard, Role: "technician", HasRole: true}
	for b.Loop() {
		if _, err := (claims.RoleRule{}).Decide(context.Background(), benchUser, c); err != nil {
			b.Fatal(err)
		}
	}
}

// tenRules is a policy of five rules before and five after the look-up, and the usual expressions.
func tenRules() *config.File {
	cfg := &config.File{
		ClaimMappings: &config.ClaimMappings{Roles: expr("claims.realm_access.roles"), Name: expr("claims.given_name + ' ' + claims.family_name")},
		Roles:         map[string]config.Role{"technician": {DeviceRights: []string{"remote-control", "wake"}}},
	}
	for i, source := range []string{
		"claims.exp - claims.iat <= 86400", "has(claims.amr) && 'hwk' in claims.amr", "claims.azp == 'dashboard'",
		"claims.email.endsWith('@example.com')", "claims.realm_access.roles.exists(r, r == 'technician')",
		"result.rank != 'admin' || 'hwk' in claims.amr", "!user.isSuperadmin", "user.email == claims.email",
		"'remote-control' in result.deviceRights", "result.name != ''",
	} {
		r := config.Rule{Expression: source, Message: fmt.Sprint(i)}
		if i < 5 {
			cfg.ClaimValidationRules = append(cfg.ClaimValidationRules, r)
		} else {
			cfg.UserValidationRules = append(cfg.UserValidationRules, r)
		}
	}
	return cfg
}

var benchPayload = with(builtInPayload, map[string]any{
	"email": "ann@example.com", "amr": []string{"pwd", "hwk"}, "azp": "dashboard", "given_name": "Ann", "family_name": "Lee",
	"realm_access": map[string]any{"roles": []string{"offline_access", "technician"}},
})

func BenchmarkTenRules(b *testing.B) {
	p := policy(b, tenRules())
	read, data := p.Mapper(""), payload(b, benchPayload)
	b.ReportAllocs()
	for b.Loop() {
		c, err := read(data)
		if err != nil {
			b.Fatal(err)
		}
		c.Key = authsvc.KeyDashboard
		if _, err := p.Decide(context.Background(), benchUser, c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMapDefaults(b *testing.B) {
	read, data := policy(b, &config.File{ClaimMappings: &config.ClaimMappings{}}).Mapper(""), payload(b, benchPayload)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := read(data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWorstExpression is what one expression may cost at most.
func BenchmarkWorstExpression(b *testing.B) {
	p := policy(b, &config.File{ClaimValidationRules: []config.Rule{{Expression: "claims.list.all(x, x != claims.n && x == 'a' || x.size() > 3)", Message: "m"}}})
	var items []string
	for range 1000 {
		items = append(items, "a")
	}
	read, data := p.Mapper(""), payload(b, with(builtInPayload, map[string]any{"list": items, "n": "b"}))
	for b.Loop() {
		if _, err := read(data); err != nil {
			b.Fatal(err)
		}
	}
}
