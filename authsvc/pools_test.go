package authsvc_test

import (
	"context"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory/directorytest"
)

// poolToken is a verifier whose token names a tenant's pool.
type poolToken struct{ keeper }

func (p *poolToken) VerifySession(authsvc.Token) (string, error) {
	return authsvc.PoolSubject(directorytest.TenantA), nil
}

// unread is a directory that cannot be reached.
type unread struct{ authsvc.Directory }

func (unread) FindTenant(context.Context, string) (authsvc.Tenant, error) {
	return authsvc.Tenant{}, authsvc.ErrStoreUnavailable
}

func TestAPoolIsATenantAndItsDevices(t *testing.T) {
	world := &directorytest.Memory{World: directorytest.Standard()}
	now := time.Unix(1700000000, 0)
	k := &poolToken{}
	s := authsvc.Sessions{Verifier: k, Finder: k, Pools: authsvc.Pools{Tenants: world, Devices: world, Now: func() time.Time { return now }}}
	got, err := s.Authenticate(t.Context(), authsvc.NewToken("good"))
	if err != nil || got.Pool == nil || got.Pool.Tenant.ID != directorytest.TenantA || got.Pool.Devices.Scope.TenantID != directorytest.TenantA || !got.Pool.ExpiresAt.After(now) {
		t.Fatalf("got %+v, %v", got.Pool, err)
	}
	if len(k.asked) > 0 {
		t.Error("a session was looked for")
	}
	for subject, want := range map[string]authsvc.Reason{
		authsvc.PoolSubject("aaaaaaaa-0000-4000-8000-00000000dead"): authsvc.SessionUnknown, // no such tenant
		authsvc.PoolSubject(""): authsvc.RequestInvalid, "tenant": authsvc.RequestInvalid, "tenant:tenant:" + directorytest.TenantA: authsvc.RequestInvalid,
	} {
		if got, err := s.Find(t.Context(), subject); authsvc.ReasonOf(err) != want || got.Pool != nil {
			t.Errorf("%q: %v", subject, err)
		}
	}
	s.Pools.Tenants = unread{}
	if _, err := s.Find(t.Context(), authsvc.PoolSubject(directorytest.TenantA)); authsvc.ReasonOf(err) != authsvc.StoreUnavailable {
		t.Errorf("with the database away: %v", err)
	}
	s.Pools = authsvc.Pools{}
	if _, err := s.Find(t.Context(), authsvc.PoolSubject(directorytest.TenantA)); authsvc.ReasonOf(err) != authsvc.SessionUnknown {
		t.Errorf("without pools: %v", err)
	}
}

func TestAPoolDoesNotEnd(t *testing.T) {
	k := &keeper{}
	s := authsvc.Sessions{Verifier: k, Finder: k}
	pool := authsvc.PoolSubject(directorytest.TenantA)
	if ended, err := s.Ended(t.Context(), []string{pool}); err != nil || len(ended) > 0 {
		t.Errorf("ended %v, %v", ended, err)
	}
	if ended, err := s.Ended(t.Context(), []string{pool, sessionID}); err != nil || len(ended) != 1 || ended[0] != sessionID {
		t.Errorf("ended %v, %v", ended, err)
	}
}
