package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/token"
)

var (
	secretAlgorithms = []string{"HS256", "HS384", "HS512"}
	publicAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)

const (
	acmeISS   = "https://acme.example/"
	otherISS  = "https://other.example/"
	acmeKey   = "acme-acme-acme-acme-acme-acme-acme-acme-acme-acme-acme-acme-acme"
	oldKey    = "old-acme-old-acme-old-acme-old-acme-old-acme-old-acme-old-acme-old"
	otherKey  = "other-other-other-other-other-other-other-other-other-other-othe"
	iatAndExp = `"iat":%d,"exp":%d`
)

// private are keys made once a run, by algorithm family.
var private = sync.OnceValue(func() map[string]crypto.Signer {
	out := map[string]crypto.Signer{}
	for name, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			panic(err)
		}
		out[name] = k
	}
	for _, name := range []string{"RSA", "RSA of another"} {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		out[name] = k
	}
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	out["EdDSA"] = k
	return out
})

func privateFor(alg string) crypto.Signer {
	if alg[:2] == "RS" || alg[:2] == "PS" {
		return private()["RSA"]
	}
	return private()[alg]
}

// sign makes a token by a common library.
func sign(t testing.TB, alg string, key any, header, payload string) string {
	t.Helper()
	signed := b64(header) + "." + b64(payload)
	sig, err := jwt.GetSigningMethod(alg).Sign(signed, key)
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func head(alg, more string) string { return fmt.Sprintf(`{"alg":%q%s}`, alg, more) }

// issued is a good payload of an issuer with more members before its end.
func issued(iss, more string) string {
	return fmt.Sprintf(`{"iss":%q,"aud":"meshsso","sub":"p","email":"p@acme.example",`+iatAndExp+`%s}`, iss, now.Unix(), now.Unix()+60, more)
}

// speaksFor maps as a policy might.
func speaksFor(name string) func([]byte) (authsvc.Claims, error) {
	of := &authsvc.Issuer{Name: name, Tenants: map[string]bool{tenant: true}}
	return func(payload []byte) (authsvc.Claims, error) {
		var p map[string]any
		if err := json.Unmarshal(payload, &p); err != nil {
			return authsvc.Claims{}, err
		}
		email, _ := p["email"].(string)
		return authsvc.Claims{Email: email, Mapped: &authsvc.Mapped{Issuer: of, Payload: p}}, nil
	}
}

func bySecrets(name, iss string, secrets ...token.Secret) token.Issuer {
	return token.Issuer{Name: name, Issuer: iss, Audiences: []string{"meshsso"}, Algorithms: secretAlgorithms, Secrets: secrets, Map: speaksFor(name)}
}

func byKeys(name, iss string, source authsvc.KeySource) token.Issuer {
	return token.Issuer{Name: name, Issuer: iss, Audiences: []string{"x", "meshsso"}, Algorithms: publicAlgorithms, Keys: source, Map: speaksFor(name)}
}

func verifierOf(t testing.TB, issuers ...token.Issuer) *token.Verifier {
	t.Helper()
	v, err := token.New(token.Config{
		DashboardKey: []byte(dashboardKey), AgentKey: []byte(agentKey), Leeway: token.DefaultLeeway,
		Now: func() time.Time { return now }, Issuers: issuers,
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func expect(t *testing.T, v *token.Verifier, name, text string, want authsvc.Reason) authsvc.Claims {
	t.Helper()
	c, err := v.Verify(t.Context(), authsvc.NewToken(text))
	got := authsvc.Reason("")
	if err != nil {
		got = authsvc.ReasonOf(err)
	}
	if got != want || (err != nil && c != (authsvc.Claims{})) {
		t.Errorf("%s: %v, want %q", name, err, want)
	}
	return c
}

func allKeys() (out keys) {
	for _, alg := range publicAlgorithms {
		out = append(out, authsvc.PublicKey{ID: "key of " + alg, Algorithm: alg, Key: privateFor(alg).Public()})
	}
	return out
}

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
	expect(t, v, "fault", text, authsvc.TokenSignature)
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
