package claims_test

import (
	"strings"
	"testing"
)

// What people write is accepted, also where a claim may be missing.
func TestNewAcceptsTheUsual(t *testing.T) {
	for _, source := range []string{
		"claims.exp - claims.iat <= 86400",
		"claims.?groups.orValue([]).exists(g, g == 'a')",
		"claims.?a.?b.orValue([]).filter(g, g in ['a']).size() > 0",
		"(has(claims.a) ? claims.a : []).exists(g, g == 'a')",
		"claims.?s.orValue('').split(' ').exists(x, x == 'openid')",
		"claims.o.exists(k, claims.o[k].exists(r, r == 'x'))",
		"claims.a.map(x, x.roles).exists(r, r.exists(q, q == 'admin'))",
		"claims.a.filter(x, x.startsWith('p:')).map(x, x.substring(2)).exists(x, x == 'y')",
		"claims.a.exists(x, x in claims.b)",
		"sets.intersects(claims.?groups.orValue([]), ['a', 'b'])",
		"sets.contains(claims.groups.map(g, g.lowerAscii()), ['x'])",
		"claims.groups.map(g, g.lowerAscii().replace('mesh-', '')) != ['x']",
		"claims.email.replace('a', 'b').replace('c', '').replace('d', 'ee') != claims.a.join(', ')",
		`claims.email.matches('^[a-z0-9._%+-]+@[a-z0-9.-]+\\.[a-z]{2,6}$')`,
	} {
		if _, err := newRule(source); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// CEL meters a call once it is done, so one that could do too much at once is refused at load.
func TestNewRefusesHeavyCalls(t *testing.T) {
	for _, source := range []string{
		"sets.intersects(claims.a, claims.b)", "sets.contains(claims.?a.orValue([]), claims.b)", "sets.equivalent(claims.a, claims.a)",
		"claims.s.replace('', claims.t) == ''", "claims.s.replace('x', claims.t, 7) == ''", "user.email.replace('@', claims.x) == ''",
		"claims.s.split('').join(claims.s) == ''",
	} {
		if _, err := newRule(source); err == nil || !strings.Contains(err.Error(), "at once") {
			t.Errorf("%s: %v", source, err)
		}
	}
}
