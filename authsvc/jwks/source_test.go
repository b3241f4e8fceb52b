package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/jwks"
)

// provider answers what it holds; a fetch waits for gate if there is one.
type provider struct {
	mu      sync.Mutex
	text    string
	err     error
	gate    chan struct{}
	fetches int
	at      []time.Time
}

func (p *provider) fetch(ctx context.Context) ([]byte, error) {
	p.mu.Lock()
	p.fetches++
	p.at = append(p.at, time.Now())
	text, err, gate := p.text, p.err, p.gate
	p.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return []byte(text), err
}

func (p *provider) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

func publishing(ids ...string) *provider {
	p := &provider{}
	p.publish(ids...)
	return p
}

func (p *provider) publish(ids ...string) {
	var keys []string
	for _, id := range ids {
		keys = append(keys, named(id))
	}
	p.set(func() { p.text, p.err = set(keys...), nil })
}

func source(t *testing.T, p *provider, change ...func(*jwks.Config)) *jwks.Source {
	t.Helper()
	cfg := jwks.Config{Name: "acme", File: "-", Algorithms: all}
	for _, f := range change {
		f(&cfg)
	}
	s, err := jwks.NewFetching(cfg, p.fetch)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs a source until the test's end.
func run(t *testing.T, s *jwks.Source) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	synctest.Wait()
	return stop
}

func has(t *testing.T, s *jwks.Source, kid string, want bool) {
	t.Helper()
	keys, err := s.PublicKeys(t.Context(), kid)
	if errors.Is(err, authsvc.ErrStoreUnavailable) && s.Stats().Keys == 0 { // no answer, and none said to be one
		err = nil
	} else if s.Stats().Keys == 0 {
		t.Errorf("%q: no key counts, and the answer is %v", kid, err)
	}
	if err != nil || (len(keys) > 0) != want {
		t.Errorf("%q: %d keys, %v; want %v", kid, len(keys), err, want)
	}
}

func TestRefreshInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publishing("1", "2")
		s := source(t, p)
		stop := run(t, s)
		has(t, s, "1", true)
		has(t, s, "2", true)
		has(t, s, "", true)
		if st := s.Stats(); st.Keys != 2 || st.Faults != 0 || !st.LastSuccess.Equal(time.Now()) {
			t.Errorf("%+v", st)
		}
		p.publish("2", "3")
		time.Sleep(jwks.DefaultRefresh * 9 / 10)
		synctest.Wait()
		if n := p.count(); n > 2 {
			t.Errorf("%d fetches", n)
		}
		time.Sleep(jwks.DefaultRefresh * 2 / 10)
		synctest.Wait()
		if n := p.count(); n != 2 {
			t.Errorf("%d fetches", n)
		}
		has(t, s, "3", true)
		has(t, s, "1", false) // gone at once, and asking for it does not bring it back
		stop()
		before := p.count()
		has(t, s, "2", true)
		has(t, s, "9", false)
		if s.Refresh(t.Context()) == nil || p.count() != before {
			t.Error("fetched after the end")
		}
	})
}

func TestAnUnknownKeyIsAskedForOnceByAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publishing("old")
		s := source(t, p)
		run(t, s)
		gate := make(chan struct{})
		p.publish("old", "new")
		p.set(func() { p.gate = gate })
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { has(t, s, "new", true) })
		}
		synctest.Wait()
		has(t, s, "old", true) // waits for nothing
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.PublicKeys(ctx, "new"); !errors.Is(err, context.Canceled) {
			t.Errorf("one who has gone: %v", err)
		}
		close(gate)
		all.Wait()
		if n := p.count(); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
}

// A waiter who goes does not fail the rest, even if he was the one who asked.
func TestAWaiterWhoGoesFailsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publishing("1")
		gate := make(chan struct{})
		p.gate = gate
		s := source(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := s.PublicKeys(ctx, "1"); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		synctest.Wait()
		all.Go(func() { has(t, s, "1", true) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(gate)
		all.Wait()
		if n := p.count(); n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
}

func TestUnknownKeysAskOnceInTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publishing("1")
		s := source(t, p)
		run(t, s)
		for i := range 10_000 {
			has(t, s, fmt.Sprintf("no-%d", i), false)
		}
		if n := p.count(); n != 2 {
			t.Errorf("%d fetches", n)
		}
		p.publish("1", "2")
		time.Sleep(10*time.Second - time.Nanosecond)
		has(t, s, "2", false)
		time.Sleep(time.Nanosecond)
		has(t, s, "2", true)
		if n := p.count(); n != 3 {
			t.Errorf("%d fetches", n)
		}
		has(t, s, "3", false)
		if n := p.count(); n != 3 {
			t.Errorf("%d fetches", n)
		}
	})
}

// A fetch that began before the key was published is no answer to who asks after that.
func TestAFetchUnderWayIsNotTheLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publishing("old")
		gate := make(chan struct{})
		p.gate = gate
		s := source(t, p)
		run(t, s) // its fetch is under way, with the old text
		p.publish("old", "new")
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() { has(t, s, "new", true) })
		}
		synctest.Wait()
		close(gate)
		all.Wait()
		if n := p.count(); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
}
