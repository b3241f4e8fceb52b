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
	absent  *memo[string, []authsvc.User]
	devices *memo[authsvc.Scope, *authsvc.DeviceSet]
	tenants *memo[struct{}, []string]
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
		inner: inner,
		users: newMemo[string, []authsvc.User](cfg.Users, cfg.TTL, cfg.FillTimeout, cfg.Now),
		// Strangers' e-mails have a store of their own, so that guessing cannot push people out of the cache.
		absent:  newMemo[string, []authsvc.User](max(cfg.Users/10, 1), cfg.NegativeTTL, cfg.FillTimeout, cfg.Now),
		devices: newMemo[authsvc.Scope, *authsvc.DeviceSet](cfg.Scopes, cfg.TTL, cfg.FillTimeout, cfg.Now),
		// A new tenant's group must be found soon, and a wrong id must not make a query each time.
		tenants: newMemo[struct{}, []string](1, cfg.NegativeTTL, cfg.FillTimeout, cfg.Now),
	}
}

// FindUsers answers from memory if it can.
func (c *Cached) FindUsers(ctx context.Context, email string) ([]authsvc.User, error) {
	if users, ok := c.absent.hit(email); ok {
		return users, nil
	}
	return c.users.get(ctx, email, func(ctx context.Context) ([]authsvc.User, *memo[string, []authsvc.User], error) {
		users, err := c.inner.FindUsers(ctx, email)
		if len(users) == 0 {
			return users, c.absent, err
		}
		return users, c.users, err
	})
}

// Devices answers from memory if it can.
func (c *Cached) Devices(ctx context.Context, scope authsvc.Scope) (*authsvc.DeviceSet, error) {
	return c.devices.get(ctx, scope, func(ctx context.Context) (*authsvc.DeviceSet, *memo[authsvc.Scope, *authsvc.DeviceSet], error) {
		set, err := c.inner.Devices(ctx, scope)
		return set, c.devices, err
	})
}

// TenantIDs answers from memory if it can, for a few seconds.
func (c *Cached) TenantIDs(ctx context.Context) ([]string, error) {
	return c.tenants.get(ctx, struct{}{}, func(ctx context.Context) ([]string, *memo[struct{}, []string], error) {
		ids, err := c.inner.TenantIDs(ctx)
		return ids, c.tenants, err
	})
}

// Purge forgets everything; fills that are under way are answered to those who wait for them and not remembered.
func (c *Cached) Purge() {
	c.users.purge()
	c.absent.purge()
	c.devices.purge()
	c.tenants.purge()
}

// CacheStats counts since the start; Entries is now.
type CacheStats struct {
	Hits, Misses uint64
	Entries      int
}

// Stats gives the counters by what is cached: "users", "absent", "devices".
func (c *Cached) Stats() map[string]CacheStats {
	return map[string]CacheStats{"users": c.users.stats(), "absent": c.absent.stats(), "devices": c.devices.stats()}
}

var errFillTimeout = errors.New("the shared query took too long")
