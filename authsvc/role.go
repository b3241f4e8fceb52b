package authsvc

import "strings"

// Role is how much a person may do; a greater one may do more. The zero value may do nothing.
type Role uint8

// Roles in rising order.
const (
	RoleNone Role = iota
	RoleViewer
	RoleTechnician
	RoleAdmin
	RoleSuperadmin
)

var roleNames = [...]string{"none", "viewer", "technician", "admin", "superadmin"}

// String gives the role's name in lower case; a value out of range is "none".
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return roleNames[RoleNone]
}

// ParseRole reads a role's name, ASCII case folded and otherwise exact. Whatever it does not know is RoleNone.
func ParseRole(name string) Role {
	folded := strings.Map(foldASCII, name)
	for i, n := range roleNames {
		if n == folded {
			return Role(i)
		}
	}
	return RoleNone
}
