package claims

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/everydaytech/meshsso/authsvc"
)

// role is a profile and what it was made of.
type role struct {
	*authsvc.Profile
	conditions []*expression // all must be true of a device; by source
}

// roleTable is every role of one tenant, by folded name. It never changes but for what it remembers.
type roleTable struct {
	vocabulary *vocabulary
	byName     map[string]*role
	met        sync.Map // [2]*role → *role
}

// find gives a role by the text of a row or a token, ASCII case folded as for built-in ones.
func (t *roleTable) find(name string) (*role, bool) {
	if r, ok := t.byName[name]; ok {
		return r, true
	}
	r, ok := t.byName[fold(name)]
	return r, ok
}

// builtin gives the built-in role of a rank, as the policy defines it.
func (t *roleTable) builtin(rank authsvc.Role) *role { return t.byName[rank.String()] }

// atMost gives r or, if it is above limit, what is left of it in the built-in role of limit.
func (t *roleTable) atMost(r *role, limit authsvc.Role) *role {
	if r.Rank > limit {
		return t.meet(r, t.builtin(limit))
	}
	return r
}

// stored gives the role of a row's text: the mere text superadmin is an admin, and what nobody knows is none.
func (t *roleTable) stored(name string) *role {
	r, ok := t.find(name)
	if !ok {
		return t.builtin(authsvc.RoleNone)
	}
	return t.atMost(r, authsvc.RoleAdmin)
}

// best gives what a token's roles count for: the highest rank that is known and, of several of that rank, the row's own or else
// the first by name, so that the order in which a provider lists them changes nothing.
func (t *roleTable) best(names []string, own *role) *role {
	best := t.builtin(authsvc.RoleNone)
	for _, name := range names {
		r, ok := t.find(name)
		if !ok || r.Rank < best.Rank {
			continue
		}
		if r.Rank > best.Rank || (best != own && (r == own || r.Name < best.Name)) {
			best = r
		}
	}
	return best
}

// lower is base, lowered to what the token says: the lower rank wins, and only what both give is left. A role of a lower rank may
// give what base does not, or on more devices; a token must not bring that.
func (t *roleTable) lower(base, token *role) *role {
	if token.Rank > base.Rank || token == base {
		return base
	}
	return t.meet(base, token)
}

// meet gives what two roles both give, with what either takes away; the rank is b's, which is a's or lower. A superadmin has whatever
// there is, and who has no role nothing. Remembered: there are no more than pairs of roles.
func (t *roleTable) meet(a, b *role) *role {
	if a.Rank == authsvc.RoleSuperadmin || b.Rank == authsvc.RoleNone {
		return b
	}
	if known, ok := t.met.Load([2]*role{a, b}); ok {
		return known.(*role)
	}
	conditions := append(slices.Clone(a.conditions), b.conditions...)
	met := newRole(a.Name+"&"+b.Name, b.Rank, t.vocabulary.common(a.DeviceRights, b.DeviceRights, t.vocabulary.restricting),
		t.vocabulary.common(a.SiteRights, b.SiteRights, t.vocabulary.siteRights), conditions)
	switch {
	case a.Rank != b.Rank && met.Digest == b.Digest:
		met = b // the usual case: b is within a
	case a.Rank == b.Rank && met.Digest == a.Digest:
		met = a
	}
	known, _ := t.met.LoadOrStore([2]*role{a, b}, met)
	return known.(*role)
}

// all lists every profile, each digest once.
func (t *roleTable) all() []*authsvc.Profile {
	var out []*authsvc.Profile
	seen := map[string]bool{}
	add := func(r *role) {
		if !seen[r.Digest] {
			seen[r.Digest] = true
			out = append(out, r.Profile)
		}
	}
	roles := slices.SortedFunc(maps.Values(t.byName), func(a, b *role) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Name, b.Name))
	})
	for _, r := range roles {
		add(r)
	}
	for i, a := range roles {
		for _, b := range roles[i+1:] {
			if a.Rank == b.Rank {
				add(t.meet(a, b))
			} else {
				add(t.meet(b, a))
			}
		}
	}
	return out
}

// newRole makes a role of rights in any order.
func newRole(name string, rank authsvc.Role, device, site []string, conditions []*expression) *role {
	p := &authsvc.Profile{Name: name, Rank: rank, DeviceRights: sorted(device), SiteRights: sorted(site)}
	conditions = slices.Clone(conditions)
	slices.SortFunc(conditions, func(a, b *expression) int { return cmp.Compare(a.source, b.source) })
	conditions = slices.CompactFunc(conditions, func(a, b *expression) bool { return a.source == b.source })
	var sources []string
	for _, c := range conditions {
		sources = append(sources, c.source)
	}
	if len(conditions) > 0 {
		p.Devices = func(d authsvc.Device) (bool, error) { return reaches(conditions, d) }
	}
	p.Digest = digest([]any{p.Rank, p.DeviceRights, p.SiteRights, sources})
	return &role{Profile: p, conditions: conditions}
}

// reaches says whether every condition is true of a device. Its cost is bounded by the conditions' own; there is no context,
// because a group of devices is made for many.
func reaches(conditions []*expression, d authsvc.Device) (bool, error) {
	v := &vars{device: valueOf(roomDevice, &celDevice{ID: d.AgentID, UUID: d.UUID, Hostname: d.Hostname, Platform: d.Platform})}
	for _, c := range conditions {
		out, err := c.eval(context.Background(), v)
		ok := false
		if err == nil {
			ok, err = toBool(out)
		}
		if err != nil {
			return false, errors.New(c.place + ": " + err.Error())
		}
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

// sorted copies names in order, each once; never nil, so that nothing and no list have one digest.
func sorted(names []string) []string {
	out := append(make([]string, 0, len(names)), names...)
	slices.Sort(out)
	return slices.Compact(out)
}

// digest names a value; v is of types that always marshal.
func digest(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic("claims: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:12])
}

// fold is what authsvc.ParseRole does to a name.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, name)
}
