package session_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/everydaytech/meshsso/internal/testpg"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

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
