package session

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// touch is what a replica has to say of a session that it serves.
type touch struct {
	id      string
	used    time.Time
	tunnels *time.Time // until when its tunnels count; nil: it has none
	said    *time.Time // what it last said, to take back
}

// state is what a replica has to know of one.
type state struct {
	id        string
	endedAt   *time.Time
	endReason EndReason
	expiresAt time.Time
	usedAt    time.Time
	renewedAt *time.Time
	openedAt  *time.Time
}

// Tunnels of several replicas add up: each only takes back what it said itself.
const touchSQL = `
update public.meshcentral_sessions s
   set last_used_at = greatest(s.last_used_at, u.used),
       tunnels_until = case when u.tunnels is null and s.tunnels_until = u.said then null else greatest(s.tunnels_until, u.tunnels) end
  from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[]) u(id, used, tunnels, said)
 where s.session_id = u.id and s.ended_at is null`

const pollSQL = `
select session_id::text, ended_at, coalesce(end_reason, ''), expires_at, last_used_at, renewed_at, opened_at
  from public.meshcentral_sessions where session_id = any($1::uuid[])` + ours

// poll says what happened here and asks what happened elsewhere, in one round trip.
func (s *store) poll(ctx context.Context, touched []touch, ids []string) (map[string]state, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	b := &pgx.Batch{}
	if len(touched) > 0 {
		n := len(touched)
		who, used, tunnels, said := make([]string, n), make([]time.Time, n), make([]*time.Time, n), make([]*time.Time, n)
		for i, t := range touched {
			who[i], used[i], tunnels[i], said[i] = t.id, t.used, t.tunnels, t.said
		}
		b.Queue(touchSQL, who, used, tunnels, said)
	}
	states := make(map[string]state, len(ids))
	b.Queue(pollSQL, ids).Query(func(rows pgx.Rows) error {
		var v state
		_, err := pgx.ForEachRow(rows, []any{&v.id, &v.endedAt, &v.endReason, &v.expiresAt, &v.usedAt, &v.renewedAt, &v.openedAt}, func() error {
			states[v.id] = v
			return nil
		})
		return err
	})
	if err := s.db.SendBatch(ctx, b).Close(); err != nil {
		return nil, s.failed(ctx, "poll", err)
	}
	return states, nil
}

// alive gives which of ids may still be used.
func (s *store) alive(ctx context.Context, ids []string, now, idleSince time.Time) ([]string, error) {
	return query(ctx, s, "alive", pgx.RowTo[string], `
select session_id::text from public.meshcentral_sessions
 where session_id = any($1::uuid[]) and ended_at is null and expires_at > $2 and last_used_at > $3`+ours, ids, now, idleSince)
}

// scope is whose sessions a person may see and end.
type scope struct {
	userID   int64
	email    string
	tenantID string // besides the own: those with this tenant's devices
	all      bool
}

func (c scope) holds(r row) bool {
	return c.own(r) || c.all || (c.tenantID != "" && r.agentTenant == c.tenantID)
}

func (c scope) own(r row) bool { return r.userID == c.userID && r.email == c.email }

const maxListed = 1000

// list gives live sessions, the newest first, at most maxListed.
func (s *store) list(ctx context.Context, c scope, now, idleSince time.Time) ([]row, error) {
	return query(ctx, s, "list", scanRow, `select `+rowColumns+` from public.meshcentral_sessions
 where ended_at is null and expires_at > $1 and last_used_at > $2`+ours+`
   and ((user_id = $3 and email = $4) or agent_tenant_id = nullif($5, '')::uuid or $6)
 order by created_at desc, session_id limit $7`, now, idleSince, c.userID, c.email, c.tenantID, c.all, maxListed)
}

const auditSQL = `
insert into meshsso.audit (at, event, session_id, user_id, email, tenant_id, agent_id, hostname, view_mode, client_ip, user_agent, reason, actor, kind, bytes_up, bytes_down, seconds)
values ($1, $2, nullif($3, '')::uuid, nullif($4, 0::bigint), nullif($5, ''), nullif($6, '')::uuid, nullif($7, 0::bigint), nullif($8, ''), nullif($9, 0::integer), nullif($10, '')::inet, nullif($11, ''), nullif($12, ''),
  nullif($13, ''), nullif($14, ''), $15, $16, $17)`

// audit writes events, all or none.
func (s *store) audit(ctx context.Context, events []Event) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	b := &pgx.Batch{}
	for _, e := range events {
		b.Queue(auditSQL, e.At, e.Name, e.SessionID, e.UserID, e.Email, e.TenantID, e.AgentID, e.Hostname, int(e.ViewMode), e.Client.ip(),
			e.Client.UserAgent, e.Reason, e.Actor, e.Kind, e.BytesUp, e.BytesDown, e.Seconds)
	}
	if err := s.db.SendBatch(ctx, b).Close(); err != nil {
		return s.failed(ctx, "audit", err)
	}
	return nil
}
