package authsvc

import (
	"context"
	"strings"
	"time"
)

// PoolIdentity is a tenant's pool: in whose name the proxy's own control connection for that tenant acts. It is no person.
type PoolIdentity struct {
	Tenant    Tenant
	Devices   *DeviceSet
	ExpiresAt time.Time
}

// ReadAt is when the older of what it is made of was read.
func (p *PoolIdentity) ReadAt() time.Time {
	if p.Devices.ReadAt.After(p.Tenant.ReadAt) {
		return p.Tenant.ReadAt
	}
	return p.Devices.ReadAt
}

// Pools reads tenants' pools from the directory.
type Pools struct {
	Tenants TenantFinder
	Devices DeviceLister
	Now     func() time.Time // nil: time.Now
}

// poolLifetime ends a pool whose connection is not asked about any more.
const poolLifetime = 24 * time.Hour

// find gives a tenant's pool. Errors: SESSION_UNKNOWN if there is no such tenant, STORE_UNAVAILABLE.
func (p Pools) find(ctx context.Context, tenantID string) (*PoolIdentity, error) {
	if p.Tenants == nil || p.Devices == nil {
		return nil, Deny(SessionUnknown, "there are no pools here")
	}
	tenant, err := p.Tenants.FindTenant(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	if !tenant.Known {
		return nil, Deny(SessionUnknown, "the pool's tenant is not in the view tenants")
	}
	devices, err := p.Devices.Devices(ctx, Scope{TenantID: tenantID})
	if err != nil {
		return nil, err
	}
	now := p.Now
	if now == nil {
		now = time.Now
	}
	return &PoolIdentity{Tenant: tenant, Devices: devices, ExpiresAt: now().Add(poolLifetime)}, nil
}

// poolMark begins the subject of a tenant's pool, where a session's subject is its id.
const poolMark = "tenant:"

// PoolSubject gives the subject of internal tokens of a tenant's pool.
func PoolSubject(tenantID string) string { return poolMark + tenantID }

// ParsePoolSubject gives the tenant of a pool's subject; false for anything else.
func ParsePoolSubject(subject string) (tenantID string, ok bool) {
	id, ok := strings.CutPrefix(subject, poolMark)
	if !ok || !ValidSessionID(id) { // a tenant's id is a UUID too
		return "", false
	}
	return id, true
}

// ValidSubject says whether an internal token may name this: a session, or a tenant's pool.
func ValidSubject(subject string) bool {
	_, pool := ParsePoolSubject(subject)
	return pool || ValidSessionID(subject)
}
