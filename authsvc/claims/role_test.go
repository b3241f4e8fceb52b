package claims_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
)

// The whole matrix: the effective role is the lower of row and token, under the key's cap.
func TestDecideMatrix(t *testing.T) {
	rows := map[authsvc.Role]authsvc.User{
		authsvc.RoleNone:       {Role: "janitor"},
		authsvc.RoleViewer:     {Role: "viewer"},
		authsvc.RoleTechnician: {Role: "Technician"},
		authsvc.RoleAdmin:      {Role: "superadmin"}, // the text without the flag
		authsvc.RoleSuperadmin: {Role: "viewer", IsSuperadmin: true},
	}
	tokens := map[string]authsvc.Role{
		"": authsvc.RoleNone, "boss": authsvc.RoleNone, "none": authsvc.RoleNone, "viewer": authsvc.RoleViewer,
		"technician": authsvc.RoleTechnician, "ADMIN": authsvc.RoleAdmin, "superadmin": authsvc.RoleSuperadmin,
	}
	caps := map[authsvc.KeyID]authsvc.Role{
		authsvc.KeyDashboard: authsvc.RoleSuperadmin, authsvc.KeyAgent: authsvc.RoleAdmin, authsvc.KeyNone: authsvc.RoleAdmin,
	}
	for base, user := range rows {
		for key, limit := range caps {
			if got, _ := decide(user, authsvc.Claims{Key: key}); got != min(base, limit) {
				t.Errorf("row %s, key %d, no role in the token: %s", base, key, got)
			}
			for text, lowered := range tokens {
				got, grants := decide(user, authsvc.Claims{Key: key, Role: text, HasRole: true})
				if want := min(base, lowered, limit); got != want {
					t.Errorf("row %s, key %d, token %q: %s, want %s", base, key, text, got, want)
				}
				bound := lowered
				if text == user.Role {
					bound = min(limit, authsvc.RoleAdmin) // it says nothing that the row does not
				}
				if grants > bound || grants > authsvc.RoleAdmin {
					t.Errorf("row %s, key %d, token %q: grants up to %s", base, key, text, grants)
				}
			}
		}
	}
}

func decide(user authsvc.User, c authsvc.Claims) (effective, grants authsvc.Role) {
	d, err := claims.RoleRule{}.Decide(context.Background(), user, c)
	if err != nil {
		panic(err)
	}
	return d.Role, d.MaxRole
}

func TestRepeatingTheRoleKeepsGrants(t *testing.T) {
	guest := authsvc.User{Role: "guest"}
	for token, want := range map[string]authsvc.Role{"guest": authsvc.RoleAdmin, "viewer": authsvc.RoleViewer, "other": authsvc.RoleNone} {
		role, grants := decide(guest, authsvc.Claims{Key: authsvc.KeyDashboard, Role: token, HasRole: true})
		if role != authsvc.RoleNone || grants != want {
			t.Errorf("token %q: role %s, grants up to %s, want none and %s", token, role, grants, want)
		}
	}
}

func ExampleRoleRule_Decide() {
	technician := authsvc.User{Role: "technician"}
	lowered, _ := decide(technician, authsvc.Claims{Key: authsvc.KeyDashboard, Role: "viewer", HasRole: true})
	raised, _ := decide(technician, authsvc.Claims{Key: authsvc.KeyDashboard, Role: "admin", HasRole: true})
	fmt.Println(lowered, raised)
	// Output: viewer technician
}
