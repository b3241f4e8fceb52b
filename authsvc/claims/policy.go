package claims

import (
	"context"
	"errors"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/config"
)

// Policy is one meshsso.yaml, compiled: it maps tokens to claims and decides what row and token add up to. It never changes; safe
// for concurrent use.
type Policy struct{ version string }

var _ authsvc.RoleRule = (*Policy)(nil)

// Option changes how a Policy is made.
type Option func(*options)

type options struct{ mappers map[string]Factory }

// WithMapper makes a Go mapper known to this policy alone, before the registered ones.
func WithMapper(name string, f Factory) Option {
	return func(o *options) { o.mappers[name] = f }
}

// New compiles cfg; nil is the built-in policy. The error has all faults, one a line, each with its path in the file.
func New(_ *config.File, _ Vocabulary, _ ...Option) (*Policy, error) {
	return nil, errors.New("not built yet")
}

// Version names the policy: the same for the same configuration; empty for the built-in policy.
func (p *Policy) Version() string { return p.version }

// Mapper gives what the token verifier calls with a verified payload of an issuer by its name; "" is the built-in one. Nil: the
// built-in mapping applies untouched and nobody needs the payload; of a further issuer never nil. Key and ExpiresAt are the
// verifier's to set.
func (p *Policy) Mapper(_ string) func(payload []byte) (authsvc.Claims, error) { return nil }

// Map is what Mapper's function does, reported if ctx asks for it. Errors: TOKEN_MALFORMED, TOKEN_CLAIMS, USER_UNKNOWN (no such
// subject), RULE_DENIED, or the context's own.
func (p *Policy) Map(_ context.Context, _ string, _ []byte) (authsvc.Claims, error) {
	return authsvc.Claims{}, errors.New("not built yet")
}

// Restore maps a payload anew that was verified when stored was made. Errors: as Map's; USER_MISMATCH if it names another person now.
func (p *Policy) Restore(_ string, _ []byte, stored authsvc.Claims) (authsvc.Claims, error) {
	return stored, errors.New("not built yet")
}

// Decide adds row and token up. Errors: RULE_DENIED, or the context's own.
func (p *Policy) Decide(_ context.Context, _ authsvc.User, _ authsvc.Claims) (authsvc.Decision, error) {
	return authsvc.Decision{}, errors.New("not built yet")
}

// Profiles lists every profile that Decide can give in a tenant, but for those that Go mappers make; by digest, each once. Nil if
// no role is configured.
func (p *Policy) Profiles(_ string) []*authsvc.Profile { return nil }
