package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// DB is the part of a pgx pool that is needed.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	Begin(ctx context.Context) (pgx.Tx, error)
}

// store is the table public.meshcentral_sessions and the audit. Every method gives up after timeout, and fails with ErrStore.
// Times are the service's, not the database's: replicas are expected to have the same time to within a second or two.
type store struct {
	db      DB
	timeout time.Duration
	log     *slog.Logger
}

// row is one session of ours as stored. An old backend's rows have no e-mail and are not seen by any statement here.
type row struct {
	id, hash        string
	userID, agentID int64
	nodeID          string
	viewMode        ViewMode
	restrict        bool
	email           string // folded
	jwtTenant       string
	jwtRole         *string
	jwtKey          int16
	jwtExpires      time.Time
	jwtIssuer       string // name of a further issuer; "" is the built-in one
	jwtClaims       string // verified claims as JSON, where a mapping needs them
	agentTenant     string
	cookieHash      string
	createdAt       time.Time
	usedAt          time.Time
	expiresAt       time.Time
	openedAt        *time.Time
	renewedAt       *time.Time
	endedAt         *time.Time
	endReason       EndReason
	clientIP        string
	userAgent       string
}

const rowColumns = `session_id::text, session_token, user_id::bigint, agent_id::bigint, node_id, view_mode::integer, coalesce(restricted, false),
  email, coalesce(jwt_tenant_id::text, ''), jwt_role, coalesce(jwt_key, 0::smallint), jwt_expires_at, coalesce(jwt_issuer, ''), coalesce(jwt_claims::text, ''),
  coalesce(agent_tenant_id::text, ''), coalesce(cookie_hash, ''),
  created_at, last_used_at, expires_at, opened_at, renewed_at, ended_at, coalesce(end_reason, ''), coalesce(client_ip, ''), coalesce(user_agent, '')`

func scanRow(r pgx.CollectableRow) (row, error) {
	var v row
	err := r.Scan(&v.id, &v.hash, &v.userID, &v.agentID, &v.nodeID, &v.viewMode, &v.restrict, &v.email, &v.jwtTenant, &v.jwtRole, &v.jwtKey,
		&v.jwtExpires, &v.jwtIssuer, &v.jwtClaims, &v.agentTenant, &v.cookieHash, &v.createdAt, &v.usedAt, &v.expiresAt, &v.openedAt, &v.renewedAt, &v.endedAt, &v.endReason,
		&v.clientIP, &v.userAgent)
	return v, err
}

// failed logs what went wrong without what a row holds, and gives ErrStore.
func (s *store) failed(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return ErrStore // the caller went away
	}
	text := err.Error()
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		text = fmt.Sprintf("%s (SQLSTATE %s)", pg.Message, pg.Code) // its detail may quote rows
	}
	s.log.WarnContext(ctx, "sessions: a query failed", "what", what, "error", text)
	return ErrStore
}

func query[T any](ctx context.Context, s *store, what string, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	rows, err := s.db.Query(ctx, sql, args...)
	if err != nil {
		return nil, s.failed(ctx, what, err)
	}
	out, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, s.failed(ctx, what, err)
	}
	return out, nil
}

// The person's own lock makes creations of one person wait for one another, over all replicas: without it two would both find
// room for the last one.
const lockPersonSQL = `select pg_advisory_xact_lock(hashtextextended('meshsso session', $1::bigint))`

// Of a person's live sessions: $2 the person, $15 the time, $19 since when one must have been used.
const livingSQL = `user_id = $2 and ended_at is null and email is not null and expires_at > $15 and last_used_at > $19`

// createSQL makes a session if there is room.
const createSQL = `
with made as (
  insert into public.meshcentral_sessions (session_token, user_id, session_id, agent_id, node_id, view_mode, restricted, email, jwt_tenant_id, jwt_role, jwt_key,
      jwt_expires_at, agent_tenant_id, cookie_hash, ticket_hash, created_at, last_used_at, expires_at, ticket_expires_at, client_ip, user_agent,
      jwt_issuer, jwt_claims)
  select $1, $2, $3::uuid, $4, $5, $6, $7, $8, nullif($9, '')::uuid, $10, $11, $12, nullif($13, '')::uuid, nullif($14, ''), nullif($21, ''), $15, $15, $16, $22, $17, $18, nullif($24, ''), nullif($25, '')::json
   where (select count(*) from public.meshcentral_sessions where ` + livingSQL + `) < $20::integer
  returning 1)
insert into meshsso.audit (at, event, session_id, user_id, email, tenant_id, agent_id, hostname, view_mode, client_ip, user_agent)
select $15, 'session_created', $3::uuid, $2, $8, nullif($13, '')::uuid, $4, $23, $6, nullif($17, '')::inet, $18 from made`

// What an ended session leaves in the audit.
const (
	endedColumns = `s.session_id, s.user_id, s.email, s.agent_tenant_id, s.agent_id, s.view_mode, s.client_ip, s.user_agent, s.created_at`
	hostnameOf   = `(select a.hostname from meshsso.agents a where a.agent_id = v.agent_id limit 1)`
)

// create inserts a session and says whether there was room; with makeRoom it first ends what stands in the way, and gives that.
// A batch is one round trip and one transaction, and each of its statements sees what those before it did.
func (s *store) create(ctx context.Context, r row, t ticket, hostname string, idleSince time.Time, limit int, makeRoom bool) (made bool, ended []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	b := &pgx.Batch{}
	b.Queue(lockPersonSQL, r.userID)
	if makeRoom {
		b.Queue(endForRoomSQL, r.createdAt, string(EndLimit), "", r.userID, idleSince, limit).Query(func(rows pgx.Rows) (err error) {
			ended, err = pgx.CollectRows(rows, pgx.RowTo[string])
			return err
		})
	}
	b.Queue(createSQL, r.hash, r.userID, r.id, r.agentID, r.nodeID, int(r.viewMode), r.restrict, r.email, r.jwtTenant, r.jwtRole, r.jwtKey,
		r.jwtExpires, r.agentTenant, r.cookieHash, r.createdAt, r.expiresAt, r.clientIP, r.userAgent, idleSince, limit, t.hash, t.until, hostname, r.jwtIssuer, r.jwtClaims,
	).Exec(func(tag pgconn.CommandTag) error {
		made = tag.RowsAffected() == 1
		return nil
	})
	if err := s.db.SendBatch(ctx, b).Close(); err != nil {
		return false, nil, s.failed(ctx, "create", err)
	}
	return made, ended, nil
}

// ticket is what is stored of one; the zero value is none.
type ticket struct {
	hash  string
	until *time.Time
}

// ours leaves out an old backend's rows, also those that it still writes.
const ours = ` and email is not null and jwt_expires_at is not null and session_id is not null`

// byHash gives the session of a token's hash, ended ones included.
func (s *store) byHash(ctx context.Context, hash string) (row, error) {
	return s.one(ctx, `select `+rowColumns+` from public.meshcentral_sessions where session_token = $1`+ours, hash)
}

// byID gives the session of an id, ended ones included.
func (s *store) byID(ctx context.Context, id string) (row, error) {
	return s.one(ctx, `select `+rowColumns+` from public.meshcentral_sessions where session_id = $1::uuid`+ours, id)
}

// one gives ErrUnknown if there is none.
func (s *store) one(ctx context.Context, sql string, arg string) (row, error) {
	rows, err := query(ctx, s, "read", scanRow, sql, arg)
	if err != nil {
		return row{}, err
	}
	if len(rows) != 1 {
		return row{}, ErrUnknown
	}
	return rows[0], nil
}

// redeem trades a ticket for a cookie, once.
func (s *store) redeem(ctx context.Context, hash, ticketHash, cookieHash string, now time.Time) (bool, error) {
	ids, err := query(ctx, s, "redeem", pgx.RowTo[string], `
update public.meshcentral_sessions set ticket_hash = null, ticket_expires_at = null, cookie_hash = $3
 where session_token = $1 and ticket_hash = $2 and ticket_expires_at > $4 and ended_at is null`+ours+` returning session_id::text`, hash, ticketHash, cookieHash, now)
	return len(ids) == 1, err
}

// opened notes the first use of a session, once.
func (s *store) opened(ctx context.Context, r row, hostname string, c Client, now time.Time) error {
	_, err := query(ctx, s, "open", pgx.RowTo[int], `
with o as (
  update public.meshcentral_sessions set opened_at = $2, last_used_at = greatest(last_used_at, $2)
   where session_id = $1::uuid and opened_at is null and ended_at is null
  returning session_id, user_id, email, agent_tenant_id, agent_id, view_mode)
insert into meshsso.audit (at, event, session_id, user_id, email, tenant_id, agent_id, hostname, view_mode, client_ip, user_agent)
select $2, 'session_opened', session_id, user_id, email, agent_tenant_id, agent_id, $5, view_mode, nullif($3, '')::inet, $4 from o
returning 1`, r.id, now, c.ip(), c.UserAgent, hostname)
	return err
}

// renewal is what a renewed session has anew.
type renewal struct {
	role      *string
	key       int16
	jwtTenant string
	jwtEnd    time.Time
	jwtIssuer string
	jwtClaims string
	expiresAt time.Time
}

func (s *store) renew(ctx context.Context, id string, n renewal, hostname string, c Client, now time.Time) (bool, error) {
	done, err := query(ctx, s, "renew", pgx.RowTo[int], `
with r as (
  update public.meshcentral_sessions
     set expires_at = $2, jwt_expires_at = $3, jwt_role = $4, jwt_key = $5, jwt_tenant_id = nullif($6, '')::uuid, renewed_at = $7, last_used_at = greatest(last_used_at, $7),
         jwt_issuer = nullif($11, ''), jwt_claims = nullif($12, '')::json
   where session_id = $1::uuid and ended_at is null and expires_at > $7`+ours+`
  returning session_id, user_id, email, agent_tenant_id, agent_id, view_mode)
insert into meshsso.audit (at, event, session_id, user_id, email, tenant_id, agent_id, hostname, view_mode, client_ip, user_agent)
select $7, 'session_renewed', session_id, user_id, email, agent_tenant_id, agent_id, $10, view_mode, nullif($8, '')::inet, $9 from r
returning 1`, id, n.expiresAt, n.jwtEnd, n.role, n.key, n.jwtTenant, now, c.ip(), c.UserAgent, hostname, n.jwtIssuer, n.jwtClaims)
	return len(done) == 1, err
}
