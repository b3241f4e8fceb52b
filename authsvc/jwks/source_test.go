package jwks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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
		for range 10 {
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

func TestKeysOutliveTheProviderForAWhile(t *testing.T) {
	for name, fail := range map[string]func(*provider){
		"down":      func(p *provider) { p.err = errors.New("refused") },
		"garbage":   func(p *provider) { p.text = `<html>` },
		"empty":     func(p *provider) { p.text = `{"keys":[]}` },
		"private":   func(p *provider) { p.text = set(named("2") + `,"d":"x"`) },
		"too many":  func(p *provider) { p.text = `{"keys":[` + strings.Repeat(`{},`, 64) + `{}]}` },
		"hanging":   func(p *provider) { p.gate = make(chan struct{}) },
		"other use": func(p *provider) { p.text = set(named("1") + `,"use":"enc"`) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := publishing("1")
				s := source(t, p, func(c *jwks.Config) { c.KeepFor = time.Hour })
				run(t, s)
				began := time.Now()
				p.set(func() { fail(p) })
				time.Sleep(time.Hour)
				has(t, s, "1", true)
				if st := s.Stats(); st.Keys != 1 || st.Faults == 0 || st.Fault == "" || !st.LastSuccess.Equal(began) {
					t.Errorf("%+v", st)
				}
				time.Sleep(time.Nanosecond)
				has(t, s, "1", false)
				has(t, s, "", false)
				if st := s.Stats(); st.Keys != 0 {
					t.Errorf("%+v", st)
				}
				p.set(func() { p.gate = nil })
				p.publish("1")
				time.Sleep(jwks.DefaultRefresh * 11 / 10)
				has(t, s, "1", true)
				if st := s.Stats(); st.Keys != 1 || st.Fault != "" {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{err: errors.New("refused")}
		s := source(t, p, func(c *jwks.Config) { c.Refresh = time.Minute })
		run(t, s)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
			got := p.at[i+1].Sub(p.at[i])
			if got < want*time.Second*9/10 || got > want*time.Second*11/10 {
				t.Errorf("pause %d is %s", i, got)
			}
		}
	})
}

func TestTheSameTroubleIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &provider{err: errors.New("refused")}
		s := source(t, p, func(c *jwks.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		stop := run(t, s)
		time.Sleep(time.Hour)
		p.publish("1")
		time.Sleep(time.Hour)
		p.set(func() { p.gate = make(chan struct{}) })
		go func() { _ = s.Refresh(context.Background()) }()
		synctest.Wait()
		stop() // in the midst of a fetch, which is no trouble
		if out := log.String(); strings.Count(out, "cannot be had") != 1 || strings.Count(out, "can be had again") != 1 || strings.Count(out, "\n") != 2 {
			t.Error(out)
		}
	})
}

func TestInherit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := source(t, publishing("1"))
		if err := old.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		down := &provider{err: errors.New("refused")}
		same := source(t, down, func(c *jwks.Config) { c.KeepFor = time.Hour })
		same.Inherit(old)
		has(t, same, "1", true)
		time.Sleep(time.Hour + 1)
		has(t, same, "1", false)
		for name, change := range map[string]func(*jwks.Config){
			"place": func(c *jwks.Config) { c.File = "elsewhere" }, "algorithms": func(c *jwks.Config) { c.Algorithms = []string{"EdDSA"} },
		} {
			other := source(t, down, change)
			other.Inherit(old)
			if other.Stats().Keys != 0 {
				t.Errorf("another %s", name)
			}
		}
	})
}

func TestConfig(t *testing.T) {
	for says, cfg := range map[string]jwks.Config{
		"exactly one":         {Algorithms: all},
		"one of a file":       {Algorithms: all, File: "x", URL: "https://x.example"},
		"no algorithms":       {File: "x"},
		"HS256":               {File: "x", Algorithms: []string{"HS256"}},
		`"none"`:              {File: "x", Algorithms: []string{"none"}},
		"refresh is":          {File: "x", Algorithms: all, Refresh: time.Millisecond},
		"kept for 1m0s":       {File: "x", Algorithms: all, KeepFor: time.Minute},
		"timeout is":          {File: "x", Algorithms: all, Timeout: time.Hour},
		"by https":            {URL: "http://keys.example/", Algorithms: all},
		"(http to a loopback": {URL: "http://localhost/", Algorithms: all},
		"fetched by https":    {URL: "ftp://127.0.0.1/", Algorithms: all},
		"no user":             {URL: "https://me:hush@keys.example/", Algorithms: all},
		"a host":              {URL: "https:keys.example", Algorithms: all},
		"no query":            {DiscoveryIssuer: "https://x.example/?a=b", Algorithms: all},
		"keys are fetched by": {DiscoveryIssuer: "http://10.0.0.1/", Algorithms: all},
		"CA file":             {URL: "https://x.example", CAFile: "/nowhere", Algorithms: all},
	} {
		if _, err := jwks.New(cfg); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%v, want %q", err, says)
		}
	}
}
