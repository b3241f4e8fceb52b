package directory

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/everydaytech/meshsso/authsvc"
)

// Of an operator's view that names a tenant twice, one name counts, and always the same.
const tenantsSQL = `
select tenant_id::text, min(name) from meshsso.tenants where tenant_id is not null
 group by tenant_id order by tenant_id limit $1`

// Tenants lists every tenant with its name in one query.
func (p *Postgres) Tenants(ctx context.Context) ([]authsvc.Tenant, error) {
	tenants, err := query(ctx, p, scanTenant, tenantsSQL, MaxTenants+1)
	if err == nil && len(tenants) > MaxTenants {
		return nil, authsvc.Deny(authsvc.StoreUnavailable, "the view tenants has more rows than are supported")
	}
	return tenants, err
}

func scanTenant(row pgx.CollectableRow) (authsvc.Tenant, error) {
	t := authsvc.Tenant{Known: true}
	var name *string
	err := row.Scan(&t.ID, &name)
	t.Name = deref(name)
	return t, err
}

// Tenants answers from memory if it can, for a few seconds.
func (c *Cached) Tenants(ctx context.Context) ([]authsvc.Tenant, error) {
	return c.named.get(ctx, struct{}{}, func(ctx context.Context, _ struct{}) ([]authsvc.Tenant, error) { return c.inner.Tenants(ctx) })
}

// Tenants passes on if the gate is open.
func (g Gated) Tenants(ctx context.Context) ([]authsvc.Tenant, error) {
	return through(g, func() ([]authsvc.Tenant, error) { return g.Inner.Tenants(ctx) })
}
