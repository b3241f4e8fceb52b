package token_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/token"
)

// jwkOf is a public key as a provider publishes it.
func jwkOf(t testing.TB, kid string, key any) string {
	t.Helper()
	e := base64.RawURLEncoding.EncodeToString
	switch k := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf(`{"kty":"RSA","kid":%q,"n":%q,"e":%q}`, kid, e(k.N.Bytes()), e(big.NewInt(int64(k.E)).Bytes()))
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		half := len(point) / 2
		return fmt.Sprintf(`{"kty":"EC","kid":%q,"crv":%q,"x":%q,"y":%q}`, kid, k.Params().Name, e(point[1:1+half]), e(point[1+half:]))
	case ed25519.PublicKey:
		return fmt.Sprintf(`{"kty":"OKP","kid":%q,"crv":"Ed25519","x":%q}`, kid, e(k))
	}
	t.Fatalf("%T", key)
	return ""
}

// forms are all texts of a public key that an attacker may take for a secret.
func forms(t testing.TB, key any) map[string][]byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	jwk := jwkOf(t, "1", key)
	out := map[string][]byte{
		"DER": der, "PEM": text, "PEM without its end": []byte(strings.TrimSpace(string(text))), "PEM with CRLF": []byte(strings.ReplaceAll(string(text), "\n", "\r\n")),
		"JWK": []byte(jwk), "JWKS": []byte(`{"keys":[` + jwk + `]}`), "base64": []byte(base64.StdEncoding.EncodeToString(der)),
	}
	if k, ok := key.(*rsa.PublicKey); ok {
		out["PKCS #1"] = x509.MarshalPKCS1PublicKey(k)
		out["PKCS #1 PEM"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: out["PKCS #1"]})
		out["modulus"] = k.N.Bytes()
	}
	if k, ok := key.(ed25519.PublicKey); ok {
		out["octets"] = k
	}
	return out
}

func TestPublicKeysAreNoSecrets(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "ES512", "EdDSA"} {
		public := privateFor(alg).Public()
		only := byKeys("only", acmeISS, sourceOf(t, jwkOf(t, "1", public)))
		only.Algorithms = []string{alg}
		// Beside an issuer that signs with secrets, so that HS256 is an algorithm that somebody has.
		v := verifierOf(t, only, bySecrets("other", otherISS, token.Secret{Key: []byte(otherKey)}))
		expect(t, v, alg+" itself", sign(t, alg, privateFor(alg), head(alg, `,"kid":"1"`), issued(acmeISS, "")), "")
		for form, secret := range forms(t, public) {
			for _, hs := range secretAlgorithms {
				for iss, want := range map[string]authsvc.Reason{acmeISS: authsvc.TokenAlgorithm, otherISS: authsvc.TokenSignature} {
					text := sign(t, hs, secret, head(hs, `,"kid":"1"`), issued(iss, ""))
					expect(t, v, strings.Join([]string{alg, form, hs, iss}, " "), text, want)
				}
				text := sign(t, hs, secret, head(hs, `,"kid":"1"`), payload(""))
				want := authsvc.TokenSignature
				if hs != "HS256" {
					want = authsvc.TokenAlgorithm // the other issuer's, not the built-in one's
				}
				expect(t, v, strings.Join([]string{alg, form, hs, "built-in"}, " "), text, want)
			}
			// The HMAC under the name of the key's own algorithm.
			expect(t, v, alg+" "+form+" named "+alg, jws(string(secret), head(alg, `,"kid":"1"`), issued(acmeISS, "")), authsvc.TokenSignature)
		}
	}
}

func TestAlgorithmsThatAnIssuerDoesNotHave(t *testing.T) {
	i := byKeys("acme", acmeISS, sourceOf(t, jwkOf(t, "1", private()["RSA"].Public())))
	i.Algorithms = []string{"RS256"}
	other := byKeys("other", otherISS, allKeys())
	v := verifierOf(t, i, other)
	for _, alg := range publicAlgorithms[1:] {
		expect(t, v, alg, sign(t, alg, privateFor(alg), head(alg, `,"kid":"1"`), issued(acmeISS, "")), authsvc.TokenAlgorithm)
	}
	for _, alg := range []string{"none", "None", "rs256", "RS256 ", "HS256", "dir", ""} {
		expect(t, v, alg, b64(head(alg, `,"kid":"1"`))+"."+b64(issued(acmeISS, ""))+".", authsvc.TokenAlgorithm)
	}
}

func TestIssuersConfig(t *testing.T) {
	key := func(b byte, n int) []byte { return []byte(strings.Repeat(string(b), n)) }
	public := forms(t, private()["RSA"].Public())
	dashboard := key('d', 32)
	good := func() token.Issuer { return bySecrets("acme", acmeISS, token.Secret{Key: key('a', 64)}) }
	with := func(f func(*token.Issuer)) []token.Issuer { i := good(); f(&i); return []token.Issuer{i} }
	secret := func(keys ...[]byte) []token.Issuer {
		return with(func(i *token.Issuer) {
			i.Secrets = nil
			for _, k := range keys {
				i.Secrets = append(i.Secrets, token.Secret{Key: k})
			}
		})
	}
	for name, c := range map[string]struct {
		issuers []token.Issuer
		says    string // "" for none
	}{
		"good":                     {with(func(*token.Issuer) {}), ""},
		"no name":                  {with(func(i *token.Issuer) { i.Name = "" }), "a name of its own"},
		"no iss":                   {with(func(i *token.Issuer) { i.Issuer = "" }), "an iss of its own"},
		"one iss twice":            {[]token.Issuer{good(), bySecrets("b", acmeISS, token.Secret{Key: key('b', 64)})}, "issuers[1] (\"b\"): it must have an iss of its own"},
		"one name twice":           {[]token.Issuer{good(), bySecrets("acme", otherISS, token.Secret{Key: key('b', 64)})}, "a name of its own"},
		"no audience":              {with(func(i *token.Issuer) { i.Audiences = nil }), "audiences"},
		"an empty audience":        {with(func(i *token.Issuer) { i.Audiences = []string{"x", ""} }), "audiences"},
		"no algorithm":             {with(func(i *token.Issuer) { i.Algorithms = nil }), "needs algorithms"},
		"none":                     {with(func(i *token.Issuer) { i.Algorithms = []string{"none"} }), `no algorithm "none"`},
		"lower case":               {with(func(i *token.Issuer) { i.Algorithms = []string{"hs256"} }), `no algorithm "hs256"`},
		"keys' with secrets":       {with(func(i *token.Issuer) { i.Algorithms = []string{"HS256", "RS256"} }), "RS256 needs public keys"},
		"secrets' with keys":       {with(func(i *token.Issuer) { i.Secrets, i.Keys = nil, keys{} }), "HS256 needs a secret"},
		"both":                     {with(func(i *token.Issuer) { i.Keys = keys{} }), "either secrets or public keys"},
		"neither":                  {with(func(i *token.Issuer) { i.Secrets = nil }), "either secrets or public keys"},
		"leeway":                   {with(func(i *token.Issuer) { i.Leeway = time.Hour }), "leeway is 1h0m0s"},
		"lifetime":                 {with(func(i *token.Issuer) { i.MaxLifetime = -1 }), "lifetime is negative"},
		"no mapping":               {with(func(i *token.Issuer) { i.Map = nil }), "no mapping"},
		"short":                    {secret(key('a', 63)), "secrets[0] has 63 bytes and must have at least 64"},
		"empty":                    {secret(nil), "secrets[0] has 0 bytes"},
		"short for its algorithm":  {with(func(i *token.Issuer) { i.Algorithms, i.Secrets[0].Key = []string{"HS384"}, key('a', 47) }), "at least 48"},
		"as long as its algorithm": {with(func(i *token.Issuer) { i.Algorithms, i.Secrets[0].Key = []string{"HS256"}, key('a', 32) }), ""},
		"the dashboard's":          {with(func(i *token.Issuer) { i.Algorithms, i.Secrets[0].Key = []string{"HS256"}, dashboard }), "must differ from JWT_SECRET"},
		"the dashboard's and zero": {secret(append(dashboard, make([]byte, 32)...)), "must differ from JWT_SECRET"},
		"the agents'":              {with(func(i *token.Issuer) { i.Algorithms, i.Secrets[0].Key = []string{"HS256"}, key('g', 32) }), "must differ from AGENT_SIGN_KEY"},
		"another's":                {[]token.Issuer{good(), bySecrets("b", otherISS, token.Secret{Key: key('a', 64)})}, "must differ from secrets[0] of issuers[0]"},
		"one twice":                {secret(key('a', 64), key('a', 64)), "must differ from secrets[0] of issuers[0]"},
		"public PEM":               {secret(public["PEM"]), "public key"},
		"public DER":               {secret(public["DER"]), "public key"},
		"public PKCS #1":           {secret(public["PKCS #1"]), "public key"},
		"public JWK":               {secret(public["JWK"]), "public key"},
		"all at once":              {[]token.Issuer{{}}, "either secrets"},
	} {
		_, err := token.New(token.Config{DashboardKey: dashboard, AgentKey: key('g', 32), Issuers: c.issuers})
		if (err == nil) != (c.says == "") {
			t.Errorf("%s: %v", name, err)
		} else if err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "aaa") || strings.Contains(err.Error(), "MII")) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
