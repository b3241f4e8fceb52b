package session

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// Admin is what an operator does on the command line, on the database alone: replicas see it within a second.
type Admin struct{ store *store }

// NewAdmin works on one connection or pool.
func NewAdmin(db DB, timeout time.Duration, log *slog.Logger) *Admin {
	return &Admin{&store{db: db, timeout: timeout, log: log}}
}

// Filter selects sessions or lines of the audit; the zero value selects all.
type Filter struct {
	IDs   []string // session UUIDs
	Email string   // folded
	Agent int64
	Event string
	Since time.Time
}

const adminFilter = ` and (cardinality($1::text[]) = 0 or session_id::text = any($1)) and ($2 = '' or email = $2) and ($3::bigint = 0 or agent_id = $3::bigint)`

func (f Filter) args() []any {
	ids := f.IDs
	if ids == nil {
		ids = []string{}
	}
	return []any{ids, f.Email, f.Agent}
}

// Sessions lists live ones, the newest first, at most maxListed.
func (a *Admin) Sessions(ctx context.Context, f Filter, now time.Time) ([]Listed, error) {
	rows, err := query(ctx, a.store, "list", scanRow, `select `+rowColumns+` from public.meshcentral_sessions
 where ended_at is null and expires_at > $4`+ours+adminFilter+` order by created_at desc, session_id limit `+maxListedText, append(f.args(), now)...)
	if err != nil {
		return nil, err
	}
	out := make([]Listed, len(rows))
	for i, r := range rows {
		out[i] = r.listed()
	}
	return out, nil
}

const maxListedText = "1000"

func (r *row) listed() Listed {
	return Listed{
		ID: r.id, UserID: r.userID, Email: r.email, AgentID: r.agentID, NodeID: r.nodeID, ViewMode: r.viewMode, Restrict: r.restrict,
		CreatedAt: r.createdAt.UTC(), LastUsedAt: r.usedAt.UTC(), ExpiresAt: r.expiresAt.UTC(), ClientIP: r.clientIP, UserAgent: r.userAgent,
	}
}

// Kill ends what the filter selects and gives the ids; actor is who, for the audit.
func (a *Admin) Kill(ctx context.Context, f Filter, actor string, now time.Time) ([]string, error) {
	live, err := a.Sessions(ctx, f, now)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(live))
	for i, s := range live {
		ids[i] = s.ID
	}
	return a.store.end(ctx, ids, EndAdmin, actor, now)
}

// Line is one line of the audit as stored.
type Line struct {
	ID        int64     `json:"id"`
	At        time.Time `json:"at"`
	Event     string    `json:"event"`
	SessionID *string   `json:"session,omitempty"`
	UserID    *int64    `json:"userId,omitempty"`
	Email     *string   `json:"email,omitempty"`
	TenantID  *string   `json:"tenantId,omitempty"`
	AgentID   *int64    `json:"agentId,omitempty"`
	Hostname  *string   `json:"hostname,omitempty"`
	ViewMode  *int      `json:"viewMode,omitempty"`
	ClientIP  *string   `json:"clientIp,omitempty"`
	UserAgent *string   `json:"userAgent,omitempty"`
	Reason    *string   `json:"reason,omitempty"`
	Actor     *string   `json:"actor,omitempty"`
	Kind      *string   `json:"kind,omitempty"`
	BytesUp   *int64    `json:"bytesUp,omitempty"`
	BytesDown *int64    `json:"bytesDown,omitempty"`
	Seconds   *float64  `json:"seconds,omitempty"`
}

// Audit gives the last lines that the filter selects with an id greater than after, the oldest first.
func (a *Admin) Audit(ctx context.Context, f Filter, after int64, limit int) ([]Line, error) {
	return query(ctx, a.store, "audit", pgx.RowToStructByPos[Line], `
select * from (
  select id, at, event, session_id::text, user_id, email, tenant_id::text, agent_id, hostname, view_mode, host(client_ip), user_agent, reason, actor, kind, bytes_up, bytes_down, seconds
    from meshsso.audit
   where at >= $4 and id > $5 and ($6 = '' or event = $6)`+adminFilter+`
   order by id desc limit $7) l
 order by id`, append(f.args(), f.Since, after, f.Event, limit)...)
}
