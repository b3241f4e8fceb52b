// Package grpcapi is the gRPC edge: the only place where errors become status codes, and where validations are counted
// and denials logged.
package grpcapi

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// MaxRecvBytes is the largest request that is read: far above a valid token, so that an oversized one is answered with a
// reason instead of breaking the connection.
const MaxRecvBytes = 2 << 20

// Authenticator says who bears a token; authsvc.Service does.
type Authenticator interface {
	Authenticate(ctx context.Context, token authsvc.Token) (*authsvc.Identity, authsvc.Subject, error)
}

// Mapper gives the reply for a person; meshbridge.Bridge does.
type Mapper interface {
	authsvc.UserMapper[*pb.ValidateTokenResponse]
	PrincipalMapper
	CheckDomain(domain string) error
}

// GroupLister gives a group's links, and all device groups; meshbridge.Bridge does.
type GroupLister interface {
	GroupLinks(ctx context.Context, id, version string) (*pb.GetGroupLinksResponse, error)
	DeviceGroups(ctx context.Context, domain string) (*pb.ListDeviceGroupsResponse, error)
}

// Server answers AuthService.
type Server struct {
	pb.UnimplementedAuthServiceServer

	Auth     Authenticator
	Sessions SessionKeeper // nil: the session proxy is off
	Mapper   Mapper
	Groups   GroupLister
	Policy   PolicySource
	Metrics  *Metrics
	Log      *slog.Logger

	// Lifetime is how long an answer may be acted on, counted from when the oldest of what it is made of was read: the
	// directory's cache lifetime.
	Lifetime time.Duration
	Now      func() time.Time // nil: time.Now

	said said
}

// Register adds the service to s.
func (s *Server) Register(r grpc.ServiceRegistrar) { pb.RegisterAuthServiceServer(r, s) }

// ValidateToken implements the RPC; see the proto.
func (s *Server) ValidateToken(ctx context.Context, req *pb.ValidateTokenRequest) (*pb.ValidateTokenResponse, error) {
	start := time.Now()
	resp, subject, err := s.validate(ctx, req)
	s.Metrics.observe(req.GetHook(), err, time.Since(start))
	if err != nil {
		s.logDenial(ctx, req, subject, err)
		return nil, toStatus(err)
	}
	return resp, nil
}

func (s *Server) validate(ctx context.Context, req *pb.ValidateTokenRequest) (*pb.ValidateTokenResponse, authsvc.Subject, error) {
	if err := s.Mapper.CheckDomain(req.GetDomain()); err != nil {
		return nil, authsvc.Subject{}, err
	}
	ctx, err := s.wanting(ctx, req.GetMaxAge())
	if err != nil {
		return nil, authsvc.Subject{}, err
	}
	if ofSession(req) {
		return s.validateSession(ctx, req)
	}
	id, subject, err := s.Auth.Authenticate(ctx, authsvc.NewToken(req.GetToken()))
	if err != nil {
		return nil, subject, err
	}
	resp, err := s.Mapper.MapUser(ctx, id, req.GetDomain())
	if err != nil {
		return nil, subject, err
	}
	return s.dated(resp, id.ReadAt(), id.RulesVersion), subject, nil
}

// dated says of a reply how long it may be acted on, and by which policies.
func (s *Server) dated(resp *pb.ValidateTokenResponse, readAt time.Time, rules string) *pb.ValidateTokenResponse {
	resp.FreshFor, resp.RulesVersion = durationpb.New(s.freshFor(readAt)), rules
	resp.PolicyVersion = s.Policy.Policy().GetVersion()
	return resp
}

// wanting asks the directory for nothing that was read longer ago than maxAge; none asks for nothing.
func (s *Server) wanting(ctx context.Context, maxAge *durationpb.Duration) (context.Context, error) {
	if maxAge == nil {
		return ctx, nil
	}
	if maxAge.CheckValid() != nil || maxAge.AsDuration() < 0 {
		return nil, authsvc.Deny(authsvc.RequestInvalid, "max_age is not a duration")
	}
	return authsvc.ReadSince(ctx, s.now().Add(-maxAge.AsDuration())), nil
}

// freshFor is what is left of the lifetime of something that was read at readAt; what does not say when has none left.
func (s *Server) freshFor(readAt time.Time) time.Duration {
	if readAt.IsZero() {
		return 0
	}
	return min(max(s.Lifetime-s.now().Sub(readAt), 0), s.Lifetime)
}

func (s *Server) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// GetGroupLinks implements the RPC; see the proto.
func (s *Server) GetGroupLinks(ctx context.Context, req *pb.GetGroupLinksRequest) (*pb.GetGroupLinksResponse, error) {
	fresh, err := s.wanting(ctx, req.GetMaxAge())
	if err != nil {
		return nil, toStatus(err)
	}
	resp, err := s.Groups.GroupLinks(fresh, req.GetGroup(), req.GetVersion())
	if err != nil {
		s.Log.InfoContext(ctx, "group links denied", "reason", authsvc.ReasonOf(err), "error", err.Error(), "group_bytes", len(req.GetGroup()))
		return nil, toStatus(err)
	}
	return resp, nil
}

// logDenial writes who was denied and why: never the token, and of the claims only a verified user id.
func (s *Server) logDenial(ctx context.Context, req *pb.ValidateTokenRequest, subject authsvc.Subject, err error) {
	attrs := []any{
		"reason", reasonLabel(err),
		"hook", hookLabel(req.GetHook()),
		"client_ip", cleanIP(req.GetClientIp()),
		"error", err.Error(),
	}
	if subject.Verified {
		attrs = append(attrs, "user_id", subject.UserID)
	}
	if subject.Issuer != "" {
		attrs = append(attrs, "issuer", subject.Issuer)
	}
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil && p.Addr.Network() == "tcp" {
		attrs = append(attrs, "peer", p.Addr.String())
	}
	s.Log.InfoContext(ctx, "validation denied", attrs...)
}

// cleanIP gives an address in its canonical form, "" for none and "invalid" for anything else, so that no caller writes
// text of his own into a log.
func cleanIP(s string) string {
	if s == "" {
		return ""
	}
	if len(s) > 64 {
		return "invalid"
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			return "invalid"
		}
		addr = ap.Addr()
	}
	return addr.WithZone("").Unmap().String()
}
