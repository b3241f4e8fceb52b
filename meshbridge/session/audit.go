package session

import (
	"context"
	"sync"
	"time"
)

// Event is one line of the audit. Empty fields are not known or have no meaning for its name.
type Event struct {
	At        time.Time
	Name      string
	SessionID string
	UserID    int64
	Email     string
	TenantID  string // the device's
	AgentID   int64
	Hostname  string
	ViewMode  ViewMode
	Client    Client
	Reason    string
	Actor     string // who did it, if not the session's own person
	Kind      string // of a tunnel
	BytesUp   *int64 // from the browser
	BytesDown *int64
	Seconds   *float64
}

// The names of events.
const (
	EventCreated      = "session_created"
	EventOpened       = "session_opened"
	EventRenewed      = "session_renewed"
	EventEnded        = "session_ended"
	EventTunnelOpened = "tunnel_opened"
	EventTunnelClosed = "tunnel_closed"
	EventDenied       = "denied"
)

// maxPending bounds what waits for the database; an outage must not fill the memory.
const maxPending = 20_000

// auditBatch bounds one round trip.
const auditBatch = 500

// pending holds events until the next round writes them: whoever moves a tunnel's bytes does not wait for a database. What
// changes a session is written together with the change and does not pass here.
type pending struct {
	mu      sync.Mutex
	events  []Event
	dropped uint64
	rare    map[string]time.Time
}

// maxRare bounds what addRarely remembers; beyond it everything is forgotten at once and said once more.
const maxRare = 1000

// addRarely adds an event unless the same session was refused for the same reason a moment ago: who has somebody's URL must not
// fill the audit.
func (p *pending) addRarely(e Event) {
	key := e.SessionID + " " + e.Reason
	p.mu.Lock()
	last, known := p.rare[key]
	if known && e.At.Sub(last) < denialAgain {
		p.mu.Unlock()
		return
	}
	if p.rare == nil || len(p.rare) >= maxRare {
		p.rare = map[string]time.Time{}
	}
	p.rare[key] = e.At
	p.mu.Unlock()
	p.add(e)
}

func (p *pending) add(e Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.events) >= maxPending {
		p.dropped++
		return
	}
	p.events = append(p.events, e)
}

func (p *pending) take() []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(p.events), auditBatch)
	out := p.events[:n:n]
	p.events = p.events[n:]
	return out
}

// putBack keeps the order.
func (p *pending) putBack(events []Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(append(make([]Event, 0, len(events)+len(p.events)), events...), p.events...)
}

func (p *pending) stats() (waiting int, dropped uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.events), p.dropped
}

// writeAudit writes what is pending, as far as the database lets it.
func (s *Service) writeAudit(ctx context.Context) {
	for {
		events := s.pending.take()
		if len(events) == 0 {
			return
		}
		if s.store.audit(ctx, events) != nil {
			s.pending.putBack(events)
			return
		}
	}
}
