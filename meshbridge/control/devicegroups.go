package control

import (
	"context"

	"github.com/everydaytech/meshsso/meshbridge"
)

// GroupStore keeps the id of each tenant's device group.
type GroupStore interface {
	// Get gives the id; "" if there is none.
	Get(ctx context.Context, tenantID string) (meshID string, err error)
	// Put keeps the id unless one is kept already, and gives the one that is kept.
	Put(ctx context.Context, tenantID, meshID string) (kept string, err error)
}

// DeviceGroups makes the tenants' device groups on a stock MeshCentral, into which their agents are enrolled. Where there is a
// shim the groups' ids are computed (meshbridge.DeviceGroupID) and this is not used.
type DeviceGroups struct {
	Service *ServiceAccount
	Store   GroupStore
}

const (
	agentGroup     = 2   // MeshCentral's group type for devices with an agent
	maxGroupName   = 128 // UTF-16 units
	fallbackPrefix = "meshsso-"
)

// EnsureDeviceGroup gives the id of a tenant's device group, which it makes if there is none. Of two replicas that make one at
// the same time the second removes its own. Errors: those of Service and Store.
func (g DeviceGroups) EnsureDeviceGroup(ctx context.Context, tenantID, name string) (string, error) {
	if id, err := g.Store.Get(ctx, tenantID); err != nil || id != "" {
		return id, err
	}
	c, err := g.Service.line.get(ctx)
	if err != nil {
		return "", err
	}
	ctx, stop := context.WithTimeout(ctx, g.Service.cfg.Timing.Request)
	defer stop()
	m, err := c.request(ctx, frame{"action": "createmesh", "meshname": groupName(tenantID, name), "meshtype": agentGroup})
	if err != nil {
		return "", err
	}
	if m.MeshID.V == "" {
		return "", refused("createmesh", m.Result.V)
	}
	kept, err := g.Store.Put(ctx, tenantID, m.MeshID.V)
	if err == nil && kept == m.MeshID.V {
		return kept, nil
	}
	// MeshCentral answers to this only if it refuses: a group too many stays behind then, empty and known to nobody.
	if removal := c.write(ctx, frame{"action": "deletemesh", "meshid": m.MeshID.V}); removal != nil {
		g.Service.cfg.Log.Warn("a device group too many stays in MeshCentral", "group", m.MeshID.V, "err", removal)
	}
	return kept, err
}

func groupName(tenantID, name string) string {
	shown := []rune(meshbridge.DisplayName(name, ""))
	if len(shown) > maxGroupName/2 { // a rune may be two units
		shown = shown[:maxGroupName/2]
	}
	if len(shown) == 0 {
		return fallbackPrefix + tenantID
	}
	return string(shown)
}
