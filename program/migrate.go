package program

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/everydaytech/meshsso/internal/migrator"
)

type migrateCmd struct {
	Up      migrateUpCmd      `cmd:"" help:"Make or complete the schema meshsso: views over the platform's tables, which are only read. Safe to repeat."`
	Down    migrateDownCmd    `cmd:"" help:"Remove the schema meshsso, views that you redefined included. Refuses if anything else depends on it."`
	Status  migrateStatusCmd  `cmd:"" help:"Show the version and what each view is: missing, placeholder or defined. Exit code 1 if up is needed."`
	Devices migrateDevicesCmd `cmd:"" help:"Show what MESHSSO_DEVICE_RIGHTS=group would move in MeshCentral (--dry-run). Changes nothing."`
}

type (
	migrateUpCmd     struct{}
	migrateDownCmd   struct{}
	migrateStatusCmd struct{}
)

// migrateTimeout bounds a whole run, waiting for another migration included.
const migrateTimeout = 5 * time.Minute

func (migrateUpCmd) Run(ctx context.Context, e env) error {
	return withMigrator(ctx, e, (*migrator.Migrator).Up)
}

func (migrateDownCmd) Run(ctx context.Context, e env) error {
	return withMigrator(ctx, e, (*migrator.Migrator).Down)
}

func (migrateStatusCmd) Run(ctx context.Context, e env) error {
	return withMigrator(ctx, e, func(m *migrator.Migrator, ctx context.Context) ([]string, error) {
		sentences, current, err := m.Status(ctx)
		if err == nil && !current {
			err = errors.New("the schema is not current")
		}
		return sentences, err
	})
}

func withMigrator(ctx context.Context, e env, f func(*migrator.Migrator, context.Context) ([]string, error)) error {
	db, err := readDatabase(e.getenv)
	if err != nil {
		return configError{err}
	}
	cfg, err := db.connConfig()
	if err != nil {
		return configError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	m, err := migrator.Open(ctx, cfg)
	if err != nil {
		return fmt.Errorf("cannot reach PostgreSQL at %s: %w", db.address(), err)
	}
	defer func() { _ = m.Close() }()
	sentences, err := f(m, ctx)
	for _, s := range sentences {
		_, _ = fmt.Fprintln(e.stdout, s)
	}
	return err
}
