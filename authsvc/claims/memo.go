package claims

import (
	"crypto/sha256"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/everydaytech/meshsso/authsvc"
)

// memo remembers what a policy made of payloads and rows, so that the same token of the same row costs no rule again. It is the
// policy's own: what another one made of them is never found. Denials are not remembered.
type memo struct {
	mapped  *lru.Cache[mappedKey, authsvc.Claims]
	decided *lru.Cache[decidedKey, authsvc.Decision]
}

// mappedKey is a verified payload of an issuer.
type mappedKey struct {
	issuer string
	sum    [sha256.Size]byte
}

// decidedKey is everything that Decide reads: claims that were mapped once, by a key, and a row as it was read once.
type decidedKey struct {
	mapped *authsvc.Mapped
	key    authsvc.KeyID

	id                                 int64
	email, fullName, tenant, role      string
	superadmin                         bool
	grants                             *authsvc.Grant // the first of readAt's
	number                             int
	readAt                             time.Time
	claimEmail, claimTenant, claimRole string
	claimUser                          int64
	claimHasRole                       bool
}

// WithMemo has the policy remember the verdicts of so many tokens.
func WithMemo(size int) Option { return func(o *options) { o.memo = size } }

func newMemo(size int) *memo {
	if size < 1 {
		return nil
	}
	// The only error is a size below one.
	mapped, _ := lru.New[mappedKey, authsvc.Claims](size)
	decided, _ := lru.New[decidedKey, authsvc.Decision](size)
	return &memo{mapped: mapped, decided: decided}
}

func keyOfPayload(issuer string, payload []byte) mappedKey {
	return mappedKey{issuer: issuer, sum: sha256.Sum256(payload)}
}

// keyOfRow gives the key of a decision; false if the row or the claims are not of a kind that comes again.
func keyOfRow(user *authsvc.User, c *authsvc.Claims) (decidedKey, bool) {
	if c.Mapped == nil || user.ReadAt.IsZero() {
		return decidedKey{}, false
	}
	k := decidedKey{
		mapped: c.Mapped, key: c.Key, id: user.ID, email: user.Email, fullName: user.FullName, tenant: user.TenantID, role: user.Role, superadmin: user.IsSuperadmin,
		number: len(user.Grants), readAt: user.ReadAt,
		claimEmail: c.Email, claimTenant: c.TenantID, claimRole: c.Role, claimUser: c.UserID, claimHasRole: c.HasRole,
	}
	if k.number > 0 {
		k.grants = &user.Grants[0]
	}
	return k, true
}
