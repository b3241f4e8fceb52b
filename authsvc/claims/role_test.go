package claims_test

import (
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
			if got, _ := (claims.RoleRule{}).Decide(user, authsvc.Claims{Key: key}); got != min(base, limit) {
				t.Errorf("row %s, key %d, no role in the token: %s", base, key, got)
			}
			for text, lowered := range tokens {
				got, grants := claims.RoleRule{}.Decide(user, authsvc.Claims{Key: key, Role: text, HasRole: true})
				if want := min(base, lowered, limit); got != want {
					t.Errorf("row %s, key %d, token %q: %s, want %s", base, key, text, got, want)
				}
				if grants > lowered || grants > authsvc.RoleAdmin {
					t.Errorf("row %s, key %d, token %q: grants up to %s", base, key, text, grants)
				}
			}
		}
	}
}

func ExampleRoleRule_Decide() {
	technician := authsvc.User{Role: "technician"}
	lowered, _ := claims.RoleRule{}.Decide(technician, authsvc.Claims{Key: authsvc.KeyDashboard, Role: "viewer", HasRole: true})
	raised, _ := claims.RoleRule{}.Decide(technician, authsvc.Claims{Key: authsvc.KeyDashboard, Role: "admin", HasRole: true})
	fmt.Println(lowered, raised)
	// Output: viewer technician
}
