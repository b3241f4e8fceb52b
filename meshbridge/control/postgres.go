package control

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Querier is what of a pgx pool or connection is used here.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// PostgresGroups keeps device groups in the table meshsso.device_groups.
type PostgresGroups struct{ DB Querier }

var _ GroupStore = PostgresGroups{}

// Get implements GroupStore.
func (p PostgresGroups) Get(ctx context.Context, tenantID string) (string, error) {
	var id string
	err := p.DB.QueryRow(ctx, `select mesh_id from meshsso.device_groups where tenant_id = $1`, tenantID).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("control: device groups: %w", err)
	}
	return id, nil
}

// Put implements GroupStore. The update that changes nothing makes the row that is there come back.
func (p PostgresGroups) Put(ctx context.Context, tenantID, meshID string) (string, error) {
	const sql = `insert into meshsso.device_groups as g (tenant_id, mesh_id) values ($1, $2)
		on conflict (tenant_id) do update set mesh_id = g.mesh_id returning mesh_id`
	var kept string
	if err := p.DB.QueryRow(ctx, sql, tenantID, meshID).Scan(&kept); err != nil {
		return "", fmt.Errorf("control: device groups: %w", err)
	}
	return kept, nil
}
