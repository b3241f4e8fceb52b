package directory_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory"
)

// findSince asks for what was read at most age ago.
func findSince(t *testing.T, c *directory.Cached, email string, age time.Duration) string {
	t.Helper()
	rows, err := c.FindUsers(authsvc.ReadSince(t.Context(), time.Now().Add(-age)), email)
	if err != nil {
		t.Error(err)
	}
	if len(rows) == 0 {
		return ""
	}
	return rows[0].FullName
}

func TestAnEntryIsTooOldForWhoWantsItFresher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		c := cached(s)
		find(t, c, "a")
		s.set(func() { s.name = "new" })
		time.Sleep(time.Minute)
		if got := findSince(t, c, "a", time.Minute); got != "old" {
			t.Errorf("exactly as old as wanted: %s", got)
		}
		time.Sleep(time.Nanosecond)
		if got := findSince(t, c, "a", time.Minute); got != "new" {
			t.Errorf("older than wanted: %s", got)
		}
		if got := find(t, c, "a"); got != "new" {
			t.Errorf("who wants nothing gets %s: the fresher answer was not kept", got)
		}
		if n := s.count("a"); n != 2 {
			t.Errorf("%d queries", n)
		}
	})
}

// Wanting more than the cache's lifetime gives nothing that has passed it.
func TestAWishDoesNotLengthenALife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		c := cached(s)
		find(t, c, "a")
		time.Sleep(5 * time.Minute)
		findSince(t, c, "a", time.Hour)
		if n := s.count("a"); n != 2 {
			t.Errorf("%d queries", n)
		}
	})
}

func TestAFillUnderWayIsNotJoinedByWhoWantsItFresher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		gate := make(chan struct{})
		s.gate = gate
		c := cached(s)
		lenient := make(chan string, 2)
		ask := func() { lenient <- find(t, c, "a") }
		go ask()
		synctest.Wait()
		time.Sleep(2 * time.Second)
		go ask() // takes the fill that is under way
		strict := make(chan string, 1)
		go func() { strict <- findSince(t, c, "a", time.Second) }()
		synctest.Wait()
		s.set(func() { s.gate = nil })
		// What the first fill reads is from before the change.
		s.set(func() { s.name = "new" })
		close(gate)
		if a, b := <-lenient, <-lenient; a != "old" || b != "old" {
			t.Errorf("those who want nothing got %s and %s", a, b)
		}
		if got := <-strict; got != "new" {
			t.Errorf("who wants it fresher got %s", got)
		}
		if n := s.count("a"); n != 2 {
			t.Errorf("%d queries", n)
		}
	})
}

// However many ask for what is read from now on: those who come while a fill is under way share the next one.
func TestManyWhoWantItFreshShareAQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		gate := make(chan struct{})
		s.gate = gate
		c := cached(s)
		var wg sync.WaitGroup
		for range 100 {
			time.Sleep(time.Millisecond)
			wg.Go(func() { findSince(t, c, "a", 0) })
		}
		synctest.Wait()
		if n := s.count("a"); n != 1 {
			t.Errorf("%d queries at once", n)
		}
		close(gate)
		wg.Wait()
		if n := s.count("a"); n != 2 {
			t.Errorf("%d queries", n)
		}
	})
}

// Whoever is found gone by a fresh look is gone for everybody, also for who would have taken the older answer, and back
// again the same way.
func TestAFreshAnswerReplacesAnOlderOneOfTheOtherKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		c := cached(s)
		find(t, c, "a")
		s.set(func() { s.gone = true })
		time.Sleep(time.Second)
		if got := findSince(t, c, "a", 0) + find(t, c, "a"); got != "" {
			t.Errorf("gone, and yet %q", got)
		}
		s.set(func() { s.gone = false })
		time.Sleep(time.Second)
		if a, b := findSince(t, c, "a", 0), find(t, c, "a"); a != "old" || b != "old" {
			t.Errorf("back, and yet %q %q", a, b)
		}
	})
}

func TestWhoAsksForTheFutureIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		c := cached(s)
		find(t, c, "a")
		time.Sleep(time.Second)
		findSince(t, c, "a", -time.Hour)
		if n := s.count("a"); n != 2 {
			t.Errorf("%d queries", n)
		}
	})
}

func TestWhoWaitsForAFresherAnswerMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.gate = make(chan struct{})
		c := cached(s)
		done := make(chan struct{})
		go func() { defer close(done); find(t, c, "a") }()
		synctest.Wait()
		time.Sleep(time.Second)
		ctx, cancel := context.WithCancel(authsvc.ReadSince(t.Context(), time.Now()))
		left := make(chan error, 1)
		go func() {
			_, err := c.FindUsers(ctx, "a")
			left <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-left; err == nil {
			t.Error("answered")
		}
		close(s.gate)
		<-done
	})
}
