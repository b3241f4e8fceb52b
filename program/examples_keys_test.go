package program

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

var keysLine = regexp.MustCompile(`(?m)^    keys: \{.*\}$`)

// The examples hold for tokens with real signatures too: each is signed by a key of its issuer's kind, which a JWKS publishes.
func TestExamplesWithRealKeys(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signers := map[string]crypto.PrivateKey{"auth0": rsaKey, "other-tenant": rsaKey, "entra": rsaKey, "keycloak": ecKey}
	files, _ := filepath.Glob(examples + "/*.yaml")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			dir, base := t.TempDir(), filepath.Join(examples, name)
			key := dashboardSecret
			if signers[name] != nil {
				key = pemKey(t, signers[name])
			}
			copyWith(t, file, filepath.Join(dir, "meshsso.yaml"), func(text string) string {
				return keysLine.ReplaceAllString(text, "    keys: {jwksFile: jwks.json}")
			})
			if err := os.WriteFile(filepath.Join(dir, "jwks.json"), jwksOf(rsaKey, ecKey), 0o600); err != nil {
				t.Fatal(err)
			}
			token := mintFrom(t, key, base+".claims.json")
			vars := map[string]string{"JWT_SECRET": dashboardSecret}
			got := explainWith(t, vars, "--verify", "--config", filepath.Join(dir, "meshsso.yaml"), "--user", base+".user.json", token)
			var want explanation
			data, err := os.ReadFile(base + ".expected.json")
			if err != nil || json.Unmarshal(data, &want) != nil {
				t.Fatal(err)
			}
			if !got.Verified || len(got.Steps) != len(want.Steps)+1 || got.Steps[0].Stage != "token" {
				t.Fatalf("%+v", got)
			}
			want.Verified, got.Steps = true, got.Steps[1:]
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
			header, rest, _ := strings.Cut(token, ".")
			payload, _, _ := strings.Cut(rest, ".")
			forged := header + "." + payload + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64))
			if x := explainWith(t, vars, "--verify", "--config", filepath.Join(dir, "meshsso.yaml"), "--user", base+".user.json", forged); x.Reason != "TOKEN_SIGNATURE" {
				t.Errorf("a forged one: %+v", x)
			}
		})
	}
}

func copyWith(t *testing.T, from, to string, change func(string) string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, []byte(change(string(data))), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// mintFrom signs the claims of a file, with times of now.
func mintFrom(t *testing.T, key, claimsFile string) string {
	t.Helper()
	var claims map[string]any
	data, err := os.ReadFile(claimsFile)
	if err != nil || json.Unmarshal(data, &claims) != nil {
		t.Fatal(err)
	}
	claims["iat"], claims["exp"] = time.Now().Unix(), time.Now().Add(time.Hour).Unix()
	text, _ := json.Marshal(claims)
	code, out := mint(t, key, 0o600, string(text), "--claims", "-", "--kid", kidOf(key))
	if code != 0 {
		t.Fatal(out)
	}
	return strings.TrimSpace(out)
}

func kidOf(key string) string { return fmt.Sprintf("size-%d", len(key)/1000) }

func jwksOf(r *rsa.PrivateKey, e *ecdsa.PrivateKey) []byte {
	b64 := base64.RawURLEncoding.EncodeToString
	point, _ := e.PublicKey.Bytes() // 4, x, y
	set := map[string]any{"keys": []map[string]any{
		{"kty": "RSA", "kid": "size-1", "use": "sig", "n": b64(r.N.Bytes()), "e": b64(big.NewInt(int64(r.E)).Bytes())},
		{"kty": "EC", "kid": "size-0", "use": "sig", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])},
	}}
	data, _ := json.Marshal(set)
	return data
}

func explainWith(t *testing.T, vars map[string]string, args ...string) (x explanation) {
	t.Helper()
	out := &syncBuffer{}
	if code := run(t.Context(), append([]string{"claims", "explain", "--json"}, args...), testEnv(vars, out)); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if err := json.Unmarshal([]byte(out.String()), &x); err != nil {
		t.Fatal(err)
	}
	return x
}
