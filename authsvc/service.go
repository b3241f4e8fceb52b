package authsvc

import "context"

// Service verifies a token, looks its subject up and compares the two. Safe for concurrent use.
type Service struct {
	Verifier Verifier
	Users    UserFinder
	Tenants  TenantFinder
	Devices  DeviceLister
	Roles    RoleRule
	Version  string // of the configured policy; empty for the built-in one
}

// Authenticate says who bears the token. It never returns an identity together with an error.
//
// Errors carry a Reason: TOKEN_*, USER_*, TENANT_MISMATCH, RULE_DENIED or STORE_UNAVAILABLE. Once the token is verified, the returned
// Subject is set even with an error, so that a denial can be logged with the person it concerns.
func (s *Service) Authenticate(ctx context.Context, token Token) (*Identity, Subject, error) {
	if token.Reveal() == "" {
		return nil, Subject{}, ErrTokenMissing
	}
	claims, err := s.Verifier.Verify(ctx, token)
	if err != nil {
		return nil, Subject{}, err
	}
	subject := Subject{Verified: true, UserID: claims.UserID, TenantID: claims.TenantID}
	if issuer := claims.IssuerOf(); issuer != nil {
		subject.Issuer = issuer.Name
	}
	id, err := s.identify(ctx, claims, &subject)
	return id, subject, err
}

// Identify says who it is that claims name which were verified before: all of Authenticate but the token, whose end is the
// caller's to watch. It never returns an identity together with an error.
//
// Errors carry a Reason: USER_*, TENANT_MISMATCH, RULE_DENIED or STORE_UNAVAILABLE.
func (s *Service) Identify(ctx context.Context, claims Claims) (*Identity, error) {
	return s.identify(ctx, claims, &Subject{})
}

func (s *Service) identify(ctx context.Context, claims Claims, subject *Subject) (*Identity, error) {
	user, err := s.lookUp(ctx, claims)
	if subject.UserID == 0 { // an issuer names nobody by our number: the row does
		subject.UserID = user.ID
	}
	if err != nil {
		return nil, err
	}
	id := &Identity{Claims: claims, User: user, Email: claims.Email, RulesVersion: s.Version}
	if id.Tenant, err = s.tenantOf(ctx, user); err != nil {
		return nil, err
	}
	if id.Decision, err = s.decide(ctx, user, claims); err != nil {
		return nil, err
	}
	if id.Devices, err = s.devicesOf(ctx, id); err != nil {
		return nil, err
	}
	return id, nil
}

// Subject is whom a verified token names, for logs only.
type Subject struct {
	Verified bool
	UserID   int64 // the token's or, of a further issuer's, the row's; 0: no row
	TenantID string
	Issuer   string // a further issuer's name
}

func (s *Service) lookUp(ctx context.Context, claims Claims) (User, error) {
	rows, err := s.Users.FindUsers(ctx, claims.Email)
	if err != nil {
		return User{}, err
	}
	switch len(rows) {
	case 0:
		return User{}, ErrUserUnknown
	case 1:
		return rows[0], check(rows[0], claims)
	}
	return User{}, ErrUserAmbiguous
}

// check compares the row with the token: the look-up went by e-mail alone, so everything else must agree too.
func check(user User, claims Claims) error {
	if folded, ok := FoldEmail(user.Email); !ok || folded != claims.Email {
		return Deny(UserUnknown, "the row's e-mail does not fold to the token's")
	}
	if user.Disabled {
		return ErrUserDisabled
	}
	issuer := claims.IssuerOf()
	if user.ID != claims.UserID && (issuer == nil || claims.UserID != 0) {
		return ErrUserMismatch
	}
	if issuer != nil {
		return checkIssuer(user, claims, issuer)
	}
	return checkTenant(user, claims)
}

// checkIssuer holds an issuer to the tenants that it speaks for; what it says of the tenant, if anything, must be the row's.
func checkIssuer(user User, claims Claims, issuer *Issuer) error {
	if !issuer.Tenants[user.TenantID] && (user.TenantID != "" || !user.IsSuperadmin || !issuer.AllowSuperadmin) {
		return Deny(TenantMismatch, "the issuer does not speak for the row's tenant")
	}
	if claims.TenantID != "" && claims.TenantID != user.TenantID {
		return ErrTenantMismatch
	}
	return nil
}

func checkTenant(user User, claims Claims) error {
	if user.TenantID == "" {
		// Only somebody who reaches every tenant anyway may belong to none.
		if user.IsSuperadmin {
			return nil
		}
		return Deny(TenantMismatch, "the row has no tenant")
	}
	if user.TenantID != claims.TenantID {
		return ErrTenantMismatch
	}
	return nil
}

// tenantOf reads the row's tenant; its people do not outlive it.
func (s *Service) tenantOf(ctx context.Context, user User) (Tenant, error) {
	if user.TenantID == "" {
		return Tenant{}, nil
	}
	t, err := s.Tenants.FindTenant(ctx, user.TenantID)
	if err == nil && !t.Known {
		err = Deny(TenantMismatch, "the row's tenant is not in the view tenants")
	}
	return t, err
}

// decide asks the rule and holds it to what no rule may cross: no more than the row says, and no more than the token's key may
// yield. A rule that asks for more is a fault, and what else it says is not to be believed.
func (s *Service) decide(ctx context.Context, user User, claims Claims) (Decision, error) {
	d, err := s.Roles.Decide(ctx, user, claims)
	if err != nil {
		return Decision{}, err
	}
	if d.Role == RoleSuperadmin && !user.IsSuperadmin {
		return Decision{}, Deny(RuleDenied, "a rule yields superadmin, and the row does not")
	}
	if d.Role > claims.Ceiling() || d.MaxRole > RoleAdmin {
		return Decision{}, Deny(RuleDenied, "a rule yields more than the token's key may")
	}
	return d, nil
}

func (s *Service) devicesOf(ctx context.Context, id *Identity) (*DeviceSet, error) {
	scope := Scope{TenantID: id.User.TenantID, All: id.Role == RoleSuperadmin}
	if scope.All {
		scope.TenantID = ""
	} else if scope.TenantID == "" || (id.Role == RoleNone && len(id.User.Grants) == 0) {
		return nil, nil
	}
	return s.Devices.Devices(ctx, scope)
}
