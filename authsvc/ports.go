package authsvc

import (
	"context"
	"crypto"
)

// Verifier checks a token's form, signature, times and claims; it knows no database.
// Errors: the TOKEN_* reasons; RULE_DENIED by a configured mapping; the context's own.
type Verifier interface {
	Verify(ctx context.Context, token Token) (Claims, error)
}

// PublicKey is a key that an issuer publishes.
type PublicKey struct {
	ID        string           // `kid`; may be empty
	Algorithm string           // `alg`, if the issuer restricts the key to one; else empty
	Key       crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// KeySource gives an issuer's public keys of an id as they are known now, and of "" all of them; none of this id is no error. It may
// ask the issuer, within its own bounds. Errors: STORE_UNAVAILABLE if no key is known at all, the context's own.
type KeySource interface {
	PublicKeys(ctx context.Context, kid string) ([]PublicKey, error)
}

// UserFinder looks people up. No row is no error. More than one row means that the e-mail is ambiguous; at most three
// are returned. Errors: STORE_UNAVAILABLE, or the context's own.
type UserFinder interface {
	FindUsers(ctx context.Context, foldedEmail string) ([]User, error)
}

// DeviceLister reads one scope's devices. Errors: STORE_UNAVAILABLE, or the context's own.
type DeviceLister interface {
	Devices(ctx context.Context, scope Scope) (*DeviceSet, error)
}

// TenantFinder reads one tenant. An unknown one is no error: it has Known false.
// Errors: STORE_UNAVAILABLE, or the context's own.
type TenantFinder interface {
	FindTenant(ctx context.Context, id string) (Tenant, error)
}

// TenantLister lists all tenants. Errors: STORE_UNAVAILABLE, or the context's own.
type TenantLister interface {
	TenantIDs(ctx context.Context) ([]string, error)
	// Tenants gives them with their names, by id, each once.
	Tenants(ctx context.Context) ([]Tenant, error)
}

// Directory is everything that is read from the platform's database. What it answers says when it was read (ReadAt), and that
// is not before what the context asks for (Since).
type Directory interface {
	UserFinder
	DeviceLister
	TenantFinder
	TenantLister
}

// RoleRule decides what a person's row and token add up to. It never gives more than the row and the token's Ceiling; Service
// makes sure. Errors: RULE_DENIED, or the context's own.
type RoleRule interface {
	Decide(ctx context.Context, user User, claims Claims) (Decision, error)
}

// UserMapper turns an identity into what the caller of the service is answered; domain is the caller's own partition.
// Errors: DOMAIN_DENIED, STORE_UNAVAILABLE.
type UserMapper[R any] interface {
	MapUser(ctx context.Context, id *Identity, domain string) (R, error)
}
