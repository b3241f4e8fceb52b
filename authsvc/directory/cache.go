package directory

import (
	"context"
	"errors"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

// CacheConfig bounds a cache in time and size.
type CacheConfig struct {
	TTL         time.Duration    // how long an answer is believed
	NegativeTTL time.Duration    // how long "nobody" is believed
	Users       int              // most e-mails held
	Scopes      int              // most device sets held
	FillTimeout time.Duration    // how long a shared fill may take, whoever waits for it
	Now         func() time.Time // nil: time.Now
}

// Defaults of CacheConfig.
const (
	DefaultTTL         = 5 * time.Minute
	DefaultNegativeTTL = 5 * time.Second
	DefaultUsers       = 10_000
	DefaultFillTimeout = 5 * time.Second
)

// Cached remembers the answers of the directory that it wraps. Concurrent misses of one key share one query, which lives
// on when the caller that began it hangs up. A failed look-up is never remembered.
type Cached struct {
	inner   authsvc.Directory
	users   *memo[string, []authsvc.User]
	devices *memo[authsvc.Scope, *authsvc.DeviceSet]
	tenants *memo[string, authsvc.Tenant]
	lists   *memo[struct{}, []string]
	named   *memo[struct{}, []authsvc.Tenant]
}

var _ authsvc.Directory = (*Cached)(nil)

// NewCached wraps inner.
func NewCached(inner authsvc.Directory, cfg CacheConfig) *Cached {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.FillTimeout <= 0 {
		cfg.FillTimeout = DefaultFillTimeout
	}
	return &Cached{
		inner:   inner,
		users:   newMemo[string](cfg, cfg.Users, func(u []authsvc.User) bool { return len(u) == 0 }),
		devices: newMemo[authsvc.Scope](cfg, cfg.Scopes, func(*authsvc.DeviceSet) bool { return false }),
		tenants: newMemo[string](cfg, cfg.Scopes, func(t authsvc.Tenant) bool { return !t.Known }),
		// Always short: a new tenant's group must be found soon, and a wrong id must not make a query each time.
		lists: newMemo[struct{}](cfg, 1, func([]string) bool { return true }),
		named: newMemo[struct{}](cfg, 1, func([]authsvc.Tenant) bool { return true }),
	}
}

// FindUsers answers from memory if it can.
func (c *Cached) FindUsers(ctx context.Context, email string) ([]authsvc.User, error) {
	return c.users.get(ctx, email, c.inner.FindUsers)
}

// Devices answers from memory if it can.
func (c *Cached) Devices(ctx context.Context, scope authsvc.Scope) (*authsvc.DeviceSet, error) {
	return c.devices.get(ctx, scope, c.inner.Devices)
}

// FindTenant answers from memory if it can.
func (c *Cached) FindTenant(ctx context.Context, id string) (authsvc.Tenant, error) {
	return c.tenants.get(ctx, id, c.inner.FindTenant)
}

// TenantIDs answers from memory if it can, for a few seconds.
func (c *Cached) TenantIDs(ctx context.Context) ([]string, error) {
	return c.lists.get(ctx, struct{}{}, func(ctx context.Context, _ struct{}) ([]string, error) { return c.inner.TenantIDs(ctx) })
}

// Purge forgets everything; fills that are under way are answered to those who wait for them and not remembered.
func (c *Cached) Purge() {
	c.users.purge()
	c.devices.purge()
	c.tenants.purge()
	c.lists.purge()
	c.named.purge()
}

// CacheStats counts since the start; Entries is now.
type CacheStats struct {
	Hits, Misses uint64
	Entries      int
}

// Stats gives the counters by what is cached: "users" (with those who do not exist), "devices", "tenants".
func (c *Cached) Stats() map[string]CacheStats {
	return map[string]CacheStats{"users": c.users.stats(), "devices": c.devices.stats(), "tenants": c.tenants.stats()}
}

var errFillTimeout = errors.New("the shared query took too long")
