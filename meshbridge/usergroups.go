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
	// profiles gives every profile that the policy can give in a tenant; none: the built-in roles.
	profiles func(tenantID string) []*authsvc.Profile

	groups *lru.Cache[groupName, *group] // made from the DeviceSet that they hold
	owners *lru.Cache[string, owner]     // group key → whose it is
	scan   sync.Mutex                    // one search through all tenants at a time
}

type groupName struct {
	domain string
	scope  authsvc.Scope
	role   authsvc.Role
	digest string // of a policy's profile
}

type owner struct {
	scope authsvc.Scope
	role  given
}

var _ rightsWay = (*userGroups)(nil)

func newUserGroups(cfg Config, dir Directory, ignored *ignored) *userGroups {
	// The only error of these is a size below one.
	groups, _ := lru.New[groupName, *group](max(cfg.Groups, 1))
	owners, _ := lru.New[string, owner](max(4*cfg.Groups, 1))
	w := &userGroups{devices: dir, tenants: dir, ignored: ignored, profiles: cfg.Profiles, groups: groups, owners: owners}
	if w.profiles == nil {
		w.profiles = func(string) []*authsvc.Profile { return nil }
	}
	return w
}

func (w *userGroups) fill(_ context.Context, resp *pb.ValidateTokenResponse, id *authsvc.Identity, domain string) error {
	if role := roleOf(id); id.Devices != nil && role.mask != 0 {
		resp.UserGroup = w.made(id.Devices, domain, role).proto
	}
	return nil
}

// made gives the group of a device set, built once a set: a refreshed set is another pointer.
func (w *userGroups) made(set *authsvc.DeviceSet, domain string, role given) *group {
	name := groupName{domain: domain, scope: set.Scope, role: role.rank, digest: role.digest()}
	if g, ok := w.groups.Get(name); ok && g.set == set {
		return g
	}
	g, ignored, err := buildGroup(set, domain, role)
	w.groups.Add(name, g)
	_, _, key, _ := parseGroupID(g.proto.GetId())
	w.owners.Add(key, owner{scope: set.Scope, role: role})
	w.ignored.add(set.Scope, ignored)
	w.ignored.fault(role.profile, err)
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
	if o, ok := w.findOwner(key, tenants); ok {
		w.owners.Add(key, o)
		return o, nil
	}
	return owner{}, authsvc.ErrGroupUnknown
}

func (w *userGroups) findOwner(key string, tenants []string) (owner, bool) {
	for _, t := range append([]string{""}, tenants...) { // "" for who belongs to no tenant
		for _, role := range w.rolesIn(t) {
			o := owner{scope: authsvc.Scope{TenantID: t, All: role.rank == authsvc.RoleSuperadmin}, role: role}
			if o.scope.All {
				o.scope.TenantID = ""
			} else if t == "" {
				continue
			}
			if k, _ := givenKey(o.scope.String(), role); k == key && role.mask != 0 {
				return o, true
			}
		}
	}
	return owner{}, false
}

// rolesIn gives what anybody may have in a tenant, as far as it is known without the person: a profile that a mapper makes is
// known from validations only.
func (w *userGroups) rolesIn(tenant string) (roles []given) {
	profiles := w.profiles(tenant)
	for _, p := range profiles {
		roles = append(roles, profiled(p))
	}
	if len(profiles) > 0 {
		return roles
	}
	if tenant == "" {
		return []given{builtIn(authsvc.RoleSuperadmin)}
	}
	return []given{builtIn(authsvc.RoleViewer), builtIn(authsvc.RoleTechnician), builtIn(authsvc.RoleAdmin)}
}
