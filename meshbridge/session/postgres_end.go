package session

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// endSQL ends the sessions that a condition names (it may use $4 and $5) and audits each once, whoever else tries: $1 the time,
// $2 the reason, $3 who did it if it was another person.
func endSQL(condition string) string {
	return `
with v as (
  update public.meshcentral_sessions s set ended_at = $1, end_reason = $2, ticket_hash = null
   where s.ended_at is null` + ours + ` and ` + condition + `
  returning ` + endedColumns + `),
said as (
  insert into meshsso.audit (at, event, session_id, user_id, email, tenant_id, agent_id, hostname, view_mode, client_ip, user_agent, reason, actor, seconds)
  select $1, 'session_ended', v.session_id, v.user_id, v.email, v.agent_tenant_id, v.agent_id, ` + hostnameOf + `, v.view_mode, nullif(v.client_ip, '')::inet, v.user_agent, $2,
         nullif($3, ''), extract(epoch from $1 - v.created_at) from v)
select session_id::text from v`
}

var (
	endIDsSQL    = endSQL(`s.session_id = any($4::uuid[])`)
	endPersonSQL = endSQL(`s.user_id = $4 and s.email = $5`)
	endLateSQL   = endSQL(`s.expires_at <= $1`)
	endIdleSQL   = endSQL(`s.last_used_at <= $4`)
	// Of a person's live sessions without tunnels the longest idle ones, so many that fewer than $6 stay.
	endForRoomSQL = endSQL(`s.session_id in (
     select session_id from public.meshcentral_sessions
      where user_id = $4 and ended_at is null and email is not null and expires_at > $1 and last_used_at > $5 and coalesce(tunnels_until <= $1, true)
      order by last_used_at, session_id
      limit greatest((select count(*) from public.meshcentral_sessions
        where user_id = $4 and ended_at is null and email is not null and expires_at > $1 and last_used_at > $5) - $6::integer + 1, 0))`)
	// Of these ids: the table decides.
	endExpiredIDsSQL = endSQL(`s.session_id = any($4::uuid[]) and s.expires_at <= $5`)
	endIdleIDsSQL    = endSQL(`s.session_id = any($4::uuid[]) and s.last_used_at <= $5`)
)

// end ends sessions by id and gives those that it was that ended.
func (s *store) end(ctx context.Context, ids []string, reason EndReason, actor string, now time.Time) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return query(ctx, s, "end", pgx.RowTo[string], endIDsSQL, now, string(reason), actor, ids)
}

// endLate ends those of the ids that have expired, or were last used at idleSince or before.
func (s *store) endLate(ctx context.Context, ids []string, reason EndReason, now, idleSince time.Time) ([]string, error) {
	sql, since := endExpiredIDsSQL, now
	if reason == EndIdle {
		sql, since = endIdleIDsSQL, idleSince
	}
	return query(ctx, s, "end", pgx.RowTo[string], sql, now, string(reason), "", ids, since)
}

// endPerson ends all sessions of a person.
func (s *store) endPerson(ctx context.Context, userID int64, email string, reason EndReason, now time.Time) ([]string, error) {
	return query(ctx, s, "end", pgx.RowTo[string], endPersonSQL, now, string(reason), "", userID, email)
}

// The janitor's lock: the first 8 bytes of SHA-256("meshsso:sessions:clean"), halved.
const cleanLock = 0x1c1d0c8f54f1a6b3

// clean ends what has expired or idled out and deletes what ended before keep, unless another replica is at it. The rows of an
// old backend stay.
func (s *store) clean(ctx context.Context, now, idleSince, keep time.Time) (ended []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 4*s.timeout)
	defer cancel()
	tx, err := s.db.Begin(ctx)
	if err != nil {
		return nil, s.failed(ctx, "clean", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	var first bool
	if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, int64(cleanLock)).Scan(&first); err != nil || !first {
		if err != nil {
			err = s.failed(ctx, "clean", err)
		}
		return nil, err
	}
	for _, e := range []struct {
		sql  string
		args []any
	}{
		{endLateSQL, []any{now, string(EndExpiry), ""}},
		{endIdleSQL, []any{now, string(EndIdle), "", idleSince}},
	} {
		rows, err := tx.Query(ctx, e.sql, e.args...)
		if err != nil {
			return nil, s.failed(ctx, "clean", err)
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, s.failed(ctx, "clean", err)
		}
		ended = append(ended, ids...)
	}
	if _, err := tx.Exec(ctx, `delete from public.meshcentral_sessions where ended_at < $1`+ours, keep); err != nil {
		return nil, s.failed(ctx, "clean", err)
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, s.failed(ctx, "clean", err)
	}
	return ended, nil
}
