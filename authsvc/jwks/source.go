// Package jwks knows an issuer's public keys: a JWK set (RFC 7517) from a file, a URL or by OpenID Connect Discovery.
//
// Keys are refreshed in the background; an unknown key asks once more, at most every ten seconds. A provider that is down, or whose
// document makes no sense, changes nothing until the keys are too old; then there are none.
package jwks

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

// Source is one issuer's keys. Safe for concurrent use. Without Run it asks only when a key is not known.
type Source struct {
	cfg   Config
	fetch fetcher
	known atomic.Pointer[keySet]

	ctx     context.Context // of all fetches: no waiter's cancel fails the others
	cancel  context.CancelFunc
	flights sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	running *flight
	asked   time.Time // when the last fetch began that an unknown key asked for
	faults  uint64
	fault   string // the latest; empty after a success
}

var _ authsvc.KeySource = (*Source)(nil)

// keySet is what one document said. Shared: never changed.
type keySet struct {
	all     []authsvc.PublicKey
	byID    map[string][]authsvc.PublicKey
	skipped int
	at      time.Time // when its fetch began
}

// flight is one fetch that everybody who needs it waits for.
type flight struct {
	done chan struct{}
	err  error // once done
}

// New makes a source that knows nothing yet: Run, Refresh or the first question fetches. Errors: the configuration's.
func New(cfg Config) (*Source, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	fetch, err := cfg.fetcher()
	if err != nil {
		return nil, err
	}
	return newSource(cfg, fetch), nil
}

func newSource(cfg Config, fetch fetcher) *Source {
	s := &Source{cfg: cfg, fetch: fetch}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Inherit takes over what another source knows, if it reads the same place for the same algorithms: a new configuration loses no keys
// while the provider is down. Their age stays theirs.
func (s *Source) Inherit(from *Source) {
	a, b := &s.cfg, &from.cfg
	if a.File == b.File && a.URL == b.URL && a.DiscoveryIssuer == b.DiscoveryIssuer && slices.Equal(a.Algorithms, b.Algorithms) {
		s.known.CompareAndSwap(nil, from.known.Load())
	}
}

// PublicKeys gives the keys of an id; of "" all that there are, for a token that names none. None is no error. An unknown id may
// wait for one fetch. Errors: STORE_UNAVAILABLE if no key counts at all, the context's own. The slice is shared: never change it.
func (s *Source) PublicKeys(ctx context.Context, kid string) ([]authsvc.PublicKey, error) {
	// The fetch that is under way may have begun before the key was published, so it is worth one more.
	for range 2 {
		if keys := s.current().of(kid); len(keys) > 0 {
			return keys, nil
		}
		f := s.ask()
		if f == nil {
			break // one may just have ended
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	set := s.current()
	if set == nil { // not the bearer's fault: nobody is told that his token is bad
		return nil, authsvc.Deny(authsvc.StoreUnavailable, "no key of the issuer is known, or all are too old")
	}
	return set.of(kid), nil
}

func (k *keySet) of(kid string) []authsvc.PublicKey {
	if k == nil {
		return nil
	}
	if kid == "" {
		return k.all
	}
	return k.byID[kid]
}

// current gives the keys that count now; nil if they are too old.
func (s *Source) current() *keySet {
	set := s.known.Load()
	if set == nil || s.cfg.Now().Sub(set.at) > s.cfg.KeepFor {
		return nil
	}
	return set
}

// ask joins the fetch under way or, if the last asking is long enough ago, begins one; else nil. So whatever unknown ids come, the
// provider is asked six times a minute, and nothing is remembered of them.
func (s *Source) ask() *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return s.running
	}
	now := s.cfg.Now()
	if since := now.Sub(s.asked); !s.asked.IsZero() && since >= 0 && since < askInterval {
		return nil
	}
	f := s.begin()
	if f != nil {
		s.asked = now
	}
	return f
}

// Refresh fetches now, or waits for the fetch under way. Errors: why the keys are not newer now; the context's own.
func (s *Source) Refresh(ctx context.Context) error {
	s.mu.Lock()
	f := s.running
	if f == nil {
		f = s.begin()
	}
	s.mu.Unlock()
	if f == nil {
		return context.Canceled
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin starts a fetch; nil if the source is closed. The caller holds mu, and none is under way.
func (s *Source) begin() *flight {
	if s.closed {
		return nil
	}
	f := &flight{done: make(chan struct{})}
	s.running = f
	s.flights.Go(func() { s.fly(f) })
	return f
}

func (s *Source) fly(f *flight) {
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.Timeout)
	defer cancel()
	began := s.cfg.Now()
	data, err := s.fetch(ctx)
	if err == nil {
		err = ctx.Err() // what comes with the end of its time may be cut off where it looks whole
	}
	var doc document
	if err == nil {
		doc, err = parse(data, s.cfg.Algorithms)
	}
	if err == nil {
		s.known.Store(newKeySet(doc, began))
	}
	s.note(err, len(doc.keys))
	s.mu.Lock()
	defer s.mu.Unlock()
	f.err, s.running = err, nil
	close(f.done)
}

func newKeySet(doc document, at time.Time) *keySet {
	set := &keySet{all: doc.keys, byID: map[string][]authsvc.PublicKey{}, skipped: doc.skipped, at: at}
	for _, k := range doc.keys {
		if k.ID != "" {
			set.byID[k.ID] = append(set.byID[k.ID], k)
		}
	}
	return set
}
