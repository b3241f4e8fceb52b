package sessiontoken

import (
	"sync"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

// maxUsed bounds how many used tokens one generation remembers: 40 bytes each. Only whoever holds the key makes more.
const maxUsed = 1 << 18

// generation is how long a token can be used after it was used: all of its life, if its maker's clock is ahead.
const generation = Lifetime + leeway

// used remembers the tokens that were used, in two generations: what was used in the one before the last cannot be used again
// anyhow. Safe for concurrent use.
type used struct {
	most int

	mu              sync.Mutex
	current, former map[[16]byte]struct{}
	since           time.Time // when current began
}

// first notes a token. Errors: TOKEN_REPLAYED if it was noted before; STORE_UNAVAILABLE if there is no room to note it.
func (u *used) first(id [16]byte, now time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.turn(now)
	_, twice := u.current[id]
	_, before := u.former[id]
	if twice || before {
		return authsvc.ErrTokenReplayed
	}
	if len(u.current) >= u.most {
		return authsvc.Deny(authsvc.StoreUnavailable, "too many internal tokens in use")
	}
	u.current[id] = struct{}{}
	return nil
}

func (u *used) turn(now time.Time) {
	switch age := now.Sub(u.since); {
	case u.current == nil || age >= 2*generation:
		u.former, u.current, u.since = nil, map[[16]byte]struct{}{}, now
	case age >= generation:
		u.former, u.current, u.since = u.current, map[[16]byte]struct{}{}, now
	}
}
