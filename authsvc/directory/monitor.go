package directory

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Monitor knows within about a second whether the database is there. It keeps one connection of its own: a server that
// goes away closes it, which is noticed at once; one that hangs misses a ping.
type Monitor struct {
	Connect func(context.Context) (*pgx.Conn, error)
	// Check runs on every new connection before the gate opens.
	Check func(context.Context, *pgx.Conn) error
	// OnUp runs after Check and before the gate opens: forget what was cached, drop connections of before.
	OnUp func()
	// OnChange is told of every change, after the gate has moved.
	OnChange func(up bool)
	Log      *slog.Logger

	Open atomic.Bool // the gate
}

// Times of the watch. Their sum bounds how long a hanging database stays unnoticed.
const (
	watchRound     = 300 * time.Millisecond
	pingTimeout    = 700 * time.Millisecond
	connectTimeout = 3 * time.Second
	firstBackoff   = 100 * time.Millisecond
	lastBackoff    = time.Second
)

// Run watches until ctx ends; the gate is closed when it returns.
func (m *Monitor) Run(ctx context.Context) {
	defer m.set(false)
	backoff := firstBackoff
	said := ""
	for ctx.Err() == nil {
		wasUp, err := m.watch(ctx)
		if ctx.Err() != nil {
			return
		}
		if wasUp {
			backoff, said = firstBackoff, ""
		}
		// The same trouble once a second would bury everything else in the log.
		if text := err.Error(); text != said {
			m.Log.Error("PostgreSQL unavailable: everything is denied until it is back", "error", text)
			said = text
		}
		sleep(ctx, backoff)
		backoff = min(2*backoff, lastBackoff)
	}
}

// watch holds one connection from its making to its end and says whether the gate was open meanwhile.
func (m *Monitor) watch(ctx context.Context) (wasUp bool, err error) {
	conn, err := m.connect(ctx)
	if err != nil {
		return false, err
	}
	defer closeConn(conn)
	defer m.set(false) // before the closing, which a hanging server can draw out
	m.OnUp()
	m.set(true)
	m.Log.Info("PostgreSQL connected")
	for {
		if err := wait(ctx, conn); err != nil {
			return true, err
		}
		if err := ping(ctx, conn); err != nil {
			return true, err
		}
	}
}

func (m *Monitor) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := m.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.Check(ctx, conn); err != nil {
		closeConn(conn)
		return nil, err
	}
	return conn, nil
}

func (m *Monitor) set(up bool) {
	if m.Open.Swap(up) != up {
		m.OnChange(up)
	}
}

// wait reads from the socket for one round; nothing is expected but its end.
func wait(ctx context.Context, conn *pgx.Conn) error {
	round, cancel := context.WithTimeout(ctx, watchRound)
	defer cancel()
	_, err := conn.WaitForNotification(round)
	if err == nil || (pgconn.Timeout(err) && ctx.Err() == nil && !conn.IsClosed()) {
		return nil
	}
	return err
}

func ping(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	err := conn.Ping(ctx)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer to a ping within " + pingTimeout.String())
	}
	return err
}

func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	_ = conn.Close(ctx)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
