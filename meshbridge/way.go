package meshbridge

import (
	"context"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// Way says how a role's rights on a tenant's devices reach a person in MeshCentral; docs/device-rights.md compares the two.
// The devices that a person reaches, and with which mask, are the same in both.
type Way uint8

const (
	// WayLinks is one user group a tenant and role with one link per device; the person is its member.
	WayLinks Way = iota
	// WayGroup is a device group a tenant that holds exactly the tenant's devices; the person has one link to it.
	WayGroup
)

var wayNames = [...]string{"links", "group"}

// String gives the name that ParseWay reads.
func (w Way) String() string {
	if int(w) < len(wayNames) {
		return wayNames[w]
	}
	return "unknown"
}

// ParseWay reads "links" or "group", exactly; false for anything else.
func ParseWay(name string) (Way, bool) {
	for i, n := range wayNames {
		if n == name {
			return Way(i), true
		}
	}
	return WayLinks, false
}

// rightsWay is one way. Domains that it is given are served ones, and keys are in shape.
type rightsWay interface {
	// fill adds what the person's role gives to a reply that has its user, with individual grants as links, and its tenant.
	// Errors: STORE_UNAVAILABLE; RULE_DENIED for a role that this way cannot give.
	fill(ctx context.Context, resp *pb.ValidateTokenResponse, id *authsvc.Identity, domain string) error
	// group gives a group by the parts of its id, and its links sorted by device. Errors: GROUP_UNKNOWN, STORE_UNAVAILABLE.
	group(ctx context.Context, kind, domain, key string) (*pb.UserGroup, []*pb.Link, error)
	// list gives every tenant's device group. Errors: REQUEST_INVALID if this way has none, STORE_UNAVAILABLE.
	list(ctx context.Context, domain string) (*pb.ListDeviceGroupsResponse, error)
}
