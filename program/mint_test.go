package program

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

func pemKey(t *testing.T, key crypto.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// mint runs token mint with a key of this content and mode.
func mint(t *testing.T, key string, mode os.FileMode, stdin string, args ...string) (int, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	out := &syncBuffer{}
	e := testEnv(nil, out)
	e.stdin = strings.NewReader(stdin)
	code := run(t.Context(), append([]string{"token", "mint", "--key-file", path}, args...), e)
	return code, out.String()
}

func TestMintSignsWithEveryKindOfKey(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}))
	for name, c := range map[string]struct {
		file   string
		args   []string
		alg    string
		verify any
	}{
		"secret":         {dashboardSecret + "\n", nil, "HS256", []byte(dashboardSecret)},
		"longer hash":    {strings.Repeat("x", 48), []string{"--alg", "HS384"}, "HS384", []byte(strings.Repeat("x", 48))},
		"RSA":            {pemKey(t, rsaKey), nil, "RS256", rsaKey.Public()},
		"RSA in PKCS #1": {pkcs1, nil, "RS256", rsaKey.Public()},
		"RSA-PSS":        {pemKey(t, rsaKey), []string{"--alg", "PS512"}, "PS512", rsaKey.Public()},
		"EC":             {pemKey(t, ecKey), nil, "ES384", ecKey.Public()},
		"Ed25519":        {pemKey(t, edKey), nil, "EdDSA", edPublic},
	} {
		code, out := mint(t, c.file, 0o600, `{"sub":"7","n":12345678901234567890,"exp":99999999999}`, append(c.args, "--kid", "k1", "--claims", "-")...)
		if code != 0 {
			t.Errorf("%s: %d %s", name, code, out)
			continue
		}
		parsed, err := jwt.Parse(strings.TrimSpace(out), func(*jwt.Token) (any, error) { return c.verify, nil }, jwt.WithValidMethods([]string{c.alg}), jwt.WithJSONNumber())
		if err != nil || parsed.Header["kid"] != "k1" {
			t.Errorf("%s: %v %v", name, err, parsed)
			continue
		}
		payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(out, ".")[1])
		if !bytes.Contains(payload, []byte(`"n":12345678901234567890`)) || !bytes.Contains(payload, []byte(`"exp":99999999999`)) || !bytes.Contains(payload, []byte(`"iat":`)) {
			t.Errorf("%s: the payload is %s", name, payload)
		}
	}
}

func TestMintRefuses(t *testing.T) {
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(edKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	ed := pemKey(t, edKey)
	for name, c := range map[string]struct {
		file  string
		mode  os.FileMode
		stdin string
		args  []string
		code  int
		says  string
	}{
		"a file that others read":  {dashboardSecret, 0o640, "", nil, 1, "chmod 600"},
		"a file that others write": {dashboardSecret, 0o602, "", nil, 1, "chmod 600"},
		"a short secret":           {"hush-hush", 0o600, "", nil, 1, "has 9 bytes: HS256 needs at least 32"},
		"short for its hash":       {dashboardSecret, 0o600, "", []string{"--alg", "HS512"}, 1, "HS512 needs at least 64"},
		"a public key as a secret": {string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), 0o600, "", []string{"--alg", "HS256"}, 1, "no private key"},
		"HS with a private key":    {ed, 0o600, "", []string{"--alg", "HS256"}, 1, "the key signs EdDSA"},
		"none":                     {dashboardSecret, 0o600, "", []string{"--alg", "none"}, 1, "the key signs HS256"},
		"a curve of no algorithm":  {pemKey(t, small), 0o600, "", nil, 1, "a kind that signs no token"},
		"a JWK":                    {`{"kty":"oct","k":"` + strings.Repeat("A", 60) + `"}`, 0o600, "", nil, 1, "is JSON"},
		"claims that are a list":   {dashboardSecret, 0o600, "[]", []string{"--claims", "-"}, 1, "not one JSON object"},
		"claims that are null":     {dashboardSecret, 0o600, "null", []string{"--claims", "-"}, 1, "not one JSON object"},
		"a claim twice":            {dashboardSecret, 0o600, `{"a":1,"a":2}`, []string{"--claims", "-"}, 1, "distinct members"},
		"a long life":              {dashboardSecret, 0o600, "", []string{"--expires-in", "1000h"}, 1, "--expires-in"},
		"a key as a flag":          {dashboardSecret, 0o600, "", []string{"--key", "x"}, 2, "unknown flag"},
	} {
		code, out := mint(t, c.file, c.mode, c.stdin, c.args...)
		if code != c.code || !strings.Contains(out, c.says) || strings.Contains(out, dashboardSecret) || strings.Contains(out, "hush") {
			t.Errorf("%s: %d %s", name, code, out)
		}
	}
	out := &syncBuffer{}
	if code := run(t.Context(), []string{"token", "mint"}, testEnv(map[string]string{"JWT_SECRET": dashboardSecret}, out)); code != 2 {
		t.Errorf("a key from the environment: %d %s", code, out)
	}
}
