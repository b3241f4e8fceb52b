package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
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
