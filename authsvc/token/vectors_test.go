package token_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/jwks"
	"github.com/everydaytech/meshsso/authsvc/token"
)

// keys are an issuer's, as a source would give them.
type keys []authsvc.PublicKey

func (k keys) PublicKeys(_ context.Context, kid string) (out []authsvc.PublicKey, _ error) {
	for _, key := range k {
		if kid == "" || key.ID == kid {
			out = append(out, key)
		}
	}
	return out, nil
}

type vector struct {
	Name  string
	Key   json.RawMessage
	Token string
}

// The signatures of RFC 7515 A.1-A.4, RFC 7520 4.1-4.4 and RFC 8037 A.4, as they are printed there.
func vectors(t testing.TB) (out []vector) {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &out); err != nil || len(out) != 9 {
		t.Fatal(len(out), err)
	}
	return out
}

// keysOf reads a key as a provider publishes it.
func (v vector) keysOf(t testing.TB) (secret []byte, public authsvc.KeySource) {
	t.Helper()
	var oct struct{ Kty, K string }
	if err := json.Unmarshal(v.Key, &oct); err != nil {
		t.Fatal(err)
	}
	if oct.Kty == "oct" {
		secret, err := base64.RawURLEncoding.DecodeString(oct.K)
		if err != nil {
			t.Fatal(err)
		}
		return secret, nil
	}
	return nil, sourceOf(t, string(v.Key))
}

func sourceOf(t testing.TB, jwk ...string) *jwks.Source {
	t.Helper()
	path := t.TempDir() + "/jwks.json"
	if err := os.WriteFile(path, []byte(`{"keys":[`+strings.Join(jwk, ",")+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := jwks.New(jwks.Config{File: path, Algorithms: publicAlgorithms})
	if err == nil {
		err = s.Refresh(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		secret, public := v.keysOf(t)
		if err := token.VerifySignature(v.Token, secret, public); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		for name, text := range tampered(t, v.Token) {
			if err := token.VerifySignature(text, secret, public); authsvc.ReasonOf(err) != authsvc.TokenSignature {
				t.Errorf("%s, %s: %v", v.Name, name, err)
			}
		}
	}
}

// Each vector by every other one's key of the corpus.
func TestVectorsByOtherKeys(t *testing.T) {
	all := vectors(t)
	for _, v := range all {
		for _, other := range all {
			if string(v.Key) == string(other.Key) {
				continue
			}
			secret, public := other.keysOf(t)
			if err := token.VerifySignature(v.Token, secret, public); err == nil {
				t.Errorf("%s holds by the key of %s", v.Name, other.Name)
			}
		}
	}
}

// tampered gives texts whose form is right and whose signature is not.
func tampered(t testing.TB, text string) map[string]string {
	t.Helper()
	parts := strings.Split(text, ".")
	decode := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	join := func(payload, sig []byte) string {
		return parts[0] + "." + base64.RawURLEncoding.EncodeToString(payload) + "." + base64.RawURLEncoding.EncodeToString(sig)
	}
	flip := func(b []byte, i int) []byte {
		b = append([]byte(nil), b...)
		b[i] ^= 1
		return b
	}
	payload, sig := decode(parts[1]), decode(parts[2])
	half := len(sig) / 2
	return map[string]string{
		"payload":         join(flip(payload, 0), sig),
		"payload's end":   join(flip(payload, len(payload)-1), sig),
		"first byte":      join(payload, flip(sig, 0)),
		"middle byte":     join(payload, flip(sig, half)),
		"last byte":       join(payload, flip(sig, len(sig)-1)),
		"empty":           join(payload, nil),
		"short":           join(payload, sig[:len(sig)-1]),
		"long":            join(payload, append(append([]byte(nil), sig...), 0)),
		"zero ahead":      join(payload, append([]byte{0}, sig...)),
		"zeros":           join(payload, make([]byte, len(sig))),
		"halves swapped":  join(payload, append(append([]byte(nil), sig[half:]...), sig[:half]...)),
		"both zero-ahead": join(payload, append(append(append([]byte{0}, sig[:half]...), 0), sig[half:]...)),
	}
}
