package grpcapi

import (
	"context"
	"strings"

	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// PolicySource has what people may send; meshbridge/policy.Table is one. What it gives never changes.
type PolicySource interface {
	// Policy gives the policy, with its version. It is shared: never change it.
	Policy() *pb.Policy
	// KnownKind says whether a refusal's kind is one of finitely many names.
	KnownKind(kind string) bool
}

// GetPolicy implements the RPC; see the proto.
func (s *Server) GetPolicy(ctx context.Context, req *pb.GetPolicyRequest) (*pb.GetPolicyResponse, error) {
	policy := s.Policy.Policy()
	s.checkReviewed(ctx, policy, req.GetMeshcentralVersion())
	if v := req.GetVersion(); v != "" && v == policy.GetVersion() {
		return &pb.GetPolicyResponse{Unchanged: true}, nil
	}
	return &pb.GetPolicyResponse{Policy: policy}, nil
}

// checkReviewed warns once of each MeshCentral version whose page nobody compared with the policy.
func (s *Server) checkReviewed(ctx context.Context, policy *pb.Policy, version string) {
	version = clean(version, 32)
	for _, reviewed := range policy.GetReviewedVersions() {
		if reviewed == version {
			return
		}
	}
	if s.said.first("version", version) {
		s.Log.WarnContext(ctx, "the policy was not reviewed for this MeshCentral: what its page sends besides is refused",
			"meshcentral_version", version, "reviewed", policy.GetReviewedVersions())
	}
}

// clean keeps of a name what may stand in a log or a label: most characters of A-Z a-z 0-9 . _ - /, the rest left out.
func clean(name string, most int) string {
	var b strings.Builder
	for i := 0; i < len(name) && b.Len() < most; i++ {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-', c == '/':
			b.WriteByte(c)
		}
	}
	return b.String()
}
