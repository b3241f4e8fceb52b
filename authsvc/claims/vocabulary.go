package claims

import "github.com/everydaytech/meshsso/authsvc"

// Vocabulary is what rights are called and what the built-in roles give. It comes from whoever maps users, because rights mean
// nothing here but their names.
type Vocabulary struct {
	DeviceRights []string // every name
	Restricting  []string // those of DeviceRights that take something away
	Reserved     []string // those of DeviceRights that no policy may give
	SiteRights   []string // every name that a role may have; all of them take something away
	SiteGranting []string // those that give something: for a superadmin alone
	// Defaults gives what a built-in role gives by itself; of RoleNone too.
	Defaults func(authsvc.Role) (device, site []string)
}
