package jwks

import (
	"context"
	"math/rand/v2"
	"time"
)

// Run refreshes the keys until ctx ends; then nothing is under way any more, and nothing is fetched again.
func (s *Source) Run(ctx context.Context) {
	defer s.close()
	backoff := firstBackoff
	for ctx.Err() == nil {
		pause := s.cfg.Refresh
		if s.Refresh(ctx) == nil {
			backoff = firstBackoff
		} else {
			pause = min(backoff, s.cfg.Refresh)
			backoff = min(2*backoff, s.cfg.Refresh)
		}
		sleep(ctx, jitter(pause))
	}
}

func (s *Source) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.flights.Wait()
}

// note counts a fetch and logs what changed: the same trouble once a second would bury everything else.
func (s *Source) note(err error, keys int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		if s.fault != "" {
			s.cfg.Log.Info("keys of an issuer can be had again", "issuer", s.cfg.Name, "keys", keys)
		}
		s.fault = ""
		return
	}
	if s.ctx.Err() != nil {
		return
	}
	s.faults++
	if text := err.Error(); text != s.fault {
		s.cfg.Log.Warn("keys of an issuer cannot be had: those of before stay until they are too old", "issuer", s.cfg.Name, "error", text)
		s.fault = text
	}
}

// Stats is what a source looks like now.
type Stats struct {
	LastSuccess time.Time // when the fetch began whose keys are known; zero: none yet
	Keys        int       // that count now
	Skipped     int       // of the same document: of other use, kind or strength
	Faults      uint64    // fetches that failed
	Fault       string    // of the last fetch; empty if it succeeded
}

// Stats gives figures for health and metrics.
func (s *Source) Stats() Stats {
	s.mu.Lock()
	out := Stats{Faults: s.faults, Fault: s.fault}
	s.mu.Unlock()
	if set := s.known.Load(); set != nil {
		out.LastSuccess, out.Skipped = set.at, set.skipped
	}
	if set := s.current(); set != nil {
		out.Keys = len(set.all)
	}
	return out
}

// jitter spreads what many instances ask at once: nine to eleven tenths.
func jitter(d time.Duration) time.Duration {
	return d*9/10 + rand.N(d/5+1) //nolint:gosec // chance, not a secret
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
