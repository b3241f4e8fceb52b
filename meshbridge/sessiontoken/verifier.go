package sessiontoken

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/everydaytech/meshsso/authsvc"
)

// MaxBytes is the longest token that is looked at; a real one has less than 400.
const MaxBytes = 1024

// leeway is how far a replica's clock may be ahead of ours. `exp` has none.
const leeway = 5 * time.Second

// Verifier checks tokens, each once. Safe for concurrent use.
type Verifier struct {
	key     [32]byte
	now     func() time.Time
	started time.Time
	used    used
}

var _ authsvc.SessionTokenVerifier = (*Verifier)(nil)

// NewVerifier makes a verifier; now nil is time.Now. What was minted before it was made it refuses: the one before it may have
// seen that used.
func NewVerifier(key [32]byte, now func() time.Time) *Verifier {
	now = clock(now)
	return &Verifier{key: key, now: now, started: now().Truncate(time.Second), used: used{most: maxUsed}}
}

// VerifySession gives the session or pool that a token names. Errors: TOKEN_MALFORMED, TOKEN_SIGNATURE, TOKEN_CLAIMS, TOKEN_EXPIRED,
// TOKEN_NOT_YET_VALID, TOKEN_REPLAYED; STORE_UNAVAILABLE if more are in use than are remembered.
func (v *Verifier) VerifySession(token authsvc.Token) (string, error) {
	payload, err := v.open(token.Reveal())
	if err != nil {
		return "", err
	}
	var c claims
	if json.Unmarshal(payload, &c) != nil {
		return "", authsvc.Deny(authsvc.TokenClaims, "not the claims of an internal token")
	}
	id, err := c.check()
	if err != nil {
		return "", err
	}
	if err := v.timely(c); err != nil {
		return "", err
	}
	return c.Subject, v.used.first(id, v.now())
}

// open gives the payload of a token that our key vouches for.
func (v *Verifier) open(token string) ([]byte, error) {
	if len(token) > MaxBytes {
		return nil, authsvc.Deny(authsvc.TokenMalformed, "longer than an internal token")
	}
	signed, signature, ok := cutLast(token)
	head, payload, ok2 := strings.Cut(signed, ".")
	if !ok || !ok2 || head != header || strings.Contains(payload, ".") {
		return nil, authsvc.Deny(authsvc.TokenMalformed, "not the form of an internal token")
	}
	mac, err := decode(signature)
	if err != nil || jwt.SigningMethodHS256.Verify(signed, mac, v.key[:]) != nil {
		return nil, authsvc.Deny(authsvc.TokenSignature, "not signed as an internal token")
	}
	data, err := decode(payload)
	if err != nil {
		return nil, authsvc.Deny(authsvc.TokenMalformed, "not canonical base64url")
	}
	return data, nil
}

func (c *claims) check() (id [16]byte, err error) {
	raw, err := decode(c.ID)
	switch {
	case err != nil || len(raw) != len(id):
		return id, authsvc.Deny(authsvc.TokenClaims, "jti is not 128 bits")
	case c.Issuer != issuer || c.Audience != audience:
		return id, authsvc.Deny(authsvc.TokenClaims, "another issuer or audience")
	case !authsvc.ValidSubject(c.Subject):
		return id, authsvc.Deny(authsvc.TokenClaims, "sub is neither a session's id nor a tenant's pool")
	case c.ExpiresAt <= c.IssuedAt || c.ExpiresAt-c.IssuedAt > int64(Lifetime/time.Second) || c.IssuedAt <= 0:
		return id, authsvc.Deny(authsvc.TokenClaims, "lives longer than an internal token may")
	}
	return [16]byte(raw), nil
}

func (v *Verifier) timely(c claims) error {
	now := v.now()
	switch {
	case !now.Before(time.Unix(c.ExpiresAt, 0)):
		return authsvc.ErrTokenExpired
	case time.Unix(c.IssuedAt, 0).After(now.Add(leeway)):
		return authsvc.ErrTokenNotYetValid
	case c.IssuedAt < v.started.Unix():
		return authsvc.Deny(authsvc.TokenReplayed, "made before this process started")
	}
	return nil
}

// base64url decodes strictly; it skips line breaks all the same, which cannot stand in a header.
var base64url = base64.RawURLEncoding.Strict()

func decode(part string) ([]byte, error) { return base64url.DecodeString(part) }

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

func encode(c claims) (string, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encoding an internal token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(data), nil
}
