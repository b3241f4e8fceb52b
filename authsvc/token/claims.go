package token

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"github.com/everydaytech/meshsso/authsvc"
)

const (
	maxUserID = 1<<53 - 1    // what JavaScript, which issues the tokens, holds exactly
	maxDate   = 253402300799 // 9999-12-31T23:59:59Z, the last that a protobuf Timestamp holds
)

func badClaim(detail string) error { return authsvc.Deny(authsvc.TokenClaims, detail) }

// decodeClaims reads a verified payload. Errors: TOKEN_MALFORMED (not an object), TOKEN_CLAIMS. Details name claims and
// never hold their values.
func decodeClaims(payload []byte) (authsvc.Claims, numericDates, error) {
	o, err := parseObject(payload)
	if err != nil {
		return authsvc.Claims{}, numericDates{}, err
	}
	c := authsvc.Claims{}
	var dates numericDates
	// In this order, because the first fault is the one that is named.
	if err = o.email(&c); err == nil {
		err = o.tenant(&c)
	}
	if err == nil {
		err = o.userID(&c)
	}
	if err == nil {
		err = o.role(&c)
	}
	if err == nil {
		err = readDates(o, &dates)
	}
	if err == nil {
		err = checkRegistered(o)
	}
	if err != nil {
		return authsvc.Claims{}, numericDates{}, err
	}
	c.ExpiresAt = dates.exp.Time
	return c, dates, nil
}

func (o object) email(c *authsvc.Claims) error {
	text, ok := stringOf(o["email"])
	if !ok {
		return badClaim("email is missing or not a string")
	}
	if c.Email, ok = authsvc.FoldEmail(text); !ok {
		return badClaim("email has an unacceptable shape")
	}
	return nil
}

func (o object) tenant(c *authsvc.Claims) error {
	text, ok := stringOf(o["tenantId"])
	if !ok || !authsvc.IsUUID(text) {
		return badClaim("tenantId is missing or not a UUID")
	}
	c.TenantID = strings.ToLower(text)
	return nil
}

// userID reads userId or user_id; where both are present they must be equal.
func (o object) userID(c *authsvc.Claims) error {
	for _, name := range []string{"userId", "user_id"} {
		v, present := o[name]
		if !present {
			continue
		}
		id, ok := integerOf(v)
		if !ok {
			return badClaim(name + " is not an integer of 1 to 2^53-1")
		}
		if c.UserID != 0 && c.UserID != id {
			return badClaim("userId and user_id differ")
		}
		c.UserID = id
	}
	if c.UserID == 0 {
		return badClaim("userId is missing")
	}
	return nil
}

// integerOf takes plain digits only: 1.0 and 1e0 are other texts for a number that different readers round differently.
func integerOf(v jsontext.Value) (int64, bool) {
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	return n, err == nil && n >= 1 && n <= maxUserID
}

func (o object) role(c *authsvc.Claims) error {
	v, present := o["role"]
	if !present {
		return nil
	}
	c.HasRole = true
	var ok bool
	if c.Role, ok = stringOf(v); !ok {
		return badClaim("role is not a string")
	}
	return nil
}

// checkRegistered checks the types of registered claims that decide nothing here (RFC 7519 4.1).
func checkRegistered(m members) error {
	for _, name := range []string{"iss", "sub", "jti"} {
		if v, present := m.member(name); present && v.Kind() != '"' {
			return badClaim(name + " is not a string")
		}
	}
	aud, present := m.member("aud")
	if present && aud.Kind() != '"' && !isStringArray(aud) {
		return badClaim("aud is neither a string nor an array of strings")
	}
	return nil
}

// numericDates are the times of a token and satisfy jwt.Claims, so that golang-jwt's validator compares them.
type numericDates struct{ exp, nbf, iat *jwt.NumericDate }

func (numericDates) only(exp, nbf, iat *jwt.NumericDate) numericDates {
	return numericDates{exp: exp, nbf: nbf, iat: iat}
}

func (d numericDates) GetExpirationTime() (*jwt.NumericDate, error) { return d.exp, nil }
func (d numericDates) GetNotBefore() (*jwt.NumericDate, error)      { return d.nbf, nil }
func (d numericDates) GetIssuedAt() (*jwt.NumericDate, error)       { return d.iat, nil }
func (numericDates) GetIssuer() (string, error)                     { return "", nil }
func (numericDates) GetSubject() (string, error)                    { return "", nil }
func (numericDates) GetAudience() (jwt.ClaimStrings, error)         { return nil, nil }

func readDates(m members, d *numericDates) error {
	// Apart from their names, which go through an interface: together with them the dates would live on the heap.
	into := [...]**jwt.NumericDate{&d.exp, &d.nbf, &d.iat}
	for i, name := range [...]string{"exp", "nbf", "iat"} {
		v, present := m.member(name)
		if !present && name != "exp" {
			continue
		}
		t, ok := dateOf(v)
		if !ok {
			return badClaim(name + " is missing or not a date in seconds")
		}
		*into[i] = &jwt.NumericDate{Time: t}
	}
	return nil
}

// dateOf reads a NumericDate (RFC 7519 2): seconds, a fraction allowed, after 1970 and before the year 10000.
func dateOf(v jsontext.Value) (time.Time, bool) {
	if v.Kind() != '0' {
		return time.Time{}, false
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil {
		return time.Time{}, false
	}
	return timeOf(f)
}

func timeOf(f float64) (time.Time, bool) {
	if !(f > 0 && f <= maxDate) {
		return time.Time{}, false
	}
	sec, frac := math.Modf(f)
	return time.Unix(int64(sec), int64(frac*float64(time.Second))), true
}

func isStringArray(v jsontext.Value) bool {
	var items []jsontext.Value
	if v.Kind() != '[' || json.Unmarshal(v, &items) != nil {
		return false
	}
	for _, item := range items {
		if item.Kind() != '"' {
			return false
		}
	}
	return true
}

// stringsOf gives one JSON string, or an array of them; none for anything else.
func stringsOf(v jsontext.Value) []string {
	if one, ok := stringOf(v); ok {
		return []string{one}
	}
	var texts []string
	if !isStringArray(v) || json.Unmarshal(v, &texts) != nil {
		return nil
	}
	return texts
}
