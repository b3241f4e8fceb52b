package session_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

func TestRenew(t *testing.T) {
	w := newWorld(t)
	r, other := w.replica(t, nil), w.replica(t, nil)
	exp := func(d time.Duration) map[string]any { return map[string]any{"exp": w.clock.Now().Add(d).Unix()} }
	made := r.create(t, w.jwt(dashboardKey, "tech@acme.example", tenantA, 1, exp(time.Hour)), "2")
	here, there := r.enter(t, made), other.enter(t, made)
	w.clock.advance(20 * time.Minute)
	until, err := r.Renew(t.Context(), w.jwt(dashboardKey, "tech@acme.example", tenantA, 1, exp(24*time.Hour)), made.Token, session.Client{})
	if err != nil || until.Sub(w.clock.Now()).Round(time.Minute) != lifetime {
		t.Fatal(until, err)
	}
	other.Round(t.Context())
	w.clock.advance(20 * time.Minute)
	for _, l := range []*session.Live{here, there} {
		l.Use()
		if ended(l) || !l.Session().ExpiresAt.Equal(until) {
			t.Errorf("%v %+v", l.Err(), l.Session())
		}
	}
	for name, c := range map[string]struct {
		token authsvc.Token
		what  string
		want  *session.Error
	}{
		"a colleague":          {w.mate(), made.Token, session.ErrNotYours},
		"an admin":             {w.admin(), made.Session.ID, session.ErrNotYours},
		"another tenant":       {w.ben(), made.Session.ID, session.ErrNotFound},
		"no token":             {authsvc.Token{}, made.Session.ID, session.ErrUnauthenticated},
		"unknown":              {w.tech(), randomToken(), session.ErrNotFound},
		"nonsense":             {w.tech(), "' or 1=1", session.ErrNotFound},
		"a role that is lower": {w.jwt(dashboardKey, "tech@acme.example", tenantA, 1, map[string]any{"role": "viewer"}), made.Token, session.ErrRoleDenied},
	} {
		if _, err := r.Renew(t.Context(), c.token, c.what, session.Client{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.Delete(t.Context(), w.tech(), made.Token, session.Client{}); err != nil {
		t.Fatal(err)
	}
	_, err = r.Renew(t.Context(), w.tech(), made.Token, session.Client{})
	wantErr(t, err, session.ErrNotFound)
	allOf(t, w.audited(t), "session_renewed")
}

// The token of a renewal may give less: a session's rights follow it, on every replica.
func TestRenewedWithALesserToken(t *testing.T) {
	w := newWorld(t)
	r, other := w.replica(t, nil), w.replica(t, nil)
	made := r.create(t, w.admin(), "2")
	here, there := r.enter(t, made), other.enter(t, made)
	if _, err := r.Renew(t.Context(), w.jwt(dashboardKey, "admin@acme.example", tenantA, 2, map[string]any{"role": "technician"}), made.Token, session.Client{}); err != nil {
		t.Fatal(err)
	}
	other.Round(t.Context())
	if !ended(here) || !ended(there) {
		t.Error("an admin's session goes on with a technician's token")
	}
}

func TestListAndDelete(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	mine, mates, bens, roots := r.create(t, w.tech(), "2"), r.create(t, w.mate(), "1"), r.create(t, w.ben(), "7"), r.create(t, w.root(), "2")
	for name, c := range map[string]struct {
		token authsvc.Token
		want  []*session.Created
	}{
		"own":          {w.tech(), []*session.Created{mine}},
		"an admin":     {w.admin(), []*session.Created{roots, mates, mine}},
		"a superadmin": {w.root(), []*session.Created{roots, bens, mates, mine}},
		"nobody's":     {w.viewer(), nil},
		"lowered":      {w.jwt(dashboardKey, "admin@acme.example", tenantA, 2, map[string]any{"role": "technician"}), nil},
	} {
		got, err := r.List(t.Context(), c.token, session.Client{})
		if err != nil || len(got) != len(c.want) {
			t.Errorf("%s: %v %+v", name, err, got)
			continue
		}
		for i, s := range got {
			if s.ID != c.want[i].Session.ID || s.Device.Hostname != c.want[i].Session.Agent.Hostname {
				t.Errorf("%s: %d is %+v", name, i, s)
			}
		}
	}
	wantErr(t, r.Delete(t.Context(), w.mate(), mine.Token, session.Client{}), session.ErrNotYours)
	wantErr(t, r.Delete(t.Context(), w.ben(), mine.Session.ID, session.Client{}), session.ErrNotFound)
	wantErr(t, r.Delete(t.Context(), w.admin(), bens.Session.ID, session.Client{}), session.ErrNotFound)
	wantErr(t, r.Delete(t.Context(), w.admin(), "x", session.Client{}), session.ErrNotFound)
	if err := r.Delete(t.Context(), w.root(), bens.Session.ID, session.Client{}); err != nil {
		t.Error(err)
	}
	wantErr(t, r.Delete(t.Context(), w.ben(), bens.Session.ID, session.Client{}), session.ErrNotFound)
}

func TestTickets(t *testing.T) {
	w := newWorld(t)
	separate := func(c *session.Config) { c.ProxyOrigin = "https://remote.example" }
	r, other := w.replica(t, separate), w.replica(t, separate)
	made := r.create(t, w.tech(), "2")
	url, ticket, ok := strings.Cut(made.ProxyURL, "&ticket=")
	if !ok || !strings.HasPrefix(url, "https://remote.example/api/meshcentral/proxy/"+made.Token+"/?viewmode=11&gotonode=") || len(made.Cookies) != 0 {
		t.Fatal(url, made.Cookies)
	}
	redeem := func(r *replica, token, ticket string, want *session.Error) {
		t.Helper()
		_, _, err := r.Redeem(t.Context(), token, ticket, here)
		wantErr(t, err, want)
	}
	redeem(r, made.Token, randomToken(), session.ErrTicket)
	redeem(r, made.Token, "", session.ErrTicket)
	redeem(r, randomToken(), ticket, session.ErrUnknown)
	cookies, live, err := other.Redeem(t.Context(), made.Token, ticket, here)
	if err != nil || live.Session().ID != made.Session.ID {
		t.Fatal(err)
	}
	for _, c := range cookies {
		allOf(t, c.String(), "HttpOnly", "Secure", "SameSite=None", "Partitioned", "Path=/api/meshcentral")
	}
	redeem(r, made.Token, ticket, session.ErrTicket) // once
	redeem(other, made.Token, ticket, session.ErrTicket)
	made.Cookies = cookies
	r.enter(t, made)
	other.enter(t, made)
	late := r.create(t, w.tech(), "1")
	_, ticket, _ = strings.Cut(late.ProxyURL, "&ticket=")
	w.clock.advance(31 * time.Second)
	redeem(r, late.Token, ticket, session.ErrTicket)
	// Where the proxy shares the dashboard's origin there are none.
	same := w.replica(t, nil)
	redeem(same, made.Token, ticket, session.ErrUnknown)
	_, err = r.Enter(t.Context(), late.Token, session.Binding{})
	wantErr(t, err, session.ErrNotYours)
}

func TestATicketIsRedeemedOnceHoweverManyTry(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, func(c *session.Config) { c.ProxyOrigin = "https://remote.example" })
	made := r.create(t, w.tech(), "2")
	_, ticket, _ := strings.Cut(made.ProxyURL, "&ticket=")
	var wg sync.WaitGroup
	results := make(chan error, 20)
	for range 20 {
		wg.Go(func() {
			_, _, err := r.Redeem(t.Context(), made.Token, ticket, here)
			results <- err
		})
	}
	wg.Wait()
	close(results)
	won := 0
	for err := range results {
		if err == nil {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d redeemed it", won)
	}
}

func TestAliveAndEndedAmong(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	a, b := r.create(t, w.tech(), "2"), r.create(t, w.tech(), "1")
	if s, err := r.Alive(t.Context(), a.Session.ID); err != nil || s.Rights != a.Session.Rights || s.Agent.NodeID != a.Session.Agent.NodeID {
		t.Error(s, err)
	}
	if err := r.Delete(t.Context(), w.tech(), a.Session.ID, here); err != nil {
		t.Fatal(err)
	}
	_, err := r.Alive(t.Context(), a.Session.ID)
	wantErr(t, err, session.ErrEnded)
	_, err = r.Alive(t.Context(), "x")
	wantErr(t, err, session.ErrUnknown)
	unknown := "00000000-0000-4000-8000-000000000000"
	got, err := r.EndedAmong(t.Context(), []string{a.Session.ID, b.Session.ID, unknown, "x"})
	if err != nil || strings.Join(got, " ") != a.Session.ID+" "+unknown+" x" {
		t.Error(got, err)
	}
}

func TestCleaning(t *testing.T) {
	w := newWorld(t)
	r, other := w.replica(t, nil), w.replica(t, nil)
	r.create(t, w.tech(), "2")
	idleOne := r.create(t, w.mate(), "2")
	r.Clean(t.Context())
	if got := w.text(t, `select count(*)::text from public.meshcentral_sessions where ended_at is null`); got != "2" {
		t.Errorf("%s live", got)
	}
	w.clock.advance(idle + time.Second)
	// Another replica is at it: nothing is done twice, nothing waits.
	tx, err := w.db.Conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `select pg_advisory_xact_lock($1)`, session.CleanLock); err != nil {
		t.Fatal(err)
	}
	r.Clean(t.Context())
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.audited(t); strings.Contains(got, "session_ended") {
		t.Error(got)
	}
	r.Clean(t.Context())
	other.Clean(t.Context())
	if got := w.audited(t); strings.Count(got, "session_ended:idle") != 2 {
		t.Error(got)
	}
	_, err = r.Enter(t.Context(), idleOne.Token, binding(idleOne))
	wantErr(t, err, session.ErrIdle)
	w.clock.advance(10 * time.Minute)
	other.Clean(t.Context())
	if got := w.text(t, `select count(*)::text from public.meshcentral_sessions`); got != "0" {
		t.Errorf("%s rows stay", got)
	}
	_, err = r.Enter(t.Context(), idleOne.Token, binding(idleOne))
	wantErr(t, err, session.ErrUnknown)
}
