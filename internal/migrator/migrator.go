// Package migrator brings the schema meshsso up, down, or says how it stands. `meshsso migrate` and the tests share it.
package migrator

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/everydaytech/meshsso/migrations"
)

// versionTable is goose's own record of what was applied.
const versionTable = "meshsso.schema_version"

// lockID is the advisory lock under which everything here runs: the first 8 bytes of SHA-256("meshsso:migrate"), halved.
const lockID = 0x27c4cc19597de2c0

// Migrator works on one database. Close it.
type Migrator struct {
	db       *sql.DB
	conn     *sql.Conn // holds the lock
	provider *goose.Provider
}

// Open connects and waits for the lock, at most until ctx ends: two migrations at once run one after the other.
func Open(ctx context.Context, cfg *pgx.ConnConfig) (*Migrator, error) {
	m := &Migrator{db: stdlib.OpenDB(*cfg)}
	if err := m.lock(ctx); err != nil {
		return nil, errors.Join(explain(err), m.Close())
	}
	return m, nil
}

// lock is a session's, taken on a connection of its own, before the schema exists in which goose keeps its table.
func (m *Migrator) lock(ctx context.Context) (err error) {
	if m.conn, err = m.db.Conn(ctx); err != nil {
		return err
	}
	_, err = m.conn.ExecContext(ctx, `select pg_advisory_lock($1)`, int64(lockID))
	return err
}

// Close gives the lock back with its connection.
func (m *Migrator) Close() error {
	if m.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_, _ = m.conn.ExecContext(ctx, `select pg_advisory_unlock($1)`, int64(lockID))
		_ = m.conn.Close()
	}
	return m.db.Close()
}

func (m *Migrator) prepare() error {
	if m.provider != nil {
		return nil
	}
	var err error
	m.provider, err = goose.NewProvider(goose.DialectPostgres, m.db, migrations.FS,
		goose.WithTableName(versionTable), goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	return err
}

// Up applies what is missing and binds the views to the platform's tables. The sentences are for the operator.
func (m *Migrator) Up(ctx context.Context) (sentences []string, err error) {
	if _, err := m.db.ExecContext(ctx, `create schema if not exists meshsso`); err != nil {
		return nil, explain(err)
	}
	if err := m.prepare(); err != nil {
		return nil, err
	}
	results, err := m.provider.Up(ctx)
	if err != nil {
		return nil, explain(err)
	}
	for _, r := range results {
		sentences = append(sentences, "applied "+r.Source.Path)
	}
	if len(results) == 0 {
		sentences = append(sentences, fmt.Sprintf("the schema is at version %d already", migrations.Version))
	}
	more, err := m.bind(ctx)
	return append(sentences, more...), explain(err)
}

// bind runs in one transaction: either all views are as they should be or nothing has changed.
func (m *Migrator) bind(ctx context.Context) ([]string, error) {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	rows, err := tx.QueryContext(ctx, `select meshsso.bind_platform()`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var sentences []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		sentences = append(sentences, s)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	return sentences, tx.Commit()
}

// Down removes everything that Up made, and nothing else: it fails if foreign objects depend on a view or live in the
// schema. The platform's tables are never touched.
func (m *Migrator) Down(ctx context.Context) ([]string, error) {
	exists, err := m.schemaExists(ctx)
	if err != nil {
		return nil, explain(err)
	}
	if !exists {
		return []string{"there is no schema meshsso"}, nil
	}
	if err := m.prepare(); err != nil {
		return nil, err
	}
	results, err := m.provider.DownTo(ctx, 0)
	if err != nil {
		return nil, explain(err)
	}
	var sentences []string
	for _, r := range results {
		sentences = append(sentences, "rolled back "+r.Source.Path)
	}
	if err := m.dropSchema(ctx); err != nil {
		return sentences, explain(err)
	}
	return append(sentences, "removed schema meshsso; the platform's tables are untouched"), nil
}

func (m *Migrator) dropSchema(ctx context.Context) error {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, sql := range []string{"drop table if exists " + versionTable, "drop schema meshsso"} {
		if _, err := tx.ExecContext(ctx, sql); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (m *Migrator) schemaExists(ctx context.Context) (exists bool, err error) {
	err = m.db.QueryRowContext(ctx, `select to_regnamespace('meshsso') is not null`).Scan(&exists)
	return exists, err
}

// Status says which migrations are applied and what each view is, without changing anything.
func (m *Migrator) Status(ctx context.Context) (sentences []string, current bool, err error) {
	var version int64
	err = m.db.QueryRowContext(ctx, `select case when to_regclass($1) is null then 0 else 1 end`, versionTable).Scan(&version)
	if err == nil && version == 1 {
		err = m.db.QueryRowContext(ctx, `select coalesce(max(version_id), 0) from `+versionTable+` where is_applied`).Scan(&version)
	}
	if err != nil {
		return nil, false, explain(err)
	}
	sentences = append(sentences, fmt.Sprintf("version %d; this build needs %d", version, migrations.Version))
	if version < migrations.Version {
		return append(sentences, "run: meshsso migrate up"), false, nil
	}
	rows, err := m.db.QueryContext(ctx, `select v, meshsso.view_state(v) from unnest(array['users','tenants','agents','device_links']) v`)
	if err != nil {
		return nil, false, explain(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var view, state string
		if err := rows.Scan(&view, &state); err != nil {
			return nil, false, err
		}
		sentences = append(sentences, fmt.Sprintf("view meshsso.%s: %s", view, state))
	}
	return sentences, true, rows.Err()
}

// explain adds Postgres' detail and hint, which name the objects in the way.
func explain(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	text := pg.Message
	for _, more := range []string{pg.Detail, pg.Hint} {
		if more != "" {
			text += "; " + more
		}
	}
	if pg.Code == "2BP01" { // dependent objects still exist
		text = "refused, nothing was changed: " + text
	}
	return errors.New(text)
}
