package claims

import (
	"context"
	"errors"

	"cel.dev/cel-go/common/types/ref"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/config"
)

// target is where one target of claimMappings comes from: a claim, an expression or, if nil, its default.
type target struct {
	place string
	claim string
	expr  *expression // nil: claim
}

// rule is one of claimValidationRules or userValidationRules.
type rule struct {
	*expression
	message string
}

// mapping is what applies to one issuer's tokens.
type mapping struct {
	name     string
	issuer   *authsvc.Issuer   // nil: the built-in one
	subjects map[string]string // subject → folded e-mail; nil: none
	place    string            // of its claimMappings in the file
	rules    []rule

	subject, email, tenant, roles, display, groups *target
}

// source is what a trace shows.
func (t *target) source() string {
	switch {
	case t == nil:
		return ""
	case t.expr != nil:
		return t.expr.source
	}
	return t.claim
}

// compileMapping compiles claimMappings; nil keeps every default.
func (b *builder) compileMapping(m *mapping, cfg *config.ClaimMappings) {
	if cfg == nil {
		return
	}
	m.subject = b.target(m.place+".subject", cfg.Subject, roomToken, kindString)
	m.email = b.target(m.place+".email", cfg.Email, roomToken, kindString)
	m.tenant = b.target(m.place+".tenant", cfg.Tenant, roomToken, kindString)
	m.roles = b.target(m.place+".roles", cfg.Roles, roomUser, kindStrings)
	m.display = b.target(m.place+".name", cfg.Name, roomUser, kindString)
	m.groups = b.target(m.place+".groups", cfg.Groups, roomUser, kindStrings)
}

func (b *builder) target(place string, cfg *config.Mapping, in room, yields kind) *target {
	switch {
	case cfg == nil:
		return nil
	case (cfg.Claim == "") == (cfg.Expression == ""):
		b.fault(place, "needs a claim or an expression, and not both")
		return nil
	case cfg.Claim != "":
		return &target{place: place, claim: cfg.Claim}
	}
	return &target{place: place, expr: b.expression(place+".expression", cfg.Expression, in, yields)}
}

func (b *builder) rules(place string, cfg []config.Rule, in room) []rule {
	if len(cfg) > maxRules {
		b.fault(place, "has more than 64 rules")
		return nil
	}
	out := make([]rule, 0, len(cfg))
	for i, r := range cfg {
		at := index(place, i)
		if r.Message == "" || len(r.Message) > maxMessage {
			b.fault(at+".message", "must have 1 to 512 bytes")
		}
		e := b.expression(at+".expression", r.Expression, in, kindBool)
		e.place = at // what people are told
		out = append(out, rule{e, r.Message})
	}
	return out
}

// textAt evaluates a target before the look-up: a claim that is no string, or an expression that yields none, is TOKEN_CLAIMS.
func (t *target) textAt(ctx context.Context, v *vars, payload map[string]any, as func(ref.Val) (string, error)) (string, error) {
	if t.expr == nil {
		s, ok := payload[t.claim].(string)
		if !ok {
			return "", badClaim(t.place + ": the claim is missing or not a string")
		}
		return s, nil
	}
	out, err := t.expr.eval(ctx, v)
	if err != nil {
		return "", denied(ctx, t.place, err)
	}
	s, err := as(out)
	if err != nil {
		return "", badClaim(t.place + ": " + err.Error())
	}
	return s, nil
}

// evalTarget evaluates a target's expression after the look-up; another type is RULE_DENIED.
func evalTarget[T any](ctx context.Context, t *target, v *vars, as func(ref.Val) (T, error)) (T, error) {
	var value T
	out, err := t.expr.eval(ctx, v)
	if err == nil {
		value, err = as(out)
	}
	if err != nil {
		return value, denied(ctx, t.place, err)
	}
	return value, nil
}

// check runs rules until one is not true.
func check(ctx context.Context, stage string, rules []rule, v *vars) error {
	trace := traceOf(ctx)
	for _, r := range rules {
		ok, message := false, r.message
		out, err := r.eval(ctx, v)
		if err == nil {
			ok, err = toBool(out)
		}
		if trace != nil {
			s := Step{Stage: stage, Rule: r.place, Source: r.source, Value: ok, OK: ok, Message: r.message}
			if err != nil {
				s.Value, s.Message = nil, textOf(err)
			}
			trace(s)
		}
		if err != nil {
			return denied(ctx, r.place+" ("+message+")", err)
		}
		if !ok {
			return authsvc.Deny(authsvc.RuleDenied, r.place+": "+message)
		}
	}
	return nil
}

// denied makes a denial of whatever kept a rule from its verdict, but for the end of the context itself.
func denied(ctx context.Context, place string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &fault{denial: authsvc.Deny(authsvc.RuleDenied, place+": "+err.Error()), inner: err}
}

// fault is a denial that knows more than may be logged.
type fault struct{ denial, inner error }

func (f *fault) Error() string { return f.denial.Error() }

func (f *fault) Unwrap() error { return f.denial }

// textOf says all that is known of an error, values too: for a trace.
func textOf(err error) string {
	if err == nil {
		return ""
	}
	if f, ok := errors.AsType[*celError](err); ok && f.inner != nil {
		return "fails: " + f.inner.Error()
	}
	if f, ok := errors.AsType[*fault](err); ok {
		if _, ok := errors.AsType[*celError](f.inner); ok {
			return f.Error() + ": " + textOf(f.inner)
		}
	}
	return err.Error()
}
