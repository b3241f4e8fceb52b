package session

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// Live is a session that this replica serves at the moment. Safe for concurrent use.
type Live struct {
	svc  *Service
	id   string
	hash string // of its token
	used atomic.Int64
	done chan struct{}
	// checks is Check's.
	checks singleflight.Group

	mu      sync.Mutex
	row     row
	session Session
	checked time.Time // when the oldest of the rows behind session was read
	rules   string    // the policy that judged it
	seen    time.Time // when its own row was last read
	flushed time.Time // last_used_at as last written or read
	tunnels int
	claimed *time.Time // tunnels_until as this replica wrote it
	said    map[string]time.Time
	err     *Error
}

// Session gives the session as last read.
func (l *Live) Session() Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.session
	out.LastUsedAt = l.usedAt().UTC()
	return out
}

// Done is closed when the session ended or lost its right, on whatever replica.
func (l *Live) Done() <-chan struct{} { return l.done }

// Err says why it ended, as a *Error; nil while it lives.
func (l *Live) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		return nil
	}
	return l.err
}

// Check asks at once what the next round would: whoever MeshCentral has left may be the last to hear why. All the tunnels that
// it left at once ask once.
func (l *Live) Check(ctx context.Context) {
	_, _, _ = l.checks.Do("", func() (any, error) {
		l.svc.check(context.WithoutCancel(ctx), l)
		return nil, nil
	})
}

// Use notes traffic, which keeps the session from idling out.
func (l *Live) Use() { l.usedSince(l.svc.now()) }

func (l *Live) usedSince(at time.Time) {
	us := at.UnixMicro()
	for {
		old := l.used.Load()
		if old >= us || l.used.CompareAndSwap(old, us) {
			return
		}
	}
}

func (l *Live) usedAt() time.Time { return time.UnixMicro(l.used.Load()) }

// end closes Done once; err is what is answered from now on.
func (l *Live) end(err *Error) bool {
	l.mu.Lock()
	first := l.err == nil
	if first {
		l.err = err
		close(l.done)
	}
	l.mu.Unlock()
	l.svc.live.remove(l)
	return first
}

// event begins a line of the audit about this session.
func (l *Live) event(name string) Event {
	s := l.session
	return Event{
		At: l.svc.now(), Name: name, SessionID: l.id, UserID: l.row.userID, Email: l.row.email, TenantID: s.Agent.TenantID, AgentID: l.row.agentID,
		Hostname: s.Agent.Hostname, ViewMode: s.ViewMode,
	}
}

// Bounds of what one session can add to the audit by being refused.
const (
	maxDenials  = 32
	denialAgain = 10 * time.Second
)

// Denied audits a refusal inside the session: each reason at most once in ten seconds, and not more than maxDenials reasons.
func (l *Live) Denied(reason string) { l.denied(reason, Client{}) }

func (l *Live) denied(reason string, c Client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	reason = clean(reason)
	now := l.svc.now()
	last, known := l.said[reason]
	if (known && now.Sub(last) < denialAgain) || (!known && len(l.said) >= maxDenials) {
		return
	}
	if l.said == nil {
		l.said = map[string]time.Time{}
	}
	l.said[reason] = now
	e := l.event(EventDenied)
	e.Reason, e.Client = reason, c
	l.svc.pending.add(e)
}

// Tunnel is one open tunnel of a session.
type Tunnel struct {
	live   *Live
	kind   string
	opened time.Time
	once   sync.Once
}

// Tunnel notes that a tunnel opened; close it, once, whatever became of the session.
func (l *Live) Tunnel(kind string) *Tunnel {
	t := &Tunnel{live: l, kind: clean(kind), opened: l.svc.now()}
	l.mu.Lock()
	l.tunnels++
	e := l.event(EventTunnelOpened)
	l.mu.Unlock()
	e.Kind = t.kind
	l.svc.pending.add(e)
	l.svc.metrics.tunnels(1)
	l.Use()
	l.svc.hurry()
	return t
}

// Close says how many bytes went from the browser and to it. Only the first call counts.
func (t *Tunnel) Close(bytesUp, bytesDown int64) {
	t.once.Do(func() {
		l := t.live
		l.mu.Lock()
		l.tunnels--
		e := l.event(EventTunnelClosed)
		l.mu.Unlock()
		seconds := e.At.Sub(t.opened).Seconds()
		e.Kind, e.BytesUp, e.BytesDown, e.Seconds = t.kind, &bytesUp, &bytesDown, &seconds
		l.svc.pending.add(e)
		l.svc.metrics.tunnels(-1)
		l.svc.hurry()
	})
}

// touch gives what has to be written of this session, if anything has.
func (l *Live) touch(now time.Time) (touch, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := touch{id: l.id, used: l.usedAt(), said: l.claimed}
	switch {
	case l.tunnels > 0 && (l.claimed == nil || l.claimed.Sub(now) < tunnelsFor/2):
		until := now.Add(tunnelsFor)
		t.tunnels = &until
	case l.tunnels > 0:
		t.tunnels = l.claimed
	}
	changed := (t.tunnels == nil) != (l.claimed == nil) || (t.tunnels != nil && !t.tunnels.Equal(*l.claimed))
	return t, changed || t.used.After(l.flushed)
}

// touched notes what was written.
func (l *Live) touched(t touch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claimed, l.flushed = t.tunnels, t.used
}
