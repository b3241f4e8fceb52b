package session_test

import (
	"sync"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/meshbridge/session"
)

func TestTwentyAPerson(t *testing.T) {
	w := newWorld(t)
	r, other := w.replica(t, nil), w.replica(t, nil)
	var all []*session.Created
	for range session.DefaultPerPerson {
		all = append(all, r.create(t, w.tech(), "2"))
		w.clock.advance(time.Second)
	}
	// The first is in use and the second has a tunnel on another replica: the third is the longest idle.
	r.enter(t, all[0])
	tunnel := other.enter(t, all[1]).Tunnel("terminal")
	third := r.enter(t, all[2])
	w.clock.advance(time.Second)
	for _, c := range append(all[3:], all[0]) {
		r.enter(t, c)
		w.clock.advance(time.Second)
	}
	other.Round(t.Context())
	r.Round(t.Context())
	r.create(t, w.tech(), "1")
	if !ended(third) {
		t.Error("the longest idle one lives on")
	}
	wantErr(t, third.Err(), session.ErrEnded)
	allOf(t, w.audited(t), "session_ended:limit")
	if got := w.text(t, `select count(*)::text from public.meshcentral_sessions where ended_at is null`); got != "20" {
		t.Errorf("%s are live", got)
	}
	// Others are not concerned.
	r.create(t, w.mate(), "2")
	tunnel.Close(1, 2)
}

func TestNoRoomIfAllHaveTunnels(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, func(c *session.Config) { c.PerPerson = 2 })
	var tunnels []*session.Tunnel
	for range 2 {
		tunnels = append(tunnels, r.enter(t, r.create(t, w.tech(), "2")).Tunnel("desktop"))
	}
	r.Round(t.Context())
	for range 5 { // the mark is kept for as long as they are open
		w.clock.advance(2 * time.Second)
		r.Round(t.Context())
	}
	_, err := r.Create(t.Context(), r.request(w.tech(), "2"))
	wantErr(t, err, session.ErrLimit)
	if session.AsError(err).RetryAfter == 0 {
		t.Error("no Retry-After")
	}
	tunnels[0].Close(0, 0)
	r.Round(t.Context())
	r.create(t, w.tech(), "2")
	// A replica that died says nothing any more: its tunnels lapse.
	w.clock.advance(10 * time.Second)
	r.create(t, w.tech(), "2")
	tunnels[1].Close(0, 0)
}

func TestManyCreationsAtOnceKeepTheLimit(t *testing.T) {
	w := newWorld(t)
	a, b := w.replica(t, nil), w.replica(t, nil)
	var wg sync.WaitGroup
	errs := make(chan error, 60)
	for i := range 60 {
		wg.Go(func() {
			r := []*replica{a, b}[i%2]
			_, err := r.Create(t.Context(), r.request(w.tech(), "2"))
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if got := w.text(t, `select count(*) filter (where ended_at is null) || ' ' || count(distinct session_token) from public.meshcentral_sessions`); got != "20 60" {
		t.Error(got)
	}
	if got := w.text(t, `select count(*) filter (where event = 'session_created') || ' ' || count(*) filter (where event = 'session_ended') from meshsso.audit`); got != "60 40" {
		t.Error(got)
	}
}
