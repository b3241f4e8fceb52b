package token

import (
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/everydaytech/meshsso/authsvc"
)

// window compares a token's times with the clock.
type window struct {
	expiry *jwt.Validator // exp: no leeway
	start  *jwt.Validator // nbf, iat
}

func newWindow(now func() time.Time, leeway time.Duration) window {
	return window{
		expiry: jwt.NewValidator(jwt.WithTimeFunc(now), jwt.WithExpirationRequired()),
		start:  jwt.NewValidator(jwt.WithTimeFunc(now), jwt.WithIssuedAt(), jwt.WithLeeway(leeway)),
	}
}

func (w window) check(times numericDates) error {
	if w.expiry.Validate(times.only(times.exp, nil, nil)) != nil {
		return authsvc.ErrTokenExpired
	}
	if w.start.Validate(times.only(nil, times.nbf, times.iat)) != nil {
		return authsvc.ErrTokenNotYetValid
	}
	return nil
}

// mapping reads a verified payload: the registered claims itself, the rest by what was configured.
type mapping struct {
	name   string // of the issuer; empty for the built-in one
	times  window
	decode func(payload []byte) (authsvc.Claims, error)

	// Of a further issuer:
	audiences   map[string]bool
	maxLifetime time.Duration
}

// read is claims of a payload that nobody has taken apart yet. What the mapping took apart is not read a second time, unless it says
// no: then what is wrong with the token itself is said first.
func (m *mapping) read(payload []byte, key authsvc.KeyID) (authsvc.Claims, error) {
	c, err := m.decode(payload)
	if err == nil && c.Mapped != nil {
		if o, ok := decodedOf(c.Mapped.Payload); ok {
			return m.finish(&o, c, key)
		}
	}
	o, err := parseRegistered(payload)
	if err != nil {
		return authsvc.Claims{}, err
	}
	return m.claims(o, payload, key)
}

// finish is the rest of read.
func (m *mapping) finish(o *decoded, c authsvc.Claims, key authsvc.KeyID) (authsvc.Claims, error) {
	if err := m.times.check(o.numericDates); err != nil {
		return authsvc.Claims{}, err
	}
	if err := m.sound(&c); err != nil {
		return authsvc.Claims{}, err
	}
	c.Key, c.ExpiresAt = key, o.exp.Time
	return c, nil
}

// decoded is what the built-in issuer needs of a payload that is taken apart.
type decoded struct{ numericDates }

// decodedOf gives the times of a payload whose registered claims have the types that checkRegistered wants; false for any other one.
func decodedOf(payload map[string]any) (d decoded, ok bool) {
	for _, name := range [...]string{"iss", "sub", "jti"} {
		if v, present := payload[name]; present {
			if _, ok := v.(string); !ok {
				return d, false
			}
		}
	}
	if aud, present := payload["aud"]; present && !isTexts(aud) {
		return d, false
	}
	for _, f := range [...]struct {
		name string
		into **jwt.NumericDate
	}{{"exp", &d.exp}, {"nbf", &d.nbf}, {"iat", &d.iat}} {
		v, present := payload[f.name]
		if !present {
			continue
		}
		seconds, isNumber := v.(float64)
		t, ok := timeOf(seconds)
		if !ok || !isNumber {
			return d, false
		}
		*f.into = &jwt.NumericDate{Time: t}
	}
	return d, d.exp != nil
}

func isTexts(v any) bool {
	if _, ok := v.(string); ok {
		return true
	}
	list, ok := v.([]any)
	for _, item := range list {
		if _, isText := item.(string); !isText {
			return false
		}
	}
	return ok
}

// claims gives what o, which is payload's, says. Errors: the TOKEN_* reasons, and those of decode.
func (m *mapping) claims(o members, payload []byte, key authsvc.KeyID) (authsvc.Claims, error) {
	var dates numericDates
	if err := readDates(o, &dates); err != nil {
		return authsvc.Claims{}, err
	}
	if err := checkRegistered(o); err != nil {
		return authsvc.Claims{}, err
	}
	if err := m.times.check(dates); err != nil {
		return authsvc.Claims{}, err
	}
	if err := m.restrict(o, dates); err != nil {
		return authsvc.Claims{}, err
	}
	c, err := m.decode(payload)
	if err != nil {
		return authsvc.Claims{}, err
	}
	if err := m.sound(&c); err != nil {
		return authsvc.Claims{}, err
	}
	c.Key, c.ExpiresAt = key, dates.exp.Time
	return c, nil
}

// restrict holds a further issuer's tokens to whom they are for and how long they may live.
func (m *mapping) restrict(o members, dates numericDates) error {
	if m.name == "" {
		return nil
	}
	if !m.isFor(o) {
		return badClaim("aud names nobody here")
	}
	if dates.iat == nil {
		return badClaim("iat is missing")
	}
	if d := dates.exp.Sub(dates.iat.Time); d < 0 || d > m.maxLifetime {
		return badClaim("exp lies before iat or too far behind it")
	}
	return nil
}

// isFor reads aud: one name or several (RFC 7519 4.1.3).
func (m *mapping) isFor(o members) bool {
	aud, _ := o.member("aud")
	for _, name := range stringsOf(aud) {
		if m.audiences[name] {
			return true
		}
	}
	return false
}

// sound makes sure of what the rest of the house relies on, whatever a mapping does: the claims belong to the issuer whose key
// vouched for them, and name somebody.
func (m *mapping) sound(c *authsvc.Claims) error {
	name := ""
	if issuer := c.IssuerOf(); issuer != nil {
		name = issuer.Name
		if name == "" || len(issuer.Tenants) == 0 {
			return badClaim("the mapping gives an issuer without a name or tenants")
		}
	}
	if name != m.name {
		return badClaim("the mapping gives another issuer")
	}
	if folded, ok := authsvc.FoldEmail(c.Email); !ok || folded != c.Email {
		return badClaim("the mapping gives no folded e-mail")
	}
	if name == "" && (c.UserID < 1 || c.UserID > maxUserID || !authsvc.IsUUID(c.TenantID)) {
		return badClaim("the mapping gives no user or no tenant")
	}
	return nil
}
