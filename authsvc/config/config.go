// Package config is meshsso.yaml: its types, its schema and its loader. It is data: no key is read, nothing is fetched and no
// expression is compiled here. An absent file means the built-in policy.
package config

import (
	"fmt"
	"slices"
	"time"
)

// File is one meshsso.yaml.
type File struct {
	Version int `json:"version"` // 1

	// Of the built-in issuer, whose keys are JWT_SECRET and AGENT_SIGN_KEY. A further issuer that has none of its own takes these.
	ClaimMappings        *ClaimMappings `json:"claimMappings,omitempty"`
	ClaimValidationRules []Rule         `json:"claimValidationRules,omitempty"`

	Issuers             []Issuer          `json:"issuers,omitempty"`
	UserValidationRules []Rule            `json:"userValidationRules,omitempty"`
	Roles               map[string]Role   `json:"roles,omitempty"`
	Tenants             map[string]Tenant `json:"tenants,omitempty"` // by UUID, lower case
	Mappers             []Mapper          `json:"mappers,omitempty"` // in their order

	positions map[string]position // by path; empty if made in Go
}

// ClaimMappings says where each target comes from. A target that is nil keeps its default.
type ClaimMappings struct {
	// Over `claims`, before the look-up.
	Subject *Mapping `json:"subject,omitempty"` // default: userId or user_id (the row's number); of a further issuer sub (its own name for the person)
	Email   *Mapping `json:"email,omitempty"`   // default: email
	Tenant  *Mapping `json:"tenant,omitempty"`  // default: tenantId; of a further issuer none: the row decides
	// Over `claims` and `user` (the row), after the look-up.
	Roles  *Mapping `json:"roles,omitempty"`  // default: role; of a further issuer none: the row decides
	Name   *Mapping `json:"name,omitempty"`   // default: the row's full name
	Groups *Mapping `json:"groups,omitempty"` // default: none
}

// Mapping is a claim by its exact name at the top of the payload, or a CEL expression: one of the two.
type Mapping struct {
	Claim      string `json:"claim,omitempty"`
	Expression string `json:"expression,omitempty"`
}

// Rule is a CEL expression that must be true, and what is said where it is not.
type Rule struct {
	Expression string `json:"expression"`
	Message    string `json:"message"`
}

// Issuer is a further issuer.
type Issuer struct {
	Name       string   `json:"name"`   // in logs and rules; unique
	Issuer     string   `json:"issuer"` // `iss`, exactly; unique
	Audiences  []string `json:"audiences"`
	Algorithms []string `json:"algorithms"`
	Keys       Keys     `json:"keys"`

	Leeway      Duration `json:"leeway,omitzero"`      // default: that of serve
	MaxLifetime Duration `json:"maxLifetime,omitzero"` // exp - iat at most; default 24h
	Tokens      []string `json:"tokens,omitempty"`     // user, agent; default user. Agents' yield no more than admins

	Tenants         []string          `json:"tenants"`            // UUIDs, lower case, at least one
	Subjects        map[string]string `json:"subjects,omitempty"` // subject → e-mail: then neither email nor email_verified is read
	AllowSuperadmin bool              `json:"allowSuperadmin,omitzero"`

	ClaimMappings        *ClaimMappings `json:"claimMappings,omitempty"`
	ClaimValidationRules []Rule         `json:"claimValidationRules,omitempty"`
}

// SignsForUsers says whether people's tokens are of this issuer, and not agents' alone.
func (i *Issuer) SignsForUsers() bool { return len(i.Tokens) == 0 || slices.Contains(i.Tokens, "user") }

// Keys is where an issuer's keys come from: exactly one of Secrets, JWKSFile, JWKSURL and Discovery.
type Keys struct {
	Secrets   []Secret `json:"secrets,omitempty"`
	JWKSFile  string   `json:"jwksFile,omitempty"`
	JWKSURL   string   `json:"jwksURL,omitempty"`
	Discovery bool     `json:"discovery,omitzero"` // {issuer}/.well-known/openid-configuration
	CAFile    string   `json:"caFile,omitempty"`   // a CA of your own for jwksURL and discovery, PEM

	Refresh Duration `json:"refresh,omitzero"` // of a URL or file; default 5m
	KeepFor Duration `json:"keepFor,omitzero"` // how long keys count that cannot be refreshed; default 24h
}

// Secret is a shared secret: from an environment variable or a file, never in meshsso.yaml.
type Secret struct {
	Env  string `json:"env,omitempty"`
	File string `json:"file,omitempty"`
	KID  string `json:"kid,omitempty"` // if given, only tokens with this `kid`
}

// Role is what a role gives. A name that is not built in needs a rank and deviceRights; of a built-in one, what is not said stays.
type Role struct {
	Rank         string   `json:"rank,omitempty"`        // viewer, technician or admin: whose grants and lowering it takes part in
	DeviceRights []string `json:"deviceRights,omitzero"` // by name; empty and not nil: none
	SiteRights   []string `json:"siteRights,omitzero"`   // by name; those that restrict
	Devices      string   `json:"devices,omitempty"`     // CEL over `device`: which devices of the tenant; default all
}

// Tenant overrides roles in one tenant.
type Tenant struct {
	Roles map[string]Role `json:"roles,omitempty"`
}

// Mapper is a Go mapper that the program has registered.
type Mapper struct {
	Name   string         `json:"name"`
	Config map[string]any `json:"config,omitempty"`
}

// Duration is a text such as 90s or 24h.
type Duration time.Duration

// MarshalText gives it in the units that the schema takes.
func (d Duration) MarshalText() ([]byte, error) {
	seconds, rest := time.Duration(d)/time.Second, time.Duration(d)%time.Second/time.Millisecond
	text := fmt.Sprintf("%ds%dms", seconds, rest)
	switch {
	case rest == 0:
		text = fmt.Sprintf("%ds", seconds)
	case seconds == 0:
		text = fmt.Sprintf("%dms", rest)
	}
	return []byte(text), nil
}

// UnmarshalText reads it. What a file may hold is the schema's to say.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}
