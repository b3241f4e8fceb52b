package authsvc

import (
	"context"
	"slices"
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
	// SiteRestrictions are bits of the same caller's that take something away on the site besides.
	SiteRestrictions uint32
	// RulesVersion names the configured policy that judged the person; empty for the built-in one.
	RulesVersion string
}

// SessionTokenVerifier opens an internal token, which the proxy made for one request: each is good once. Its subject is a
// session's id, or a tenant's pool. Errors: the TOKEN_* reasons.
type SessionTokenVerifier interface {
	VerifySession(token Token) (subject string, err error)
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
	Pools    Pools
}

// Principal is in whose name the proxy asks: a session's person, or a tenant's pool.
type Principal struct {
	Session SessionIdentity // if Pool is nil
	Pool    *PoolIdentity
}

// Authenticate says in whose name an internal token was made, once a token. Errors: TOKEN_*, and those of Find.
func (s *Sessions) Authenticate(ctx context.Context, token Token) (Principal, error) {
	if token.Reveal() == "" {
		return Principal{}, ErrTokenMissing
	}
	if s.Verifier == nil || s.Finder == nil {
		return Principal{}, Deny(SessionUnknown, "the session proxy is off")
	}
	subject, err := s.Verifier.VerifySession(token)
	if err != nil {
		return Principal{}, err
	}
	return s.Find(ctx, subject)
}

// Find gives a session that lives, by its id, or a tenant's pool. Errors: REQUEST_INVALID, SESSION_UNKNOWN, STORE_UNAVAILABLE.
func (s *Sessions) Find(ctx context.Context, subject string) (Principal, error) {
	if !ValidSubject(subject) {
		return Principal{}, Deny(RequestInvalid, "neither a session's id nor a tenant's pool")
	}
	if s.Finder == nil {
		return Principal{}, Deny(SessionUnknown, "the session proxy is off")
	}
	if tenant, ok := ParsePoolSubject(subject); ok {
		pool, err := s.Pools.find(ctx, tenant)
		return Principal{Pool: pool}, err
	}
	found, err := s.Finder.FindSession(ctx, subject)
	if err != nil {
		return Principal{}, err
	}
	if found.ID != subject || found.Rights == 0 {
		return Principal{}, Deny(SessionUnknown, "another session, or one without any right")
	}
	return Principal{Session: found}, nil
}

// Ended gives those of the ids that do not live. Errors: REQUEST_INVALID, STORE_UNAVAILABLE.
func (s *Sessions) Ended(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) > MaxSessionIDs {
		return nil, Deny(RequestInvalid, "too many session ids")
	}
	if slices.ContainsFunc(ids, func(id string) bool { return !ValidSubject(id) }) {
		return nil, Deny(RequestInvalid, "neither a session's id nor a tenant's pool")
	}
	if s.Finder == nil {
		return ids, nil // the proxy was switched off: none lives
	}
	// A pool has no end of its own: it is asked about again when its answer is no longer fresh.
	sessions := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !ValidSessionID(id) })
	if len(sessions) == 0 {
		return nil, nil
	}
	return s.Finder.EndedSessions(ctx, sessions)
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
