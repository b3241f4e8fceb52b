package grpcapi

import (
	"context"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// SessionKeeper answers for the proxy's sessions; authsvc.Sessions does.
type SessionKeeper interface {
	// Authenticate opens an internal token, once.
	Authenticate(ctx context.Context, token authsvc.Token) (authsvc.Principal, error)
	// Find gives a session that lives, or a tenant's pool.
	Find(ctx context.Context, subject string) (authsvc.Principal, error)
	// Ended gives those of the ids that do not.
	Ended(ctx context.Context, ids []string) ([]string, error)
}

// PrincipalMapper gives the reply for a session's principal; meshbridge.Bridge does.
type PrincipalMapper interface {
	MapSession(s authsvc.SessionIdentity, domain string) (*pb.ValidateTokenResponse, error)
	// MapPool does so for a tenant's pool.
	MapPool(ctx context.Context, p *authsvc.PoolIdentity, domain string) (*pb.ValidateTokenResponse, error)
}

// ofSession says whether a request is about a session and not about a person.
func ofSession(req *pb.ValidateTokenRequest) bool {
	return req.GetSessionToken() || req.GetSession() != ""
}

func (s *Server) validateSession(ctx context.Context, req *pb.ValidateTokenRequest) (*pb.ValidateTokenResponse, authsvc.Subject, error) {
	found, err := s.session(ctx, req)
	if err != nil {
		return nil, authsvc.Subject{}, err
	}
	if pool := found.Pool; pool != nil {
		resp, err := s.Mapper.MapPool(ctx, pool, req.GetDomain())
		if err != nil {
			return nil, authsvc.Subject{}, err
		}
		return s.dated(resp, pool.ReadAt(), ""), authsvc.Subject{}, nil
	}
	session := found.Session
	subject := authsvc.Subject{Verified: true, UserID: session.UserID, TenantID: session.TenantID}
	resp, err := s.Mapper.MapSession(session, req.GetDomain())
	if err != nil {
		return nil, subject, err
	}
	return s.dated(resp, session.ReadAt, session.RulesVersion), subject, nil
}

// session finds the session by its internal token; by its bare id only for a shim that has shown one before.
func (s *Server) session(ctx context.Context, req *pb.ValidateTokenRequest) (authsvc.Principal, error) {
	keeper := s.keeper()
	if req.GetSession() == "" {
		return keeper.Authenticate(ctx, authsvc.NewToken(req.GetToken()))
	}
	if req.GetSessionToken() || req.GetToken() != "" || req.GetHook() != pb.Hook_HOOK_REVALIDATE {
		return authsvc.Principal{}, authsvc.Deny(authsvc.RequestInvalid, "a session's id is for HOOK_REVALIDATE and stands alone")
	}
	return keeper.Find(ctx, req.GetSession())
}

// keeper knows no session if the proxy is off.
func (s *Server) keeper() SessionKeeper {
	if s.Sessions == nil {
		return &authsvc.Sessions{}
	}
	return s.Sessions
}

// EndedSessions implements the RPC; see the proto. Errors: REQUEST_INVALID, STORE_UNAVAILABLE.
func (s *Server) EndedSessions(ctx context.Context, req *pb.EndedSessionsRequest) (*pb.EndedSessionsResponse, error) {
	ended, err := s.keeper().Ended(ctx, req.GetIds())
	if err != nil {
		s.Log.InfoContext(ctx, "question about sessions denied", "reason", reasonLabel(err), "error", err.Error(), "ids", len(req.GetIds()))
		return nil, toStatus(err)
	}
	return &pb.EndedSessionsResponse{Ended: ended}, nil
}
