package migrator_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/everydaytech/meshsso/internal/migrator"
	"github.com/everydaytech/meshsso/internal/testpg"
)

func TestMain(m *testing.M) { os.Exit(testpg.Run(m)) }

type step func(*migrator.Migrator, context.Context) ([]string, error)

// do runs one step on a connection of its own, as one call of the program does.
func do(t *testing.T, db *testpg.Database, f step) (string, error) {
	t.Helper()
	m, err := migrator.Open(t.Context(), db.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	sentences, err := f(m, t.Context())
	return strings.Join(sentences, "\n"), err
}

func up(t *testing.T, db *testpg.Database) string {
	t.Helper()
	out, err := do(t, db, (*migrator.Migrator).Up)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func text(t *testing.T, db *testpg.Database, sql string) string {
	t.Helper()
	var s *string
	if err := db.Conn.QueryRow(t.Context(), sql).Scan(&s); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	if s == nil {
		return "<null>"
	}
	return *s
}

const fingerprint = `select string_agg(c.relname || ':' || a.attname || ':' || format_type(a.atttypid, a.atttypmod), ',' order by c.relname, a.attnum)
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 where c.relnamespace = 'public'::regnamespace`

func TestUpIsIdempotentAndDownLeavesThePlatformAlone(t *testing.T) {
	db := testpg.New(t)
	db.Exec(t, testpg.PlatformSQL)
	db.Exec(t, `insert into public.users values (1, 'A@x.example', 'A', null, 'admin', null, null)`)
	before := text(t, db, fingerprint)
	if out := up(t, db); !strings.Contains(out, "applied 00001_views.sql") || !strings.Contains(out, "meshsso.users reads public.users.") {
		t.Errorf("first up said:\n%s", out)
	}
	if out := up(t, db); strings.Contains(out, "applied") || strings.Contains(out, "reads") {
		t.Errorf("second up did something:\n%s", out)
	}
	if got := text(t, db, `select user_id || email || is_superadmin || disabled from meshsso.users`); got != "1A@x.examplefalsefalse" {
		t.Errorf("the view gives %s", got)
	}
	out, err := do(t, db, (*migrator.Migrator).Down)
	if err != nil || !strings.Contains(out, "removed schema meshsso") {
		t.Errorf("down: %v\n%s", err, out)
	}
	if out, err := do(t, db, (*migrator.Migrator).Down); err != nil || out != "there is no schema meshsso" {
		t.Errorf("second down: %v\n%s", err, out)
	}
	if got := text(t, db, `select to_regnamespace('meshsso')::text`); got != "<null>" {
		t.Error("the schema is still there")
	}
	if after := text(t, db, fingerprint); after != before {
		t.Errorf("the platform changed:\n%s\n%s", before, after)
	}
	if got := text(t, db, `select email from public.users`); got != "A@x.example" {
		t.Errorf("the platform's row is %s", got)
	}
	up(t, db)
}

func TestManyAtOnce(t *testing.T) {
	db := testpg.New(t)
	db.Exec(t, testpg.PlatformSQL)
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() {
			m, err := migrator.Open(t.Context(), db.Config(t))
			if err == nil {
				_, err = m.Up(t.Context())
				_ = m.Close()
			}
			errs[i] = err
		})
	}
	wg.Wait()
	if i := slices.IndexFunc(errs, func(e error) bool { return e != nil }); i >= 0 {
		t.Fatal(errs[i])
	}
	if got := text(t, db, `select count(*)::text from meshsso.schema_version where version_id = 1`); got != "1" {
		t.Errorf("applied %s times", got)
	}
}

func TestPlaceholderIsReplacedOnceThePlatformIsThere(t *testing.T) {
	db := testpg.New(t)
	out := up(t, db)
	for _, view := range []string{"users", "tenants", "agents"} {
		if !strings.Contains(out, "meshsso."+view+" is an empty placeholder") {
			t.Errorf("up does not mention %s:\n%s", view, out)
		}
	}
	if strings.Contains(out, "device_links") {
		t.Errorf("device_links has no platform table and needs no mention:\n%s", out)
	}
	if got := text(t, db, `select count(*)::text from meshsso.users`); got != "0" {
		t.Errorf("the placeholder has %s rows", got)
	}
	db.Exec(t, testpg.PlatformSQL)
	db.Exec(t, `insert into public.users (user_id, email) values (1, 'a@x.example')`)
	up(t, db)
	if got := text(t, db, `select email from meshsso.users`); got != "a@x.example" {
		t.Errorf("the view gives %s", got)
	}
	out, err := do(t, db, func(m *migrator.Migrator, ctx context.Context) ([]string, error) {
		s, _, err := m.Status(ctx)
		return s, err
	})
	if err != nil || !strings.Contains(out, "view meshsso.users: defined") || !strings.Contains(out, "view meshsso.device_links: placeholder") {
		t.Errorf("status: %v\n%s", err, out)
	}
}

func TestOperatorsViewIsNeverTouched(t *testing.T) {
	db := testpg.New(t)
	up(t, db)
	db.Exec(t, `create or replace view meshsso.users as
      select 7::bigint as user_id, 'op@x.example'::text as email, 'Op'::text as full_name, null::uuid as tenant_id,
             'admin'::text as role, false as is_superadmin, false as disabled`)
	db.Exec(t, testpg.PlatformSQL)
	out := up(t, db)
	if got := text(t, db, `select email from meshsso.users`); got != "op@x.example" {
		t.Errorf("the operator's view gives %s now", got)
	}
	if !strings.Contains(out, "column disabled that meshsso.users does not read") {
		t.Errorf("no warning about disabled:\n%s", out)
	}
}

func TestPlatformVariants(t *testing.T) {
	for name, c := range map[string]struct{ sql, says, want string }{
		"no disabled column": {
			`create table public.users (user_id bigint, email text, full_name text, tenant_id uuid, role text, is_superadmin boolean)`,
			"only deleting a person's row", "1|a@x.example|<null>|<null>|false|false",
		},
		"least columns, integers for booleans, text for uuid": {
			`create table public.users (user_id int, email varchar, tenant_id text, role varchar, is_superadmin int, disabled int)`,
			"public.users has no column full_name", "1|a@x.example|<null>|<null>|false|false",
		},
		"tenant_id text": {
			`create table public.users (user_id int, email varchar, tenant_id text default '11111111-1111-1111-1111-11111111111A', role varchar,
			   disabled int default 1, is_superadmin int default 1)`,
			"meshsso.users reads public.users", "1|a@x.example|<null>|11111111-1111-1111-1111-11111111111a|true|true",
		},
		"tenant_id text that is none": {
			`create table public.users (user_id int, email varchar, tenant_id text default 'none', role varchar)`,
			"meshsso.users.is_superadmin is always false", "1|a@x.example|<null>|<null>|false|false",
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := testpg.New(t)
			db.Exec(t, c.sql)
			db.Exec(t, `insert into public.users (user_id, email) values (1, 'a@x.example')`)
			if out := up(t, db); !strings.Contains(out, c.says) {
				t.Errorf("up said:\n%s\nwithout: %s", out, c.says)
			}
			got := text(t, db, `select concat_ws('|', user_id, email, coalesce(full_name, '<null>'), coalesce(tenant_id::text, '<null>'), is_superadmin::text, disabled::text) from meshsso.users`)
			if got != c.want {
				t.Errorf("the view gives %s, want %s", got, c.want)
			}
		})
	}
}

func TestPlatformThatCannotBeReadIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ sql, says string }{
		"missing column": {`create table public.users (user_id int, tenant_id uuid, role text)`, "has no column email"},
		"wrong type":     {`create table public.users (user_id uuid, email text, tenant_id uuid, role text)`, "column user_id of type uuid"},
	} {
		t.Run(name, func(t *testing.T) {
			db := testpg.New(t)
			db.Exec(t, c.sql)
			_, err := do(t, db, (*migrator.Migrator).Up)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "meshsso migrate up") {
				t.Errorf("up said: %v", err)
			}
		})
	}
}

func TestDownRefusesWhatOthersDependOn(t *testing.T) {
	db := testpg.New(t)
	db.Exec(t, testpg.PlatformSQL)
	up(t, db)
	db.Exec(t, `create view public.report as select email from meshsso.users`)
	_, err := do(t, db, (*migrator.Migrator).Down)
	if err == nil || !strings.Contains(err.Error(), "report") || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("down said: %v", err)
	}
	if got := text(t, db, `select count(*)::text from public.report`); got != "0" {
		t.Errorf("the report gives %s", got)
	}
}

// The documented index must serve the look-up through the view.
func TestEmailIndexIsUsed(t *testing.T) {
	db := testpg.New(t)
	db.Exec(t, testpg.PlatformSQL)
	db.Exec(t, `create index users_email_c on public.users (lower(email::text collate "C"))`)
	up(t, db)
	db.Exec(t, `set enable_seqscan = off`)
	rows, err := db.Conn.Query(t.Context(), `explain select * from meshsso.users u where lower(u.email collate "C") = 'a@x.example'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	plan := ""
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan += line + "\n"
	}
	if !strings.Contains(plan, "users_email_c") {
		t.Error(plan)
	}
}
