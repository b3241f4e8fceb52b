package token_test

import (
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/token"
)

// What a token costs: by the built-in keys alone, beside further issuers, and of a further issuer.
func BenchmarkVerify(b *testing.B) {
	acme, other := byKeys("acme", acmeISS, allKeys()), bySecrets("other", otherISS, token.Secret{Key: []byte(otherKey)})
	kid := func(alg string) string { return head(alg, `,"kid":"key of `+alg+`"`) }
	for _, c := range []struct {
		name string
		v    *token.Verifier
		text string
	}{
		{"built-in", verifier(b), jws(dashboardKey, header, payload(`,"role":"admin"`))},
		{"built-in-beside-issuers", verifierOf(b, acme, other), jws(dashboardKey, header, payload(`,"role":"admin"`))},
		{"HS256", verifierOf(b, acme, other), jws(otherKey, header, issued(otherISS, ""))},
		{"RS256", verifierOf(b, acme, other), sign(b, "RS256", privateFor("RS256"), kid("RS256"), issued(acmeISS, ""))},
		{"ES256", verifierOf(b, acme, other), sign(b, "ES256", privateFor("ES256"), kid("ES256"), issued(acmeISS, ""))},
		{"EdDSA", verifierOf(b, acme, other), sign(b, "EdDSA", privateFor("EdDSA"), kid("EdDSA"), issued(acmeISS, ""))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.v.Verify(b.Context(), authsvc.NewToken(c.text)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
