// Package token verifies a dashboard's JWT: form, key and times. It knows no database.
//
// It accepts less than the RFCs allow and much less than common libraries let through: one algorithm (RFC 8725 3.1), the
// compact form with canonical base64url (RFC 7515 2), no critical extensions and no keys or certificates that travel with
// the token (RFC 7515 4.1), no duplicate members at any depth (RFC 7515 4), and claims of exactly the right type.
package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/everydaytech/meshsso/authsvc"
)

// MaxBytes is the longest token that is looked at; it holds MeshCentral's whole URL limit.
const MaxBytes = 8192

// MinSecretBytes is the shortest key: HS256 wants one at least as long as its hash (RFC 7518 3.2).
const MinSecretBytes = 32

// DefaultLeeway is how far ahead of our clock `iat` and `nbf` may lie. `exp` has none.
const DefaultLeeway = 30 * time.Second

// Config says what a Verifier accepts.
type Config struct {
	DashboardKey []byte           // JWT_SECRET: required, at least MinSecretBytes
	AgentKey     []byte           // AGENT_SIGN_KEY: optional, at least MinSecretBytes, never the same
	Leeway       time.Duration    // for iat and nbf
	Now          func() time.Time // nil: time.Now
}

// Verifier verifies HS256 tokens. Safe for concurrent use.
type Verifier struct {
	keys   []*signer
	header acceptedHeader
	expiry *jwt.Validator // exp: no leeway
	start  *jwt.Validator // nbf, iat
}

var _ authsvc.Verifier = (*Verifier)(nil)

// New makes a verifier. All faults of the configuration are in the error, and no key ever is.
func New(cfg Config) (*Verifier, error) {
	if err := checkConfig(cfg); err != nil {
		return nil, err
	}
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	v := &Verifier{
		keys:   []*signer{newSigner(authsvc.KeyDashboard, cfg.DashboardKey)},
		expiry: jwt.NewValidator(jwt.WithTimeFunc(now), jwt.WithExpirationRequired()),
		start:  jwt.NewValidator(jwt.WithTimeFunc(now), jwt.WithIssuedAt(), jwt.WithLeeway(cfg.Leeway)),
	}
	if len(cfg.AgentKey) > 0 {
		v.keys = append(v.keys, newSigner(authsvc.KeyAgent, cfg.AgentKey))
	}
	return v, nil
}

func checkConfig(cfg Config) error {
	var errs []error
	if len(cfg.DashboardKey) < MinSecretBytes {
		errs = append(errs, fmt.Errorf("JWT_SECRET has %d bytes and must have at least %d", len(cfg.DashboardKey), MinSecretBytes))
	}
	if n := len(cfg.AgentKey); n > 0 && n < MinSecretBytes {
		errs = append(errs, fmt.Errorf("AGENT_SIGN_KEY has %d bytes and must have at least %d", n, MinSecretBytes))
	}
	if len(cfg.AgentKey) > 0 && string(cfg.AgentKey) == string(cfg.DashboardKey) {
		errs = append(errs, errors.New("AGENT_SIGN_KEY must differ from JWT_SECRET: agents would sign as the dashboard"))
	}
	if cfg.Leeway < 0 || cfg.Leeway > 5*time.Minute {
		errs = append(errs, fmt.Errorf("the leeway is %s and must lie between 0s and 5m", cfg.Leeway))
	}
	return errors.Join(errs...)
}

// Verify gives the claims of a token that holds now. Errors: the TOKEN_* reasons.
func (v *Verifier) Verify(_ context.Context, token authsvc.Token) (authsvc.Claims, error) {
	raw, err := parse(token.Reveal(), &v.header)
	if err != nil {
		return authsvc.Claims{}, err
	}
	// The payload is not looked into before a key vouches for it.
	key := v.verifiedBy(raw)
	if key == authsvc.KeyNone {
		return authsvc.Claims{}, authsvc.ErrTokenSignature
	}
	claims, times, err := decodeClaims(raw.payload)
	if err != nil {
		return authsvc.Claims{}, err
	}
	claims.Key = key
	if v.expiry.Validate(times.only(times.exp, nil, nil)) != nil {
		return authsvc.Claims{}, authsvc.ErrTokenExpired
	}
	if v.start.Validate(times.only(nil, times.nbf, times.iat)) != nil {
		return authsvc.Claims{}, authsvc.ErrTokenNotYetValid
	}
	return claims, nil
}

// verifiedBy tries every key, so that the time taken does not tell which one fits.
func (v *Verifier) verifiedBy(raw compact) authsvc.KeyID {
	found := authsvc.KeyNone
	for _, k := range v.keys {
		if k.verifies(raw) {
			found = k.id
		}
	}
	return found
}
