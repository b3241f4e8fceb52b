package claims

import (
	"fmt"
	"slices"

	"github.com/everydaytech/meshsso/authsvc"
)

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

// vocabulary is a Vocabulary made to be asked.
type vocabulary struct {
	deviceRights, restricting, reserved, siteRights, siteGranting map[string]bool

	defaults func(authsvc.Role) (device, site []string)
}

func newVocabulary(v Vocabulary) *vocabulary {
	out := &vocabulary{
		deviceRights: setOf(v.DeviceRights), restricting: setOf(v.Restricting), reserved: setOf(v.Reserved),
		siteRights: setOf(v.SiteRights), siteGranting: setOf(v.SiteGranting), defaults: v.Defaults,
	}
	if v.Defaults == nil {
		out.defaults = func(authsvc.Role) (device, site []string) { return nil, nil }
	}
	return out
}

// checkDevice says what is wrong with a device right.
func (v *vocabulary) checkDevice(name string) error {
	switch {
	case !v.deviceRights[name]:
		return fmt.Errorf("%q is no device right", name)
	case v.reserved[name]:
		return fmt.Errorf("%q is a device right that no policy may give", name)
	}
	return nil
}

// checkSite says what is wrong with a site right; granting ones are for superadmins.
func (v *vocabulary) checkSite(name string, granting bool) error {
	switch {
	case v.siteRights[name], granting && v.siteGranting[name]:
		return nil
	case v.siteGranting[name]:
		return fmt.Errorf("%q is a site right that gives something: only a superadmin has such", name)
	}
	return fmt.Errorf("%q is no site right", name)
}

// common gives the rights that a and b both give, and what either takes away.
func (*vocabulary) common(a, b []string, restricting map[string]bool) []string {
	var out []string
	for _, name := range a {
		if restricting[name] || slices.Contains(b, name) {
			out = append(out, name)
		}
	}
	for _, name := range b {
		if restricting[name] {
			out = append(out, name)
		}
	}
	return out
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
