package session

import (
	"context"
	"net/http"
	"strconv"

	"github.com/everydaytech/meshsso/authsvc"
)

// Enter says whose session a request names, by the token in its path and its two cookies. Errors: *Error.
//
// A token that names no live session is 401, whatever the cookies; a live one of another person or browser is 403. What is
// unknown costs one query and leaves nothing behind.
func (s *Service) Enter(ctx context.Context, token string, b Binding) (*Live, error) {
	l, err := s.enter(ctx, token, b)
	if err != nil {
		s.metrics.refused(AsError(err).Code)
	}
	return l, err
}

func (s *Service) enter(ctx context.Context, token string, b Binding) (*Live, error) {
	hash, ok := hashSecret(token)
	if !ok {
		return nil, ErrUnknown
	}
	l, err := s.find(ctx, hash, b)
	if err != nil {
		return nil, err
	}
	if err := s.checkBinding(ctx, l, b); err != nil {
		return nil, err
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	l.Use()
	return l, nil
}

// find gives the live session of a token's hash: from memory while the polls go on, else from the database.
func (s *Service) find(ctx context.Context, hash string, b Binding) (*Live, error) {
	if l := s.live.get(hash); l != nil {
		return l, s.upToDate(ctx, l)
	}
	r, err := s.store.byHash(ctx, hash)
	if err != nil {
		return nil, err
	}
	if err := s.over(r); err != nil {
		if s.bound(&r, b) {
			return nil, err
		}
		return nil, ErrUnknown
	}
	if !s.bound(&r, b) {
		s.deniedRow(&r, b.Client, ErrNotYours.Code)
		return nil, ErrNotYours
	}
	l, err := s.admit(ctx, r)
	if err != nil {
		return nil, err
	}
	return l, s.open(ctx, l, r, b.Client)
}

// over says why a session as read may not be used any more; nil if it may.
func (s *Service) over(r row) error {
	now := s.now()
	switch {
	case r.endedAt != nil:
		return r.endReason.refusal()
	case !now.Before(r.expiresAt):
		return ErrExpired
	case !now.Before(r.usedAt.Add(s.cfg.Idle)):
		return ErrIdle
	}
	return nil
}

// bound compares the two cookies with the session and its person.
func (s *Service) bound(r *row, b Binding) bool {
	return matches(b.SessionCookie, r.cookieHash) && equal(b.PersonCookie, personMark(s.personKey, r.userID, r.email))
}

// checkBinding reads the row again before it refuses: a ticket may have been redeemed on another replica.
func (s *Service) checkBinding(ctx context.Context, l *Live, b Binding) error {
	l.mu.Lock()
	r := l.row
	l.mu.Unlock()
	if s.bound(&r, b) {
		return nil
	}
	fresh, err := s.store.byID(ctx, l.id)
	if err != nil {
		return err
	}
	if !s.bound(&fresh, b) {
		l.denied(ErrNotYours.Code, b.Client)
		return ErrNotYours
	}
	l.mu.Lock()
	l.row.cookieHash = fresh.cookieHash
	l.mu.Unlock()
	return nil
}

// deniedRow audits a refusal of a session that this replica does not serve, with the same bounds.
func (s *Service) deniedRow(r *row, c Client, reason string) {
	s.pending.addRarely(Event{
		At: s.now(), Name: EventDenied, SessionID: r.id, UserID: r.userID, Email: r.email, TenantID: r.agentTenant, AgentID: r.agentID,
		ViewMode: r.viewMode, Client: c, Reason: reason,
	})
}

// admit makes the Live of a row that may be used, having judged its person and device. It ends what has no right any more.
func (s *Service) admit(ctx context.Context, r row) (*Live, error) {
	sess, id, err := s.judge(ctx, &r)
	if err != nil {
		s.revokeIfDenied(ctx, r.id, err)
		return nil, err
	}
	l := &Live{svc: s, id: r.id, hash: r.hash, row: r, session: sess, checked: id.ReadAt(), rules: id.RulesVersion, seen: s.now(), flushed: r.usedAt, done: make(chan struct{})}
	l.usedSince(r.usedAt)
	return s.live.add(l), nil
}

// judge reads anew who the person is and what he may do on the session's device.
func (s *Service) judge(ctx context.Context, r *row) (Session, *authsvc.Identity, error) {
	id, err := s.identify(ctx, r)
	if err != nil {
		return Session{}, nil, err
	}
	access, rights, err := s.accessTo(id, strconv.FormatInt(r.agentID, 10), r.viewMode, r.restrict)
	if err != nil || access.Device.AgentID != r.agentID || access.NodeID != r.nodeID {
		return Session{}, nil, ErrRevoked
	}
	return sessionOf(r, id, access, rights), id, nil
}

// identify has the claims mapped and the person judged by one policy: claims that the one before let pass are nothing to the next.
func (s *Service) identify(ctx context.Context, r *row) (*authsvc.Identity, error) {
	for {
		version := s.rulesVersion()
		id, err := s.identifyOnce(ctx, r)
		if version == s.rulesVersion() || ctx.Err() != nil {
			return id, err
		}
	}
}

func (s *Service) identifyOnce(ctx context.Context, r *row) (*authsvc.Identity, error) {
	claims, err := s.claimsOf(r)
	if err != nil {
		return nil, err
	}
	id, err := s.cfg.Auth.Identify(ctx, claims)
	if err != nil {
		if e := refusalOf(err); e == ErrStore || e == ErrInternal {
			return nil, e
		}
		return nil, ErrRevoked
	}
	return id, nil
}

func (s *Service) revokeIfDenied(ctx context.Context, id string, err error) {
	if err != ErrRevoked { //nolint:errorlint // our own value
		return
	}
	if _, err := s.store.end(context.WithoutCancel(ctx), []string{id}, EndRevoked, "", s.now()); err == nil {
		s.endedHere([]string{id}, EndRevoked)
	}
}

// open audits the first use of a session.
func (s *Service) open(ctx context.Context, l *Live, r row, c Client) error {
	if r.openedAt != nil {
		return nil
	}
	l.mu.Lock()
	host := l.session.Agent.Hostname
	l.mu.Unlock()
	return s.store.opened(ctx, r, host, c, s.now())
}

// Redeem trades the single-use ticket of proxyUrl for the cookies of the session. Errors: *Error.
func (s *Service) Redeem(ctx context.Context, token, ticket string, c Client) ([]*http.Cookie, *Live, error) {
	cookies, l, err := s.redeem(ctx, token, ticket, c)
	if err != nil {
		s.metrics.refused(AsError(err).Code)
		return nil, nil, err
	}
	return cookies, l, nil
}

func (s *Service) redeem(ctx context.Context, token, ticket string, c Client) ([]*http.Cookie, *Live, error) {
	hash, ok := hashSecret(token)
	ticketHash, ok2 := hashSecret(ticket)
	if !ok || s.cfg.ProxyOrigin == "" {
		return nil, nil, ErrUnknown
	}
	if !ok2 {
		return nil, nil, ErrTicket
	}
	secret, err := newSecret(s.cfg.Rand)
	if err != nil {
		return nil, nil, ErrInternal
	}
	cookieHash, _ := hashSecret(secret)
	traded, err := s.store.redeem(ctx, hash, ticketHash, cookieHash, s.now())
	if err != nil {
		return nil, nil, err
	}
	r, err := s.store.byHash(ctx, hash)
	if err != nil {
		return nil, nil, err
	}
	if !traded {
		if s.over(r) != nil {
			return nil, nil, ErrUnknown
		}
		s.deniedRow(&r, c, ErrTicket.Code)
		return nil, nil, ErrTicket
	}
	mark := personMark(s.personKey, r.userID, r.email)
	l, err := s.enter(ctx, token, Binding{SessionCookie: secret, PersonCookie: mark, Client: c})
	if err != nil {
		return nil, nil, err
	}
	return s.cookies(token, secret, mark), l, nil
}

// Alive gives a live session by its id, for whoever has been told of it by the proxy itself. Errors: *Error.
func (s *Service) Alive(ctx context.Context, id string) (Session, error) {
	if !isUUID(id) {
		return Session{}, ErrUnknown
	}
	l := s.live.named(id)
	if l != nil {
		if err := s.upToDate(ctx, l); err != nil {
			return Session{}, err
		}
	} else {
		r, err := s.store.byID(ctx, id)
		if err != nil {
			return Session{}, err
		}
		if err := s.over(r); err != nil {
			return Session{}, err
		}
		if l, err = s.admit(ctx, r); err != nil {
			return Session{}, err
		}
	}
	if err := l.Err(); err != nil {
		return Session{}, err
	}
	return l.Session(), nil
}

// MaxAsked bounds one call of EndedAmong.
const MaxAsked = 10_000

// EndedAmong gives those of the ids that name no live session. Errors: *Error.
func (s *Service) EndedAmong(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) > MaxAsked {
		return nil, ErrRequest
	}
	asked := make([]string, 0, len(ids))
	for _, id := range ids {
		if isUUID(id) {
			asked = append(asked, id)
		}
	}
	now := s.now()
	alive, err := s.store.alive(ctx, asked, now, now.Add(-s.cfg.Idle))
	if err != nil {
		return nil, err
	}
	lives := map[string]bool{}
	for _, id := range alive {
		lives[id] = true
	}
	var ended []string
	for _, id := range ids {
		if !lives[id] {
			ended = append(ended, id)
		}
	}
	return ended, nil
}
