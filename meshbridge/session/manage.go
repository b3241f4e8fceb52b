package session

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge"
)

// scopeOf says whose sessions a person sees: the own, an admin those with the tenant's devices, a superadmin all.
func scopeOf(id *authsvc.Identity) scope {
	c := scope{userID: id.User.ID, email: id.Email, all: id.Role == authsvc.RoleSuperadmin}
	if id.Role >= authsvc.RoleAdmin {
		c.tenantID = id.User.TenantID
	}
	return c
}

// Listed is a live session in a list.
type Listed struct {
	ID         string         `json:"id"`
	UserID     int64          `json:"userId"`
	Email      string         `json:"email"`
	AgentID    int64          `json:"agentId"`
	NodeID     string         `json:"nodeId"`
	Device     authsvc.Device `json:"-"` // zero if it is none of the caller's
	ViewMode   ViewMode       `json:"viewMode"`
	Restrict   bool           `json:"restrict"`
	CreatedAt  time.Time      `json:"createdAt"`
	LastUsedAt time.Time      `json:"lastUsedAt"`
	ExpiresAt  time.Time      `json:"expiresAt"`
	ClientIP   string         `json:"clientIp"`
	UserAgent  string         `json:"userAgent"`
	Own        bool           `json:"-"` // the caller's
}

// List gives the live sessions that the bearer of a token may see, the newest first. Errors: *Error.
func (s *Service) List(ctx context.Context, token authsvc.Token, c Client) ([]Listed, error) {
	id, err := s.authenticate(ctx, token, c)
	if err != nil {
		return nil, err
	}
	now, sc := s.now(), scopeOf(id)
	rows, err := s.store.list(ctx, sc, now, now.Add(-s.cfg.Idle))
	if err != nil {
		return nil, err
	}
	out := make([]Listed, len(rows))
	for i, r := range rows {
		out[i] = r.listed()
		out[i].Own = sc.own(r)
		if a, ok := meshbridge.AccessTo(id, strconv.FormatInt(r.agentID, 10)); ok && a.Device.AgentID == r.agentID {
			out[i].Device = a.Device
		}
	}
	return out, nil
}

// named finds a live session by its token or its id. Whoever may not know of it gets ErrNotFound; a colleague's is ErrNotYours.
func (s *Service) named(ctx context.Context, id *authsvc.Identity, name string) (row, error) {
	var r row
	err := error(ErrUnknown)
	if hash, ok := hashSecret(name); ok {
		r, err = s.store.byHash(ctx, hash)
	} else if isUUID(name) {
		r, err = s.store.byID(ctx, name)
	}
	if err != nil {
		if AsError(err) == ErrUnknown {
			return row{}, ErrNotFound
		}
		return row{}, err
	}
	switch {
	case s.over(r) != nil:
		return row{}, ErrNotFound
	case scopeOf(id).holds(r):
		return r, nil
	case id.User.TenantID != "" && r.agentTenant == id.User.TenantID:
		s.deniedBy(&r, id)
		return row{}, ErrNotYours
	}
	return row{}, ErrNotFound
}

func (s *Service) deniedBy(r *row, id *authsvc.Identity) {
	s.pending.addRarely(Event{
		At: s.now(), Name: EventDenied, SessionID: r.id, UserID: id.User.ID, Email: id.Email, TenantID: r.agentTenant, AgentID: r.agentID,
		ViewMode: r.viewMode, Reason: ErrNotYours.Code,
	})
}

// Delete ends one session, by its token or its id. Errors: *Error.
func (s *Service) Delete(ctx context.Context, token authsvc.Token, name string, c Client) error {
	id, err := s.authenticate(ctx, token, c)
	if err != nil {
		return err
	}
	r, err := s.named(ctx, id, name)
	if err != nil {
		return err
	}
	reason, actor := EndClosed, ""
	if !scopeOf(id).own(r) {
		reason, actor = EndAdmin, id.Email
	}
	if _, err := s.store.end(ctx, []string{r.id}, reason, actor, s.now()); err != nil {
		return err
	}
	s.endedHere([]string{r.id}, reason)
	return nil
}

// Renew gives a session the life of a fresh JWT of the same person. Errors: *Error.
func (s *Service) Renew(ctx context.Context, token authsvc.Token, name string, c Client) (time.Time, error) {
	id, err := s.authenticate(ctx, token, c)
	if err != nil {
		return time.Time{}, err
	}
	r, err := s.named(ctx, id, name)
	if err != nil {
		return time.Time{}, err
	}
	if !scopeOf(id).own(r) {
		s.deniedBy(&r, id)
		return time.Time{}, ErrNotYours
	}
	access, _, err := s.accessTo(id, strconv.FormatInt(r.agentID, 10), r.viewMode, r.restrict)
	if err != nil {
		return time.Time{}, err
	}
	now := s.now()
	if err := r.setClaims(id.Claims); err != nil {
		return time.Time{}, err
	}
	n := renewal{
		role: r.jwtRole, key: r.jwtKey, jwtTenant: r.jwtTenant, jwtEnd: r.jwtExpires, jwtIssuer: r.jwtIssuer, jwtClaims: r.jwtClaims,
		expiresAt: s.expiry(now, id.Claims),
	}
	done, err := s.store.renew(ctx, r.id, n, access.Device.Hostname, c, now)
	if err != nil {
		return time.Time{}, err
	}
	if !done {
		return time.Time{}, ErrNotFound
	}
	if l := s.live.named(r.id); l != nil {
		s.reread(ctx, l)
	}
	return n.expiresAt.UTC(), nil
}

// Logout ends all sessions of a person and gives how many, and the cookie that makes the browser forget him. Errors: *Error.
func (s *Service) Logout(ctx context.Context, token authsvc.Token, c Client) (int, *http.Cookie, error) {
	id, err := s.authenticate(ctx, token, c)
	if err != nil {
		return 0, nil, err
	}
	ended, err := s.store.endPerson(ctx, id.User.ID, id.Email, EndLogout, s.now())
	if err != nil {
		return 0, nil, err
	}
	s.endedHere(ended, EndLogout)
	return len(ended), s.forget(), nil
}

// Device is one of the caller's devices in a list.
type Device struct {
	meshbridge.Access
	Online *bool // nil: not known
}

// Agents gives the devices of the bearer of a token. Errors: *Error.
func (s *Service) Agents(ctx context.Context, token authsvc.Token, c Client) ([]Device, error) {
	id, err := s.authenticate(ctx, token, c)
	if err != nil {
		return nil, err
	}
	all := meshbridge.AllAccess(id)
	out := make([]Device, len(all))
	ctx, cancel := context.WithTimeout(ctx, presenceWait)
	defer cancel()
	asking := s.cfg.Presence != nil
	for i, a := range all {
		out[i].Access = a
		if !asking || a.NodeID == "" {
			continue
		}
		online, err := s.cfg.Presence.Online(ctx, a.Device.TenantID, a.NodeID)
		if err != nil {
			asking = ctx.Err() == nil // one tenant's MeshCentral being away says nothing of another's
			continue
		}
		out[i].Online = &online
	}
	return out, nil
}
