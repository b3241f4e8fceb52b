// Package directory reads people and devices: from Postgres, through a cache, behind a gate that closes while the
// database is away. All three are one interface, authsvc.Directory, and are stacked where the program is wired.
package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	now     func() time.Time
}

var _ authsvc.Directory = (*Postgres)(nil)

// NewPostgres makes a directory over db; each query is given up after timeout. now dates what is read; nil: time.Now.
func NewPostgres(db Querier, timeout time.Duration, now func() time.Time) *Postgres {
	if now == nil {
		now = time.Now
	}
	return &Postgres{db: db, timeout: timeout, now: now}
}

// MaxTenants bounds TenantIDs; more is answered as STORE_UNAVAILABLE rather than cut.
const MaxTenants = 100_000

// A person and all grants in one round trip; each grant is "<agent id> <role>". Email is compared by the documented
// folding; an index for it is the operator's to make: create index on users (lower(email::text collate "C")).
const findUsersSQL = `
select u.user_id, u.email, u.full_name, u.tenant_id::text, u.role, u.is_superadmin, u.disabled,
       array(select l.agent_id || ' ' || coalesce(l.role, '') from meshsso.device_links l where l.user_id = u.user_id and l.agent_id is not null)
  from meshsso.users u
 where lower(u.email collate "C") = $1
 limit 3`

const findTenantSQL = `select name from meshsso.tenants where tenant_id = $1::uuid limit 1`

// A node id that rows of different tenants claim, or one tenant and none, belongs to nobody. Of other tenants' rows only
// those in hex are brought to a key by the full rule, which is dear; of all others the last 64 characters tell as much.
const tenantDevicesSQL = `
with mine as (
  select a.*, meshsso.node_key(a.node_id) as key from meshsso.agents a where a.tenant_id = $1::uuid),
disputed as (
  select distinct m.key from mine m join meshsso.agents o on m.key = ` + otherKey + `
   where o.tenant_id is distinct from $1::uuid)
select m.agent_id, m.uuid, m.hostname, m.platform, m.tenant_id::text, m.node_id, d.key is not null
  from mine m left join disputed d on d.key = m.key
 order by m.agent_id`

const otherKey = `(case when length(o.node_id) = 96 then meshsso.node_key(o.node_id) else right(o.node_id, 64) end)`

const allDevicesSQL = `
with disputed as (
  select ` + otherKey + ` as key from meshsso.agents o where o.node_id is not null
   group by 1 having count(distinct coalesce(o.tenant_id::text, '')) > 1)
select a.agent_id, a.uuid, a.hostname, a.platform, a.tenant_id::text, a.node_id, d.key is not null
  from meshsso.agents a
  left join disputed d on d.key = meshsso.node_key(a.node_id)
 where a.tenant_id is not null
 order by a.agent_id`

const tenantIDsSQL = `select distinct tenant_id::text from meshsso.tenants where tenant_id is not null limit $1`

// FindUsers looks up by the folded e-mail alone.
func (p *Postgres) FindUsers(ctx context.Context, foldedEmail string) ([]authsvc.User, error) {
	began := p.now()
	users, err := query(ctx, p, scanUser, findUsersSQL, foldedEmail)
	for i := range users {
		users[i].ReadAt = began
	}
	return users, err
}

// Devices reads one tenant's devices, or every tenant's.
func (p *Postgres) Devices(ctx context.Context, scope authsvc.Scope) (*authsvc.DeviceSet, error) {
	sql, args := tenantDevicesSQL, []any{scope.TenantID}
	if scope.All {
		sql, args = allDevicesSQL, nil
	}
	began := p.now()
	devices, err := query(ctx, p, scanDevice, sql, args...)
	if err != nil {
		return nil, err
	}
	return &authsvc.DeviceSet{Scope: scope, Devices: devices, ReadAt: began}, nil
}

// FindTenant reads one tenant.
func (p *Postgres) FindTenant(ctx context.Context, id string) (authsvc.Tenant, error) {
	began := p.now()
	names, err := query(ctx, p, pgx.RowTo[*string], findTenantSQL, id)
	if err != nil || len(names) == 0 {
		return authsvc.Tenant{ID: id, ReadAt: began}, err
	}
	return authsvc.Tenant{ID: id, Name: deref(names[0]), Known: true, ReadAt: began}, nil
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
		u                         authsvc.User
		id                        *int64
		email, name, tenant, role *string
		superadmin, disabled      *bool
		grants                    []string
	)
	if err := row.Scan(&id, &email, &name, &tenant, &role, &superadmin, &disabled, &grants); err != nil {
		return u, err
	}
	// NULL never grants: no id matches a token's, no flag is not superadmin, an unknown state is disabled.
	u.ID, u.Email, u.FullName, u.TenantID = deref(id), deref(email), deref(name), deref(tenant)
	u.Role, u.IsSuperadmin, u.Disabled = deref(role), deref(superadmin), disabled == nil || *disabled
	for _, g := range grants {
		agent, role, _ := strings.Cut(g, " ")
		n, err := strconv.ParseInt(agent, 10, 64)
		if err != nil {
			return u, err
		}
		u.Grants = append(u.Grants, authsvc.Grant{AgentID: n, Role: role})
	}
	slices.SortFunc(u.Grants, func(a, b authsvc.Grant) int {
		return cmp.Or(cmp.Compare(a.AgentID, b.AgentID), cmp.Compare(a.Role, b.Role))
	})
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
