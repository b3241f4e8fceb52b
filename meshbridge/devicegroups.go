package meshbridge

import (
	"cmp"
	"context"
	"slices"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// deviceGroups is WayGroup. A validation needs no more than the person's own devices; whoever keeps MeshCentral's device
// groups in step is answered from one atlas, so that a device is never in two groups at once and a thousand tenants cost
// one query.
type deviceGroups struct {
	devices authsvc.DeviceLister
	tenants authsvc.TenantLister
	replies *tenantReplies
	ignored *ignored

	versions *lru.Cache[tenantInDomain, tenantVersion]
	mu       sync.RWMutex
	atlases  map[string]*atlas // by domain, of which few are configured
}

type tenantInDomain struct{ tenant, domain string }

// tenantVersion holds until the directory gives another set.
type tenantVersion struct {
	set     *authsvc.DeviceSet
	version string
}

var _ rightsWay = (*deviceGroups)(nil)

func newDeviceGroups(size int, dir Directory, replies *tenantReplies, ignored *ignored) *deviceGroups {
	versions, _ := lru.New[tenantInDomain, tenantVersion](max(size, 1)) // the only error is a size below one
	return &deviceGroups{devices: dir, tenants: dir, replies: replies, ignored: ignored, versions: versions, atlases: map[string]*atlas{}}
}

func (w *deviceGroups) fill(ctx context.Context, resp *pb.ValidateTokenResponse, id *authsvc.Identity, domain string) error {
	if id.Devices == nil {
		return nil
	}
	if id.Profile != nil && id.Profile.Devices != nil {
		return errDevices(id.Profile)
	}
	if id.Devices.Scope.All {
		return w.fillAll(ctx, resp, id, domain)
	}
	resp.Tenant = w.replies.of(id.Tenant, domain, w.version(id.Devices, domain))
	if rights := roleOf(id).mask; rights != 0 {
		own := &pb.Link{Id: resp.GetTenant().GetDeviceGroupId(), Rights: rights}
		resp.User.Links = append([]*pb.Link{own}, resp.GetUser().GetLinks()...) // "mesh" sorts before "node"
	}
	return nil
}

// fillAll is for who reaches every tenant.
func (w *deviceGroups) fillAll(ctx context.Context, resp *pb.ValidateTokenResponse, id *authsvc.Identity, domain string) error {
	tenants, err := w.tenants.Tenants(ctx)
	if err != nil {
		return err
	}
	a := w.atlas(id.Devices, tenants, domain)
	if g := a.groups[resp.GetTenant().GetDeviceGroupId()]; g != nil {
		resp.Tenant = w.replies.of(id.Tenant, domain, g.proto.GetVersion())
	}
	rights := roleOf(id).mask
	if rights == 0 {
		return nil
	}
	links := make([]*pb.Link, 0, len(a.list.GetTenants())+len(resp.GetUser().GetLinks()))
	for _, t := range a.list.GetTenants() {
		links = append(links, &pb.Link{Id: t.GetDeviceGroupId(), Rights: rights})
	}
	resp.User.Links = append(links, resp.GetUser().GetLinks()...)
	return nil
}

// version gives the version of a tenant's own device set; the atlas gives the same for the same devices.
func (w *deviceGroups) version(set *authsvc.DeviceSet, domain string) string {
	key := tenantInDomain{tenant: set.Scope.TenantID, domain: domain}
	if v, ok := w.versions.Get(key); ok && v.set == set {
		return v.version
	}
	ids, ignored := usableIDs(set.Devices, domain)
	w.ignored.add(set.Scope, ignored)
	v := tenantVersion{set: set, version: versionOf(ids, 0)}
	w.versions.Add(key, v)
	return v.version
}

func (w *deviceGroups) group(ctx context.Context, kind, domain, key string) (*pb.UserGroup, []*pb.Link, error) {
	if kind != kindDeviceGroup {
		return nil, nil, authsvc.Deny(authsvc.GroupUnknown, "there are no user groups in this way of device rights")
	}
	a, err := w.current(ctx, domain)
	if err != nil {
		return nil, nil, err
	}
	g := a.groups[kind+"/"+domain+"/"+key]
	if g == nil {
		return nil, nil, authsvc.ErrGroupUnknown
	}
	return g.proto, g.devices, nil
}

func (w *deviceGroups) list(ctx context.Context, domain string) (*pb.ListDeviceGroupsResponse, error) {
	a, err := w.current(ctx, domain)
	if err != nil {
		return nil, err
	}
	return a.list, nil
}

func (w *deviceGroups) current(ctx context.Context, domain string) (*atlas, error) {
	tenants, err := w.tenants.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	set, err := w.devices.Devices(ctx, authsvc.Scope{All: true})
	if err != nil {
		return nil, err
	}
	return w.atlas(set, tenants, domain), nil
}

// atlas gives the domain's atlas of this set and these tenants, drawn anew only if one of the two is another.
func (w *deviceGroups) atlas(set *authsvc.DeviceSet, tenants []authsvc.Tenant, domain string) *atlas {
	w.mu.RLock()
	a := w.atlases[domain]
	w.mu.RUnlock()
	if a.of(set, tenants) {
		return a
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if a = w.atlases[domain]; a.of(set, tenants) {
		return a
	}
	a, ignored := drawAtlas(set, tenants, domain)
	w.atlases[domain] = a
	w.ignored.add(set.Scope, ignored)
	return a
}

// atlas is every tenant's device group in one domain, made from one read of all devices. Shared: never changed.
type atlas struct {
	set     *authsvc.DeviceSet
	tenants []authsvc.Tenant
	groups  map[string]*deviceGroup // by id
	list    *pb.ListDeviceGroupsResponse
}

type deviceGroup struct {
	proto   *pb.UserGroup // a device group, in the shape of GetGroupLinks
	devices []*pb.Link    // without rights
}

// of says whether a is made of these; a may be nil.
func (a *atlas) of(set *authsvc.DeviceSet, tenants []authsvc.Tenant) bool {
	return a != nil && a.set == set && slices.EqualFunc(a.tenants, tenants, func(a, b authsvc.Tenant) bool { return a.ID == b.ID && a.Name == b.Name })
}

// lobbyName is what MeshCentral's administrators see.
const lobbyName = "MeshSSO lobby"

// drawAtlas sorts all devices into their tenants' groups. A tenant that only devices name has a group too: a superadmin
// reaches those devices in both ways, and a moment without rows in the view tenants moves nothing.
func drawAtlas(set *authsvc.DeviceSet, tenants []authsvc.Tenant, domain string) (a *atlas, ignored int) {
	devices := map[string][]authsvc.Device{}
	for _, d := range set.Devices {
		devices[d.TenantID] = append(devices[d.TenantID], d)
	}
	a = &atlas{set: set, tenants: tenants, groups: map[string]*deviceGroup{}, list: &pb.ListDeviceGroupsResponse{
		Lobby: &pb.Tenant{Name: lobbyName, DeviceGroupId: LobbyID(domain)},
	}}
	add := func(t authsvc.Tenant) {
		ids, bad := usableIDs(devices[t.ID], domain)
		delete(devices, t.ID)
		ignored += bad
		if len(ids) == 0 && !t.Known {
			return
		}
		reply := tenantReply(t, domain, versionOf(ids, 0))
		a.list.Tenants = append(a.list.Tenants, reply)
		a.groups[reply.GetDeviceGroupId()] = &deviceGroup{
			proto:   &pb.UserGroup{Id: reply.GetDeviceGroupId(), Name: reply.GetName(), Version: reply.GetVersion()},
			devices: linksTo(ids, 0),
		}
	}
	for _, t := range tenants {
		add(t)
	}
	for id := range devices {
		add(authsvc.Tenant{ID: id})
	}
	slices.SortFunc(a.list.Tenants, func(a, b *pb.Tenant) int { return cmp.Compare(a.GetDeviceGroupId(), b.GetDeviceGroupId()) })
	return a, ignored
}
