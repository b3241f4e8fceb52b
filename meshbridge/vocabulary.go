package meshbridge

import (
	"maps"
	"slices"

	"github.com/everydaytech/meshsso/authsvc"
)

// The names that a policy may use for rights. Every list is sorted and the caller's own.

// DeviceRightNames are the device rights that a role may have.
func DeviceRightNames() []string {
	return slices.DeleteFunc(RightNames(), func(name string) bool { return slices.Contains(reserved, name) })
}

// RestrictingRights are the device rights that take something away.
func RestrictingRights() []string { return slices.Sorted(slices.Values(restricting)) }

// ReservedRights are the device rights that no role ever has: they change who may do what, or break MeshCentral's page.
func ReservedRights() []string { return slices.Sorted(slices.Values(reserved)) }

// SiteRightNames are the site rights that take something away, and so are any role's to have.
func SiteRightNames() []string { return slices.Sorted(maps.Keys(siteRestricting)) }

// SiteGrantingNames are the site rights that only a superadmin of the platform may have.
func SiteGrantingNames() []string { return slices.Sorted(maps.Keys(siteGranting)) }

// DefaultDeviceRights are a built-in role's device rights.
func DefaultDeviceRights(role authsvc.Role) []string {
	return slices.Sorted(slices.Values(roleRights[role]))
}

// DefaultSiteRights are a built-in role's site rights.
func DefaultSiteRights(role authsvc.Role) []string {
	if role == authsvc.RoleSuperadmin {
		return []string{siteFullName}
	}
	return namesIn(siteRestricting, defaultSite(role))
}

// RightsOf names the bits of a device mask.
func RightsOf(mask uint32) []string { return namesIn(deviceRights, mask) }

// SiteRightsOf names the bits of a siteadmin.
func SiteRightsOf(mask uint32) []string {
	if mask == siteFull {
		return []string{siteFullName}
	}
	return slices.Sorted(slices.Values(append(namesIn(siteRestricting, mask), namesIn(siteGranting, mask)...)))
}

func namesIn(bits map[string]uint32, mask uint32) []string {
	names := []string{}
	for name, bit := range bits {
		if mask&bit == bit {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
