// Package token verifies a dashboard's JWT: form, key and times. It knows no database.
//
// It accepts less than the RFCs allow and much less than common libraries let through: an issuer's own algorithms (RFC 8725 3.1), the
// compact form with canonical base64url (RFC 7515 2), no critical extensions and no keys or certificates that travel with
// the token (RFC 7515 4.1), no duplicate members at any depth (RFC 7515 4), and claims of exactly the right type.
package token

import (
	"context"
	"crypto"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

// MaxBytes is the longest token that is looked at; it holds MeshCentral's whole URL limit.
const MaxBytes = 8192

// MinSecretBytes is the shortest key: HS256 wants one at least as long as its hash (RFC 7518 3.2).
const MinSecretBytes = 32

const builtInAlgorithm = "HS256"

// DefaultLeeway is how far ahead of our clock `iat` and `nbf` may lie. `exp` has none.
const DefaultLeeway = 30 * time.Second

// Config says what a Verifier accepts.
type Config struct {
	DashboardKey []byte           // JWT_SECRET: required, at least MinSecretBytes
	AgentKey     []byte           // AGENT_SIGN_KEY: optional, at least MinSecretBytes, never the same
	Leeway       time.Duration    // for iat and nbf
	Now          func() time.Time // nil: time.Now

	// Map reads a verified payload of the keys above, ExpiresAt and Key apart; nil: the built-in claims. Errors: TOKEN_CLAIMS, RULE_DENIED.
	Map     func(payload []byte) (authsvc.Claims, error)
	Issuers []Issuer // further ones
}

// Verifier verifies tokens: HS256 by the two built-in keys, and further issuers' by theirs. Safe for concurrent use.
type Verifier struct {
	keys    []*signer
	headers headers
	times   window
	mapping *mapping           // of the built-in issuer; nil: decodeClaims
	issuers map[string]*issuer // by `iss`
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
		keys:    []*signer{newSigner(authsvc.KeyDashboard, cfg.DashboardKey, crypto.SHA256)},
		headers: headers{algorithms: map[string]bool{builtInAlgorithm: true}},
		times:   newWindow(now, cfg.Leeway),
		issuers: map[string]*issuer{},
	}
	if len(cfg.AgentKey) > 0 {
		v.keys = append(v.keys, newSigner(authsvc.KeyAgent, cfg.AgentKey, crypto.SHA256))
	}
	if cfg.Map != nil {
		v.mapping = &mapping{times: v.times, decode: cfg.Map}
	}
	for _, i := range cfg.Issuers {
		v.issuers[i.Issuer] = newIssuer(i, now)
		for _, name := range i.Algorithms {
			v.headers.algorithms[name] = true
		}
	}
	return v, nil
}

// Verify gives the claims of a token that holds now. Errors: the TOKEN_* reasons, RULE_DENIED by a mapping, or the context's own.
func (v *Verifier) Verify(ctx context.Context, token authsvc.Token) (authsvc.Claims, error) {
	raw, err := parse(token.Reveal(), &v.headers)
	if err != nil {
		return authsvc.Claims{}, err
	}
	if i, o := v.issuerOf(raw.payload); i != nil {
		return i.verify(ctx, raw, o)
	}
	return v.builtIn(raw)
}

// issuerOf reads, of a payload that nothing has vouched for yet, whose keys are to be tried: one further issuer's, or (nil) the
// built-in ones. Never both: a token that one issuer's keys do not fit is refused.
func (v *Verifier) issuerOf(payload []byte) (*issuer, members) {
	if len(v.issuers) == 0 {
		return nil, nil
	}
	o, err := parseRegistered(payload)
	if err != nil {
		return nil, nil
	}
	iss, ok := stringOf(o.Iss)
	if !ok {
		return nil, nil
	}
	return v.issuers[iss], o
}

func (v *Verifier) builtIn(raw compact) (authsvc.Claims, error) {
	if raw.header.alg != builtInAlgorithm {
		return authsvc.Claims{}, authsvc.ErrTokenAlgorithm
	}
	// The payload is not believed before a key vouches for it.
	key := v.verifiedBy(raw)
	if key == authsvc.KeyNone {
		return authsvc.Claims{}, authsvc.ErrTokenSignature
	}
	if v.mapping != nil {
		return v.mapping.read(raw.payload, key)
	}
	claims, times, err := decodeClaims(raw.payload)
	if err != nil {
		return authsvc.Claims{}, err
	}
	claims.Key = key
	if err := v.times.check(times); err != nil {
		return authsvc.Claims{}, err
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
