package meshbridge

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// Bridge maps identities to MeshCentral users and gives the links of their groups. Safe for concurrent use.
type Bridge struct {
	domains map[string]bool
	devices authsvc.DeviceLister
	tenants authsvc.TenantLister
	log     *slog.Logger

	groups  *lru.Cache[groupName, *group] // made from the DeviceSet that they hold
	owners  *lru.Cache[string, owner]     // group key → whose it is
	replies *lru.Cache[tenantKey, *pb.Tenant]
	scan    sync.Mutex // one search through all tenants at a time
	ignored atomic.Uint64
	warned  sync.Map // authsvc.Scope → struct{}: said once
}

type groupName struct {
	domain string
	scope  authsvc.Scope
	role   authsvc.Role
}

type tenantKey struct{ id, name, domain string }

type owner struct {
	scope authsvc.Scope
	role  authsvc.Role
}

// Config says what a Bridge serves.
type Config struct {
	Domains []string // MeshCentral domains besides the default one; each ValidDomain
	Groups  int      // most user groups held in memory
	Log     *slog.Logger
}

var _ authsvc.UserMapper[*pb.ValidateTokenResponse] = (*Bridge)(nil)

// New makes a bridge that reads devices and tenants from dir.
func New(cfg Config, dir interface {
	authsvc.DeviceLister
	authsvc.TenantLister
}) *Bridge {
	// The only error of these is a size below one.
	groups, _ := lru.New[groupName, *group](max(cfg.Groups, 1))
	owners, _ := lru.New[string, owner](max(4*cfg.Groups, 1))
	replies, _ := lru.New[tenantKey, *pb.Tenant](max(cfg.Groups, 1))
	domains := map[string]bool{"": true}
	for _, d := range cfg.Domains {
		domains[d] = true
	}
	return &Bridge{domains: domains, devices: dir, tenants: dir, log: cfg.Log, groups: groups, owners: owners, replies: replies}
}

// DevicesIgnored counts devices that got no link because their node id is unusable or disputed, each time that a group is
// built anew.
func (b *Bridge) DevicesIgnored() uint64 { return b.ignored.Load() }

// CheckDomain denies every MeshCentral domain that is not configured. Errors: DOMAIN_DENIED.
func (b *Bridge) CheckDomain(domain string) error {
	if !b.domains[domain] {
		return authsvc.ErrDomainDenied
	}
	return nil
}

// MapUser gives the reply for a person. Errors: DOMAIN_DENIED.
func (b *Bridge) MapUser(id *authsvc.Identity, domain string) (*pb.ValidateTokenResponse, error) {
	if err := b.CheckDomain(domain); err != nil {
		return nil, err
	}
	resp := &pb.ValidateTokenResponse{
		User:       b.user(id, domain),
		ExpiresAt:  timestamppb.New(id.Claims.ExpiresAt),
		VerifiedBy: verifiedBy(id.Claims.Key),
	}
	if t := id.Tenant; t.ID != "" {
		resp.Tenant = b.tenant(t, domain)
	}
	if id.Devices != nil && DeviceRights(id.Role) != 0 {
		resp.UserGroup = b.group(id.Devices, domain, id.Role).proto
	}
	return resp, nil
}

// tenant gives the reply's tenant, made once a tenant and domain.
func (b *Bridge) tenant(t authsvc.Tenant, domain string) *pb.Tenant {
	key := tenantKey{t.ID, t.Name, domain}
	if made, ok := b.replies.Get(key); ok {
		return made
	}
	made := &pb.Tenant{Id: t.ID, Name: DisplayName(t.Name, ""), DeviceGroupId: DeviceGroupID(domain, t.ID)}
	b.replies.Add(key, made)
	return made
}

func (b *Bridge) user(id *authsvc.Identity, domain string) *pb.User {
	name := DisplayName(id.User.FullName, id.Email)
	return &pb.User{
		Id:        "user/" + domain + "/" + id.Email,
		Name:      name,
		RealName:  name,
		Email:     id.Email,
		Domain:    domain,
		Siteadmin: SiteRights(id.Role, id.Claims.Key),
		Links:     grantLinks(id, domain),
		TenantId:  id.User.TenantID,
		Role:      id.Role.String(),
		UserId:    id.User.ID,
	}
}

func verifiedBy(key authsvc.KeyID) pb.VerifiedBy {
	switch key {
	case authsvc.KeyDashboard:
		return pb.VerifiedBy_VERIFIED_BY_DASHBOARD
	case authsvc.KeyAgent:
		return pb.VerifiedBy_VERIFIED_BY_AGENT
	}
	return pb.VerifiedBy_VERIFIED_BY_UNSPECIFIED
}

// group gives the group of a device set, built once a set: a refreshed set is another pointer.
func (b *Bridge) group(set *authsvc.DeviceSet, domain string, role authsvc.Role) *group {
	name := groupName{domain: domain, scope: set.Scope, role: role}
	if g, ok := b.groups.Get(name); ok && g.set == set {
		return g
	}
	g, ignored := buildGroup(set, domain, role)
	b.groups.Add(name, g)
	_, key, _ := parseGroupID(g.proto.GetId())
	b.owners.Add(key, owner{scope: set.Scope, role: role})
	if ignored > 0 {
		b.ignored.Add(uint64(ignored))
		if _, said := b.warned.LoadOrStore(set.Scope, struct{}{}); !said {
			b.log.Warn("devices ignored: their node id is not one of MeshCentral's or belongs to rows of several tenants",
				"scope", set.Scope.String(), "devices", ignored)
		}
	}
	return g
}

// GroupLinks gives every link of a user group, or none if the caller holds this version already.
// Errors: REQUEST_INVALID, DOMAIN_DENIED, GROUP_UNKNOWN, STORE_UNAVAILABLE.
func (b *Bridge) GroupLinks(ctx context.Context, id, version string) (*pb.GetGroupLinksResponse, error) {
	domain, key, ok := parseGroupID(id)
	if !ok {
		return nil, authsvc.Deny(authsvc.RequestInvalid, "group is not a user group id")
	}
	if err := b.CheckDomain(domain); err != nil {
		return nil, err
	}
	o, err := b.ownerOf(ctx, key)
	if err != nil {
		return nil, err
	}
	set, err := b.devices.Devices(ctx, o.scope)
	if err != nil {
		return nil, err
	}
	g := b.group(set, domain, o.role)
	resp := &pb.GetGroupLinksResponse{Group: g.proto}
	if resp.Unchanged = version != "" && version == g.proto.GetVersion(); !resp.Unchanged {
		resp.Links = g.links
	}
	return resp, nil
}

// ownerOf finds whose group a key is: remembered from a validation or, after a restart, by going through all tenants.
func (b *Bridge) ownerOf(ctx context.Context, key string) (owner, error) {
	if o, ok := b.owners.Get(key); ok {
		return o, nil
	}
	tenants, err := b.tenants.TenantIDs(ctx)
	if err != nil {
		return owner{}, err
	}
	b.scan.Lock()
	defer b.scan.Unlock()
	if o, ok := b.owners.Get(key); ok {
		return o, nil
	}
	if o, ok := findOwner(key, tenants); ok {
		b.owners.Add(key, o)
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
