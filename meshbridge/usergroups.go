package meshbridge

import (
	"context"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// userGroups is WayLinks.
type userGroups struct {
	devices authsvc.DeviceLister
	tenants authsvc.TenantLister
	ignored *ignored

	groups *lru.Cache[groupName, *group] // made from the DeviceSet that they hold
	owners *lru.Cache[string, owner]     // group key → whose it is
	scan   sync.Mutex                    // one search through all tenants at a time
}

type groupName struct {
	domain string
	scope  authsvc.Scope
	role   authsvc.Role
}

type owner struct {
	scope authsvc.Scope
	role  authsvc.Role
}

var _ rightsWay = (*userGroups)(nil)

func newUserGroups(size int, dir Directory, ignored *ignored) *userGroups {
	// The only error of these is a size below one.
	groups, _ := lru.New[groupName, *group](max(size, 1))
	owners, _ := lru.New[string, owner](max(4*size, 1))
	return &userGroups{devices: dir, tenants: dir, ignored: ignored, groups: groups, owners: owners}
}

func (w *userGroups) fill(_ context.Context, resp *pb.ValidateTokenResponse, id *authsvc.Identity, domain string) error {
	if id.Devices != nil && DeviceRights(id.Role) != 0 {
		resp.UserGroup = w.made(id.Devices, domain, id.Role).proto
	}
	return nil
}

// made gives the group of a device set, built once a set: a refreshed set is another pointer.
func (w *userGroups) made(set *authsvc.DeviceSet, domain string, role authsvc.Role) *group {
	name := groupName{domain: domain, scope: set.Scope, role: role}
	if g, ok := w.groups.Get(name); ok && g.set == set {
		return g
	}
	g, ignored := buildGroup(set, domain, role)
	w.groups.Add(name, g)
	_, _, key, _ := parseGroupID(g.proto.GetId())
	w.owners.Add(key, owner{scope: set.Scope, role: role})
	w.ignored.add(set.Scope, ignored)
	return g
}

func (w *userGroups) group(ctx context.Context, kind, domain, key string) (*pb.UserGroup, []*pb.Link, error) {
	if kind != kindUserGroup {
		return nil, nil, authsvc.Deny(authsvc.GroupUnknown, "device groups have no members in this way of device rights")
	}
	o, err := w.ownerOf(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	set, err := w.devices.Devices(ctx, o.scope)
	if err != nil {
		return nil, nil, err
	}
	g := w.made(set, domain, o.role)
	return g.proto, g.links, nil
}

func (*userGroups) list(context.Context, string) (*pb.ListDeviceGroupsResponse, error) {
	return nil, authsvc.Deny(authsvc.RequestInvalid, "device groups are not managed in this way of device rights")
}

// ownerOf finds whose group a key is: remembered from a validation or, after a restart, by going through all tenants.
func (w *userGroups) ownerOf(ctx context.Context, key string) (owner, error) {
	if o, ok := w.owners.Get(key); ok {
		return o, nil
	}
	tenants, err := w.tenants.TenantIDs(ctx)
	if err != nil {
		return owner{}, err
	}
	w.scan.Lock()
	defer w.scan.Unlock()
	if o, ok := w.owners.Get(key); ok {
		return o, nil
	}
	if o, ok := findOwner(key, tenants); ok {
		w.owners.Add(key, o)
		return o, nil
	}
	return owner{}, authsvc.ErrGroupUnknown
}

func findOwner(key string, tenants []string) (owner, bool) {
	all := owner{scope: authsvc.Scope{All: true}, role: authsvc.RoleSuperadmin}
	if k, _ := groupKey(all.scope.String(), all.role); k == key {
		return all, true
	}
	for _, t := range tenants {
		for _, role := range []authsvc.Role{authsvc.RoleViewer, authsvc.RoleTechnician, authsvc.RoleAdmin} {
			if k, _ := groupKey(t, role); k == key {
				return owner{scope: authsvc.Scope{TenantID: t}, role: role}, true
			}
		}
	}
	return owner{}, false
}
