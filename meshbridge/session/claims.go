package session

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

// setClaims keeps what Identify needs to judge the person anew without the token.
func (r *row) setClaims(c authsvc.Claims) error {
	r.jwtTenant, r.jwtKey, r.jwtExpires = c.TenantID, int16(c.Key), c.ExpiresAt.Truncate(time.Microsecond)
	r.jwtRole, r.jwtIssuer, r.jwtClaims = nil, "", ""
	if c.HasRole {
		role := clean(c.Role)
		r.jwtRole = &role
	}
	if issuer := c.IssuerOf(); issuer != nil {
		r.jwtIssuer = issuer.Name
	}
	if c.Mapped == nil || c.Mapped.Payload == nil {
		return nil
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // a rule reads them, not a page
	if err := enc.Encode(c.Mapped.Payload); err != nil {
		return ErrInternal
	}
	r.jwtClaims = string(bytes.TrimSuffix(text.Bytes(), []byte("\n")))
	return nil
}

// claims rebuilds what the token said that made or renewed a session, as far as the built-in rule needs it.
func (r *row) claims() authsvc.Claims {
	c := authsvc.Claims{Email: r.email, TenantID: r.jwtTenant, UserID: r.userID, ExpiresAt: r.jwtExpires, Key: authsvc.KeyID(max(r.jwtKey, 0))} //nolint:gosec // 1 to 3
	if r.jwtRole != nil {
		c.Role, c.HasRole = *r.jwtRole, true
	}
	return c
}

// claimsOf is claims, with what a mapping makes of them now. It never gives another person's, another issuer's or another key's:
// of those the session is not. Errors: ErrRevoked.
func (s *Service) claimsOf(r *row) (authsvc.Claims, error) {
	stored := r.claims()
	if s.cfg.Restore == nil {
		if r.jwtIssuer != "" || r.jwtClaims != "" || stored.Key == authsvc.KeyIssuer {
			return authsvc.Claims{}, ErrRevoked
		}
		return stored, nil
	}
	var payload []byte
	if r.jwtClaims != "" {
		payload = []byte(r.jwtClaims)
	}
	c, err := s.cfg.Restore(r.jwtIssuer, payload, stored)
	if err != nil {
		s.cfg.Log.Info("sessions: the claims of a session do not pass any more", "session", r.id, "reason", string(authsvc.ReasonOf(err)), "error", err.Error())
		return authsvc.Claims{}, ErrRevoked
	}
	issuer := ""
	if of := c.IssuerOf(); of != nil {
		issuer = of.Name
	}
	if c.Email != stored.Email || c.Key != stored.Key || issuer != r.jwtIssuer || (c.UserID != 0 && c.UserID != stored.UserID) {
		return authsvc.Claims{}, ErrRevoked
	}
	c.UserID, c.ExpiresAt = stored.UserID, stored.ExpiresAt
	return c, nil
}

// stale says whether a session was judged by another policy than the one that holds now.
func (l *Live) stale() bool {
	if l.svc.cfg.RulesVersion == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rules != l.svc.rulesVersion()
}

func (s *Service) rulesVersion() string {
	if s.cfg.RulesVersion == nil {
		return ""
	}
	return s.cfg.RulesVersion()
}
