package authsvc

import "context"

// Service verifies a token, looks its subject up and compares the two. Safe for concurrent use.
type Service struct {
	Verifier Verifier
	Users    UserFinder
	Tenants  TenantFinder
	Devices  DeviceLister
	Roles    RoleRule
}

// Authenticate says who bears the token. It never returns an identity together with an error.
//
// Errors carry a Reason: TOKEN_*, USER_*, TENANT_MISMATCH or STORE_UNAVAILABLE. Once the token is verified, the returned
// Subject is set even with an error, so that a denial can be logged with the person it concerns.
func (s *Service) Authenticate(ctx context.Context, token Token) (*Identity, Subject, error) {
	if token.Reveal() == "" {
		return nil, Subject{}, ErrTokenMissing
	}
	claims, err := s.Verifier.Verify(token)
	if err != nil {
		return nil, Subject{}, err
	}
	id, err := s.Identify(ctx, claims)
	return id, Subject{Verified: true, UserID: claims.UserID, TenantID: claims.TenantID}, err
}

// Identify says who it is that claims name which were verified before: all of Authenticate but the token, whose end is the
// caller's to watch. It never returns an identity together with an error.
//
// Errors carry a Reason: USER_*, TENANT_MISMATCH or STORE_UNAVAILABLE.
func (s *Service) Identify(ctx context.Context, claims Claims) (*Identity, error) {
	user, err := s.lookUp(ctx, claims)
	if err != nil {
		return nil, err
	}
	id := &Identity{Claims: claims, User: user, Email: claims.Email}
	if id.Tenant, err = s.tenantOf(ctx, user); err != nil {
		return nil, err
	}
	id.Role, id.MaxRole = s.Roles.Decide(user, claims)
	if id.Devices, err = s.devicesOf(ctx, id); err != nil {
		return nil, err
	}
	return id, nil
}

// Subject is whom a verified token names, for logs only.
type Subject struct {
	Verified bool
	UserID   int64
	TenantID string
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
	if user.ID != claims.UserID {
		return ErrUserMismatch
	}
	return checkTenant(user, claims)
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

func (s *Service) devicesOf(ctx context.Context, id *Identity) (*DeviceSet, error) {
	scope := Scope{TenantID: id.User.TenantID, All: id.Role == RoleSuperadmin}
	if scope.All {
		scope.TenantID = ""
	} else if scope.TenantID == "" || (id.Role == RoleNone && len(id.User.Grants) == 0) {
		return nil, nil
	}
	return s.Devices.Devices(ctx, scope)
}
