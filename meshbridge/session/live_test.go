package session_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/internal/testpg"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

func randomToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func TestEnterIsBoundToBrowserAndPerson(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	a, b := r.create(t, w.tech(), "2"), r.create(t, w.mate(), "2")
	if l := r.enter(t, a); l.Session().Person.Email != "tech@acme.example" || l != r.enter(t, a) {
		t.Errorf("%+v", l.Session())
	}
	own, foreign := binding(a), binding(b)
	for name, c := range map[string]struct {
		token string
		b     session.Binding
		want  *session.Error
	}{
		"no cookies":                      {a.Token, session.Binding{}, session.ErrNotYours},
		"no person":                       {a.Token, session.Binding{SessionCookie: own.SessionCookie}, session.ErrNotYours},
		"no session cookie":               {a.Token, session.Binding{PersonCookie: own.PersonCookie}, session.ErrNotYours},
		"another's cookies":               {a.Token, foreign, session.ErrNotYours},
		"another person in that browser":  {a.Token, session.Binding{SessionCookie: own.SessionCookie, PersonCookie: foreign.PersonCookie}, session.ErrNotYours},
		"the token as cookie":             {a.Token, session.Binding{SessionCookie: a.Token, PersonCookie: own.PersonCookie}, session.ErrNotYours},
		"unknown":                         {randomToken(), own, session.ErrUnknown},
		"unknown, no cookies":             {randomToken(), session.Binding{}, session.ErrUnknown},
		"empty":                           {"", own, session.ErrUnknown},
		"not canonical":                   {a.Token[:42] + "=", own, session.ErrUnknown},
		"a line break":                    {a.Token[:42] + "\n", own, session.ErrUnknown},
		"too long":                        {strings.Repeat("A", 1<<16), own, session.ErrUnknown},
		"its hash":                        {w.text(t, `select session_token from public.meshcentral_sessions limit 1`), own, session.ErrUnknown},
		"its id":                          {a.Session.ID, own, session.ErrUnknown},
		"not yet entered, no cookies":     {b.Token, session.Binding{}, session.ErrNotYours},
		"not yet entered, another's":      {b.Token, own, session.ErrNotYours},
		"not yet entered, another's mark": {b.Token, session.Binding{SessionCookie: foreign.SessionCookie, PersonCookie: own.PersonCookie}, session.ErrNotYours},
	} {
		if _, err := r.Enter(t.Context(), c.token, c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	r.Round(t.Context())
	// Each session's once, however often it is tried.
	if got := w.audited(t); got != "session_created session_created session_opened denied:SESSION_NOT_YOURS denied:SESSION_NOT_YOURS" {
		t.Error(got)
	}
}

func TestAnOldBackendsRowIsNoSession(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	// An old backend that still runs writes its tokens as they are.
	token := randomToken()
	w.db.Exec(t, `insert into public.meshcentral_sessions (session_token, user_id, agent_id, node_id, view_mode, expires_at)
	  values ('`+token+`', 1, 2, 'node//A', 10, now() + interval '1 day'), (encode(sha256('`+token+`'::bytea), 'hex'), 1, 2, 'node//A', 10, now() + interval '1 day')`)
	_, err := r.Enter(t.Context(), token, session.Binding{})
	wantErr(t, err, session.ErrUnknown)
	w.clock.advance(48 * time.Hour)
	r.Clean(t.Context())
	if got := w.text(t, `select count(*)::text from public.meshcentral_sessions`); got != "2" {
		t.Errorf("%s rows", got)
	}
}

func TestWhatEndsASessionEndsItOnEveryReplica(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*testing.T, *world, *replica, *session.Created)
		want *session.Error
		says string
	}{
		"its person's DELETE, by token": {func(t *testing.T, w *world, r *replica, c *session.Created) {
			if err := r.Delete(t.Context(), w.tech(), c.Token, here); err != nil {
				t.Error(err)
			}
		}, session.ErrEnded, "session_ended:closed"},
		"its person's DELETE, by id": {func(t *testing.T, w *world, r *replica, c *session.Created) {
			if err := r.Delete(t.Context(), w.tech(), c.Session.ID, here); err != nil {
				t.Error(err)
			}
		}, session.ErrEnded, "session_ended:closed"},
		"an admin's DELETE": {func(t *testing.T, w *world, r *replica, c *session.Created) {
			if err := r.Delete(t.Context(), w.admin(), c.Session.ID, here); err != nil {
				t.Error(err)
			}
		}, session.ErrEnded, "session_ended:admin"},
		"logout": {func(t *testing.T, w *world, r *replica, _ *session.Created) {
			n, cookie, err := r.Logout(t.Context(), w.tech(), here)
			if err != nil || n != 1 || cookie.Name != session.PersonCookie || cookie.MaxAge != -1 {
				t.Error(n, cookie, err)
			}
		}, session.ErrEnded, "session_ended:logout"},
		"an operator's kill": {func(t *testing.T, w *world, _ *replica, c *session.Created) {
			ids, err := session.NewAdmin(w.db.Conn, time.Second, nil).Kill(t.Context(), session.Filter{IDs: []string{c.Session.ID}}, "op", w.clock.Now())
			if err != nil || len(ids) != 1 {
				t.Error(ids, err)
			}
		}, session.ErrEnded, "session_ended:admin"},
		"its row is deleted": {func(t *testing.T, w *world, _ *replica, _ *session.Created) {
			w.db.Exec(t, `delete from public.meshcentral_sessions`)
		}, session.ErrEnded, "session_ended:gone"},
		"expiry": {func(_ *testing.T, w *world, _ *replica, _ *session.Created) {
			w.clock.advance(lifetime)
		}, session.ErrExpired, "session_ended:expiry"},
		"no traffic": {func(_ *testing.T, w *world, _ *replica, _ *session.Created) {
			w.clock.advance(idle)
		}, session.ErrIdle, "session_ended:idle"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r, other := w.replica(t, nil), w.replica(t, nil)
			made := r.create(t, w.tech(), "2")
			here, there := r.enter(t, made), other.enter(t, made)
			c.do(t, w, r, made)
			r.Round(t.Context())
			other.Round(t.Context())
			for _, l := range []*session.Live{here, there} {
				if !ended(l) {
					t.Fatal("it is still live")
				}
				wantErr(t, l.Err(), c.want)
			}
			for _, x := range []*replica{r, other} {
				if _, err := x.Enter(t.Context(), made.Token, binding(made)); !errors.Is(err, c.want) && !errors.Is(err, session.ErrUnknown) {
					t.Error(err)
				}
				// Without the cookies nothing is told of what it was.
				_, err := x.Enter(t.Context(), made.Token, session.Binding{})
				wantErr(t, err, session.ErrUnknown)
				if id := <-x.ended; id != made.Session.ID {
					t.Errorf("told of %s", id)
				}
			}
			if got := w.audited(t); strings.Count(got, c.says) != 1 && name != "its row is deleted" {
				t.Error(got)
			}
		})
	}
}

func TestRightsAreReadAnew(t *testing.T) {
	for name, c := range map[string]struct{ sql string }{
		"demoted":                  {`update public.users set role = 'viewer' where user_id = 2`},
		"lowered but still in":     {`update public.users set role = 'technician' where user_id = 2`},
		"disabled":                 {`update public.users set disabled = true where user_id = 2`},
		"deleted":                  {`delete from public.users where user_id = 2`},
		"another tenant":           {`update public.users set tenant_id = '` + tenantB + `' where user_id = 2`},
		"tenant gone":              {`delete from public.tenants where tenant_id = '` + tenantA + `'`},
		"device of another tenant": {`update public.agents set tenant_id = '` + tenantB + `' where agent_id = 2`},
		"device gone":              {`delete from public.agents where agent_id = 2`},
		"device enrolled anew":     {`update public.agents set meshcentral_nodeid = repeat('Z', 64) where agent_id = 2`},
		"device disputed":          {`update public.agents set meshcentral_nodeid = repeat('B', 64) where agent_id = 7`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r, other := w.replica(t, nil), w.replica(t, nil)
			made := r.create(t, w.admin(), "2")
			l, there := r.enter(t, made), other.enter(t, made)
			w.db.Exec(t, c.sql)
			r.Round(t.Context())
			if ended(l) {
				t.Fatal("ended before the cache lifetime without a look at the rows") // what the directory remembers counts till then
			}
			for range 5 { // one cache lifetime
				w.clock.advance(recheck / 5)
				r.Round(t.Context())
			}
			other.Round(t.Context())
			if !ended(l) || !ended(there) {
				t.Fatal("it is still live")
			}
			wantErr(t, l.Err(), session.ErrRevoked)
			_, err := r.Enter(t.Context(), made.Token, binding(made))
			wantErr(t, err, session.ErrRevoked)
			if got := w.audited(t); strings.Count(got, "session_ended:revoked") != 1 {
				t.Error(got)
			}
		})
	}
}

func TestWhatStaysOrGrowsGoesOn(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	l := r.enter(t, r.create(t, w.tech(), "2"))
	w.db.Exec(t, `update public.users set role = 'admin', full_name = 'New' where user_id = 1; update public.agents set hostname = 'renamed' where agent_id = 2`)
	w.clock.advance(recheck)
	r.Round(t.Context())
	if s := l.Session(); ended(l) || s.Rights != 409816 || s.Person.Name != "New" || s.Agent.Hostname != "renamed" {
		t.Errorf("%+v", s)
	}
}

func TestTrafficKeepsItFromIdlingOut(t *testing.T) {
	w := newWorld(t)
	r, other := w.replica(t, nil), w.replica(t, nil)
	made := r.create(t, w.tech(), "2")
	here, there := r.enter(t, made), other.enter(t, made)
	for range 4 {
		w.clock.advance(idle - time.Minute)
		here.Use() // there is traffic on one replica only
		r.Round(t.Context())
		other.Round(t.Context())
		other.Clean(t.Context())
		if ended(here) || ended(there) {
			t.Fatal("ended although it is used")
		}
	}
	if got := there.Session().LastUsedAt; w.clock.Now().Sub(got) > time.Minute {
		t.Errorf("the other replica thinks that it was used at %s", got)
	}
}

func TestTunnelsAreAudited(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	l := r.enter(t, r.create(t, w.tech(), "2"))
	tunnel := l.Tunnel("terminal\n\x1b[31m")
	w.clock.advance(3 * time.Second)
	tunnel.Close(10, 20)
	tunnel.Close(99, 99)
	for range 100 {
		l.Denied("FRAME_ACTION")
	}
	r.Round(t.Context())
	if got := w.audited(t); got != "session_created session_opened tunnel_opened tunnel_closed denied:FRAME_ACTION" {
		t.Error(got)
	}
	if got := w.text(t, `select kind || '|' || bytes_up || '|' || bytes_down || '|' || round(seconds) || '|' || email || '|' || hostname from meshsso.audit where event = 'tunnel_closed'`); got != "terminal  [31m|10|20|3|tech@acme.example|bravo" {
		t.Error(got)
	}
	r.enter(t, r.create(t, w.tech(), "1"))
	if got := w.text(t, `select count(*)::text from meshsso.audit where event = 'session_opened'`); got != "2" {
		t.Errorf("%s opened", got)
	}
}

func TestDenialsCannotFillTheAudit(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	l := r.enter(t, r.create(t, w.tech(), "2"))
	for i := range 1000 {
		l.Denied(strings.Repeat("x", i))
	}
	r.Round(t.Context())
	if got := strings.Count(w.audited(t), "denied:"); got > 32 {
		t.Errorf("%d lines", got)
	}
}

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

func TestPostgresIsAway(t *testing.T) {
	db := testpg.StartServer(t).NewDatabase(t)
	w := worldOn(t, db)
	r := w.replica(t, nil)
	made, other := r.create(t, w.tech(), "2"), r.create(t, w.tech(), "1")
	l := r.enter(t, made)
	// From here on without the database.
	db.Server.Stop()
	w.clock.advance(5 * time.Second)
	tunnel := l.Tunnel("files")
	r.Round(t.Context())
	for _, c := range []*session.Created{made, other} {
		_, err := r.Enter(t.Context(), c.Token, binding(c))
		wantErr(t, err, session.ErrStore)
		if session.AsError(err).RetryAfter == 0 {
			t.Error("no Retry-After")
		}
	}
	_, err := r.Create(t.Context(), r.request(w.tech(), "2"))
	wantErr(t, err, session.ErrStore)
	if ended(l) {
		t.Fatal("what is open ended at once")
	}
	w.clock.advance(recheck - 10*time.Second)
	r.Round(t.Context())
	if ended(l) {
		t.Fatal("what is open ended before its rights were one cache lifetime old")
	}
	w.clock.advance(10 * time.Second)
	r.Round(t.Context())
	if !ended(l) {
		t.Fatal("it goes on with rights that nobody could check for a cache lifetime")
	}
	wantErr(t, l.Err(), session.ErrStore)
	tunnel.Close(1, 1)
	if err := db.Server.Start(); err != nil {
		t.Fatal(err)
	}
	again := r.awaitEnter(t, made)
	r.Round(t.Context())
	if ended(again) {
		t.Error(again.Err())
	}
	var got string
	conn, err := pgxpool.New(t.Context(), db.Server.ConnString(db.Name))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.QueryRow(t.Context(), `select string_agg(event, ' ' order by id) from meshsso.audit where kind = 'files'`).Scan(&got); err != nil || got != "tunnel_opened tunnel_closed" {
		t.Errorf("what happened meanwhile is not in the audit: %q %v", got, err)
	}
}

// awaitEnter enters as soon as the pool has thrown its dead connections away.
func (r *replica) awaitEnter(t *testing.T, c *session.Created) *session.Live {
	t.Helper()
	var err error
	for range 20 {
		var l *session.Live
		if l, err = r.Enter(t.Context(), c.Token, binding(c)); err == nil {
			return l
		}
	}
	t.Fatal(err)
	return nil
}

func TestBogusTokensLeaveNothingBehind(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	made := r.create(t, w.tech(), "2")
	own := binding(made)
	try := func(n int) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range n / 4 {
					if _, err := r.Enter(t.Context(), randomToken(), own); !errors.Is(err, session.ErrUnknown) {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	try(1000)
	before := heap()
	try(10_000)
	if after := heap(); after > before+1<<20 {
		t.Errorf("%d bytes more", after-before)
	}
	r.enter(t, made)
	r.Round(t.Context())
	if got := w.audited(t); got != "session_created session_opened" {
		t.Error(got)
	}
}

func TestRunEndsWhatIsOpenHereAndWritesTheAudit(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	made := r.create(t, w.tech(), "2")
	l := r.enter(t, made)
	tunnel := l.Tunnel("desktop")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	stop()
	<-l.Done()
	tunnel.Close(3, 4)
	<-done
	allOf(t, w.audited(t), "tunnel_closed")
	// The session itself lives on: another replica serves it.
	w.replica(t, nil).enter(t, made)
}

// Run itself sees within two seconds what happened elsewhere.
func TestRunFollowsTheDatabase(t *testing.T) {
	w := newWorld(t)
	r, other := w.replica(t, nil), w.replica(t, nil)
	made := r.create(t, w.tech(), "2")
	l := r.enter(t, made)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	if err := other.Delete(t.Context(), w.tech(), made.Token, here); err != nil {
		t.Fatal(err)
	}
	<-l.Done()
	wantErr(t, l.Err(), session.ErrEnded)
	stop()
	<-done
}

func TestEverythingAtOnce(t *testing.T) {
	w := newWorld(t)
	replicas := []*replica{w.replica(t, nil), w.replica(t, nil)}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r := replicas[i%2]
			for range 10 {
				c, err := r.Create(t.Context(), r.request(w.tech(), "2"))
				if err != nil {
					t.Error(err)
					return
				}
				l, err := replicas[(i+1)%2].Enter(t.Context(), c.Token, binding(c))
				if err != nil {
					continue // it may have made room already
				}
				tunnel := l.Tunnel("terminal")
				l.Use()
				_ = l.Session()
				tunnel.Close(1, 1)
				_ = r.Delete(t.Context(), w.tech(), c.Token, here)
			}
		})
	}
	for _, r := range replicas {
		wg.Go(func() {
			for range 20 {
				r.Round(t.Context())
				r.Clean(t.Context())
			}
		})
	}
	wg.Wait()
	for _, r := range replicas {
		r.Round(t.Context())
	}
	if got := w.text(t, `select count(*) filter (where event = 'session_created') - count(*) filter (where event = 'session_ended') - (select count(*) from public.meshcentral_sessions where ended_at is null) || ''
	  from meshsso.audit`); got != "0" {
		t.Errorf("the audit does not balance: %s", got)
	}
}
