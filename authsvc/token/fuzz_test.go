package token_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/everydaytech/meshsso/authsvc"
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
