package token

import (
	"context"
	"crypto"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

// DefaultMaxLifetime is how long a further issuer's token may live, iat to exp.
const DefaultMaxLifetime = 24 * time.Hour

// Issuer is a further issuer: its tokens bear its `iss` and are verified by its keys and no others.
type Issuer struct {
	Name       string   // in errors and logs; that of authsvc.Issuer which Map gives
	Issuer     string   // `iss`, exactly
	Audiences  []string // `aud` must hold one of them; at least one
	Algorithms []string // HS* with Secrets; RS*, PS*, ES*, EdDSA with Keys

	Secrets []Secret          // either these
	Keys    authsvc.KeySource // or this

	Leeway      time.Duration // for iat and nbf
	MaxLifetime time.Duration // exp - iat at most; 0: DefaultMaxLifetime
	Agent       bool          // signs for agents: never more than an admin

	// Map reads a verified payload, ExpiresAt and Key apart. Required. Errors: TOKEN_CLAIMS, RULE_DENIED.
	Map func(payload []byte) (authsvc.Claims, error)
}

// Secret is a shared secret.
type Secret struct {
	ID  string // if not empty, only for tokens with this `kid`
	Key []byte // at least as long as the longest hash of the issuer's algorithms
}

// issuer is an Issuer that was found sound.
type issuer struct {
	mapping
	key        authsvc.KeyID
	algorithms map[string]algorithm
	secrets    map[string][]*signer // by algorithm; nil if there are public keys
	keys       authsvc.KeySource
}

func newIssuer(cfg Issuer, now func() time.Time) *issuer {
	i := &issuer{
		mapping: mapping{
			name: cfg.Name, times: newWindow(now, cfg.Leeway), decode: cfg.Map,
			audiences: setOf(cfg.Audiences), maxLifetime: cfg.MaxLifetime,
		},
		key: authsvc.KeyIssuer, algorithms: map[string]algorithm{}, secrets: map[string][]*signer{}, keys: cfg.Keys,
	}
	if cfg.Agent {
		i.key = authsvc.KeyAgent
	}
	if i.maxLifetime == 0 {
		i.maxLifetime = DefaultMaxLifetime
	}
	for _, name := range cfg.Algorithms {
		i.algorithms[name] = algorithms[name]
		for _, s := range cfg.Secrets {
			signer := newSigner(i.key, s.Key, algorithms[name].hash)
			signer.kid = s.ID
			i.secrets[name] = append(i.secrets[name], signer)
		}
	}
	return i
}

// verify gives the claims of a token that bears the issuer's name; o is its payload, which nothing has vouched for yet.
func (i *issuer) verify(ctx context.Context, raw compact, o members) (authsvc.Claims, error) {
	if err := i.vouch(ctx, raw); err != nil {
		return authsvc.Claims{}, err
	}
	return i.claims(o, raw.payload, i.key)
}

// vouch says whether the issuer signed the token. Errors: TOKEN_ALGORITHM, TOKEN_MALFORMED, TOKEN_SIGNATURE, or the context's own.
func (i *issuer) vouch(ctx context.Context, raw compact) error {
	alg, ok := i.algorithms[raw.header.alg]
	if !ok {
		return authsvc.ErrTokenAlgorithm
	}
	// An empty kid would read as none.
	if raw.header.hasKid && raw.header.kid == "" {
		return malformed("kid is empty")
	}
	if alg.family == familyHMAC {
		if !i.verifiedBySecret(raw) {
			return authsvc.ErrTokenSignature
		}
		return nil
	}
	key, err := i.publicKey(ctx, raw.header, alg)
	if err != nil {
		return err
	}
	if !alg.verifies(key, raw.signed, raw.signature) {
		return authsvc.ErrTokenSignature
	}
	return nil
}

// verifiedBySecret tries every secret that may have signed, so that the time taken does not tell which one fits.
func (i *issuer) verifiedBySecret(raw compact) bool {
	found := false
	for _, s := range i.secrets[raw.header.alg] {
		if (s.kid == "" || s.kid == raw.header.kid) && s.verifies(raw) {
			found = true
		}
	}
	return found
}

// publicKey gives the one key that a token may have been signed with. Where there are several, the token must say which: trying
// them in turn would be the token choosing its key. Errors: TOKEN_SIGNATURE, STORE_UNAVAILABLE, or the context's own.
func (i *issuer) publicKey(ctx context.Context, h *header, alg algorithm) (crypto.PublicKey, error) {
	known, err := i.keys.PublicKeys(ctx, h.kid)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, authsvc.Deny(authsvc.StoreUnavailable, "the issuer's keys cannot be had")
	}
	if !h.hasKid && len(known) > 1 {
		return nil, authsvc.Deny(authsvc.TokenSignature, "no kid, and the issuer has several keys")
	}
	var found crypto.PublicKey
	for _, k := range known {
		if (h.hasKid && k.ID != h.kid) || (k.Algorithm != "" && k.Algorithm != h.alg) || !alg.fits(k.Key) {
			continue
		}
		if found != nil {
			return nil, authsvc.Deny(authsvc.TokenSignature, "the issuer has several keys of this kid and algorithm")
		}
		found = k.Key
	}
	if found == nil {
		return nil, authsvc.Deny(authsvc.TokenSignature, "the issuer has no key of this kid and algorithm")
	}
	return found, nil
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
