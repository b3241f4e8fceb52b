package authsvc

import "context"

// Verifier checks a token's form, signature, times and claims; it knows no database.
// Errors: the TOKEN_* reasons.
type Verifier interface {
	Verify(token Token) (Claims, error)
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

// RoleRule decides what a person's row and token add up to: the effective role, and the cap on individual grants.
type RoleRule interface {
	Decide(user User, claims Claims) (effective, limit Role)
}

// UserMapper turns an identity into what the caller of the service is answered; domain is the caller's own partition.
// Errors: DOMAIN_DENIED, STORE_UNAVAILABLE.
type UserMapper[R any] interface {
	MapUser(ctx context.Context, id *Identity, domain string) (R, error)
}
