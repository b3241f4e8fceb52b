package directory_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory"
)

func (s *store) Tenants(ctx context.Context) ([]authsvc.Tenant, error) {
	_, err := s.ask(ctx, "tenant names")
	return []authsvc.Tenant{{ID: "t", Known: true}}, err
}

// A new tenant counts soon: the list of tenants is not remembered as long as other answers.
func TestTenantsAreRememberedShortly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		c := cached(s)
		for _, step := range []struct {
			after time.Duration
			purge bool
			want  int
		}{{0, false, 1}, {4 * time.Second, false, 1}, {time.Second, false, 2}, {0, true, 3}} {
			time.Sleep(step.after) // synctest's clock
			if step.purge {
				c.Purge()
			}
			if all, err := c.Tenants(t.Context()); err != nil || len(all) != 1 {
				t.Fatal(all, err)
			}
			if n := s.count("tenant names"); n != step.want {
				t.Errorf("%d queries, want %d", n, step.want)
			}
		}
	})
}

func TestGateClosesOnTenants(t *testing.T) {
	open := &atomic.Bool{}
	g := directory.Gated{Inner: cached(newStore()), Open: open}
	if all, err := g.Tenants(t.Context()); authsvc.ReasonOf(err) != authsvc.StoreUnavailable || all != nil {
		t.Errorf("closed: %v, %v", all, err)
	}
	open.Store(true)
	if all, err := g.Tenants(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("open: %v, %v", all, err)
	}
}
