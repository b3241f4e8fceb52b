package claims

import (
	"context"
	"slices"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"

	"github.com/everydaytech/meshsso/authsvc"
)

// maxShown is the longest name of a person, in bytes.
const maxShown = 200

// Decide adds row and token up: the row gives the role, the token can only lower it, Go mappers have their say within the floor
// (see Draft) and userValidationRules judge the result. Errors: RULE_DENIED, or the context's own.
//
//   - The base role is the row's: superadmin if and only if is_superadmin is true. The mere text "superadmin" is an admin.
//   - The token's roles lower it, the cap on grants and the grants; if they say nothing that is known, to none. What is left is
//     what the row's role and the token's both give.
//   - A token never yields more than its Ceiling.
//   - Grants are never superadmin's, and a token that repeats the row's role does not lower them.
func (p *Policy) Decide(ctx context.Context, user authsvc.User, claims authsvc.Claims) (authsvc.Decision, error) {
	if p.memo == nil || traceOf(ctx) != nil {
		return p.decide(ctx, user, claims)
	}
	key, lasting := keyOfRow(&user, &claims)
	if !lasting {
		return p.decide(ctx, user, claims)
	}
	if d, ok := p.memo.decided.Get(key); ok {
		return d, nil
	}
	d, err := p.decide(ctx, user, claims)
	if err == nil {
		p.memo.decided.Add(key, d)
	}
	return d, err
}

func (p *Policy) decide(ctx context.Context, user authsvc.User, claims authsvc.Claims) (authsvc.Decision, error) {
	d, err := p.begin(user, claims)
	if err != nil {
		return authsvc.Decision{}, err
	}
	for _, step := range []func(context.Context) error{d.addUp, d.readName, d.readGroups, d.runMappers, d.judge} {
		if err := step(ctx); err != nil {
			return authsvc.Decision{}, err
		}
	}
	return d.decision(), nil
}

// deciding is one Decide under way.
type deciding struct {
	*Policy
	mapping *mapping
	table   *roleTable
	user    authsvc.User
	claims  authsvc.Claims
	limit   authsvc.Role // the token's
	vars    vars

	role    *role // effective
	base    *role // the row's, under limit
	maxRole authsvc.Role
	lowers  *role  // what the token lowers grants to as well; nil: it says nothing that the row does not
	name    string // empty: the row's
	groups  []string
}

func ruleDenied(detail string) error { return authsvc.Deny(authsvc.RuleDenied, detail) }

// begin sees to it that the claims are fit for this policy: they may have been read under another one.
func (p *Policy) begin(user authsvc.User, claims authsvc.Claims) (*deciding, error) {
	name := ""
	if is := claims.IssuerOf(); is != nil {
		name = is.Name
	}
	m := p.issuers[name]
	if m == nil || (name == "") != (claims.IssuerOf() == nil) {
		return nil, ruleDenied("the policy has no such issuer")
	}
	if claims.Mapped == nil && p.needsPayload {
		return nil, ruleDenied("the token was not read under this policy")
	}
	d := &deciding{Policy: p, mapping: m, table: p.table(user.TenantID), user: user, claims: claims, limit: claims.Ceiling()}
	if m.issuer != nil && m.issuer != claims.Mapped.Issuer {
		if err := d.underNewIssuer(); err != nil {
			return nil, err
		}
	}
	if claims.Mapped != nil {
		d.vars = varsOf(claims.Mapped, name)
		if len(p.userRules) > 0 || m.roles != nil || m.display != nil || m.groups != nil {
			d.vars.user = userValue(user)
		}
	}
	return d, nil
}

func varsOf(m *authsvc.Mapped, issuer string) vars {
	v := vars{claims: m.Payload, issuer: types.String(issuer), small: m.Size > 0 && m.Size <= smallPayload}
	if m.Payload == nil {
		v.claims = map[string]any{}
	}
	return v
}

// underNewIssuer holds claims that were read before a reload to what their issuer may now.
func (d *deciding) underNewIssuer() error {
	is, now := d.mapping.issuer, d.claims
	if !is.Tenants[d.user.TenantID] && (d.user.TenantID != "" || !d.user.IsSuperadmin || !is.AllowSuperadmin) {
		return authsvc.Deny(authsvc.RuleDenied, "the issuer does not speak for the row's tenant any more")
	}
	now.Mapped = &authsvc.Mapped{Issuer: is}
	d.limit = min(d.limit, now.Ceiling())
	return nil
}

// addUp finds the effective role.
func (d *deciding) addUp(ctx context.Context) error {
	names, says, err := d.tokenRoles(ctx)
	if err != nil {
		return err
	}
	if d.user.IsSuperadmin {
		d.base = d.table.builtin(authsvc.RoleSuperadmin)
	} else {
		d.base = d.table.stored(d.user.Role)
	}
	d.base = d.table.atMost(d.base, d.limit)
	d.role, d.maxRole = d.base, min(d.limit, authsvc.RoleAdmin)
	if says {
		best := d.table.best(names, d.base)
		d.role = d.table.lower(d.base, best)
		if !slices.Contains(names, d.user.Role) {
			d.maxRole, d.lowers = min(d.maxRole, best.Rank), best
		}
	}
	report(ctx, Step{Stage: StageRole, Rule: d.role.Name, Value: d.role.Profile, OK: true})
	return nil
}

// tokenRoles gives what the token says of roles, and whether it says anything.
func (d *deciding) tokenRoles(ctx context.Context) (names []string, says bool, err error) {
	t := d.mapping.roles
	switch {
	case t == nil && (d.mapping.issuer != nil || !d.claims.HasRole):
		return nil, false, nil
	case t == nil:
		names = []string{d.claims.Role}
	case t.expr == nil:
		names, _ = stringsOf(d.payload()[t.claim])
	default:
		if names, err = evalTarget(ctx, t, &d.vars, toStrings); err == nil && !d.user.IsSuperadmin && d.raises(names) {
			err = ruleDenied(t.place + ": yields superadmin, and the row does not")
		}
	}
	d.reportTarget(ctx, StageRoles, "roles", t, names, err)
	return names, true, err
}

func (*deciding) raises(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return fold(n) == authsvc.RoleSuperadmin.String() })
}

func (d *deciding) payload() map[string]any {
	if d.claims.Mapped == nil {
		return nil
	}
	return d.claims.Mapped.Payload
}

// readName reads what people see; whatever cannot be shown counts as nothing.
func (d *deciding) readName(ctx context.Context) (err error) {
	t := d.mapping.display
	if t == nil {
		return nil
	}
	if t.expr == nil {
		d.name, _ = d.payload()[t.claim].(string)
	} else {
		d.name, err = evalTarget(ctx, t, &d.vars, toString)
	}
	if !showable(d.name) {
		d.name = ""
	}
	d.reportTarget(ctx, StageName, "name", t, d.name, err)
	return err
}

func (d *deciding) readGroups(ctx context.Context) (err error) {
	t := d.mapping.groups
	if t == nil {
		return nil
	}
	if t.expr == nil {
		d.groups, _ = stringsOf(d.payload()[t.claim])
	} else {
		d.groups, err = evalTarget(ctx, t, &d.vars, toStrings)
	}
	d.reportTarget(ctx, StageGroups, "groups", t, d.groups, err)
	return err
}

func (d *deciding) reportTarget(ctx context.Context, stage, name string, t *target, value any, err error) {
	if traceOf(ctx) == nil {
		return
	}
	s := Step{Stage: stage, Rule: name, Source: t.source(), Value: value, OK: err == nil, Message: textOf(err)}
	if t != nil {
		s.Rule = t.place
	}
	report(ctx, s)
}

// judge asks userValidationRules.
func (d *deciding) judge(ctx context.Context) error {
	if len(d.userRules) == 0 {
		return nil
	}
	d.vars.result = valueOf(roomResult, &celResult{
		Role: d.role.Name, Rank: d.role.Rank.String(), Name: d.shown(), Groups: d.groups,
		DeviceRights: d.role.DeviceRights, SiteRights: d.role.SiteRights,
	})
	return check(ctx, StageUserRule, d.userRules, &d.vars)
}

func (d *deciding) shown() string {
	if d.name == "" {
		return d.user.FullName
	}
	return d.name
}

func (d *deciding) decision() authsvc.Decision {
	out := authsvc.Decision{Role: d.role.Rank, MaxRole: d.maxRole, Name: d.name}
	// A role that a mapper made is a profile even where none is configured.
	if d.configured || d.role != d.table.builtin(d.role.Rank) {
		out.Profile = d.role.Profile
	}
	if !d.configured || len(d.user.Grants) == 0 {
		return out
	}
	out.Grants = make(map[string]*authsvc.Profile)
	for _, g := range d.user.Grants {
		if _, done := out.Grants[g.Role]; !done {
			out.Grants[g.Role] = d.granted(g.Role).Profile
		}
	}
	return out
}

// granted gives the role of an individual grant: what the token takes away it takes there as well.
func (d *deciding) granted(name string) *role {
	r := d.table.atMost(d.table.stored(name), d.maxRole)
	if d.lowers == nil {
		return r
	}
	return d.table.lower(r, d.lowers)
}

// showable is true of a name that can be put on a page in one line.
func showable(name string) bool {
	if name == "" || len(name) > maxShown || !utf8.ValidString(name) {
		return false
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// draft is what Go mappers start from.
func (d *deciding) draft() *Draft {
	return &Draft{
		TenantID: d.user.TenantID, Role: d.role.Name, Name: d.shown(), Groups: slices.Clone(d.groups),
		DeviceRights: slices.Clone(d.role.DeviceRights), SiteRights: slices.Clone(d.role.SiteRights),
	}
}

// clone is for whoever must not share.
func (d Draft) clone() Draft {
	d.Groups, d.DeviceRights, d.SiteRights = slices.Clone(d.Groups), slices.Clone(d.DeviceRights), slices.Clone(d.SiteRights)
	return d
}
