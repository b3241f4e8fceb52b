// Package directory reads people and devices: from Postgres, through a cache, behind a gate that closes while the
// database is away. All three are one interface, authsvc.Directory, and are stacked where the program is wired.
package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/everydaytech/meshsso/authsvc"
)

// Querier is the part of a pgx pool that is needed.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Postgres reads the views of schema meshsso. pgx prepares each of the statements once a connection.
type Postgres struct {
	db      Querier
	timeout time.Duration
}

var _ authsvc.Directory = (*Postgres)(nil)

// NewPostgres makes a directory over db; each query is given up after timeout.
func NewPostgres(db Querier, timeout time.Duration) *Postgres {
	return &Postgres{db: db, timeout: timeout}
}

// MaxTenants bounds TenantIDs; more is answered as STORE_UNAVAILABLE rather than cut.
const MaxTenants = 100_000

// The user, his tenant's name and his grants in one round trip. Email is compared by the documented folding; an index for
// it is the operator's to make: create index on users (lower(email::text collate "C")).
const findUsersSQL = `
select u.user_id, u.email, u.full_name, u.tenant_id::text, t.known is not null, t.name, u.role, u.is_superadmin, u.disabled,
       (select coalesce(array_agg(l.agent_id order by l.agent_id, l.role), '{}') from meshsso.device_links l where l.user_id = u.user_id),
       (select coalesce(array_agg(coalesce(l.role, '') order by l.agent_id, l.role), '{}') from meshsso.device_links l where l.user_id = u.user_id)
  from meshsso.users u
  left join lateral (select true as known, x.name from meshsso.tenants x where x.tenant_id = u.tenant_id limit 1) t on true
 where lower(u.email collate "C") = $1
 limit 3`

// A node id that rows of different tenants claim, or one tenant and none, belongs to nobody.
const tenantDevicesSQL = `
with elsewhere as (
  select distinct meshsso.node_key(o.node_id) as key from meshsso.agents o where o.tenant_id is distinct from $1::uuid)
select a.agent_id, a.uuid, a.hostname, a.platform, a.tenant_id::text, a.node_id, e.key is not null
  from meshsso.agents a
  left join elsewhere e on e.key = meshsso.node_key(a.node_id)
 where a.tenant_id = $1::uuid
 order by a.agent_id`

const allDevicesSQL = `
with disputed as (
  select meshsso.node_key(o.node_id) as key from meshsso.agents o
   where meshsso.node_key(o.node_id) is not null
   group by 1 having count(distinct coalesce(o.tenant_id::text, '')) > 1)
select a.agent_id, a.uuid, a.hostname, a.platform, a.tenant_id::text, a.node_id, d.key is not null
  from meshsso.agents a
  left join disputed d on d.key = meshsso.node_key(a.node_id)
 where a.tenant_id is not null
 order by a.agent_id`

const tenantIDsSQL = `select distinct tenant_id::text from meshsso.tenants where tenant_id is not null limit $1`

// FindUsers looks up by the folded e-mail alone.
func (p *Postgres) FindUsers(ctx context.Context, foldedEmail string) ([]authsvc.User, error) {
	return query(ctx, p, scanUser, findUsersSQL, foldedEmail)
}

// Devices reads one tenant's devices, or every tenant's.
func (p *Postgres) Devices(ctx context.Context, scope authsvc.Scope) (*authsvc.DeviceSet, error) {
	sql, args := tenantDevicesSQL, []any{scope.TenantID}
	if scope.All {
		sql, args = allDevicesSQL, nil
	}
	devices, err := query(ctx, p, scanDevice, sql, args...)
	if err != nil {
		return nil, err
	}
	return &authsvc.DeviceSet{Scope: scope, Devices: devices}, nil
}

// TenantIDs lists every tenant.
func (p *Postgres) TenantIDs(ctx context.Context) ([]string, error) {
	ids, err := query(ctx, p, pgx.RowTo[string], tenantIDsSQL, MaxTenants+1)
	if err == nil && len(ids) > MaxTenants {
		return nil, authsvc.Deny(authsvc.StoreUnavailable, "the view tenants has more rows than are supported")
	}
	return ids, err
}

func query[T any](ctx context.Context, p *Postgres, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	rows, err := p.db.Query(ctx, sql, args...)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, unavailable(err)
	}
	return out, nil
}

// unavailable keeps what a log may hold: Postgres' code and message name columns and functions; its detail may quote rows.
func unavailable(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return authsvc.Deny(authsvc.StoreUnavailable, fmt.Sprintf("postgres says %s (SQLSTATE %s)", pg.Message, pg.Code))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return authsvc.Deny(authsvc.StoreUnavailable, "the query took too long")
	}
	return authsvc.Deny(authsvc.StoreUnavailable, "the query failed: "+err.Error())
}

func scanUser(row pgx.CollectableRow) (authsvc.User, error) {
	var (
		u                             authsvc.User
		id                            *int64
		email, name, tenant, tn, role *string
		superadmin, disabled          *bool
		agents                        []int64
		roles                         []string
	)
	err := row.Scan(&id, &email, &name, &tenant, &u.TenantKnown, &tn, &role, &superadmin, &disabled, &agents, &roles)
	if err != nil {
		return u, err
	}
	// NULL never grants: no id matches a token's, no flag is not superadmin, an unknown state is disabled.
	u.ID, u.Email, u.FullName, u.TenantID = deref(id), deref(email), deref(name), deref(tenant)
	u.TenantName, u.Role, u.IsSuperadmin = deref(tn), deref(role), deref(superadmin)
	u.Disabled = disabled == nil || *disabled
	for i := range min(len(agents), len(roles)) {
		u.Grants = append(u.Grants, authsvc.Grant{AgentID: agents[i], Role: roles[i]})
	}
	return u, nil
}

func scanDevice(row pgx.CollectableRow) (authsvc.Device, error) {
	var (
		d                                    authsvc.Device
		id                                   *int64
		uuid, host, platform, tenant, nodeID *string
	)
	if err := row.Scan(&id, &uuid, &host, &platform, &tenant, &nodeID, &d.Disputed); err != nil {
		return d, err
	}
	d.AgentID, d.UUID, d.Hostname, d.Platform = deref(id), deref(uuid), deref(host), deref(platform)
	d.TenantID, d.NodeID = deref(tenant), deref(nodeID)
	return d, nil
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
