package program

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

// tenRules is five rules before the look-up and five after it, and the usual expressions.
const tenRules = `version: 1
claimMappings:
  roles: {expression: claims.realm_access.roles}
  name: {expression: claims.given_name + ' ' + claims.family_name}
claimValidationRules:
- {expression: claims.exp - claims.iat <= 86400, message: m}
- {expression: has(claims.amr) && 'hwk' in claims.amr, message: m}
- {expression: claims.azp == 'dashboard', message: m}
- {expression: claims.email.endsWith('@acme.example'), message: m}
- {expression: "claims.realm_access.roles.exists(r, r == 'technician')", message: m}
userValidationRules:
- {expression: "result.rank != 'admin' || 'hwk' in claims.amr", message: m}
- {expression: "!user.isSuperadmin", message: m}
- {expression: user.email == claims.email, message: m}
- {expression: "'remote-control' in result.deviceRights", message: m}
- {expression: result.name != '', message: m}
`

const tokensPerLap = 500

// rulesFigures compares validations by the built-in mapping, by a file that says nothing and by ten rules, without a network or a
// database: what a policy adds. Each lap has tokens of its own, asked about twice: the first time is
// cold.
func rulesFigures(b *testing.B) []figure {
	b.Helper()
	dir := shortDir(b)
	services := map[string]*authsvc.Service{}
	for name, text := range map[string]string{"built-in": "", "empty file": "version: 1\n", "ten rules": tenRules} {
		services[name] = benchService(b, dir, strings.ReplaceAll(name, " ", "-"), text)
	}
	names := []string{"built-in", "empty file", "ten rules"}
	cold, warm := map[string][]float64{}, map[string][]float64{}
	for round := range rounds + 1 {
		tokens := benchTokens(round)
		first, again := lapOf(b, services, names, tokens), lapOf(b, services, names, tokens)
		for _, name := range names {
			if round > 0 { // the first warms the machine
				cold[name], warm[name] = append(cold[name], first[name]), append(warm[name], again[name])
			}
		}
	}
	added, same, unchanged := make([]float64, rounds), make([]float64, rounds), make([]float64, rounds)
	for i := range rounds {
		added[i] = cold["ten rules"][i] - cold["built-in"][i]
		same[i] = warm["ten rules"][i] / warm["built-in"][i]
		unchanged[i] = cold["empty file"][i] / cold["built-in"][i]
	}
	raw := map[string]any{"cold_us": cold, "warm_us": warm}
	return []figure{
		{Name: "Ten CEL rules: added to a cold validation, without network and database, p50", Value: median(added), Unit: "µs", Goal: "Ten CEL rules add to a cold validation: ≤ 20 µs", Spread: spread(added), Raw: raw},
		{Name: "Ten CEL rules ÷ the built-in mapping, a token that was met before, without network and database, p50", Value: median(same), Unit: "ratio of times", Goal: "Ten CEL rules add nothing to a warm validation: ≤ 1.05", Spread: spread(same), Raw: raw},
		{Name: "A meshsso.yaml that says nothing ÷ none, cold, without network and database, p50", Value: median(unchanged), Unit: "ratio of times", Goal: "The default mapping as before: ≤ 1.05", Spread: spread(unchanged), Raw: raw},
	}
}

func benchService(b *testing.B, dir, name, text string) *authsvc.Service {
	b.Helper()
	m := &ruleMaker{keys: secrets{jwt: []byte(dashboardSecret)}, leeway: 30 * time.Second, memo: 10000, getenv: func(string) string { return "" }, log: slog.New(slog.DiscardHandler)}
	if text != "" {
		m.path = filepath.Join(dir, name+".yaml")
		writeFile(b, m.path, text)
	}
	r, _, err := m.make(nil)
	if err != nil {
		b.Fatal(err)
	}
	row := authsvc.User{ID: 1, Email: "tech@acme.example", FullName: "Tess Tech", TenantID: tenantA, Role: "technician", ReadAt: time.Now()}
	dir1 := fixedDirectory{row: row, devices: &authsvc.DeviceSet{Scope: authsvc.Scope{TenantID: tenantA}, ReadAt: row.ReadAt}}
	return &authsvc.Service{Verifier: r.verifier, Users: dir1, Tenants: dir1, Devices: dir1, Roles: r.roles, Version: r.version()}
}

// fixedDirectory remembers one person.
type fixedDirectory struct {
	row     authsvc.User
	devices *authsvc.DeviceSet
}

func (d fixedDirectory) FindUsers(context.Context, string) ([]authsvc.User, error) {
	return []authsvc.User{d.row}, nil
}

func (d fixedDirectory) FindTenant(context.Context, string) (authsvc.Tenant, error) {
	return authsvc.Tenant{ID: d.row.TenantID, Name: "Acme", Known: true, ReadAt: d.row.ReadAt}, nil
}

func (d fixedDirectory) Devices(context.Context, authsvc.Scope) (*authsvc.DeviceSet, error) {
	return d.devices, nil
}

func benchTokens(round int) []authsvc.Token {
	tokens := make([]authsvc.Token, tokensPerLap)
	now := time.Now().Unix()
	for i := range tokens {
		tokens[i] = authsvc.NewToken(dashboardToken("tech@acme.example", tenantA, 1, map[string]any{
			"iat": now, "jti": fmt.Sprintf("%d-%d", round, i), "amr": []string{"pwd", "hwk"}, "azp": "dashboard", "given_name": "Tess", "family_name": "Tech",
			"realm_access": map[string]any{"roles": []string{"offline_access", "technician"}},
		}))
	}
	return tokens
}

// lapOf gives µs a validation, p50, of each. They take turns with every token, and at being the first.
func lapOf(b *testing.B, services map[string]*authsvc.Service, names []string, tokens []authsvc.Token) map[string]float64 {
	b.Helper()
	times := map[string][]float64{}
	for i, token := range tokens {
		for turn := range names {
			name := names[(i+turn)%len(names)]
			began := time.Now()
			if _, _, err := services[name].Authenticate(b.Context(), token); err != nil {
				b.Fatal(err)
			}
			times[name] = append(times[name], float64(time.Since(began).Nanoseconds())/1000)
		}
	}
	medians := map[string]float64{}
	for name, t := range times {
		medians[name] = median(t)
	}
	return medians
}

// The same alone: go test -run '^$' -bench '^BenchmarkRules$' -benchtime 1x ./program
func BenchmarkRules(b *testing.B) {
	for b.Loop() {
		for _, f := range rulesFigures(b) {
			b.Logf("%s: %.3f %s (%.3f..%.3f), goal %q", f.Name, f.Value, f.Unit, f.Spread[0], f.Spread[1], f.Goal)
		}
	}
}
