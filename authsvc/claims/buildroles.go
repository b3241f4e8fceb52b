package claims

import (
	"fmt"
	"maps"
	"slices"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/config"
)

// tables makes the roles of every tenant that has some of its own, and "" for all others.
func (b *builder) tables(cfg *config.File) map[string]*roleTable {
	builtins := map[string]*role{}
	for rank := authsvc.RoleNone; rank <= authsvc.RoleSuperadmin; rank++ {
		device, site := b.vocabulary.defaults(rank)
		builtins[rank.String()] = newRole(rank.String(), rank, device, site, nil)
	}
	common := b.override("roles", builtins, cfg.Roles)
	out := map[string]*roleTable{"": {vocabulary: b.vocabulary, byName: common}}
	for _, id := range slices.Sorted(maps.Keys(cfg.Tenants)) {
		place := fmt.Sprintf("tenants[%q]", id)
		b.tenantID(place, id)
		out[id] = &roleTable{vocabulary: b.vocabulary, byName: b.override(place+".roles", common, cfg.Tenants[id].Roles)}
	}
	return out
}

// override gives base with what cfg says; what it does not say of a role stays.
func (b *builder) override(place string, base map[string]*role, cfg map[string]config.Role) map[string]*role {
	out, seen := maps.Clone(base), map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(cfg)) {
		at, folded := place+"."+name, fold(name)
		switch {
		case !acceptableName(name):
			b.fault(fmt.Sprintf("%s[%q]", place, name), "is not a role's name: 1 to %d bytes that can be shown", maxName)
		case seen[folded]:
			b.fault(at, "is there twice, in another case")
		case folded == authsvc.RoleNone.String() || folded == authsvc.RoleSuperadmin.String():
			b.fault(at, "cannot be configured")
		default:
			out[folded] = b.role(at, name, base[folded], cfg[name])
		}
		seen[folded] = true
	}
	if len(out) > maxRoles {
		b.fault(place, "are more than %d", maxRoles)
		return maps.Clone(base)
	}
	return out
}

// role makes one role; before is nil for a new name.
func (b *builder) role(place, name string, before *role, cfg config.Role) *role {
	if before == nil {
		if cfg.Rank == "" {
			b.fault(place+".rank", "is missing: the role is not built in")
		}
		if cfg.DeviceRights == nil {
			b.fault(place+".deviceRights", "are missing: the role is not built in")
		}
		before = newRole(name, authsvc.RoleNone, nil, nil, nil)
	}
	rank := b.rank(place+".rank", before, cfg.Rank)
	device, site, conditions := before.DeviceRights, before.SiteRights, before.conditions
	if cfg.DeviceRights != nil {
		device = cfg.DeviceRights
		b.rights(place+".deviceRights", device, b.vocabulary.checkDevice)
	}
	if cfg.SiteRights != nil {
		site = cfg.SiteRights
		b.rights(place+".siteRights", site, func(right string) error { return b.vocabulary.checkSite(right, false) })
	}
	if cfg.Devices != "" {
		conditions = []*expression{b.expression(place+".devices", cfg.Devices, roomDevice, kindBool)}
	}
	return newRole(before.Name, rank, device, site, conditions)
}

// rank reads a rank; that of a built-in role is its own.
func (b *builder) rank(place string, before *role, text string) authsvc.Role {
	if text == "" {
		return before.Rank
	}
	rank := authsvc.ParseRole(text)
	if rank.String() != text || rank == authsvc.RoleNone || rank == authsvc.RoleSuperadmin {
		b.fault(place, "must be viewer, technician or admin")
		return before.Rank
	}
	if builtin := authsvc.ParseRole(before.Name); builtin != authsvc.RoleNone && builtin != rank {
		b.fault(place, "of a built-in role is its own")
	}
	return rank
}

func (b *builder) rights(place string, names []string, check func(string) error) {
	for i, name := range names {
		if err := check(name); err != nil {
			b.fault(index(place, i), "%v", err)
		}
	}
}
