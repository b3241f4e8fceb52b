package token_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/token"
)

func TestIssuersClaims(t *testing.T) {
	i := bySecrets("acme", acmeISS, token.Secret{Key: []byte(acmeKey)})
	i.Audiences, i.MaxLifetime, i.Leeway = []string{"meshsso", "other"}, time.Hour, 10*time.Second
	v := verifierOf(t, i)
	good := issued(acmeISS, "")
	at := now.Unix()
	times := fmt.Sprintf(iatAndExp, at, at+60)
	swap := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	span := func(iat, exp int64) string { return swap(times, fmt.Sprintf(iatAndExp, iat, exp)) }
	for name, c := range map[string]struct {
		payload string
		want    authsvc.Reason
	}{
		"good": {good, ""}, "aud among several": {swap(`"meshsso"`, `["x","other"]`), ""}, "nbf within leeway": {issued(acmeISS, fmt.Sprintf(`,"nbf":%d`, at+10)), ""},
		"iss escaped": {swap(`https://`, `https:\/\/`), ""}, "the longest life": {span(at-60, at+3540), ""},
		"aud missing": {swap(`"aud":"meshsso",`, ``), authsvc.TokenClaims}, "aud other": {swap(`"meshsso"`, `"meshss"`), authsvc.TokenClaims}, "aud in other case": {swap(`"meshsso"`, `"MeshSSO"`), authsvc.TokenClaims},
		"aud empty": {swap(`"meshsso"`, `""`), authsvc.TokenClaims}, "aud none": {swap(`"meshsso"`, `[]`), authsvc.TokenClaims}, "aud null": {swap(`"meshsso"`, `null`), authsvc.TokenClaims},
		"aud object": {swap(`"meshsso"`, `{"meshsso":1}`), authsvc.TokenClaims}, "aud nested": {swap(`"meshsso"`, `[["meshsso"]]`), authsvc.TokenClaims}, "aud mixed": {swap(`"meshsso"`, `["meshsso",1]`), authsvc.TokenClaims},
		"sub number":  {swap(`"p"`, `1`), authsvc.TokenClaims},
		"iat missing": {swap(times, fmt.Sprintf(`"exp":%d`, at+60)), authsvc.TokenClaims}, "iat text": {swap(fmt.Sprintf(`"iat":%d`, at), `"iat":"1"`), authsvc.TokenClaims},
		"exp missing": {swap(times, fmt.Sprintf(`"iat":%d`, at)), authsvc.TokenClaims}, "too long a life": {span(at-60, at+3541), authsvc.TokenClaims}, "ends before it begins": {span(at+9, at+8), authsvc.TokenClaims},
		"for ever": {span(at, 253402300799), authsvc.TokenClaims}, "expired": {span(at-60, at), authsvc.TokenExpired}, "expired, and not ours": {strings.Replace(span(at-60, at-1), "meshsso", "x", 1), authsvc.TokenExpired},
		"iat ahead": {span(at+11, at+60), authsvc.TokenNotYetValid}, "nbf ahead": {issued(acmeISS, fmt.Sprintf(`,"nbf":%d`, at+11)), authsvc.TokenNotYetValid},
		"e-mail twice": {issued(acmeISS, `,"email":"x@acme.example"`), authsvc.TokenSignature}, "no mapped e-mail": {swap(`"email":"p@acme.example",`, ``), authsvc.TokenClaims},
		"e-mail not folded": {swap(`p@acme`, `P@acme`), authsvc.TokenClaims},
	} {
		expect(t, v, name, jws(acmeKey, head("HS256", ""), c.payload), c.want)
	}
}

// What a mapping says is held to the issuer whose key vouched.
func TestMappingsThatLie(t *testing.T) {
	of := func(c authsvc.Claims, err error) func([]byte) (authsvc.Claims, error) {
		return func([]byte) (authsvc.Claims, error) { return c, err }
	}
	person := authsvc.Claims{Email: "p@acme.example", TenantID: tenant, UserID: 7}
	with := func(i *authsvc.Issuer) authsvc.Claims {
		c := person
		c.Mapped = &authsvc.Mapped{Issuer: i}
		return c
	}
	everywhere := map[string]bool{tenant: true}
	denied := authsvc.Deny(authsvc.RuleDenied, "rule 1")
	for name, c := range map[string]struct {
		claims authsvc.Claims
		err    error
		want   authsvc.Reason
	}{
		"no issuer": {person, nil, authsvc.TokenClaims}, "an issuer of no name": {with(&authsvc.Issuer{Tenants: everywhere}), nil, authsvc.TokenClaims},
		"another": {with(&authsvc.Issuer{Name: "other", Tenants: everywhere}), nil, authsvc.TokenClaims}, "no tenants": {with(&authsvc.Issuer{Name: "acme"}), nil, authsvc.TokenClaims},
		"a rule": {person, denied, authsvc.RuleDenied}, "a fault": {with(&authsvc.Issuer{Name: "acme", Tenants: everywhere}), errors.New("x"), authsvc.Internal},
		"good": {with(&authsvc.Issuer{Name: "acme", Tenants: everywhere}), nil, ""},
	} {
		i := bySecrets("acme", acmeISS, token.Secret{Key: []byte(acmeKey)})
		i.Map = of(c.claims, c.err)
		expect(t, verifierOf(t, i), name, jws(acmeKey, head("HS256", ""), issued(acmeISS, "")), c.want)
	}
	for name, c := range map[string]struct {
		claims authsvc.Claims
		want   authsvc.Reason
	}{
		"good": {person, ""}, "with a payload": {with(nil), ""}, "a further issuer": {with(&authsvc.Issuer{Name: "acme", Tenants: everywhere}), authsvc.TokenClaims},
		"nobody": {authsvc.Claims{Email: "p@acme.example", TenantID: tenant}, authsvc.TokenClaims}, "no tenant": {authsvc.Claims{Email: "p@acme.example", UserID: 7}, authsvc.TokenClaims},
		"no e-mail": {authsvc.Claims{TenantID: tenant, UserID: 7}, authsvc.TokenClaims},
	} {
		v, err := token.New(token.Config{DashboardKey: []byte(dashboardKey), Now: func() time.Time { return now }, Map: of(c.claims, nil)})
		if err != nil {
			t.Fatal(err)
		}
		got := expect(t, v, "built-in, "+name, jws(dashboardKey, header, payload("")), c.want)
		if c.want == "" && (got.Key != authsvc.KeyDashboard || !got.ExpiresAt.Equal(now.Add(time.Minute))) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A mapping sees verified payloads only, and none whose time is not now.
func TestMappingSeesVerifiedPayloadsOnly(t *testing.T) {
	var seen []string
	i := bySecrets("acme", acmeISS, token.Secret{Key: []byte(acmeKey)})
	ours := i.Map
	i.Map = func(p []byte) (authsvc.Claims, error) { seen = append(seen, string(p)); return ours(p) }
	v := verifierOf(t, i)
	good := issued(acmeISS, "")
	expect(t, v, "forged", jws(otherKey, head("HS256", ""), good), authsvc.TokenSignature)
	expect(t, v, "expired", jws(acmeKey, head("HS256", ""), strings.ReplaceAll(good, fmt.Sprint(now.Unix()+60), fmt.Sprint(now.Unix()))), authsvc.TokenExpired)
	expect(t, v, "good", jws(acmeKey, head("HS256", ""), good), "")
	if !slices.Equal(seen, []string{good}) {
		t.Errorf("%q", seen)
	}
}

// A mapping that hands over what it took apart gets the verdict of one that does not: what is read of it, or of the text, is the same.
func TestWhatAMappingTookApartIsReadAlike(t *testing.T) {
	person := authsvc.Claims{Email: "p@acme.example", TenantID: tenant, UserID: 7}
	apart := func(payload []byte) (authsvc.Claims, error) {
		c := person
		var members map[string]any
		if err := json.Unmarshal(payload, &members); err != nil {
			return c, authsvc.ErrTokenMalformed
		}
		c.Mapped = &authsvc.Mapped{Payload: members}
		return c, nil
	}
	text := func([]byte) (authsvc.Claims, error) { return person, nil }
	verify := func(decode func([]byte) (authsvc.Claims, error), payload string) (time.Time, authsvc.Reason) {
		v, err := token.New(token.Config{DashboardKey: []byte(dashboardKey), Leeway: 10 * time.Second, Map: decode, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		c, err := v.Verify(t.Context(), authsvc.NewToken(jws(dashboardKey, head("HS256", ""), payload)))
		if err != nil {
			return time.Time{}, authsvc.ReasonOf(err)
		}
		return c.ExpiresAt, ""
	}
	at := now.Unix()
	values := []string{fmt.Sprint(at + 60), fmt.Sprint(at), fmt.Sprint(at - 1), fmt.Sprintf("%d.5", at+9), fmt.Sprintf("%d.999999", at), "1e3", "-1", "0", "0.0", "1e400", "253402300799", "253402300800", `"1"`, "null", "true", "[]", "{}"}
	for _, name := range []string{"exp", "nbf", "iat"} {
		for _, value := range values {
			payload := fmt.Sprintf(`{"exp":%d,%q:%s}`, at+60, name, value)
			if name == "exp" {
				payload = `{"exp":` + value + `}`
			}
			a, ar := verify(apart, payload)
			b, br := verify(text, payload)
			if !a.Equal(b) || ar != br {
				t.Errorf("%s: %s %q taken apart, %s %q as text", payload, a, ar, b, br)
			}
		}
	}
	for _, name := range []string{"iss", "sub", "jti", "aud"} {
		for _, value := range []string{`"x"`, "1", "null", "[]", `["x"]`, `["x",1]`, `[["x"]]`, "{}", "true"} {
			payload := fmt.Sprintf(`{"exp":%d,%q:%s}`, at+60, name, value)
			if _, ar := verify(apart, payload); true {
				if _, br := verify(text, payload); ar != br {
					t.Errorf("%s: %q taken apart, %q as text", payload, ar, br)
				}
			}
		}
	}
	// What is wrong with the token itself is said before what a rule says of it.
	denies := func([]byte) (authsvc.Claims, error) { return authsvc.Claims{}, authsvc.ErrRuleDenied }
	if _, reason := verify(denies, fmt.Sprintf(`{"exp":%d}`, at-1)); reason != authsvc.TokenExpired {
		t.Errorf("expired, and denied by a rule: %s", reason)
	}
	if _, reason := verify(denies, fmt.Sprintf(`{"exp":%d}`, at+60)); reason != authsvc.RuleDenied {
		t.Errorf("denied by a rule: %s", reason)
	}
}
