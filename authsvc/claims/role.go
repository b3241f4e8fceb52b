// Package claims decides what a row and a token add up to. Today that is one built-in rule about roles; rules of an
// operator's own will stand in the same chain.
package claims

import (
	"context"

	"github.com/everydaytech/meshsso/authsvc"
)

// RoleRule is the built-in rule: the row gives the role, the token can only lower it. The zero value is ready.
type RoleRule struct{}

var _ authsvc.RoleRule = RoleRule{}

// Decide gives the effective role and the cap on individual grants.
//
//   - The base role is the row's: superadmin if and only if is_superadmin is true. The mere text "superadmin" is an admin.
//   - A token's role lowers it and the cap; an unknown one lowers to none.
//   - A token verified by the agents' key never yields more than admin: that key lies on many machines.
//   - Grants are never superadmin's, and a token that merely repeats the row's role does not lower them: otherwise a
//     person whose role gives nothing could never use one, because the dashboard puts the role into every token.
func (RoleRule) Decide(_ context.Context, user authsvc.User, claims authsvc.Claims) (authsvc.Decision, error) {
	limit := claims.Ceiling()
	effective, grants := min(baseRole(user), limit), min(limit, authsvc.RoleAdmin)
	if claims.HasRole {
		effective = min(effective, authsvc.ParseRole(claims.Role))
		if claims.Role != user.Role {
			grants = min(grants, authsvc.ParseRole(claims.Role))
		}
	}
	return authsvc.Decision{Role: effective, MaxRole: grants}, nil
}

func baseRole(user authsvc.User) authsvc.Role {
	if user.IsSuperadmin {
		return authsvc.RoleSuperadmin
	}
	return min(authsvc.ParseRole(user.Role), authsvc.RoleAdmin)
}
