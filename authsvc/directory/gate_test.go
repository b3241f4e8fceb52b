package directory_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory"
)

func TestOneQueryForAllAndACancelledCallerFailsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.gate = make(chan struct{})
		c := cached(s)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 2)
		go func() {
			_, err := c.FindUsers(ctx, "a")
			gone <- err
		}()
		synctest.Wait()
		var good atomic.Int64
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if find(t, c, "a") == "old" {
					good.Add(1)
				}
			})
		}
		waiting, leave := context.WithCancel(t.Context())
		go func() {
			_, err := c.FindUsers(waiting, "a")
			gone <- err
		}()
		synctest.Wait()
		cancel() // the one who began it
		leave()  // one who joined
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("who joined and left got %v", err)
		}
		close(s.gate)
		wg.Wait()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("who began and left got %v", err)
		}
		if good.Load() != 100 || s.count("a") != 1 {
			t.Errorf("%d good, %d queries", good.Load(), s.count("a"))
		}
	})
}

func TestSharedFillHasATimeOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.gate = make(chan struct{})
		begin := time.Now()
		_, err := cached(s).FindUsers(t.Context(), "a")
		if authsvc.ReasonOf(err) != authsvc.StoreUnavailable || time.Since(begin) != 10*time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

func TestGateClosesOnCachedAnswers(t *testing.T) {
	c := cached(newStore())
	open := &atomic.Bool{}
	g := directory.Gated{Inner: c, Open: open}
	find(t, c, "a")
	check := func(want authsvc.Reason) {
		t.Helper()
		_, e1 := g.FindUsers(t.Context(), "a")
		_, e2 := g.Devices(t.Context(), authsvc.Scope{All: true})
		_, e3 := g.TenantIDs(t.Context())
		_, e4 := g.FindTenant(t.Context(), "t")
		for _, err := range []error{e1, e2, e3, e4} {
			if (err == nil) != (want == "") || (err != nil && authsvc.ReasonOf(err) != want) {
				t.Errorf("got %v, want %q", err, want)
			}
		}
	}
	check(authsvc.StoreUnavailable)
	open.Store(true)
	check("")
	open.Store(false)
	check(authsvc.StoreUnavailable)
}

// An answer that was being read while the gate closed is not given.
func TestGateClosesOnAnswersUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.gate = make(chan struct{})
		open := &atomic.Bool{}
		open.Store(true)
		g := directory.Gated{Inner: cached(s), Open: open}
		got := make(chan error, 1)
		go func() {
			_, err := g.FindUsers(t.Context(), "a")
			got <- err
		}()
		synctest.Wait()
		open.Store(false)
		close(s.gate)
		if err := <-got; authsvc.ReasonOf(err) != authsvc.StoreUnavailable {
			t.Error(err)
		}
	})
}
