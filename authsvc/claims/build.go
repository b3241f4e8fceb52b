package claims

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/config"
)

const (
	maxRules   = 64  // a list
	maxRoles   = 64  // a tenant
	maxMessage = 512 // bytes
	maxName    = 64  // bytes, of a role
)

// builder compiles a file and gathers its faults.
type builder struct {
	options
	vocabulary *vocabulary
	faults     []error
}

func (b *builder) fault(place, format string, args ...any) {
	b.faults = append(b.faults, fmt.Errorf("%s: %s", place, fmt.Sprintf(format, args...)))
}

func (b *builder) err() error { return errors.Join(b.faults...) }

func index(place string, i int) string { return fmt.Sprintf("%s[%d]", place, i) }

// expression compiles one; a fault leaves one that is never run.
func (b *builder) expression(place, source string, in room, yields kind) *expression {
	e, err := compile(place, source, in, yields)
	if err != nil {
		b.fault(place, "%v", err)
		return &expression{place: place, source: source}
	}
	return e
}

func (b *builder) issuers(cfg *config.File) map[string]*mapping {
	own := &mapping{place: "claimMappings", rules: b.rules("claimValidationRules", cfg.ClaimValidationRules, roomToken)}
	b.compileMapping(own, cfg.ClaimMappings)
	out := map[string]*mapping{"": own}
	for i, is := range cfg.Issuers {
		place := index("issuers", i)
		if _, taken := out[is.Name]; taken {
			b.fault(place+".name", "must be given and unique")
			continue
		}
		out[is.Name] = b.issuer(place, is, own)
	}
	return out
}

// issuer compiles a further issuer; what it does not say is as for the built-in one.
func (b *builder) issuer(place string, cfg config.Issuer, own *mapping) *mapping {
	m := *own
	m.name, m.subjects = cfg.Name, b.subjects(place+".subjects", cfg.Subjects)
	if cfg.ClaimMappings != nil {
		m.place = place + ".claimMappings"
		b.compileMapping(&m, cfg.ClaimMappings)
	}
	if len(cfg.ClaimValidationRules) > 0 {
		m.rules = b.rules(place+".claimValidationRules", cfg.ClaimValidationRules, roomToken)
	}
	m.issuer = &authsvc.Issuer{Name: cfg.Name, Tenants: map[string]bool{}, AllowSuperadmin: cfg.AllowSuperadmin}
	if len(cfg.Tenants) == 0 {
		b.fault(place+".tenants", "must name at least one tenant")
	}
	for i, id := range cfg.Tenants {
		b.tenantID(index(place+".tenants", i), id)
		m.issuer.Tenants[id] = true
	}
	return &m
}

func (b *builder) tenantID(place, id string) {
	if !authsvc.IsUUID(id) || fold(id) != id {
		b.fault(place, "is not a UUID in lower case")
	}
}

func (b *builder) subjects(place string, cfg map[string]string) map[string]string {
	if cfg == nil {
		return nil
	}
	out := make(map[string]string, len(cfg))
	for _, subject := range slices.Sorted(maps.Keys(cfg)) {
		email, ok := authsvc.FoldEmail(cfg[subject])
		if !ok {
			b.fault(fmt.Sprintf("%s[%q]", place, subject), "is not an acceptable e-mail")
		}
		if subject == "" || len(subject) > maxSubject {
			b.fault(place, "a subject must have 1 to %d bytes", maxSubject)
		}
		out[subject] = email
	}
	return out
}

func (b *builder) mappers(cfg []config.Mapper) []goMapper {
	if len(cfg) > maxRules {
		b.fault("mappers", "are more than %d", maxRules)
		return nil
	}
	var out []goMapper
	for i, m := range cfg {
		place := index("mappers", i)
		factory, ok := b.options.mappers[m.Name]
		if !ok {
			factory, ok = registered(m.Name)
		}
		if !ok {
			b.fault(place+".name", "no mapper %q is registered in this program", m.Name)
			continue
		}
		mapper, err := made(factory, m.Config)
		if err != nil {
			b.fault(place+".config", "%v", err)
			continue
		}
		out = append(out, goMapper{place: place + " (" + m.Name + ")", name: m.Name, mapper: mapper})
	}
	return out
}

// made calls a factory, which is somebody else's.
func made(factory Factory, cfg map[string]any) (m Mapper, err error) {
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("the mapper's factory panicked: %v", r)
		}
	}()
	if m, err = factory(copyMap(cfg)); err == nil && m == nil {
		err = errors.New("the mapper's factory made none")
	}
	return m, err
}

// acceptableName is of a role: people read it, and it stands in messages.
func acceptableName(name string) bool {
	if name == "" || len(name) > maxName || name[0] == ' ' || name[len(name)-1] == ' ' {
		return false
	}
	for _, r := range name {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar || r == '&' { // & joins the names of two
			return false
		}
	}
	return true
}

// versionOf is a digest of all that a policy's verdicts depend on, but for the code of Go mappers. The roles' digests say what the
// file's text does not: an empty list of rights is another thing than none.
func versionOf(cfg *config.File, v Vocabulary, tables map[string]*roleTable) string {
	roles := map[string]map[string]string{}
	for tenant, t := range tables {
		roles[tenant] = map[string]string{}
		for name, r := range t.byName {
			roles[tenant][name] = r.Digest
		}
	}
	file, err := json.Marshal(cfg)
	if err != nil { // a mapper's config may hold anything
		file = fmt.Appendf(nil, "%#v", cfg)
	}
	return digest([]any{string(file), roles, v.DeviceRights, v.Restricting, v.Reserved, v.SiteRights, v.SiteGranting})
}
