package meshbridge

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/everydaytech/meshsso/authsvc"
)

// given is what one role gives on devices: a built-in role by its name, or a policy's profile. The zero value gives nothing.
type given struct {
	rank    authsvc.Role
	mask    uint32
	profile *authsvc.Profile // nil: a built-in role
}

func builtIn(role authsvc.Role) given { return given{rank: role, mask: DeviceRights(role)} }

// profiled gives nothing for a profile without a digest: it could not be told from another one.
func profiled(p *authsvc.Profile) given {
	if p.Digest == "" {
		return given{}
	}
	return given{rank: p.Rank, mask: ProfileRights(p), profile: p}
}

// roleOf is what the person's role gives.
func roleOf(id *authsvc.Identity) given {
	switch {
	case id.Profile == nil:
		return builtIn(id.Role)
	case id.Role == authsvc.RoleNone || id.Profile.Rank > id.Role:
		return given{}
	}
	return profiled(id.Profile)
}

// grantOf is what an individual grant of a role gives, by the text of the row.
func grantOf(id *authsvc.Identity, role string) given {
	if id.Grants == nil {
		return builtIn(min(authsvc.ParseRole(role), id.MaxRole))
	}
	p := id.Grants[role]
	if p == nil || p.Rank > id.MaxRole {
		return given{}
	}
	return profiled(p)
}

// plus adds two grants on one device: the greater counts, and of equals what both give.
func (g given) plus(other given) given {
	switch {
	case g.mask == 0 || (other.mask != 0 && other.rank > g.rank):
		return other
	case other.mask == 0 || g.rank > other.rank:
		return g
	}
	g.mask |= other.mask
	return g
}

// reaches says whether the role extends to a device of its scope; an error is a no.
func (g given) reaches(d authsvc.Device) (bool, error) {
	if g.profile == nil || g.profile.Devices == nil {
		return true, nil
	}
	ok, err := g.profile.Devices(d)
	return ok && err == nil, err
}

// digest tells profiles apart that give something else; "" is a built-in role. The mask is in it: two profiles never share a group
// with different rights, whatever made their digests.
func (g given) digest() string {
	if g.profile == nil {
		return ""
	}
	return fmt.Sprintf("%s:%08x", g.profile.Digest, g.mask)
}

// ProfileRights gives a profile's mask on a device: never a reserved right, and 0 if it holds nothing but restrictions.
func ProfileRights(p *authsvc.Profile) uint32 {
	mask := maskOf(p.DeviceRights) &^ maskOf(reserved)
	if mask&^maskOf(restricting) == 0 {
		return 0
	}
	return mask
}

// SiteRights gives the account's siteadmin. What a profile grants counts only for a superadmin of the platform whose token may
// yield one; everybody else has only bits that restrict, and whoever is not a full administrator has some of them always.
func SiteRights(id *authsvc.Identity) uint32 {
	admin := id.Role == authsvc.RoleSuperadmin && id.User.IsSuperadmin && id.Claims.Ceiling() == authsvc.RoleSuperadmin
	if id.Profile == nil || id.Role == authsvc.RoleNone {
		if admin {
			return siteFull
		}
		return defaultSite(id.Role)
	}
	var grants, restricts uint32
	for _, name := range id.Profile.SiteRights {
		restricts |= siteRestricting[name]
		if name != siteFullName {
			grants |= siteGranting[name]
		}
	}
	switch {
	case !admin:
		return siteAlways | restricts
	case restricts == 0 && slices.Contains(id.Profile.SiteRights, siteFullName):
		return siteFull // MeshCentral asks a full administrator for no other bit: one that restricts would be lost
	}
	return siteAlways | restricts | grants
}

// SiteRestrictions gives the site rights with which a profile takes away more than its rank does by itself; a session's principal
// has them too.
func SiteRestrictions(id *authsvc.Identity) (mask uint32) {
	if id.Profile == nil {
		return 0
	}
	for _, name := range id.Profile.SiteRights {
		mask |= siteRestricting[name]
	}
	return mask &^ defaultSite(id.Role)
}

// PersonName gives what MeshCentral shows of a person: what a mapping says, the row's full name, or the part of the e-mail before
// "@".
func PersonName(id *authsvc.Identity) string {
	return cmp.Or(DisplayName(id.Name, ""), DisplayName(id.User.FullName, id.Email))
}

// CheckProfiles says which of a policy's profiles this way of device rights cannot give.
func CheckProfiles(way Way, profiles []*authsvc.Profile) error {
	for _, p := range profiles {
		for _, name := range p.DeviceRights {
			if deviceRights[name] == 0 || slices.Contains(reserved, name) {
				return fmt.Errorf("role %s: %q is not a device right that a role may have", p.Name, name)
			}
		}
		if way == WayGroup && p.Devices != nil {
			return errDevices(p)
		}
	}
	return nil
}

func errDevices(p *authsvc.Profile) error {
	return authsvc.Deny(authsvc.RuleDenied, fmt.Sprintf(
		"role %s says which devices it reaches, which one link to a tenant's device group cannot: use --device-rights=links", p.Name))
}
