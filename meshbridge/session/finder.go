package session

import (
	"context"
	"errors"

	"github.com/everydaytech/meshsso/authsvc"
)

// Finder answers the shim's questions about sessions.
type Finder struct{ Service *Service }

var _ authsvc.SessionFinder = Finder{}

// FindSession implements authsvc.SessionFinder. It is no use of the session: what the shim asks by itself keeps nothing alive.
func (f Finder) FindSession(ctx context.Context, id string) (authsvc.SessionIdentity, error) {
	if _, err := f.Service.Alive(ctx, id); err != nil {
		return authsvc.SessionIdentity{}, denial(err)
	}
	l := f.Service.live.named(id)
	if l == nil { // it ended this moment
		return authsvc.SessionIdentity{}, authsvc.ErrSessionUnknown
	}
	l.mu.Lock()
	old := l.checked.Before(authsvc.Since(ctx))
	l.mu.Unlock()
	if old {
		if err := f.Service.judgeAgain(ctx, l); err != nil {
			return authsvc.SessionIdentity{}, denial(err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return authsvc.SessionIdentity{}, authsvc.ErrSessionUnknown
	}
	s := l.session
	return authsvc.SessionIdentity{
		ID: s.ID, UserID: s.Person.UserID, Email: s.Person.Email, Name: s.Person.Name, TenantID: s.Person.TenantID, Role: s.Person.Role,
		NodeID: s.Agent.NodeID, Rights: s.Rights, ExpiresAt: s.ExpiresAt, ReadAt: l.checked, RulesVersion: l.rules, SiteRestrictions: s.Person.SiteRestrictions,
	}, nil
}

// EndedSessions implements authsvc.SessionFinder.
func (f Finder) EndedSessions(ctx context.Context, ids []string) ([]string, error) {
	ended, err := f.Service.EndedAmong(ctx, ids)
	if err != nil {
		return nil, denial(err)
	}
	return ended, nil
}

// denial turns a refusal into the gRPC contract's words: a session that may not be used is one that is not there, whyever.
func denial(err error) error {
	switch {
	case errors.Is(err, ErrStore), errors.Is(err, ErrMeshCentral):
		return authsvc.ErrStoreUnavailable
	case errors.Is(err, ErrInternal):
		return authsvc.Deny(authsvc.Internal, "judging a session")
	}
	return authsvc.ErrSessionUnknown
}
