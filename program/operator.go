package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

// operatorTimeout bounds one query of an operator's.
const operatorTimeout = 10 * time.Second

// withAdmin connects to the database and lets f work on its sessions.
func withAdmin(ctx context.Context, e env, f func(context.Context, *session.Admin) error) error {
	db, err := readDatabase(e.getenv)
	if err != nil {
		return configError{err}
	}
	cfg, err := db.connConfig()
	if err != nil {
		return configError{err}
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("cannot reach PostgreSQL at %s: %w", db.address(), err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	faults, err := session.CheckStore(ctx, conn)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return errors.New(faults[0])
	}
	return f(ctx, session.NewAdmin(conn, operatorTimeout, slog.New(slog.NewTextHandler(e.stderr, nil))))
}

// selection is what both commands select by.
type selection struct {
	User  string `placeholder:"EMAIL" help:"Only this person's."`
	Agent int64  `placeholder:"ID" help:"Only this agent's (its number)."`
}

func (s selection) filter() (session.Filter, error) {
	f := session.Filter{Agent: s.Agent}
	if s.User != "" {
		var ok bool
		if f.Email, ok = authsvc.FoldEmail(s.User); !ok {
			return f, fmt.Errorf("--user %q is not an e-mail", s.User)
		}
	}
	return f, nil
}

type sessionsCmd struct {
	List sessionsListCmd `cmd:"" help:"Show live sessions, the newest first."`
	Kill sessionsKillCmd `cmd:"" help:"End live sessions, with their tunnels, on every replica within two seconds."`
}

type sessionsListCmd struct {
	selection
	JSON bool `name:"json" help:"One JSON object a line."`
}

// Run prints them.
func (c sessionsListCmd) Run(ctx context.Context, e env) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	return withAdmin(ctx, e, func(ctx context.Context, a *session.Admin) error {
		sessions, err := a.Sessions(ctx, f, time.Now())
		if err != nil {
			return storeFault(err)
		}
		if c.JSON {
			return printJSON(e.stdout, sessions)
		}
		return printSessions(e.stdout, sessions)
	})
}

type sessionsKillCmd struct {
	selection
	IDs []string `arg:"" optional:"" name:"id" help:"Session ids, as list shows them."`
	All bool     `help:"Every live session."`
}

// Run kills what was named, and nothing if nothing was.
func (c sessionsKillCmd) Run(ctx context.Context, e env) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	if f.IDs = c.IDs; len(c.IDs) == 0 && c.User == "" && c.Agent == 0 && !c.All {
		return errors.New("name session ids, --user, --agent or --all")
	}
	return withAdmin(ctx, e, func(ctx context.Context, a *session.Admin) error {
		ended, err := a.Kill(ctx, f, "meshsso sessions kill", time.Now())
		if err != nil {
			return storeFault(err)
		}
		for _, id := range ended {
			_, _ = fmt.Fprintln(e.stdout, "ended", id)
		}
		if len(ended) < max(len(c.IDs), 1) {
			return fmt.Errorf("%d ended; the others are no live sessions", len(ended))
		}
		return nil
	})
}

// storeFault says in words of the command line what ErrStore is; the log line above it has the cause.
func storeFault(err error) error {
	if errors.Is(err, session.ErrStore) {
		return errors.New("the database did not answer as expected, see above")
	}
	return err
}

type auditCmd struct {
	selection
	Session string        `placeholder:"ID" help:"Only this session's."`
	Event   string        `placeholder:"NAME" help:"Only session_created, session_opened, session_renewed, session_ended, tunnel_opened, tunnel_closed or denied."`
	Since   time.Duration `default:"24h" help:"How far back (${default})."`
	Limit   int           `default:"1000" help:"The last so many lines (${default})."`
	Follow  bool          `short:"f" help:"Go on with what is new until interrupted."`
	JSON    bool          `name:"json" help:"One JSON object a line."`
}

const maxAuditLines = 1_000_000

// Run prints the audit, the oldest line first.
func (c auditCmd) Run(ctx context.Context, e env) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	if c.Limit < 1 || c.Limit > maxAuditLines || c.Since <= 0 {
		return fmt.Errorf("--limit must be from 1 to %d and --since a positive duration such as 24h", maxAuditLines)
	}
	if f.Event, f.Since = c.Event, time.Now().Add(-c.Since); c.Session != "" {
		f.IDs = []string{c.Session}
	}
	return withAdmin(ctx, e, func(ctx context.Context, a *session.Admin) error {
		lines, err := a.Audit(ctx, f, 0, c.Limit)
		if err == nil {
			err = c.print(e.stdout, lines)
		}
		if err != nil || !c.Follow {
			return storeFault(err)
		}
		return c.follow(ctx, e.stdout, a, f, lines)
	})
}

// Lines can be committed out of the order of their ids: each look goes back by so many and leaves out what was shown.
const auditOverlap = 1000

func (c auditCmd) follow(ctx context.Context, w io.Writer, a *session.Admin, f session.Filter, shown []session.Line) error {
	seen, last, floor := map[int64]bool{}, int64(0), int64(0)
	if len(shown) > 0 {
		floor = shown[0].ID - 1 // what --limit left out stays out
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for _, l := range shown {
			seen[l.ID], last = true, max(last, l.ID)
		}
		for id := range seen {
			if id <= last-auditOverlap {
				delete(seen, id)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		lines, err := a.Audit(ctx, f, max(last-auditOverlap, floor), maxAuditLines)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return storeFault(err)
		}
		shown = shown[:0]
		for _, l := range lines {
			if !seen[l.ID] {
				shown = append(shown, l)
			}
		}
		if err := c.print(w, shown); err != nil {
			return err
		}
	}
}

func (c auditCmd) print(w io.Writer, lines []session.Line) error {
	if c.JSON {
		return printJSON(w, lines)
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(w, auditText(l)); err != nil {
			return err
		}
	}
	return nil
}
