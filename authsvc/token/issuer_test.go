package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/token"
)

func TestIssuersOfEveryAlgorithm(t *testing.T) {
	v := verifierOf(t, byKeys("acme", acmeISS, allKeys()), bySecrets("other", otherISS, token.Secret{Key: []byte(otherKey)}))
	for _, alg := range publicAlgorithms {
		text := sign(t, alg, privateFor(alg), head(alg, fmt.Sprintf(`,"kid":"key of %s"`, alg)), issued(acmeISS, ""))
		c := expect(t, v, alg, text, "")
		if c.Key != authsvc.KeyIssuer || c.Email != "p@acme.example" || !c.ExpiresAt.Equal(now.Add(time.Minute)) || c.IssuerOf().Name != "acme" {
			t.Errorf("%s: %+v", alg, c)
		}
		for name, text := range tampered(t, text) {
			want := authsvc.TokenSignature
			if strings.HasPrefix(name, "payload") {
				want = authsvc.TokenAlgorithm // no JSON any more, so it names no issuer, and the built-in one has no such algorithm
			}
			expect(t, v, alg+", "+name, text, want)
		}
	}
	for _, alg := range secretAlgorithms {
		text := sign(t, alg, []byte(otherKey), head(alg, `,"kid":"any"`), issued(otherISS, ""))
		if c := expect(t, v, alg, text, ""); c.Key != authsvc.KeyIssuer || c.IssuerOf().Name != "other" {
			t.Errorf("%s: %+v", alg, c)
		}
	}
	// The built-in issuer is as it was: it needs neither iss nor iat.
	for _, iss := range []string{"", `,"iss":"https://acme.example"`, `,"iss":""`} {
		if c := expect(t, v, "built-in"+iss, jws(dashboardKey, header, payload(iss)), ""); c.Key != authsvc.KeyDashboard || c.Mapped != nil {
			t.Errorf("%+v", c)
		}
	}
}

func TestWithSeveralIssuersTheBuiltInRefusesAsBefore(t *testing.T) {
	v := verifierOf(t, byKeys("acme", acmeISS, allKeys()), bySecrets("other", otherISS, token.Secret{Key: []byte(otherKey)}))
	for reason, tokens := range refusals() {
		for name, text := range tokens {
			expect(t, v, name, text, reason)
		}
	}
}

func TestAgentsOfAnIssuer(t *testing.T) {
	agents := bySecrets("acme", acmeISS, token.Secret{Key: []byte(acmeKey)})
	agents.Agent = true
	if c := expect(t, verifierOf(t, agents), "agent", sign(t, "HS256", []byte(acmeKey), head("HS256", ""), issued(acmeISS, "")), ""); c.Key != authsvc.KeyAgent {
		t.Errorf("%+v", c)
	}
}

// An issuer's token is tried with that issuer's keys and no others, whoever else has a key that fits or a kid of that name.
func TestOneIssuersKeysAreNoOthers(t *testing.T) {
	one, two := private()["RSA"], private()["RSA of another"]
	first := byKeys("acme", acmeISS, keys{{ID: "1", Key: one.Public()}})
	second := byKeys("other", otherISS, keys{{ID: "1", Key: two.Public()}})
	third := bySecrets("third", "third", token.Secret{ID: "1", Key: []byte(acmeKey)})
	v := verifierOf(t, first, second, third)
	h, hs := head("RS256", `,"kid":"1"`), head("HS256", `,"kid":"1"`)
	if c := expect(t, v, "one", sign(t, "RS256", one, h, issued(acmeISS, "")), ""); c.IssuerOf().Name != "acme" {
		t.Errorf("%+v", c)
	}
	if c := expect(t, v, "two", sign(t, "RS256", two, h, issued(otherISS, "")), ""); c.IssuerOf().Name != "other" {
		t.Errorf("%+v", c)
	}
	for name, c := range map[string]struct {
		text string
		want authsvc.Reason
	}{
		"one's key, the other's iss":        {sign(t, "RS256", one, h, issued(otherISS, "")), authsvc.TokenSignature},
		"the other's key, one's iss":        {sign(t, "RS256", two, h, issued(acmeISS, "")), authsvc.TokenSignature},
		"a key, an unknown iss":             {sign(t, "RS256", one, h, issued("https://nobody.example/", "")), authsvc.TokenAlgorithm},
		"a key, no iss":                     {sign(t, "RS256", one, h, payload("")), authsvc.TokenAlgorithm},
		"a key, an iss in other case":       {sign(t, "RS256", one, h, issued("https://ACME.example/", "")), authsvc.TokenAlgorithm},
		"a key, two iss":                    {sign(t, "RS256", one, h, issued(acmeISS, `,"iss":"`+acmeISS+`"`)), authsvc.TokenAlgorithm},
		"a key, an array of iss":            {sign(t, "RS256", one, h, strings.Replace(issued(acmeISS, ""), `"`+acmeISS+`"`, `["`+acmeISS+`"]`, 1)), authsvc.TokenAlgorithm},
		"the dashboard's key, one's iss":    {jws(dashboardKey, header, payload(`,"iss":"`+acmeISS+`"`)), authsvc.TokenAlgorithm},
		"the dashboard's key, third's iss":  {jws(dashboardKey, hs, issued("third", "")), authsvc.TokenSignature},
		"third's key, no iss":               {jws(acmeKey, hs, payload("")), authsvc.TokenSignature},
		"third's key, one's iss":            {jws(acmeKey, hs, issued(acmeISS, "")), authsvc.TokenAlgorithm},
		"third's key, another kid":          {jws(acmeKey, head("HS256", `,"kid":"2"`), issued("third", "")), authsvc.TokenSignature},
		"third's key, no kid":               {jws(acmeKey, head("HS256", ``), issued("third", "")), authsvc.TokenSignature},
		"third's key, an algorithm of keys": {sign(t, "RS256", one, h, issued("third", "")), authsvc.TokenAlgorithm},
	} {
		expect(t, v, name, c.text, c.want)
	}
}

func TestSecretsOverlap(t *testing.T) {
	v := verifierOf(t, bySecrets("acme", acmeISS, token.Secret{Key: []byte(acmeKey)}, token.Secret{ID: "old", Key: []byte(oldKey)}))
	for name, c := range map[string]struct {
		key, kid string
		want     authsvc.Reason
	}{
		"any kid": {acmeKey, `,"kid":"x"`, ""}, "no kid": {acmeKey, ``, ""}, "pinned": {oldKey, `,"kid":"old"`, ""}, "any key with a pinned kid": {acmeKey, `,"kid":"old"`, ""},
		"pinned, no kid": {oldKey, ``, authsvc.TokenSignature}, "pinned, other kid": {oldKey, `,"kid":"new"`, authsvc.TokenSignature},
		"empty kid": {acmeKey, `,"kid":""`, authsvc.TokenMalformed},
	} {
		expect(t, v, name, jws(c.key, head("HS256", c.kid), issued(acmeISS, "")), c.want)
	}
}

func TestKids(t *testing.T) {
	one, two := private()["RSA"], private()["RSA of another"]
	ec := private()["ES256"]
	several := verifierOf(t, byKeys("acme", acmeISS, keys{{ID: "1", Key: one.Public()}, {ID: "2", Key: two.Public()}, {ID: "2", Key: ec.Public()}, {ID: "3", Algorithm: "PS256", Key: one.Public()}, {Key: two.Public()}}))
	twins := verifierOf(t, byKeys("acme", acmeISS, keys{{ID: "1", Key: one.Public()}, {ID: "1", Key: two.Public()}}))
	single := verifierOf(t, byKeys("acme", acmeISS, keys{{ID: "1", Key: one.Public()}}))
	nameless := verifierOf(t, byKeys("acme", acmeISS, keys{{Key: one.Public()}}))
	mixed := verifierOf(t, byKeys("acme", acmeISS, keys{{ID: "1", Key: one.Public()}, {ID: "2", Key: ec.Public()}}))
	none := verifierOf(t, byKeys("acme", acmeISS, keys{}))
	text := func(alg string, key any, kid string) string {
		return sign(t, alg, key, head(alg, kid), issued(acmeISS, ""))
	}
	for name, c := range map[string]struct {
		v    *token.Verifier
		text string
		want authsvc.Reason
	}{
		"by kid":                        {several, text("RS256", one, `,"kid":"1"`), ""},
		"by kid and kind, RSA":          {several, text("RS256", two, `,"kid":"2"`), ""},
		"by kid and kind, EC":           {several, text("ES256", ec, `,"kid":"2"`), ""},
		"another's kid":                 {several, text("RS256", one, `,"kid":"2"`), authsvc.TokenSignature},
		"unknown kid":                   {several, text("RS256", one, `,"kid":"9"`), authsvc.TokenSignature},
		"no kid of several":             {several, text("RS256", one, ``), authsvc.TokenSignature},
		"a path":                        {several, text("RS256", one, `,"kid":"../../../../dev/null"`), authsvc.TokenSignature},
		"an injection":                  {several, text("RS256", one, `,"kid":"1' OR '1'='1"`), authsvc.TokenSignature},
		"a NUL":                         {several, text("RS256", one, `,"kid":"1\u0000"`), authsvc.TokenSignature},
		"a kid in other letters":        {several, text("RS256", one, `,"kid":"\u0031"`), ""},
		"a number":                      {several, text("RS256", one, `,"kid":1`), authsvc.TokenMalformed},
		"empty":                         {several, text("RS256", two, `,"kid":""`), authsvc.TokenMalformed},
		"the key's own algorithm":       {several, text("PS256", one, `,"kid":"3"`), ""},
		"not the key's own algorithm":   {several, text("RS256", one, `,"kid":"3"`), authsvc.TokenSignature},
		"twins, first":                  {twins, text("RS256", one, `,"kid":"1"`), authsvc.TokenSignature},
		"twins, second":                 {twins, text("RS256", two, `,"kid":"1"`), authsvc.TokenSignature},
		"no kid of one":                 {single, text("RS256", one, ``), ""},
		"no kid, nameless":              {nameless, text("RS256", one, ``), ""},
		"kid, nameless":                 {nameless, text("RS256", one, `,"kid":"1"`), authsvc.TokenSignature},
		"no kid, one of each kind":      {mixed, text("ES256", ec, ``), authsvc.TokenSignature},
		"no keys":                       {none, text("RS256", one, `,"kid":"1"`), authsvc.TokenSignature},
		"no keys, no kid":               {none, text("RS256", one, ``), authsvc.TokenSignature},
		"an algorithm of another kind":  {single, text("ES256", ec, `,"kid":"1"`), authsvc.TokenSignature},
		"an algorithm of another curve": {several, text("ES384", private()["ES384"], `,"kid":"2"`), authsvc.TokenSignature},
	} {
		expect(t, c.v, name, c.text, c.want)
	}
}

// A source that does not keep its word gives no wrong key.
func TestUnsoundKeys(t *testing.T) {
	good := private()["RSA"]
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	text := func(key any) string { return sign(t, "RS256", key, head("RS256", `,"kid":"1"`), issued(acmeISS, "")) }
	for name, c := range map[string]struct {
		key  crypto.PublicKey
		text string
	}{
		"another id":         {good.Public(), text(good)},
		"1024 bits":          {small.Public(), text(small)},
		"nil":                {nil, text(good)},
		"nil RSA":            {(*rsa.PublicKey)(nil), text(good)},
		"RSA of nothing":     {&rsa.PublicKey{}, text(good)},
		"exponent 1":         {&rsa.PublicKey{N: good.Public().(*rsa.PublicKey).N, E: 1}, text(good)},
		"by value":           {*good.Public().(*rsa.PublicKey), text(good)},
		"a private key":      {good, text(good)},
		"bytes":              {[]byte("key"), text(good)},
		"short Ed25519":      {ed25519.PublicKey("short"), text(good)},
		"nil EC":             {(*ecdsa.PublicKey)(nil), text(good)},
		"EC without a curve": {&ecdsa.PublicKey{}, text(good)},
	} {
		id := "1"
		if name == "another id" {
			id = "2"
		}
		expect(t, verifierOf(t, byKeys("acme", acmeISS, fixed{{ID: id, Key: c.key}})), name, c.text, authsvc.TokenSignature)
	}
}

// fixed gives the same whatever it is asked.
type fixed []authsvc.PublicKey

func (f fixed) PublicKeys(context.Context, string) ([]authsvc.PublicKey, error) { return f, nil }

type failing struct{ err error }

func (f failing) PublicKeys(context.Context, string) ([]authsvc.PublicKey, error) { return nil, f.err }

func TestKeysThatCannotBeHad(t *testing.T) {
	text := sign(t, "EdDSA", private()["EdDSA"], head("EdDSA", ""), issued(acmeISS, ""))
	v := verifierOf(t, byKeys("acme", acmeISS, failing{errors.New("down")}))
	expect(t, v, "fault", text, authsvc.StoreUnavailable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verifierOf(t, byKeys("acme", acmeISS, failing{ctx.Err()})).Verify(ctx, authsvc.NewToken(text)); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who has gone: %v", err)
	}
}

func TestHeadersThatCarryKeys(t *testing.T) {
	key := private()["EdDSA"]
	v := verifierOf(t, byKeys("acme", acmeISS, keys{{ID: "1", Key: key.Public()}}))
	for _, more := range []string{
		`"jku":"https://evil.example/jwks"`, `"jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, `"x5u":"https://evil.example/x"`,
		`"x5c":["MIIB"]`, `"x5t":"x"`, `"x5t#S256":"x"`, `"crit":["exp"]`, `"b64":true`, `"typ":"at+jwt"`, `"cty":"JWT"`, `"zip":"DEF"`, `"enc":"A128GCM"`, `"kid":"2"`, `"alg":"EdDSA"`,
	} {
		// The last two stand for a header of which a member is there twice.
		expect(t, v, more, sign(t, "EdDSA", key, head("EdDSA", `,"kid":"1",`+more), issued(acmeISS, "")), authsvc.TokenMalformed)
	}
}
