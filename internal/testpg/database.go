package testpg

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/everydaytech/meshsso/internal/migrator"
)

// shared is one server for all tests of a package; Run ends it.
var shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Run is for TestMain: it runs the tests and ends the server that they shared, if any.
func Run(m interface{ Run() int }) int {
	defer func() {
		if shared.server != nil {
			shared.server.remove()
		}
	}()
	return m.Run()
}

// Database is a fresh, empty database of the package's shared server.
type Database struct {
	Server *Server
	Name   string
	Conn   *pgx.Conn // the superuser's
}

// New makes a database that ends with the server. TestMain must call Run.
func New(tb testing.TB) *Database {
	tb.Helper()
	shared.once.Do(func() {
		if shared.server, shared.err = newServer(); shared.err == nil {
			shared.err = shared.server.Start()
		}
	})
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return shared.server.NewDatabase(tb)
}

// NewDatabase makes a fresh database on this server.
func (s *Server) NewDatabase(tb testing.TB) *Database {
	tb.Helper()
	var random [6]byte
	_, _ = rand.Read(random[:])
	name := "t" + hex.EncodeToString(random[:])
	admin := connect(tb, s, "postgres")
	mustExec(tb, admin, "create database "+name)
	_ = admin.Close(tb.Context())
	return &Database{Server: s, Name: name, Conn: connect(tb, s, name)}
}

func connect(tb testing.TB, s *Server, database string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), s.ConnString(database))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func mustExec(tb testing.TB, conn *pgx.Conn, sql string) {
	tb.Helper()
	if _, err := conn.Exec(tb.Context(), sql); err != nil {
		tb.Fatalf("%v\n%s", err, sql)
	}
}

// Exec runs statements as the superuser.
func (d *Database) Exec(tb testing.TB, sql string) {
	tb.Helper()
	mustExec(tb, d.Conn, sql)
}

// Config gives pgx's configuration for this database.
func (d *Database) Config(tb testing.TB) *pgx.ConnConfig {
	tb.Helper()
	cfg, err := pgx.ParseConfig(d.Server.ConnString(d.Name))
	if err != nil {
		tb.Fatal(err)
	}
	return cfg
}

// Env gives the variables that point the program at this database.
func (d *Database) Env() map[string]string {
	return map[string]string{
		"POSTGRES_HOST": d.Server.Dir, "POSTGRES_PORT": strconv.Itoa(d.Server.Port), "POSTGRES_USER": "postgres", "POSTGRES_DB": d.Name,
	}
}

// Migrate makes the platform's tables and the schema meshsso over them.
func (d *Database) Migrate(tb testing.TB) {
	tb.Helper()
	d.Exec(tb, PlatformSQL)
	m, err := migrator.Open(tb.Context(), d.Config(tb))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	if _, err := m.Up(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// PlatformSQL makes the platform's tables as the specification describes them, with a column disabled.
const PlatformSQL = `
create table public.tenants (tenant_id uuid primary key, name text not null);
create table public.users (
  user_id int primary key, email varchar(320) not null, full_name text, tenant_id uuid,
  role varchar(50), is_superadmin boolean default false, disabled boolean default false);
create table public.agents (
  agent_id int primary key, uuid varchar(64), hostname text, platform text, tenant_id uuid, meshcentral_nodeid text);`
