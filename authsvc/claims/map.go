package claims

import (
	"context"
	"strings"

	"cel.dev/cel-go/common/types"

	"github.com/everydaytech/meshsso/authsvc"
)

const maxSubject = 256 // bytes

// Mapper gives what the token verifier calls with a verified payload of an issuer by its name; "" is the built-in one. Nil: the
// built-in mapping applies untouched and nobody needs the payload; of a further issuer never nil. Key and ExpiresAt are the
// verifier's to set.
func (p *Policy) Mapper(issuer string) func(payload []byte) (authsvc.Claims, error) {
	if issuer == "" && !p.needsPayload {
		return nil
	}
	if p.memo == nil {
		return func(payload []byte) (authsvc.Claims, error) { return p.Map(context.Background(), issuer, payload) }
	}
	return func(payload []byte) (authsvc.Claims, error) {
		key := keyOfPayload(issuer, payload)
		if c, ok := p.memo.mapped.Get(key); ok {
			return c, nil
		}
		c, err := p.Map(context.Background(), issuer, payload)
		if err == nil {
			p.memo.mapped.Add(key, c)
		}
		return c, err
	}
}

// Map is what Mapper's function does, reported if ctx asks for it. Errors: TOKEN_MALFORMED, TOKEN_CLAIMS, USER_UNKNOWN (no such
// subject), RULE_DENIED, or the context's own.
func (p *Policy) Map(ctx context.Context, issuer string, payload []byte) (authsvc.Claims, error) {
	m := p.issuers[issuer]
	if m == nil {
		return authsvc.Claims{}, badClaim("no such issuer")
	}
	members, err := decodePayload(payload)
	report(ctx, Step{Stage: StagePayload, Rule: "payload", OK: err == nil, Message: textOf(err)})
	if err != nil {
		return authsvc.Claims{}, err
	}
	r := &reading{mapping: m, payload: members, data: payload, vars: vars{claims: members, issuer: types.String(issuer), small: len(payload) <= smallPayload}}
	c, err := r.claims(ctx)
	if err != nil {
		return authsvc.Claims{}, err
	}
	return c, nil
}

// reading is one token's mapping.
type reading struct {
	*mapping
	payload map[string]any
	data    []byte
	vars    vars
}

func (r *reading) claims(ctx context.Context) (authsvc.Claims, error) {
	c := authsvc.Claims{Mapped: &authsvc.Mapped{Issuer: r.issuer, Payload: r.payload, Size: len(r.data)}}
	if err := r.registered(); err != nil {
		return c, err
	}
	if err := check(ctx, StageClaimRule, r.rules, &r.vars); err != nil {
		return c, err
	}
	for _, s := range []struct {
		stage string
		t     *target
		read  func(context.Context, *authsvc.Claims) (string, error)
	}{
		{StageSubject, r.subject, r.readSubject},
		{StageEmail, r.email, r.readEmail},
		{StageTenant, r.tenant, r.readTenant},
	} {
		value, err := s.read(ctx, &c)
		if trace := traceOf(ctx); trace != nil {
			step := Step{Stage: s.stage, Rule: r.place + "." + s.stage, Source: s.t.source(), OK: err == nil, Message: textOf(err)}
			if value != "" {
				step.Value = value
			}
			trace(step)
		}
		if err != nil {
			return c, err
		}
	}
	return c, r.readRole(&c)
}

// registered checks the types of registered claims that nothing else here reads (RFC 7519 4.1).
func (r *reading) registered() error {
	for _, name := range []string{"iss", "sub", "jti"} {
		if v, present := r.payload[name]; present {
			if _, ok := v.(string); !ok {
				return badClaim(name + " is not a string")
			}
		}
	}
	if aud, present := r.payload["aud"]; present {
		if _, ok := stringsOf(aud); !ok {
			return badClaim("aud is neither a string nor an array of strings")
		}
	}
	return nil
}

func (r *reading) readSubject(ctx context.Context, c *authsvc.Claims) (string, error) {
	if r.issuer == nil {
		return r.readNumber(ctx, c)
	}
	var text string
	var err error
	if r.subject != nil {
		text, err = r.subject.textAt(ctx, &r.vars, r.payload, toString)
	} else {
		text, _ = r.payload["sub"].(string) // a string if present
	}
	if err != nil {
		return "", err
	}
	if len(text) > maxSubject || (text == "" && (r.subject != nil || r.subjects != nil)) {
		return "", badClaim("the subject must have 1 to 256 bytes")
	}
	c.Mapped.Subject = text
	return text, nil
}

// readNumber reads the row's number of a token of the built-in issuer.
func (r *reading) readNumber(ctx context.Context, c *authsvc.Claims) (text string, err error) {
	switch t := r.subject; {
	case t == nil:
		if text, err = r.defaultNumber(); err != nil {
			return "", err
		}
	case t.expr == nil && isNumber(r.payload[t.claim]):
		text = numberText(r.data, t.claim)
	default:
		if text, err = t.textAt(ctx, &r.vars, r.payload, toNumber); err != nil {
			return "", err
		}
	}
	id, ok := userIDOf(text)
	if !ok {
		return "", badClaim("the subject is not an integer of 1 to 2^53-1")
	}
	c.UserID, c.Mapped.Subject = id, text
	return text, nil
}

// defaultNumber reads userId or user_id; where both are present they must be equal.
func (r *reading) defaultNumber() (text string, err error) {
	for _, name := range []string{"userId", "user_id"} {
		v, present := r.payload[name]
		if !present {
			continue
		}
		digits := ""
		if isNumber(v) {
			digits = numberText(r.data, name)
		}
		if _, ok := userIDOf(digits); !ok {
			return "", badClaim(name + " is not an integer of 1 to 2^53-1")
		}
		if text != "" && text != digits {
			return "", badClaim("userId and user_id differ")
		}
		text = digits
	}
	if text == "" {
		return "", badClaim("userId is missing")
	}
	return text, nil
}

func isNumber(v any) bool {
	_, ok := v.(float64)
	return ok
}

func (r *reading) readEmail(ctx context.Context, c *authsvc.Claims) (string, error) {
	if r.subjects != nil {
		email, known := r.subjects[c.Mapped.Subject]
		if !known {
			return "", authsvc.Deny(authsvc.UserUnknown, "the subject is not in the issuer's table")
		}
		c.Email = email
		return email, nil
	}
	if verified, _ := r.payload["email_verified"].(bool); r.issuer != nil && !verified {
		return "", badClaim("email_verified is not true")
	}
	text, err := r.textOf(ctx, r.email, "email")
	if err != nil {
		return "", err
	}
	folded, ok := authsvc.FoldEmail(text)
	if !ok {
		return "", badClaim("email has an unacceptable shape")
	}
	c.Email = folded
	return folded, nil
}

func (r *reading) readTenant(ctx context.Context, c *authsvc.Claims) (string, error) {
	if r.issuer != nil && r.tenant == nil {
		return "", nil // the row decides
	}
	text, err := r.textOf(ctx, r.tenant, "tenantId")
	if err != nil {
		return "", err
	}
	if !authsvc.IsUUID(text) {
		return "", badClaim("the tenant is not a UUID")
	}
	c.TenantID = strings.ToLower(text)
	return c.TenantID, nil
}

// textOf reads a target or, if it is nil, its default claim.
func (r *reading) textOf(ctx context.Context, t *target, claim string) (string, error) {
	if t != nil {
		return t.textAt(ctx, &r.vars, r.payload, toString)
	}
	text, ok := r.payload[claim].(string)
	if !ok {
		return "", badClaim(claim + " is missing or not a string")
	}
	return text, nil
}

// readRole keeps the claim that the built-in rule reads. Where the roles come from elsewhere it decides nothing, and may be
// anything.
func (r *reading) readRole(c *authsvc.Claims) error {
	v, present := r.payload["role"]
	if r.issuer != nil || !present {
		return nil
	}
	text, ok := v.(string)
	if !ok && r.roles == nil {
		return badClaim("role is not a string")
	}
	c.Role, c.HasRole = text, ok
	return nil
}

func report(ctx context.Context, s Step) {
	if trace := traceOf(ctx); trace != nil {
		trace(s)
	}
}
