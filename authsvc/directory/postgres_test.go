package directory_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory"
	"github.com/everydaytech/meshsso/authsvc/directory/directorytest"
	"github.com/everydaytech/meshsso/internal/testpg"
	"github.com/everydaytech/meshsso/migrations"
)

func TestMain(m *testing.M) {
	code := testpg.Run(m)
	if err := goleak.Find(); code == 0 && err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// tracer counts queries and can hold them up.
type tracer struct {
	queries atomic.Int64
	begun   chan struct{} // one value a query, if set
	hold    chan struct{} // closed to let queries go, if set
}

func (tr *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	tr.queries.Add(1)
	if tr.begun != nil {
		tr.begun <- struct{}{}
	}
	if tr.hold != nil {
		<-tr.hold
	}
	return ctx
}

func (*tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func pool(t *testing.T, db *testpg.Database, tr *tracer) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(db.Server.ConnString(db.Name))
	if err != nil {
		t.Fatal(err)
	}
	if tr != nil {
		cfg.ConnConfig.Tracer = tr
	}
	p, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// fill writes a world into the platform's tables.
func fill(t *testing.T, db *testpg.Database, w directorytest.World) {
	t.Helper()
	db.Migrate(t)
	db.Exec(t, `create table public.grants (user_id bigint, agent_id bigint, role text);
		create or replace view meshsso.device_links as select user_id, agent_id, role from public.grants`)
	insert := func(sql string, args ...any) {
		if _, err := db.Conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	for id, name := range w.Tenants {
		insert(`insert into public.tenants values ($1, $2)`, id, name)
	}
	for _, u := range w.Users {
		insert(`insert into public.users values ($1, $2, nullif($3, ''), nullif($4, '')::uuid, $5, $6, $7)`,
			u.ID, u.Email, u.FullName, u.TenantID, u.Role, u.IsSuperadmin, u.Disabled)
		for _, g := range u.Grants {
			insert(`insert into public.grants values ($1, $2, $3)`, u.ID, g.AgentID, g.Role)
		}
	}
	for _, d := range w.Devices {
		insert(`insert into public.agents values ($1, $2, $3, $4, nullif($5, '')::uuid, nullif($6, ''))`,
			d.AgentID, d.UUID, d.Hostname, d.Platform, d.TenantID, d.NodeID)
	}
}

func newPostgres(t *testing.T, w directorytest.World) authsvc.Directory {
	db := testpg.New(t)
	fill(t, db, w)
	return directory.NewPostgres(pool(t, db, nil), 10*time.Second, nil)
}

func cacheConfig() directory.CacheConfig {
	return directory.CacheConfig{TTL: time.Hour, NegativeTTL: time.Minute, Users: 100, Scopes: 10, FillTimeout: time.Minute}
}

func TestConformance(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		directorytest.Run(t, func(_ *testing.T, w directorytest.World) authsvc.Directory { return directorytest.Memory{World: w} })
	})
	t.Run("postgres", func(t *testing.T) { directorytest.Run(t, newPostgres) })
	t.Run("gated and cached postgres", func(t *testing.T) {
		directorytest.Run(t, func(t *testing.T, w directorytest.World) authsvc.Directory {
			open := &atomic.Bool{}
			open.Store(true)
			return directory.Gated{Inner: directory.NewCached(newPostgres(t, w), cacheConfig()), Open: open}
		})
	})
}

// A cold person of a warm tenant is one query, however many ask, and a caller who hangs up fails nobody else.
func TestThousandCallersShareOneQuery(t *testing.T) {
	db := testpg.New(t)
	fill(t, db, directorytest.Standard())
	tr := &tracer{begun: make(chan struct{}, 2000), hold: make(chan struct{})}
	cached := directory.NewCached(directory.NewPostgres(pool(t, db, tr), time.Minute, nil), cacheConfig())
	leaving, leave := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := cached.FindUsers(leaving, "tech@acme.example")
		first <- err
	}()
	<-tr.begun // the query that everybody will share is under way, begun by the one who leaves
	var wg sync.WaitGroup
	var good, bad atomic.Int64
	for range 1000 {
		wg.Go(func() {
			if rows, err := cached.FindUsers(t.Context(), "tech@acme.example"); err == nil && len(rows) == 1 {
				good.Add(1)
			} else {
				bad.Add(1)
			}
		})
	}
	leave()
	close(tr.hold)
	wg.Wait()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the leaver got %v", err)
	}
	if good.Load() != 1000 || bad.Load() != 0 || tr.queries.Load() != 1 {
		t.Errorf("%d good, %d bad, %d queries", good.Load(), bad.Load(), tr.queries.Load())
	}
}

func TestQueryThatTakesTooLongIsUnavailable(t *testing.T) {
	db := testpg.New(t)
	db.Migrate(t)
	db.Exec(t, `create or replace view meshsso.users as select 1::bigint as user_id, 'a@x.example'::text as email, ''::text as full_name,
		null::uuid as tenant_id, ''::text as role, pg_sleep(60) is null as is_superadmin, false as disabled`)
	p := directory.NewPostgres(pool(t, db, nil), 50*time.Millisecond, nil)
	if _, err := p.FindUsers(t.Context(), "a@x.example"); authsvc.ReasonOf(err) != authsvc.StoreUnavailable {
		t.Error(err)
	}
}

func TestRowsOfNullsGrantNothing(t *testing.T) {
	db := testpg.New(t)
	db.Migrate(t)
	db.Exec(t, `create or replace view meshsso.users as select null::bigint as user_id, 'a@x.example'::text as email, null::text as full_name,
		null::uuid as tenant_id, null::text as role, null::boolean as is_superadmin, null::boolean as disabled`)
	rows, err := directory.NewPostgres(pool(t, db, nil), time.Minute, nil).FindUsers(t.Context(), "a@x.example")
	if err != nil || len(rows) != 1 || !rows[0].Disabled || rows[0].IsSuperadmin || rows[0].ID != 0 {
		t.Errorf("%+v, %v", rows, err)
	}
}

func TestBrokenViewIsUnavailableAndNamed(t *testing.T) {
	db := testpg.New(t)
	db.Migrate(t)
	db.Exec(t, `drop view meshsso.users`)
	_, err := directory.NewPostgres(pool(t, db, nil), time.Minute, nil).FindUsers(t.Context(), "a@x.example")
	if authsvc.ReasonOf(err) != authsvc.StoreUnavailable || !strings.Contains(err.Error(), "meshsso.users") {
		t.Error(err)
	}
}

func TestCheckSchema(t *testing.T) {
	good := func(t *testing.T) *testpg.Database {
		db := testpg.New(t)
		db.Migrate(t)
		return db
	}
	for name, c := range map[string]struct {
		sql  string
		says []string
	}{
		"good":           {``, nil},
		"empty database": {`drop schema meshsso cascade`, []string{"no schema meshsso", "run: meshsso migrate up"}},
		"too old":        {`delete from meshsso.schema_version where version_id > 0`, []string{"version 0", fmt.Sprintf("needs %d", migrations.Version), "run: meshsso migrate up"}},
		"view missing":   {`drop view meshsso.agents`, []string{"view meshsso.agents is missing"}},
		"types and columns, all at once": {
			`drop view meshsso.users; drop view meshsso.tenants;
			 create view meshsso.users as select 1 as user_id, 'x'::text as email, null::text as full_name, 'x'::text as tenant_id, 'a'::varchar(10) as role, false as is_superadmin;
			 create view meshsso.tenants as select null::uuid as tenant_id, null::text as name, 1 as more`,
			[]string{
				"view meshsso.users: column user_id is integer and must be bigint", "view meshsso.users: column tenant_id is text and must be uuid",
				"view meshsso.users: column role is character varying(10) and must be text", "view meshsso.users: column disabled is missing; it must be boolean",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := good(t)
			if c.sql != "" {
				db.Exec(t, c.sql)
			}
			err := directory.CheckSchema(t.Context(), db.Conn, migrations.Version)
			if c.says == nil && err != nil {
				t.Fatal(err)
			}
			for _, s := range c.says {
				if !errors.Is(err, directory.ErrSchema) || !strings.Contains(err.Error(), s) {
					t.Errorf("said %v\nwithout: %s", err, s)
				}
			}
			if err != nil && strings.Contains(err.Error(), "tenants") {
				t.Errorf("an additional column is no fault: %v", err)
			}
		})
	}
}

func TestCheckSchemaNamesMissingPrivileges(t *testing.T) {
	db := testpg.New(t)
	db.Migrate(t)
	role := "r_" + db.Name
	db.Exec(t, `create role `+role+`; set role `+role)
	if err := directory.CheckSchema(t.Context(), db.Conn, 1); err == nil || !strings.Contains(err.Error(), "grant usage on the schema") {
		t.Errorf("said %v", err)
	}
	db.Exec(t, `reset role; grant usage on schema meshsso to `+role+`; grant select on meshsso.schema_version, meshsso.users, meshsso.tenants, meshsso.agents to `+role+`; set role `+role)
	if err := directory.CheckSchema(t.Context(), db.Conn, 1); err == nil || !strings.Contains(err.Error(), "meshsso.device_links: this database user may not read it") || strings.Contains(err.Error(), "meshsso.users") {
		t.Errorf("said %v", err)
	}
}
