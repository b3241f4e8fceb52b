package directory_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/everydaytech/meshsso/authsvc/directory"
	"github.com/everydaytech/meshsso/internal/testpg"
)

// watched is a monitor on a server, whose changes can be awaited.
type watched struct {
	*directory.Monitor
	changes chan bool
	ups     atomic.Int64
	checked atomic.Pointer[error]
	refused chan struct{} // one value a refusal by Check
	log     *lines
}

type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(p))
	return len(p), nil
}

func (l *lines) count(s string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(strings.Join(l.all, ""), s)
}

func watch(t *testing.T, s *testpg.Server) *watched {
	w := newWatched(t, s)
	w.run(t)
	return w
}

func newWatched(t *testing.T, s *testpg.Server) *watched {
	w := &watched{changes: make(chan bool, 100), refused: make(chan struct{}, 1000), log: &lines{}}
	w.Monitor = &directory.Monitor{
		Connect: func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, s.ConnString("postgres")) },
		Check: func(context.Context, *pgx.Conn) error {
			if err := w.checked.Load(); err != nil {
				w.refused <- struct{}{}
				return *err
			}
			return nil
		},
		OnUp: func() {
			if w.Open.Load() {
				t.Error("OnUp with the gate open")
			}
			w.ups.Add(1)
		},
		OnChange: func(up bool) { w.changes <- up },
		Log:      slog.New(slog.NewTextHandler(w.log, nil)),
	}
	return w
}

func (w *watched) run(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		if w.Open.Load() {
			t.Error("the gate is open after the end")
		}
	})
}

func (w *watched) await(t *testing.T, up bool) {
	t.Helper()
	select {
	case got := <-w.changes:
		if got != up || w.Open.Load() != up {
			t.Fatalf("changed to %v, gate %v; want %v", got, w.Open.Load(), up)
		}
	case <-time.After(time.Minute):
		t.Fatalf("no change to %v", up)
	}
}

func TestMonitorFollowsTheServer(t *testing.T) {
	s := testpg.StartServer(t)
	w := watch(t, s)
	w.await(t, true)
	s.Stop()
	w.await(t, false)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	w.await(t, true)
	thaw := s.Freeze() // no socket is closed: only the ping can tell
	w.await(t, false)
	thaw()
	w.await(t, true)
	if n := w.ups.Load(); n != 3 {
		t.Errorf("OnUp ran %d times", n)
	}
}

func TestMonitorStaysClosedWhileTheSchemaDoesNotFit(t *testing.T) {
	s := testpg.StartServer(t)
	bad := errors.New("does not fit")
	w := newWatched(t, s)
	w.checked.Store(&bad)
	w.run(t)
	<-w.refused
	<-w.refused // it tries again
	if w.Open.Load() || w.ups.Load() != 0 {
		t.Error("the gate is open")
	}
	w.checked.Store(nil)
	w.await(t, true)
	if n := w.log.count("does not fit"); n != 1 {
		t.Errorf("the same trouble was logged %d times", n)
	}
}
