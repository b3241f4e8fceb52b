package claims

import (
	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/config"
)

// Policy is one meshsso.yaml, compiled: it maps tokens to claims and decides what row and token add up to. Safe for concurrent use.
type Policy struct {
	version      string // empty: the built-in policy
	issuers      map[string]*mapping
	needsPayload bool // of the built-in issuer's tokens
	userRules    []rule
	vocabulary   *vocabulary
	roles        map[string]*roleTable // by tenant; "" for those without roles of their own
	configured   bool                  // roles are
	mappers      []goMapper
	memo         *memo // nil: none
}

var _ authsvc.RoleRule = (*Policy)(nil)

// Option changes how a Policy is made.
type Option func(*options)

type options struct {
	mappers map[string]Factory
	memo    int
}

// WithMapper makes a Go mapper known to this policy alone, before the registered ones.
func WithMapper(name string, f Factory) Option {
	return func(o *options) { o.mappers[name] = f }
}

// New compiles cfg; nil is the built-in policy. The error has all faults, one a line, each with its path in the file.
func New(cfg *config.File, v Vocabulary, opts ...Option) (*Policy, error) {
	o := options{mappers: map[string]Factory{}}
	for _, opt := range opts {
		opt(&o)
	}
	b := &builder{options: o, vocabulary: newVocabulary(v)}
	builtin := cfg == nil
	if builtin {
		cfg = &config.File{}
	}
	p := &Policy{memo: newMemo(o.memo), vocabulary: b.vocabulary, issuers: b.issuers(cfg), userRules: b.rules("userValidationRules", cfg.UserValidationRules, roomResult)}
	p.configured = len(cfg.Roles) > 0 || len(cfg.Tenants) > 0
	p.roles = b.tables(cfg)
	p.mappers = b.mappers(cfg.Mappers)
	own := p.issuers[""]
	p.needsPayload = cfg.ClaimMappings != nil || len(own.rules)+len(p.userRules)+len(p.mappers) > 0
	if err := b.err(); err != nil {
		return nil, err
	}
	if !builtin {
		p.version = versionOf(cfg, v, p.roles)
	}
	return p, nil
}

// Version names the policy: the same for the same configuration; empty for the built-in policy.
func (p *Policy) Version() string { return p.version }

// Profiles lists every profile that Decide can give in a tenant, but for those that Go mappers make; by rank and name, each digest
// once. Nil if no role is configured.
func (p *Policy) Profiles(tenantID string) []*authsvc.Profile {
	if !p.configured {
		return nil
	}
	return p.table(tenantID).all()
}

func (p *Policy) table(tenantID string) *roleTable {
	if t, ok := p.roles[tenantID]; ok {
		return t
	}
	return p.roles[""]
}
