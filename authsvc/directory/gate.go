package directory

import (
	"context"
	"sync/atomic"

	"github.com/everydaytech/meshsso/authsvc"
)

// Gated refuses everything with STORE_UNAVAILABLE while open says no, cached answers included: what the database may have
// revoked meanwhile is unknown.
type Gated struct {
	Inner authsvc.Directory
	Open  *atomic.Bool
}

var _ authsvc.Directory = Gated{}

var errClosed = authsvc.Deny(authsvc.StoreUnavailable, "the database is away")

// FindUsers passes on if the gate is open, before and after: an answer that was read while it closed is not given.
func (g Gated) FindUsers(ctx context.Context, email string) ([]authsvc.User, error) {
	return through(g, func() ([]authsvc.User, error) { return g.Inner.FindUsers(ctx, email) })
}

// Devices passes on if the gate is open.
func (g Gated) Devices(ctx context.Context, scope authsvc.Scope) (*authsvc.DeviceSet, error) {
	return through(g, func() (*authsvc.DeviceSet, error) { return g.Inner.Devices(ctx, scope) })
}

// FindTenant passes on if the gate is open.
func (g Gated) FindTenant(ctx context.Context, id string) (authsvc.Tenant, error) {
	return through(g, func() (authsvc.Tenant, error) { return g.Inner.FindTenant(ctx, id) })
}

// TenantIDs passes on if the gate is open.
func (g Gated) TenantIDs(ctx context.Context) ([]string, error) {
	return through(g, func() ([]string, error) { return g.Inner.TenantIDs(ctx) })
}

func through[T any](g Gated, f func() (T, error)) (T, error) {
	var zero T
	if !g.Open.Load() {
		return zero, errClosed
	}
	v, err := f()
	if err != nil {
		return zero, err
	}
	if !g.Open.Load() {
		return zero, errClosed
	}
	return v, nil
}
