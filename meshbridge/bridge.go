package meshbridge

import (
	"context"
	"log/slog"

	lru "github.com/hashicorp/golang-lru/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// Bridge maps identities to MeshCentral users and gives the links of their groups. Safe for concurrent use.
type Bridge struct {
	domains map[string]bool
	rights  rightsWay
	replies *tenantReplies
	ignored *ignored
}

// Config says what a Bridge serves.
type Config struct {
	Domains []string // MeshCentral domains besides the default one; each ValidDomain
	Groups  int      // most user groups held in memory
	Rights  Way      // how rights on devices reach people
	// Profiles gives every profile that the policy can give in a tenant ("": to who belongs to none), so that a group is known after
	// a restart too. nil, or none: the built-in roles.
	Profiles func(tenantID string) []*authsvc.Profile
	Log      *slog.Logger
}

// Directory is what a bridge reads.
type Directory interface {
	authsvc.DeviceLister
	authsvc.TenantLister
}

var _ authsvc.UserMapper[*pb.ValidateTokenResponse] = (*Bridge)(nil)

// New makes a bridge that reads devices and tenants from dir.
func New(cfg Config, dir Directory) *Bridge {
	domains := map[string]bool{"": true}
	for _, d := range cfg.Domains {
		domains[d] = true
	}
	b := &Bridge{domains: domains, replies: newTenantReplies(cfg.Groups), ignored: &ignored{log: cfg.Log}}
	switch cfg.Rights {
	case WayGroup:
		b.rights = newDeviceGroups(cfg.Groups, dir, b.replies, b.ignored)
	default:
		b.rights = newUserGroups(cfg, dir, b.ignored)
	}
	return b
}

// DevicesIgnored counts devices that got no link because their node id is unusable or disputed, each time that a group is
// built anew.
func (b *Bridge) DevicesIgnored() uint64 { return b.ignored.total.Load() }

// CheckDomain denies every MeshCentral domain that is not configured. Errors: DOMAIN_DENIED.
func (b *Bridge) CheckDomain(domain string) error {
	if !b.domains[domain] {
		return authsvc.ErrDomainDenied
	}
	return nil
}

// MapUser gives the reply for a person. Errors: DOMAIN_DENIED, STORE_UNAVAILABLE; RULE_DENIED for a role that WayGroup cannot
// give.
func (b *Bridge) MapUser(ctx context.Context, id *authsvc.Identity, domain string) (*pb.ValidateTokenResponse, error) {
	if err := b.CheckDomain(domain); err != nil {
		return nil, err
	}
	resp := &pb.ValidateTokenResponse{
		User:       b.user(id, domain),
		ExpiresAt:  timestamppb.New(id.Claims.ExpiresAt),
		VerifiedBy: verifiedBy(id.Claims.Key),
	}
	if t := id.Tenant; t.ID != "" {
		resp.Tenant = b.replies.of(t, domain, "")
	}
	if err := b.rights.fill(ctx, resp, id, domain); err != nil {
		return nil, err
	}
	return resp, nil
}

func (b *Bridge) user(id *authsvc.Identity, domain string) *pb.User {
	name := PersonName(id)
	return &pb.User{
		Id:        "user/" + domain + "/" + id.Email,
		Name:      name,
		RealName:  name,
		Email:     id.Email,
		Domain:    domain,
		Siteadmin: SiteRights(id),
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
	case authsvc.KeyIssuer:
		return pb.VerifiedBy_VERIFIED_BY_ISSUER
	}
	return pb.VerifiedBy_VERIFIED_BY_UNSPECIFIED
}

// GroupLinks gives every link of a group, or none if the caller holds this version already. In WayLinks that is a user
// group's, in WayGroup a tenant's device group's, whose devices come as links without rights.
// Errors: REQUEST_INVALID, DOMAIN_DENIED, GROUP_UNKNOWN, STORE_UNAVAILABLE.
func (b *Bridge) GroupLinks(ctx context.Context, id, version string) (*pb.GetGroupLinksResponse, error) {
	kind, domain, key, ok := parseGroupID(id)
	if !ok {
		return nil, authsvc.Deny(authsvc.RequestInvalid, "group is neither a user group id nor a device group id")
	}
	if err := b.CheckDomain(domain); err != nil {
		return nil, err
	}
	group, links, err := b.rights.group(ctx, kind, domain, key)
	if err != nil {
		return nil, err
	}
	resp := &pb.GetGroupLinksResponse{Group: group}
	if resp.Unchanged = version != "" && version == group.GetVersion(); !resp.Unchanged {
		resp.Links = links
	}
	return resp, nil
}

// DeviceGroups gives the device group of every tenant, and the lobby.
// Errors: DOMAIN_DENIED, REQUEST_INVALID outside WayGroup, STORE_UNAVAILABLE.
func (b *Bridge) DeviceGroups(ctx context.Context, domain string) (*pb.ListDeviceGroupsResponse, error) {
	if err := b.CheckDomain(domain); err != nil {
		return nil, err
	}
	return b.rights.list(ctx, domain)
}

// tenantReplies makes the replies' tenants, once a tenant, domain and version.
type tenantReplies struct {
	made *lru.Cache[tenantKey, *pb.Tenant]
}

type tenantKey struct{ id, name, domain, version string }

func newTenantReplies(size int) *tenantReplies {
	made, _ := lru.New[tenantKey, *pb.Tenant](max(size, 1)) // the only error is a size below one
	return &tenantReplies{made}
}

func (r *tenantReplies) of(t authsvc.Tenant, domain, version string) *pb.Tenant {
	key := tenantKey{t.ID, t.Name, domain, version}
	if made, ok := r.made.Get(key); ok {
		return made
	}
	made := tenantReply(t, domain, version)
	r.made.Add(key, made)
	return made
}

func tenantReply(t authsvc.Tenant, domain, version string) *pb.Tenant {
	return &pb.Tenant{Id: t.ID, Name: DisplayName(t.Name, ""), DeviceGroupId: DeviceGroupID(domain, t.ID), Version: version}
}
