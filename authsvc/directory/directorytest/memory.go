package directorytest

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

// Memory is a directory over a World, for tests of what stands on a directory. It passes the suite.
type Memory struct {
	World World
	Now   func() time.Time // dates what is read; nil: time.Now
}

var _ authsvc.Directory = Memory{}

func (m Memory) now() time.Time {
	if m.Now == nil {
		return time.Now()
	}
	return m.Now()
}

// FindUsers compares by the documented folding.
func (m Memory) FindUsers(ctx context.Context, email string) ([]authsvc.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	began := m.now()
	var out []authsvc.User
	for _, u := range m.World.Users {
		if foldASCII(u.Email) == email && len(out) < 3 {
			u.ReadAt = began
			out = append(out, u)
		}
	}
	return out, nil
}

// Devices filters by scope and finds disputes over all tenants.
func (m Memory) Devices(ctx context.Context, scope authsvc.Scope) (*authsvc.DeviceSet, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	set := &authsvc.DeviceSet{Scope: scope, ReadAt: m.now()}
	for _, d := range m.World.Devices {
		if d.TenantID == "" || (!scope.All && d.TenantID != scope.TenantID) {
			continue
		}
		d.Disputed = slices.ContainsFunc(m.World.Devices, func(o authsvc.Device) bool {
			return o.TenantID != d.TenantID && nodeKey(o.NodeID) != "" && nodeKey(o.NodeID) == nodeKey(d.NodeID)
		})
		set.Devices = append(set.Devices, d)
	}
	return set, nil
}

// FindTenant reads one.
func (m Memory) FindTenant(ctx context.Context, id string) (authsvc.Tenant, error) {
	name, ok := m.World.Tenants[id]
	return authsvc.Tenant{ID: id, Name: name, Known: ok, ReadAt: m.now()}, ctx.Err()
}

// TenantIDs lists the tenants.
func (m Memory) TenantIDs(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var ids []string
	for id := range m.World.Tenants {
		ids = append(ids, id)
	}
	return ids, nil
}

// Tenants lists the tenants with their names.
func (m Memory) Tenants(ctx context.Context) ([]authsvc.Tenant, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out []authsvc.Tenant
	for _, id := range slices.Sorted(maps.Keys(m.World.Tenants)) {
		out = append(out, authsvc.Tenant{ID: id, Name: m.World.Tenants[id], Known: true})
	}
	return out, nil
}

func foldASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

var fullID = regexp.MustCompile(`^(?:node/[^/]*/)?([A-Za-z0-9@$]{64})$`)

// nodeKey is the rule of SQL's meshsso.node_key.
func nodeKey(s string) string {
	if m := fullID.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	if raw, err := hex.DecodeString(s); err == nil && len(raw) == 48 {
		return strings.NewReplacer("+", "@", "/", "$").Replace(base64.StdEncoding.EncodeToString(raw))
	}
	return ""
}
