package authsvc

import "time"

// KeyID says which configured key verified a token.
type KeyID uint8

// The keys. The zero value is no key: nothing was verified.
const (
	KeyNone      KeyID = iota
	KeyDashboard       // JWT_SECRET
	KeyAgent           // AGENT_SIGN_KEY: never more than an admin
	KeyIssuer          // a configured issuer's: what its Issuer says
)

// Claims is what a verified token says. The directory's row has the last word on all of it.
type Claims struct {
	Email     string // folded by FoldEmail
	TenantID  string // UUID, lower case, 8-4-4-4-12
	UserID    int64  // 1..2^53-1; 0 if an Issuer's token does not name one
	Role      string // as it came; only meaningful if HasRole
	HasRole   bool
	ExpiresAt time.Time
	Key       KeyID
	// Mapped is what a configured mapping made of the token besides; nil for the built-in one.
	Mapped *Mapped
}

// User is one row of the directory, grants included, so that a look-up is one query.
type User struct {
	ID           int64
	Email        string // as stored, not folded
	FullName     string // may be empty
	TenantID     string // UUID, lower case; empty if the row has none
	Role         string // as stored
	IsSuperadmin bool
	Disabled     bool
	Grants       []Grant
	ReadAt       time.Time // when the query began
}

// Grant is a role that a person has on one device of his own tenant, besides what his role gives.
type Grant struct {
	AgentID int64
	Role    string // as stored
}

// Tenant is one tenant of the directory.
type Tenant struct {
	ID    string // UUID, lower case
	Name  string // may be empty
	Known bool   // there is such a tenant

	ReadAt time.Time // when the query began
}

// Scope names a set of devices: one tenant's, or every tenant's.
type Scope struct {
	TenantID string // UUID, lower case; empty if All
	All      bool
}

// String gives the tenant's id, or "*" for every tenant.
func (s Scope) String() string {
	if s.All {
		return "*"
	}
	return s.TenantID
}

// Device is one managed device.
type Device struct {
	AgentID  int64
	UUID     string
	Hostname string
	Platform string
	TenantID string // UUID, lower case
	NodeID   string // as stored; may be empty or unusable
	// Disputed is set if rows of different tenants (or of none) claim the same NodeID: then it belongs to nobody.
	Disputed bool
}

// DeviceSet is every device of one scope as read at one moment. It is shared: never change one.
type DeviceSet struct {
	Scope   Scope
	Devices []Device  // by AgentID, rising
	ReadAt  time.Time // when the query began
}

// Identity is a person whom the service vouches for.
type Identity struct {
	Claims Claims
	User   User
	Tenant Tenant // the row's; zero for a superadmin without one
	Email  string // folded
	Decision
	// RulesVersion names the configured policy that decided; empty for the built-in one.
	RulesVersion string
	// Devices are those of the person's scope; nil if the role or a missing tenant gives none.
	Devices *DeviceSet
}
