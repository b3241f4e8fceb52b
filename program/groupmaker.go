package program

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge/control"
)

const groupTimeout = 30 * time.Second

// groupMaker answers as the pool does, and has a device group made on a stock MeshCentral for each tenant whose devices are asked
// about, so that its agents have one to enrol into. Nobody waits for that, and what fails is tried again with the next question.
type groupMaker struct {
	*control.Pool
	groups  control.DeviceGroups
	tenants authsvc.TenantFinder
	log     *slog.Logger

	mu   sync.Mutex
	done map[string]bool // tenant: there is one, or it is being made
}

// Online is the pool's.
func (g *groupMaker) Online(ctx context.Context, tenantID, nodeID string) (bool, error) {
	if g.begin(tenantID) {
		go g.make(context.WithoutCancel(ctx), tenantID)
	}
	return g.Pool.Online(ctx, tenantID, nodeID)
}

func (g *groupMaker) begin(tenantID string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.done == nil {
		g.done = map[string]bool{}
	}
	if g.done[tenantID] {
		return false
	}
	g.done[tenantID] = true
	return true
}

func (g *groupMaker) make(ctx context.Context, tenantID string) {
	ctx, cancel := context.WithTimeout(ctx, groupTimeout)
	defer cancel()
	tenant, err := g.tenants.FindTenant(ctx, tenantID)
	if err == nil && tenant.Known {
		_, err = g.groups.EnsureDeviceGroup(ctx, tenantID, tenant.Name)
	}
	if err != nil {
		g.log.Warn("a tenant's device group could not be made", "tenant_id", tenantID, "error", err.Error())
		g.mu.Lock()
		delete(g.done, tenantID)
		g.mu.Unlock()
	}
}
