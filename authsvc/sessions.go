package authsvc

import (
	"context"
	"time"
)

// SessionIdentity is one live session of a person with one device, as its keeper vouches for it.
type SessionIdentity struct {
	ID       string // UUID, lower case
	UserID   int64
	Email    string // folded
	Name     string // what people see of the person; may be empty
	TenantID string // the person's, UUID, lower case; empty for a superadmin without one
	Role     Role   // effective
	NodeID   string // the device's, as stored
	// Rights is what the person may do on the device now, as the caller of the service counts it; 0 is nothing.
	Rights    uint32
	ExpiresAt time.Time
	ReadAt    time.Time // when what this is made of began to be read
}

// SessionTokenVerifier opens an internal token, which the proxy made for one request: each is good once.
// Errors: the TOKEN_* reasons.
type SessionTokenVerifier interface {
	VerifySession(token Token) (sessionID string, err error)
}

// SessionFinder knows the sessions, on whatever replica they were made. What it answers is not read before what the context
// asks for (Since).
type SessionFinder interface {
	// FindSession gives a session that lives: not ended, expired or idle, its person and device still what they must be.
	// Errors: SESSION_UNKNOWN for any other id, STORE_UNAVAILABLE, or the context's own.
	FindSession(ctx context.Context, id string) (SessionIdentity, error)
	// EndedSessions gives those of the ids that do not live; the others are not looked at more closely than whether they have
	// ended. Errors: STORE_UNAVAILABLE, or the context's own.
	EndedSessions(ctx context.Context, ids []string) ([]string, error)
}

// MaxSessionIDs is the most ids that one question about sessions may have.
const MaxSessionIDs = 1000

// Sessions answers for the sessions of the proxy. Safe for concurrent use. The zero value knows none.
type Sessions struct {
	Verifier SessionTokenVerifier
	Finder   SessionFinder
}

// Authenticate says which session an internal token was made for, once a token. Errors: TOKEN_*, and those of Find.
func (s *Sessions) Authenticate(ctx context.Context, token Token) (SessionIdentity, error) {
	if token.Reveal() == "" {
		return SessionIdentity{}, ErrTokenMissing
	}
	if s.Verifier == nil || s.Finder == nil {
		return SessionIdentity{}, Deny(SessionUnknown, "the session proxy is off")
	}
	id, err := s.Verifier.VerifySession(token)
	if err != nil {
		return SessionIdentity{}, err
	}
	return s.Find(ctx, id)
}

// Find gives a session that lives, by its id. Errors: REQUEST_INVALID, SESSION_UNKNOWN, STORE_UNAVAILABLE.
func (s *Sessions) Find(ctx context.Context, id string) (SessionIdentity, error) {
	if !ValidSessionID(id) {
		return SessionIdentity{}, Deny(RequestInvalid, "a session id is not a UUID")
	}
	if s.Finder == nil {
		return SessionIdentity{}, Deny(SessionUnknown, "the session proxy is off")
	}
	found, err := s.Finder.FindSession(ctx, id)
	if err != nil {
		return SessionIdentity{}, err
	}
	if found.ID != id || found.Rights == 0 {
		return SessionIdentity{}, Deny(SessionUnknown, "another session, or one without any right")
	}
	return found, nil
}

// Ended gives those of the ids that do not live. Errors: REQUEST_INVALID, STORE_UNAVAILABLE.
func (s *Sessions) Ended(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) > MaxSessionIDs {
		return nil, Deny(RequestInvalid, "too many session ids")
	}
	for _, id := range ids {
		if !ValidSessionID(id) {
			return nil, Deny(RequestInvalid, "a session id is not a UUID")
		}
	}
	if s.Finder == nil {
		return ids, nil // the proxy was switched off: none lives
	}
	return s.Finder.EndedSessions(ctx, ids)
}

// ValidSessionID says whether id is a UUID in its one form: lower case, 8-4-4-4-12.
func ValidSessionID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
