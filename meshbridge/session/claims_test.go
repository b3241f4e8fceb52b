package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

// rules is a policy that tests change: who may come is whose claim `level` is this one.
type rules struct {
	authsvc.Verifier
	issuer  *authsvc.Issuer // of whom tokens are
	payload map[string]any  // of every token; nil: nothing is mapped
	level   atomic.Value    // string
	version atomic.Value
	judged  atomic.Int64
	restore func(c *authsvc.Claims) // changes what Restore gives
	asked   []string                // of Restore
}

func (p *rules) Verify(ctx context.Context, t authsvc.Token) (authsvc.Claims, error) {
	c, err := p.Verifier.Verify(ctx, t)
	if p.payload != nil {
		p.mapInto(&c, p.payload)
	}
	return c, err
}

func (p *rules) mapInto(c *authsvc.Claims, payload map[string]any) {
	c.Mapped = &authsvc.Mapped{Issuer: p.issuer, Payload: payload}
	if p.issuer != nil {
		c.Key, c.UserID = authsvc.KeyIssuer, 0
	}
}

func (p *rules) Decide(ctx context.Context, u authsvc.User, c authsvc.Claims) (authsvc.Decision, error) {
	p.judged.Add(1)
	if level := p.level.Load(); level != "" && (c.Mapped == nil || c.Mapped.Payload["level"] != level) {
		return authsvc.Decision{}, authsvc.Deny(authsvc.RuleDenied, "level")
	}
	return claims.RoleRule{}.Decide(ctx, u, c)
}

func (p *rules) Restore(issuer string, payload []byte, stored authsvc.Claims) (authsvc.Claims, error) {
	p.asked = append(p.asked, issuer+" "+string(payload))
	c := stored
	if payload != nil {
		var read map[string]any
		if err := json.Unmarshal(payload, &read); err != nil {
			return authsvc.Claims{}, err
		}
		p.mapInto(&c, read)
	}
	if p.restore != nil {
		p.restore(&c)
	}
	return c, nil
}

func newRules(issuer *authsvc.Issuer, payload map[string]any) *rules {
	p := &rules{issuer: issuer, payload: payload}
	p.level.Store("")
	p.version.Store("1")
	return p
}

// of has a replica judge by p.
func (p *rules) of(restores bool) func(*session.Config) {
	return func(cfg *session.Config) {
		auth, _ := cfg.Auth.(*authsvc.Service)
		p.Verifier = auth.Verifier
		cfg.Auth = versioned{p, &authsvc.Service{Verifier: p, Users: auth.Users, Tenants: auth.Tenants, Devices: auth.Devices, Roles: p}}
		cfg.RulesVersion = func() string { v, _ := p.version.Load().(string); return v }
		if restores {
			cfg.Restore = p.Restore
		}
	}
}

// versioned names the policy in every identity.
type versioned struct {
	p *rules
	*authsvc.Service
}

func (v versioned) Identify(ctx context.Context, c authsvc.Claims) (*authsvc.Identity, error) {
	version, _ := v.p.version.Load().(string)
	id, err := v.Service.Identify(ctx, c)
	if err == nil {
		id.RulesVersion = version
	}
	return id, err
}

var acme = &authsvc.Issuer{Name: "acme-sso", Tenants: map[string]bool{tenantA: true}}

func TestASessionRemembersItsClaims(t *testing.T) {
	payload := map[string]any{
		"level": "gold", "odd": "\u0000 <&> \u2028 é", "n": 1e21, "deep": map[string]any{"list": []any{true, nil, "x", 0.1}}, "": "",
	}
	for name, issuer := range map[string]*authsvc.Issuer{"acme-sso": acme, "": nil} {
		w := newWorld(t)
		p := newRules(issuer, payload)
		p.level.Store("gold")
		r, other := w.replica(t, p.of(true)), w.replica(t, p.of(true))
		c := r.create(t, w.tech(), "2")
		l := other.enter(t, c)
		if ended(l) || len(p.asked) != 1 {
			t.Fatalf("%q: asked %q", name, p.asked)
		}
		gotName, text, _ := strings.Cut(p.asked[0], " ")
		var got map[string]any
		if err := json.Unmarshal([]byte(text), &got); err != nil || gotName != name || !reflect.DeepEqual(got, payload) {
			t.Errorf("%q: %q %v %v", name, gotName, got, err)
		}
		if stored := w.text(t, `select row_to_json(s)::text from public.meshcentral_sessions s`); strings.Contains(stored, c.Token) || strings.Contains(stored, "eyJ") {
			t.Errorf("%q: a token is stored: %s", name, stored)
		}
	}
}

func TestAMappedSessionWithoutItsMappingEnds(t *testing.T) {
	for name, p := range map[string]*rules{"a mapping": newRules(nil, map[string]any{}), "an issuer": newRules(acme, nil), "an issuer's claims": newRules(acme, map[string]any{"x": true})} {
		w := newWorld(t)
		if p.issuer != nil && p.payload == nil {
			p.payload = map[string]any{"x": 1.0} // stored, and lost
		}
		c := w.replica(t, p.of(true)).create(t, w.tech(), "2")
		if name == "an issuer" {
			w.db.Exec(t, `update public.meshcentral_sessions set jwt_claims = null, jwt_issuer = null`)
		}
		_, err := w.replica(t, p.of(false)).Enter(t.Context(), c.Token, binding(c))
		wantErr(t, err, session.ErrRevoked)
		if got := w.text(t, `select end_reason from public.meshcentral_sessions`); got != "revoked" {
			t.Errorf("%s: ended for %s", name, got)
		}
	}
}

func TestAnUnmappedSessionIsRestoredWithoutClaims(t *testing.T) {
	w := newWorld(t)
	p := newRules(nil, nil)
	c := w.replica(t, p.of(true)).create(t, w.tech(), "2")
	r := w.replica(t, p.of(true))
	if r.enter(t, c); len(p.asked) != 1 || p.asked[0] != " " {
		t.Errorf("asked %q", p.asked)
	}
	p.level.Store("gold") // a rule that needs what was not kept
	p.version.Store("2")
	_, err := r.Enter(t.Context(), c.Token, binding(c))
	wantErr(t, err, session.ErrRevoked)
}

func TestRestoreCannotMakeItAnotherPersons(t *testing.T) {
	for name, change := range map[string]func(*authsvc.Claims){
		"e-mail":   func(c *authsvc.Claims) { c.Email = "mate@acme.example" },
		"user":     func(c *authsvc.Claims) { c.UserID = 5 },
		"key":      func(c *authsvc.Claims) { c.Key = authsvc.KeyDashboard },
		"issuer":   func(c *authsvc.Claims) { c.Mapped = &authsvc.Mapped{Issuer: &authsvc.Issuer{Name: "another"}} },
		"built-in": func(c *authsvc.Claims) { c.Mapped = nil },
	} {
		w := newWorld(t)
		p := newRules(acme, map[string]any{"x": true})
		c := w.replica(t, p.of(true)).create(t, w.tech(), "2")
		p.restore = change
		if _, err := w.replica(t, p.of(true)).Enter(t.Context(), c.Token, binding(c)); !errors.Is(err, session.ErrRevoked) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

// Nothing that was judged by one policy counts under the next.
func TestAnotherPolicyJudgesAnew(t *testing.T) {
	w := newWorld(t)
	p := newRules(nil, map[string]any{"level": "gold"})
	r := w.replica(t, p.of(true))
	f := session.Finder{Service: r.Service}
	c := r.create(t, w.tech(), "2")
	l := r.enter(t, c)
	version := func() string {
		got, err := f.FindSession(t.Context(), c.Session.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got.RulesVersion
	}
	before := p.judged.Load()
	r.Round(t.Context())
	if got := version(); got != "1" || p.judged.Load() != before {
		t.Errorf("judged by %q, %d times for nothing", got, p.judged.Load()-before)
	}
	p.version.Store("2")
	if got := version(); got != "2" || p.judged.Load() != before+1 || ended(l) {
		t.Errorf("judged by %q, %d times", got, p.judged.Load()-before)
	}
	if version(); p.judged.Load() != before+1 {
		t.Error("judged again by the same policy")
	}
	for name, notices := range map[string]func(*replica, *session.Created) error{
		"a round": func(r *replica, _ *session.Created) error { r.Round(t.Context()); return nil },
		"a request": func(r *replica, c *session.Created) error {
			_, err := r.Enter(t.Context(), c.Token, binding(c))
			return err
		},
		"the shim": func(_ *replica, c *session.Created) error {
			_, err := f.FindSession(t.Context(), c.Session.ID)
			return err
		},
	} {
		p.level.Store("")
		p.version.Store(name + " before")
		c := r.create(t, w.tech(), "2")
		l := r.enter(t, c)
		p.level.Store("platinum")
		p.version.Store(name)
		if err := notices(r, c); (err == nil) != (name == "a round") || !ended(l) {
			t.Errorf("%s: %v", name, err)
		}
		wantErr(t, l.Err(), session.ErrRevoked)
	}
}

// A policy that comes while a session is judged judges all of it: claims that the former one let pass are mapped again.
func TestAPolicyThatComesMeanwhileJudgesItAll(t *testing.T) {
	w := newWorld(t)
	p := newRules(acme, map[string]any{"level": "gold"})
	r := w.replica(t, p.of(true))
	c := r.create(t, w.tech(), "2")
	l := r.enter(t, c)
	p.asked = nil
	p.restore = func(*authsvc.Claims) { // a reload behind its back
		if len(p.asked) == 1 {
			p.version.Store("3")
		}
	}
	p.version.Store("2")
	if err := l.Err(); err != nil {
		t.Fatal(err)
	}
	if r.enter(t, c); len(p.asked) != 2 {
		t.Errorf("mapped %d times: the policy that holds never saw the claims", len(p.asked))
	}
}

func TestRenewalBringsItsOwnClaims(t *testing.T) {
	w := newWorld(t)
	p := newRules(nil, map[string]any{"level": "gold"})
	r, other := w.replica(t, p.of(true)), w.replica(t, p.of(true))
	c := r.create(t, w.tech(), "2")
	l := other.enter(t, c)
	p.payload = map[string]any{"level": "silver"}
	if _, err := r.Renew(t.Context(), w.tech(), c.Session.ID, here); err != nil {
		t.Fatal(err)
	}
	p.level.Store("silver")
	p.version.Store("2")
	if other.Round(t.Context()); ended(l) {
		t.Errorf("the renewed session ended: %v", l.Err())
	}
	p.payload = nil
	if _, err := r.Renew(t.Context(), w.tech(), c.Session.ID, here); !errors.Is(err, session.ErrAccessDenied) {
		t.Errorf("a rule's denial is %v", err)
	}
	if got := w.text(t, `select jwt_claims::text from public.meshcentral_sessions`); got != `{"level":"silver"}` {
		t.Errorf("it remembers %s", got)
	}
	p.level.Store("")
	if _, err := r.Renew(t.Context(), w.tech(), c.Session.ID, here); err != nil {
		t.Fatal(err)
	}
	if got := w.text(t, `select jwt_claims::text from public.meshcentral_sessions`); got != "<null>" {
		t.Errorf("it still remembers %s", got)
	}
}
