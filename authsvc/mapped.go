package authsvc

// Mapped is what a configured claims mapping reads of a token besides Claims. Shared: never changed.
type Mapped struct {
	Issuer  *Issuer // nil: the built-in one
	Subject string  // the issuer's own name for the person; may be empty
	// Payload is the verified payload as JSON gives it (string, bool, float64, []any, map[string]any, nil), for rules that run
	// after the look-up.
	Payload map[string]any
	Size    int // of the payload as it came, bytes; 0 if not known
}

// Issuer is a configured issuer: for whom it speaks. Shared: never changed.
type Issuer struct {
	Name    string
	Tenants map[string]bool // UUIDs, lower case; never empty
	// AllowSuperadmin lets its tokens name people whose row says superadmin as such; else they are admins of their tenant.
	AllowSuperadmin bool
}

// IssuerOf gives the configured issuer of a token; nil for the built-in one.
func (c *Claims) IssuerOf() *Issuer {
	if c.Mapped == nil {
		return nil
	}
	return c.Mapped.Issuer
}

// Ceiling is the most that a token of this key may yield.
func (c *Claims) Ceiling() Role {
	issuer := c.IssuerOf()
	if (issuer == nil && c.Key == KeyDashboard) || (issuer != nil && c.Key == KeyIssuer && issuer.AllowSuperadmin) {
		return RoleSuperadmin
	}
	return RoleAdmin
}

// Decision is what a row and a token add up to.
type Decision struct {
	Role Role // effective; of a Profile its rank
	// MaxRole caps individual grants: what the token and its key allow at most.
	MaxRole Role
	// Profile is what the role gives where a policy says so; nil: what the role of this name gives by itself.
	Profile *Profile
	// Grants are the profiles of the roles that the row's individual grants name, by the text of the row, MaxRole considered; nil:
	// what the roles of these names give by themselves.
	Grants map[string]*Profile
	Name   string // what people see of the person, if a mapping says so; else empty
}

// Profile is a role as a policy defines it. Shared: never changed.
type Profile struct {
	Name string // of the role
	Rank Role
	// DeviceRights and SiteRights are names of rights, sorted; whoever maps users knows them.
	DeviceRights []string
	SiteRights   []string
	// Devices says which devices of the tenant the role reaches; nil: all. An error reaches none.
	Devices func(Device) (bool, error)
	// Digest is the same for two profiles if and only if they give the same.
	Digest string
}
