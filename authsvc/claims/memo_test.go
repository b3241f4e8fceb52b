package claims_test

import (
	"context"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
	"github.com/everydaytech/meshsso/authsvc/config"
)

// Asked twice, a mapper runs once; asked about anything else that a rule reads, it runs again; a denial is made anew each time.
func TestVerdictsAreRememberedForTheSameTokenAndRow(t *testing.T) {
	runs := 0
	counting := func(map[string]any) (claims.Mapper, error) {
		return claims.MapperFunc(func(_ context.Context, c claims.Claims, _ *claims.Draft) error {
			runs++
			if c.User.Role == "viewer" {
				return context.DeadlineExceeded
			}
			return nil
		}), nil
	}
	p, err := claims.New(&config.File{Mappers: []config.Mapper{{Name: "counting"}}}, vocab, claims.WithMapper("counting", counting), claims.WithMemo(100))
	if err != nil {
		t.Fatal(err)
	}
	read := p.Mapper("")
	row := authsvc.User{ID: 7, TenantID: tenantA, Role: "technician", Email: "ann@example.com", ReadAt: time.Unix(1, 0), Grants: []authsvc.Grant{{AgentID: 1, Role: "viewer"}}}
	ask := func(more map[string]any, change func(*authsvc.User, *authsvc.Claims)) error {
		t.Helper()
		c, err := read(payload(t, with(builtInPayload, more)))
		if err != nil {
			t.Fatal(err)
		}
		c.Key = authsvc.KeyDashboard
		u := row
		if change != nil {
			change(&u, &c)
		}
		_, err = p.Decide(t.Context(), u, c)
		return err
	}
	expect := func(what string, ran int, more map[string]any, change func(*authsvc.User, *authsvc.Claims)) {
		t.Helper()
		before := runs
		if err := ask(more, change); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if runs-before != ran {
			t.Errorf("%s: the mapper ran %d times, want %d", what, runs-before, ran)
		}
	}
	expect("first", 1, nil, nil)
	expect("again", 0, nil, nil)
	expect("another payload", 1, map[string]any{"x": 1}, nil)
	for what, change := range map[string]func(*authsvc.User, *authsvc.Claims){
		"a row that was read anew": func(u *authsvc.User, _ *authsvc.Claims) { u.ReadAt = time.Unix(2, 0) },
		"another role":             func(u *authsvc.User, _ *authsvc.Claims) { u.Role = "admin" },
		"another tenant":           func(u *authsvc.User, _ *authsvc.Claims) { u.TenantID = tenantB },
		"a superadmin":             func(u *authsvc.User, _ *authsvc.Claims) { u.IsSuperadmin = true },
		"other grants":             func(u *authsvc.User, _ *authsvc.Claims) { u.Grants = []authsvc.Grant{{AgentID: 1, Role: "admin"}} },
		"another key":              func(_ *authsvc.User, c *authsvc.Claims) { c.Key = authsvc.KeyAgent },
	} {
		expect(what, 1, nil, change)
		if what != "other grants" { // a new list each time
			expect(what+", again", 0, nil, change)
		}
	}
	for range 2 {
		expectNoTime := func(u *authsvc.User, _ *authsvc.Claims) { u.ReadAt = time.Time{} }
		expect("a row that does not say when it was read", 1, nil, expectNoTime)
		before := runs
		if err := ask(nil, func(u *authsvc.User, _ *authsvc.Claims) { u.Role = "viewer" }); authsvc.ReasonOf(err) != authsvc.RuleDenied || runs != before+1 {
			t.Errorf("a denial: %v, ran %d times", err, runs-before)
		}
	}
}
