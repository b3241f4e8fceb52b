package session_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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
			r, other, asking := w.replica(t, nil), w.replica(t, nil), w.replica(t, nil)
			made := r.create(t, w.tech(), "2")
			here, there, asked := r.enter(t, made), other.enter(t, made), asking.enter(t, made)
			asked.Check(t.Context())
			if ended(asked) {
				t.Fatal("it ended by being asked about")
			}
			c.do(t, w, r, made)
			asked.Check(t.Context())
			r.Round(t.Context())
			other.Round(t.Context())
			for _, l := range []*session.Live{here, there, asked} {
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
	if s := l.Session(); ended(l) || s.Rights != 1458392 || s.Person.Name != "New" || s.Agent.Hostname != "renamed" {
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

// crowd counts how many of a store's batches are under way at once.
type crowd struct {
	session.DB
	now, most atomic.Int64
}

func (c *crowd) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	n := c.now.Add(1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
	return leaving{c.DB.SendBatch(ctx, b), c}
}

type leaving struct {
	pgx.BatchResults
	from *crowd
}

func (l leaving) Close() error { l.from.now.Add(-1); return l.BatchResults.Close() }

func TestTunnelsThatEndTogetherAskOnce(t *testing.T) {
	w := newWorld(t)
	c := &crowd{}
	r := w.replica(t, func(cfg *session.Config) { c.DB, cfg.DB = cfg.DB, c })
	l := r.enter(t, r.create(t, w.tech(), "2"))
	c.most.Store(0)
	var all sync.WaitGroup
	for range 300 {
		all.Go(func() { l.Check(t.Context()) })
	}
	all.Wait()
	if n := c.most.Load(); n != 1 || l.Err() != nil {
		t.Errorf("%d at once, %v", n, l.Err())
	}
}
