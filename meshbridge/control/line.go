package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/everydaytech/meshsso/meshbridge/upstream"
)

// Timing of connections. The zero value of each field means its default.
type Timing struct {
	Handshake time.Duration // opening a connection; 15 s
	Request   time.Duration // one question and its answer; 15 s
	Ping      time.Duration // how often, and how long its answer may take: NeDB can freeze MeshCentral for 8 s; 20 s
	RetryMin  time.Duration // the first pause before another attempt, doubled from one to the next; 250 ms
	RetryMax  time.Duration // 10 s
	Idle      time.Duration // a tenant's connection that nobody asked for so long is closed; 5 min
	Cache     time.Duration // how long an answer counts; 30 s
}

func (t Timing) orDefaults() Timing {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.Handshake, 15 * time.Second}, {&t.Request, 15 * time.Second}, {&t.Ping, 20 * time.Second},
		{&t.RetryMin, 250 * time.Millisecond}, {&t.RetryMax, 10 * time.Second}, {&t.Idle, 5 * time.Minute}, {&t.Cache, 30 * time.Second},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return t
}

// Credentials lets a tenant's connection in at MeshCentral by headers of the request that opens it; never by its URL.
type Credentials interface {
	Apply(ctx context.Context, tenantID string, r *http.Request) error
}

// line keeps one connection: made when first needed, made anew when it ends, closed when nobody has asked for it in a while.
type line struct {
	up        *upstream.Client
	client    *http.Client
	creds     Credentials
	tenant    string // "" on the service account's own line
	timing    Timing
	forever   bool // never idle
	log       *slog.Logger
	onEvent   func(event)
	connected func(context.Context, *conn) error // before anybody gets the connection; may be nil
	lost      func()                             // the connection ended; may be nil
	retired   func()                             // nobody asked for a while; the line is not used again; may be nil

	mu      sync.Mutex
	state   lineState
	changed chan struct{} // closed and replaced at each change of state
	used    time.Time
	cancel  context.CancelFunc
	stopped chan struct{}
	closed  bool
}

// lineState is either a connection or why there is none.
type lineState struct {
	conn *conn
	err  error // of the last attempt; nil while the first one is under way
}

// get gives the connection. It waits for an attempt that is under way and fails at once after one that failed: the next
// attempt is never far.
func (l *line) get(ctx context.Context) (*conn, error) {
	for {
		l.mu.Lock()
		if l.closed {
			defer l.mu.Unlock()
			if errors.Is(l.state.err, errRetired) {
				return nil, errRetired
			}
			return nil, ErrClosed
		}
		l.used = time.Now()
		if l.cancel == nil {
			l.start()
		}
		state, changed := l.state, l.changed
		l.mu.Unlock()
		if state.conn != nil && state.conn.ctx.Err() == nil {
			return state.conn, nil
		}
		if state.err != nil {
			return nil, state.err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, unavailable(ctx.Err())
		}
	}
}

// start is called with the lock held.
func (l *line) start() {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel, l.stopped, l.changed, l.state = cancel, make(chan struct{}), make(chan struct{}), lineState{}
	go l.run(ctx, l.stopped)
}

func (l *line) run(ctx context.Context, stopped chan struct{}) {
	defer close(stopped)
	pause := l.timing.RetryMin
	for ctx.Err() == nil {
		began := time.Now()
		err := l.once(ctx)
		// One that lasted is tried again at once. One that MeshCentral drops as soon as it stands counts as a failure.
		lasted := !errors.Is(err, errNotOpened) && time.Since(began) > l.timing.RetryMax
		if lasted {
			pause, err = l.timing.RetryMin, nil
		}
		l.set(lineState{err: err})
		if l.quit() {
			return
		}
		if lasted {
			continue
		}
		if errors.Is(err, ErrCredentials) {
			pause = l.timing.RetryMax
		}
		wait(ctx, pause/2+rand.N(pause/2+1)) //nolint:gosec // spreads attempts; nothing secret
		pause = min(2*pause, l.timing.RetryMax)
	}
}

// once opens a connection and stays with it until it ends.
func (l *line) once(ctx context.Context) error {
	c, err := l.open(ctx)
	if err != nil {
		l.log.Warn("no connection to MeshCentral", "tenant", l.tenant, "err", err)
		return fmt.Errorf("%w%w", errNotOpened, err)
	}
	l.set(lineState{conn: c})
	l.log.Info("connected to MeshCentral", "tenant", l.tenant)
	err = l.watch(ctx, c)
	l.set(lineState{})
	if l.lost != nil {
		l.lost()
	}
	if !errors.Is(err, errIdle) && !errors.Is(err, ErrClosed) {
		l.log.Warn("the connection to MeshCentral ended", "tenant", l.tenant, "err", err)
	}
	return err
}

// errNotOpened marks and says nothing.
var errNotOpened = errors.New("")

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (l *line) open(ctx context.Context) (*conn, error) {
	u := l.up.URL()
	u.Path = "/control.ashx"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if err := l.creds.Apply(ctx, l.tenant, req); err != nil {
		return nil, err
	}
	c, err := dial(ctx, dialing{
		url: u.String(), client: l.client, header: req.Header,
		handshake: l.timing.Handshake, ping: l.timing.Ping, onEvent: l.onEvent,
	})
	if err != nil || l.connected == nil {
		return c, err
	}
	ready, stop := context.WithTimeout(ctx, l.timing.Request)
	defer stop()
	if err := l.connected(ready, c); err != nil {
		c.close(err)
		return nil, err
	}
	return c, nil
}

// watch returns when the connection has ended, having ended it itself when it was idle or the line is closed.
func (l *line) watch(ctx context.Context, c *conn) error {
	tick := time.NewTicker(l.timing.Idle / 4)
	defer tick.Stop()
	for {
		select {
		case <-c.done:
			return context.Cause(c.ctx)
		case <-ctx.Done():
			c.close(ErrClosed)
		case <-tick.C:
			if l.idle() {
				c.close(errIdle)
			}
		}
	}
}

var (
	errIdle    = errors.New("nobody asked for it in a while")
	errRetired = errors.New("control: the line is not used any more")
)

func (l *line) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.forever && time.Since(l.used) >= l.timing.Idle
}

// quit ends the line when nobody needs it any more.
func (l *line) quit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed && (l.forever || time.Since(l.used) < l.timing.Idle) {
		return false
	}
	l.state = lineState{err: ErrClosed}
	if !l.closed {
		l.closed, l.state.err = true, errRetired
		l.retired()
	}
	l.cancel()
	close(l.changed)
	return true
}

func (l *line) set(s lineState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = s
	close(l.changed)
	l.changed = make(chan struct{})
}

// close ends the line for good and waits until nothing of it runs.
func (l *line) close() {
	l.mu.Lock()
	l.closed = true
	cancel, stopped := l.cancel, l.stopped
	l.mu.Unlock()
	if cancel != nil {
		cancel()
		<-stopped
	}
}
