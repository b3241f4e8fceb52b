package grpcapi

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// MaxRefusals is the most entries that one report may have.
const MaxRefusals = 256

const (
	maxKind   = 64
	maxUserID = 320 // "user/", a domain, "/" and an e-mail are less
)

// ReportRefusals implements the RPC; see the proto. Errors: REQUEST_INVALID, and then nothing of the report is counted.
func (s *Server) ReportRefusals(ctx context.Context, req *pb.ReportRefusalsRequest) (*pb.ReportRefusalsResponse, error) {
	if err := checkRefusals(req.GetRefusals()); err != nil {
		s.Log.WarnContext(ctx, "report of refusals is out of shape", "error", err.Error(), "entries", len(req.GetRefusals()))
		return nil, toStatus(err)
	}
	for _, r := range req.GetRefusals() {
		s.refusal(ctx, r)
	}
	return &pb.ReportRefusalsResponse{}, nil
}

func checkRefusals(refusals []*pb.Refusal) error {
	if len(refusals) > MaxRefusals {
		return authsvc.Deny(authsvc.RequestInvalid, "too many refusals in one report")
	}
	for _, r := range refusals {
		if _, ok := pb.Reason_name[int32(r.GetReason())]; !ok || r.GetReason() == pb.Reason_REASON_UNSPECIFIED {
			return authsvc.Deny(authsvc.RequestInvalid, "a refusal without a reason, or for one that is not known")
		}
	}
	return nil
}

// refusal counts one entry by bounded labels, and logs it if it is the first of its kind.
func (s *Server) refusal(ctx context.Context, r *pb.Refusal) {
	surface, kind := surfaceLabel(r.GetSurface()), clean(r.GetKind(), maxKind)
	reason := strings.TrimPrefix(r.GetReason().String(), "REASON_")
	label := kind
	if !s.Policy.KnownKind(kind) {
		label = "other"
	}
	s.Metrics.refusals.WithLabelValues(surface, label, reason).Add(float64(r.GetCount()))
	if s.said.first(surface, kind, reason) {
		s.Log.WarnContext(ctx, "refused by the policy", "surface", surface, "kind", kind, "reason", reason, "user_id", cleanUserID(r.GetUserId()), "count", r.GetCount())
	}
}

// surfaceLabel gives one of the surfaces that the proto names, else "other".
func surfaceLabel(surface string) string {
	switch surface {
	case "control", "relay", "http", "cookie":
		return surface
	}
	return "other"
}

// cleanUserID gives an account id as it came if it can be one, else "invalid".
func cleanUserID(id string) string {
	if id == "" {
		return ""
	}
	if len(id) > maxUserID || !utf8.ValidString(id) || !strings.HasPrefix(id, "user/") || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "invalid"
	}
	return id
}
