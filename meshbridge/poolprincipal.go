package meshbridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// A pool principal is whom the control connection of one tenant acts as where MeshCentral has the shim (meshbridge/control asks
// over it which devices are online). It is nobody: no e-mail, no person, no session. It lives in MeshCentral's memory only, may
// look at the tenant's devices as a viewer may, and sends `nodes` and nothing else; that last part is the shim's to hold it to.
// Its internal token names "tenant:<uuid>" where a session's names the session.
const poolMark = "~p:"

// PoolPrincipalID gives the account id of a tenant's pool principal, "user/<domain>/~p:<16 hex digits of SHA-256 of the
// tenant's id>"; false if the tenant's id is not a UUID in lower case.
func PoolPrincipalID(domain, tenantID string) (string, bool) {
	if !authsvc.ValidSessionID(tenantID) {
		return "", false
	}
	sum := sha256.Sum256([]byte(tenantID))
	return "user/" + domain + "/" + poolMark + hex.EncodeToString(sum[:8]), true
}

// IsPoolPrincipalName says whether an account's name (the third part of its id) is reserved for pool principals.
func IsPoolPrincipalName(name string) bool { return strings.HasPrefix(name, poolMark) }

// MapPool gives the reply for a tenant's pool principal: a viewer of exactly the tenant's devices, who administers nothing.
// Errors: DOMAIN_DENIED, GROUP_UNKNOWN if the devices are not the tenant's, STORE_UNAVAILABLE.
func (b *Bridge) MapPool(ctx context.Context, p *authsvc.PoolIdentity, domain string) (*pb.ValidateTokenResponse, error) {
	t, set := p.Tenant, p.Devices
	if err := b.CheckDomain(domain); err != nil {
		return nil, err
	}
	id, ok := PoolPrincipalID(domain, t.ID)
	if !ok || set == nil || set.Scope.All || set.Scope.TenantID != t.ID {
		return nil, authsvc.Deny(authsvc.GroupUnknown, "a pool principal is of one tenant and its devices")
	}
	const name = "MeshSSO"
	resp := &pb.ValidateTokenResponse{
		User: &pb.User{
			Id: id, Name: name, RealName: name, Domain: domain, TenantId: t.ID, Role: authsvc.RoleViewer.String(),
			Siteadmin: siteNoNewGroups | siteNoTools | siteLocked | siteNoNewDevices,
		},
		ExpiresAt: timestamppb.New(p.ExpiresAt), VerifiedBy: pb.VerifiedBy_VERIFIED_BY_SESSION,
		Session: &pb.Session{Id: authsvc.PoolSubject(t.ID)},
		Tenant:  b.replies.of(t, domain, ""),
	}
	viewer := &authsvc.Identity{Tenant: t, Decision: authsvc.Decision{Role: authsvc.RoleViewer, MaxRole: authsvc.RoleViewer}, Devices: set}
	if err := b.rights.fill(ctx, resp, viewer, domain); err != nil {
		return nil, err
	}
	if resp.GetUserGroup() != nil { // is kept in MeshCentral's database, which must not learn of a principal
		ids, _ := usableIDs(set.Devices, domain)
		resp.UserGroup, resp.User.Links = nil, linksTo(ids, DeviceRights(authsvc.RoleViewer))
	}
	return resp, nil
}
