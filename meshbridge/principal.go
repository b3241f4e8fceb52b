package meshbridge

import (
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// principalMark begins the name of every account that acts in one session. No e-mail begins so (authsvc.FoldEmail), and of
// MeshCentral's own names only those of SAML ("~saml:") come near.
const principalMark = "~s"

// principalDigits is how much of the session's id is in the principal's.
const principalDigits = 12

// PrincipalID gives the account id of a session's principal, "user/<domain>/~s:<first 12 hex digits of the session's id>:<folded
// e-mail>"; false if the session's id is not a UUID or the e-mail is not folded. Ids of sessions must be random from the first
// digit on (UUID version 4), or two sessions of one person could share it.
func PrincipalID(domain, sessionID, foldedEmail string) (string, bool) {
	folded, ok := FoldEmail(foldedEmail)
	if !ok || folded != foldedEmail || !authsvc.ValidSessionID(sessionID) {
		return "", false
	}
	digits := strings.ReplaceAll(sessionID, "-", "")[:principalDigits]
	return "user/" + domain + "/" + principalMark + ":" + digits + ":" + folded, true
}

// IsPrincipalName says whether an account's name (the third part of its id) is reserved for principals: it begins with "~s" and
// is not one of MeshCentral's SAML accounts or, on a MeshCentral without the shim, begins with a backtick and that.
func IsPrincipalName(name string) bool {
	return strings.HasPrefix(strings.TrimPrefix(name, "`"), principalMark) && !strings.HasPrefix(name, "~saml:")
}

// MapSession gives the reply for a session's principal: the real person's name, one device with the session's rights, and
// nothing else of what the person is. Errors: DOMAIN_DENIED, SESSION_UNKNOWN if what the keeper says of it is no session.
func (b *Bridge) MapSession(s authsvc.SessionIdentity, domain string) (*pb.ValidateTokenResponse, error) {
	if err := b.CheckDomain(domain); err != nil {
		return nil, err
	}
	id, ok := PrincipalID(domain, s.ID, s.Email)
	node, readable := ParseNodeID(s.NodeID)
	if !ok || !readable || s.Rights == 0 || s.Rights&manageComputers != 0 {
		return nil, authsvc.Deny(authsvc.SessionUnknown, "the session has no readable device, person or right")
	}
	nodeID, here := node.In(domain)
	if !here {
		return nil, authsvc.Deny(authsvc.DomainDenied, "the session's device is in another domain")
	}
	name := DisplayName(s.Name, s.Email)
	return &pb.ValidateTokenResponse{
		User: &pb.User{
			Id: id, Name: name, RealName: name, Email: s.Email, Domain: domain,
			// Whatever the role: a principal administers nothing.
			Siteadmin: defaultSite(s.Role) | s.SiteRestrictions&siteRestrictions,
			Links:     []*pb.Link{{Id: nodeID, Rights: s.Rights}},
			TenantId:  s.TenantID, Role: s.Role.String(), UserId: s.UserID,
		},
		ExpiresAt:  timestamppb.New(s.ExpiresAt),
		VerifiedBy: pb.VerifiedBy_VERIFIED_BY_SESSION,
		Session:    &pb.Session{Id: s.ID},
	}, nil
}
