package token_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/token"
)

// Whatever is accepted as it came must be canonical, signed, and accepted by a common library too: we accept a subset.
func FuzzVerify(f *testing.F) {
	f.Add(jws(dashboardKey, header, payload("")))
	f.Add(jws(agentKey, header, payload(`,"aud":["x"],"role":"admin"`)))
	for _, tokens := range refusals() {
		for _, text := range tokens {
			if len(text) < 4096 {
				f.Add(text)
			}
		}
	}
	v := verifier(f)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := v.Verify(context.Background(), authsvc.NewToken(text))
		if err != nil {
			if r := authsvc.ReasonOf(err); !strings.HasPrefix(string(r), "TOKEN_") || c != (authsvc.Claims{}) {
				t.Fatalf("%v %+v", err, c)
			}
			return
		}
		mustBeSound(t, text, c)
	})
}

// The same with a signature that holds, so that the fuzzer reaches behind it.
func FuzzSignedPayload(f *testing.F) {
	f.Add(header, payload(""))
	f.Add(`{"alg":"HS256","crit":["b64"],"b64":false}`, payload(`,"email":"x@y"`))
	f.Add(`{"alg":"HS256","kid":"k"}`, payload(`,"iat":1.5,"aud":"x","role":"\u00e9"`))
	v := verifier(f)
	f.Fuzz(func(t *testing.T, head, body string) {
		text := jws(dashboardKey, head, body)
		if c, err := v.Verify(context.Background(), authsvc.NewToken(text)); err == nil {
			mustBeSound(t, text, c)
		}
	})
}

func mustBeSound(t *testing.T, text string, c authsvc.Claims) {
	t.Helper()
	for part := range strings.SplitSeq(text, ".") {
		data, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || base64.RawURLEncoding.EncodeToString(data) != part {
			t.Fatalf("not canonical: %q", part)
		}
	}
	if folded, ok := authsvc.FoldEmail(c.Email); !ok || folded != c.Email || c.UserID < 1 || c.Key == authsvc.KeyNone || !c.ExpiresAt.After(now) {
		t.Fatalf("accepted %+v", c)
	}
	key := map[authsvc.KeyID]string{authsvc.KeyDashboard: dashboardKey, authsvc.KeyAgent: agentKey}[c.Key]
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithoutClaimsValidation())
	if _, err := parser.Parse(text, func(*jwt.Token) (any, error) { return []byte(key), nil }); err != nil {
		t.Fatalf("golang-jwt refuses what we accept: %v", err)
	}
}

// The whole with further issuers: whatever is accepted belongs to the one that it names, and a common library accepts it too.
func FuzzVerifyIssuers(f *testing.F) {
	ed := private()["EdDSA"]
	v := verifierOf(f, byKeys("acme", acmeISS, keys{{ID: "1", Key: ed.Public()}}), bySecrets("other", otherISS, token.Secret{ID: "1", Key: []byte(otherKey)}))
	f.Add(head("EdDSA", `,"kid":"1"`), issued(acmeISS, ""), uint8(0))
	f.Add(head("HS512", `,"kid":"1"`), issued(otherISS, `,"aud":["meshsso"]`), uint8(1))
	f.Add(head("HS256", ``), payload(`,"iss":"`+acmeISS+`"`), uint8(2))
	f.Add(head("HS256", `,"kid":""`), issued(acmeISS, `,"iss":"x"`), uint8(3))
	f.Fuzz(func(t *testing.T, head, body string, by uint8) {
		signers := []struct {
			alg string
			key any
		}{{"EdDSA", ed}, {"HS512", []byte(otherKey)}, {"HS256", []byte(dashboardKey)}, {"HS256", []byte(ed.Public().(ed25519.PublicKey))}}
		s := signers[int(by)%len(signers)]
		text := sign(t, s.alg, s.key, head, body)
		c, err := v.Verify(context.Background(), authsvc.NewToken(text))
		if err != nil {
			if r := authsvc.ReasonOf(err); !strings.HasPrefix(string(r), "TOKEN_") || c != (authsvc.Claims{}) {
				t.Fatalf("%v %+v", err, c)
			}
			return
		}
		want := map[string]any{"": []byte(dashboardKey), "acme": ed.Public(), "other": []byte(otherKey)}
		name := ""
		if i := c.IssuerOf(); i != nil {
			name = i.Name
		}
		parser := jwt.NewParser(jwt.WithValidMethods(append(publicAlgorithms, secretAlgorithms...)), jwt.WithoutClaimsValidation())
		parsed, err := parser.Parse(text, func(*jwt.Token) (any, error) { return want[name], nil })
		if err != nil {
			t.Fatalf("golang-jwt refuses what we accept of %q: %v", name, err)
		}
		iss, _ := parsed.Claims.GetIssuer()
		if (name == "acme") != (iss == acmeISS) || (name == "other") != (iss == otherISS) {
			t.Fatalf("a token of %q was accepted as one of %q", iss, name)
		}
	})
}
