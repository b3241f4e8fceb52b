package migrator_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/internal/migrator"
	"github.com/everydaytech/meshsso/internal/testpg"
)

const oldJWT = "eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImFAeCJ9.c2lnbmF0dXJl"

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func TestSessionsOfAFreshDatabase(t *testing.T) {
	db := testpg.New(t)
	up(t, db)
	const columns = `select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ',' order by a.attnum)
  from pg_attribute a where a.attrelid = 'public.meshcentral_sessions'::regclass and a.attnum between 1 and 9`
	if got := text(t, db, columns); got != "session_token character varying(64),user_id bigint,agent_id bigint,node_id character varying(255),view_mode integer,"+
		"meshcentral_cookie text,expires_at timestamp with time zone,created_at timestamp with time zone,last_used_at timestamp with time zone" {
		t.Error(got)
	}
	const insert = `insert into public.meshcentral_sessions (session_token, user_id, agent_id, node_id, view_mode, expires_at) values ('x', 1, 1, 'n', 10, now())`
	db.Exec(t, insert)
	if _, err := db.Conn.Exec(t.Context(), insert); err == nil {
		t.Error("one token twice")
	}
	if _, err := do(t, db, (*migrator.Migrator).Down); err != nil {
		t.Fatal(err)
	}
	if got := text(t, db, `select to_regclass('public.meshcentral_sessions')::text`); got != "<null>" {
		t.Error("our own table is still there")
	}
}

func TestOldSessionsAreUpgradedInPlace(t *testing.T) {
	for name, c := range map[string]struct {
		table string
		times string // one in the future, in the table's type
	}{
		"serial id, timestamps without zone": {`create table public.meshcentral_sessions (id serial primary key, session_token varchar(64) unique not null, user_id int not null,
			agent_id int not null, node_id varchar(255) not null, view_mode int default 10, meshcentral_cookie text not null, expires_at timestamp not null default now(),
			created_at timestamp default now(), last_used_at timestamp default now(), %s)`, `now() at time zone 'UTC' + interval '1 hour'`},
		"uuid id, bigint, text": {`create table public.meshcentral_sessions (id uuid primary key default gen_random_uuid(), session_token text, user_id bigint,
			agent_id bigint, node_id text, view_mode smallint, meshcentral_cookie text, expires_at timestamptz, created_at timestamptz, last_used_at timestamptz, %s)`,
			`now() + interval '1 hour'`},
		"token as key, milliseconds, short texts": {`create table public.meshcentral_sessions (session_token char(40) primary key, user_id int, agent_id int,
			node_id varchar(80), view_mode varchar(10), meshcentral_cookie jsonb, expires_at bigint, created_at date, last_used_at timestamp(3), %s)`,
			`(extract(epoch from now()) * 1000)::bigint + 3600000`},
		"few columns": {`create table public.meshcentral_sessions (session_token varchar(64), user_id int, agent_id int, meshcentral_cookie text, expires_at timestamptz,
			node_id varchar(255), view_mode int, %s)`, `now() + interval '1 hour'`},
	} {
		t.Run(name, func(t *testing.T) {
			db := testpg.New(t)
			db.Exec(t, testpg.PlatformSQL+strings.Replace(c.table, "%s", `iframe_url text not null, note text not null, access_token bytea, ip text not null`, 1))
			cookie := `'` + oldJWT + `'`
			if strings.Contains(c.table, "jsonb") {
				cookie = `'"` + oldJWT + `"'`
			}
			for _, token := range []string{"first-token", "second-token"} {
				db.Exec(t, `insert into public.meshcentral_sessions (session_token, user_id, agent_id, node_id, view_mode, meshcentral_cookie, expires_at, iframe_url, note, access_token, ip)
				  values ('`+token+`', 1, 2, 'node//A', '11', `+cookie+`, `+c.times+`, 'https://x/?token=`+oldJWT+`', 'is `+oldJWT+`', 'abc', '192.0.2.1')`)
			}
			up(t, db)
			const rest = `select count(*) || ' ' || bool_and(expires_at <= now()) || ' ' || bool_and(ended_at is not null) || ' ' || bool_and(email is null) || ' ' ||
			  bool_and(meshcentral_cookie is null) || bool_and(iframe_url is null) || bool_and(note is null) || bool_and(access_token is null) || ' ' || min(ip) || ' ' || min(node_id) || ' ' || min(view_mode)
			  from public.meshcentral_sessions`
			if got := text(t, db, rest); got != "2 true true true truetruetruetrue 192.0.2.1 node//A 11" {
				t.Error(got)
			}
			token := "first-token"
			if strings.Contains(c.table, "char(40)") {
				token = text(t, db, `select 'first-token'::char(40)::text`)
			}
			if got := text(t, db, `select min(session_token) from public.meshcentral_sessions where session_token = '`+hashOf(token)+`'`); got == "<null>" {
				t.Errorf("the token's hash is not there: %s", text(t, db, `select string_agg(session_token, ' ') from public.meshcentral_sessions`))
			}
			// What the service writes fits beside what the old backend had.
			db.Exec(t, `insert into public.meshcentral_sessions (session_token, user_id, agent_id, node_id, view_mode, expires_at, created_at, last_used_at)
			  values (repeat('a', 64), 1, 2, 'node//' || repeat('A', 64), 10, now() + interval '1 hour', now(), now())`)
			if _, err := do(t, db, (*migrator.Migrator).Down); err != nil {
				t.Fatal(err)
			}
			if got := text(t, db, `select count(*) || ' ' || max(ip) || ' ' || bool_and(expires_at <= now()) from public.meshcentral_sessions`); got != "3 192.0.2.1 true" {
				t.Errorf("after down: %s", got)
			}
			if got := text(t, db, `select count(*)::text from pg_attribute where attrelid = 'public.meshcentral_sessions'::regclass and attname in ('session_id', 'jwt_key') and not attisdropped`); got != "0" {
				t.Error("down left columns of ours")
			}
			up(t, db)
			if got := text(t, db, `select count(*)::text from public.meshcentral_sessions where ended_at is not null`); got != "3" {
				t.Errorf("after another up %s rows", got)
			}
		})
	}
}

func TestOldTokensThatAreNotUnique(t *testing.T) {
	db := testpg.New(t)
	db.Exec(t, `create table public.meshcentral_sessions (session_token text, user_id int, agent_id int, node_id text, view_mode int, meshcentral_cookie text,
	  expires_at timestamptz, created_at timestamptz, last_used_at timestamptz);
	  insert into public.meshcentral_sessions (session_token) values ('same'), ('same'), (null), (null), ('other')`)
	up(t, db)
	if got := text(t, db, `select count(distinct session_token) || ' ' || count(*) filter (where session_token = '`+hashOf("same")+`') from public.meshcentral_sessions`); got != "5 1" {
		t.Error(got)
	}
	if _, err := db.Conn.Exec(t.Context(), `insert into public.meshcentral_sessions (session_token) values ('`+hashOf("same")+`')`); err == nil {
		t.Error("a token twice")
	}
}

func TestOldSessionsThatCannotBeUpgraded(t *testing.T) {
	const rest = `, agent_id int, node_id text, view_mode int, meshcentral_cookie text, expires_at timestamptz, created_at timestamptz, last_used_at timestamptz)`
	for name, c := range map[string]struct{ sql, says string }{
		"a view":              {`create view public.meshcentral_sessions as select 1 as session_token`, "not an ordinary table"},
		"no token":            {`create table public.meshcentral_sessions (id int)`, "no column session_token"},
		"user_id a uuid":      {`create table public.meshcentral_sessions (session_token text, user_id uuid` + rest, "column user_id is uuid and must be an integer"},
		"times as text":       {`create table public.meshcentral_sessions (session_token text, user_id int, agent_id int, expires_at text)`, "column expires_at is text and must be a time"},
		"our name, other use": {`create table public.meshcentral_sessions (opened_at boolean, session_token text, user_id int` + rest, "column opened_at of type boolean"},
		"a key nobody fills":  {`create table public.meshcentral_sessions (id int primary key, session_token text, user_id int` + rest, "primary key column id has no default"},
		"a view depends on it": {`create table public.meshcentral_sessions (session_token varchar(64), user_id int` + rest + `;
		  create view public.report as select session_token from public.meshcentral_sessions`, "view or rule"},
	} {
		t.Run(name, func(t *testing.T) {
			db := testpg.New(t)
			db.Exec(t, c.sql)
			_, err := do(t, db, (*migrator.Migrator).Up)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("up said: %v", err)
			}
			if got := text(t, db, `select to_regclass('meshsso.audit')::text`); got != "<null>" {
				t.Error("half of the migration stayed")
			}
		})
	}
}

func TestAuditOnlyGrows(t *testing.T) {
	db := testpg.New(t)
	up(t, db)
	db.Exec(t, `insert into meshsso.audit (event) values ('session_created')`)
	for _, sql := range []string{`update meshsso.audit set event = 'x'`, `delete from meshsso.audit`, `truncate meshsso.audit`, `delete from meshsso.audit where false`} {
		if _, err := db.Conn.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if got := text(t, db, `select count(*)::text from meshsso.audit where event = 'session_created'`); got != "1" {
		t.Error(got)
	}
}
