package migrator_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/everydaytech/meshsso/internal/migrator"
	"github.com/everydaytech/meshsso/internal/testpg"
	"github.com/everydaytech/meshsso/migrations"
)

func downTo(t *testing.T, db *testpg.Database, version int64) {
	t.Helper()
	conn := stdlib.OpenDB(*db.Config(t))
	defer func() { _ = conn.Close() }()
	p, err := goose.NewProvider(goose.DialectPostgres, conn, migrations.FS, goose.WithTableName("meshsso.schema_version"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}

// An older service knows no issuers and no mapping: it must not find sessions that only these let in.
func TestSessionsOfAMappingEndWithIt(t *testing.T) {
	db := testpg.New(t)
	up(t, db)
	for token, claims := range map[string]string{"builtin": "1, null, null", "issuer": "3, 'acme', null", "mapped": `1, null, '{"a":"\u0000"}'`, "lost": "3, null, null"} {
		db.Exec(t, `insert into public.meshcentral_sessions (session_token, user_id, agent_id, node_id, view_mode, expires_at, email, jwt_key, jwt_issuer, jwt_claims)
  values ('`+token+`', 1, 1, 'n', 10, now() + interval '1 hour', 'a@x.example', `+claims+`)`)
	}
	downTo(t, db, 3)
	if got := text(t, db, `select string_agg(session_token, ' ') from public.meshcentral_sessions where ended_at is null`); got != "builtin" {
		t.Errorf("%s live on", got)
	}
	const columns = `select string_agg(attname, ' ') from pg_attribute where attrelid = 'public.meshcentral_sessions'::regclass and attname in ('jwt_issuer', 'jwt_claims') and not attisdropped`
	if got := text(t, db, columns); got != "<null>" {
		t.Errorf("down left %s", got)
	}
	if up(t, db); text(t, db, columns) == "<null>" {
		t.Error("another up did not bring them back")
	}
	if got := text(t, db, `select (cardinality(array_positions(added, 'jwt_claims')) = 1)::text from meshsso.session_table`); got != "true" {
		t.Errorf("what is ours is noted %s", got)
	}
}

func TestAColumnOfThatNameIsNotTaken(t *testing.T) {
	db := testpg.New(t)
	db.Exec(t, `create table public.meshcentral_sessions (session_token text, user_id int, agent_id int, node_id text, view_mode int, meshcentral_cookie text,
  expires_at timestamptz, created_at timestamptz, last_used_at timestamptz, jwt_issuer text)`)
	_, err := do(t, db, (*migrator.Migrator).Up)
	if err == nil || !strings.Contains(err.Error(), "column jwt_issuer of its own") {
		t.Errorf("up said: %v", err)
	}
}
