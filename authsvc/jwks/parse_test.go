package jwks_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/everydaytech/meshsso/authsvc/jwks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var all = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// Public keys of RFC 7515 A.2-A.4 and RFC 8037 A.2; their members without braces.
const (
	rsaN    = `ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ`
	rsaKey  = `"kty":"RSA","n":"` + rsaN + `","e":"AQAB"`
	p256Key = `"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"`
	p521Key = `"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"`
	edKey   = `"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
)

// set is a document of keys, each given by its members.
func set(keys ...string) string { return `{"keys":[{` + strings.Join(keys, `},{`) + `}]}` }

// named is a key by its id.
func named(id string) string { return edKey + `,"kid":"` + id + `"` }

func TestKeysThatAreForUs(t *testing.T) {
	for name, c := range map[string]struct {
		key        string
		algorithms []string
		want       bool
	}{
		"RSA": {rsaKey, all, true}, "EC": {p256Key, all, true}, "P-521": {p521Key, all, true}, "Ed25519": {edKey, all, true},
		"RSA for PS only": {rsaKey, []string{"PS512"}, true}, "RSA for EC only": {rsaKey, []string{"ES256"}, false}, "P-256 for ES512 only": {p256Key, []string{"ES512"}, false},
		"Ed25519 for RSA only": {edKey, []string{"RS256"}, false},
		"everything said":      {rsaKey + `,"kid":"1","use":"sig","key_ops":["verify"],"alg":"RS256","x5c":["MIIB"],"x5t":"x","other":{"a":[1]}`, all, true},
		"alg of another":       {rsaKey + `,"alg":"RS384"`, []string{"RS256"}, false}, "alg of another kind": {rsaKey + `,"alg":"ES256"`, all, false},
		"alg HS256": {rsaKey + `,"alg":"HS256"`, all, false}, "alg none": {rsaKey + `,"alg":"none"`, all, false}, "alg null": {rsaKey + `,"alg":null`, all, false}, "alg of encryption": {rsaKey + `,"alg":"RSA-OAEP"`, all, false},
		"use enc": {rsaKey + `,"use":"enc"`, all, false}, "use null": {rsaKey + `,"use":null`, all, false}, "use Sig": {rsaKey + `,"use":"Sig"`, all, false},
		"key_ops": {rsaKey + `,"key_ops":["sign","verify"]`, all, true}, "key_ops sign": {rsaKey + `,"key_ops":["sign"]`, all, false}, "key_ops none": {rsaKey + `,"key_ops":[]`, all, false},
		"key_ops text": {rsaKey + `,"key_ops":"verify"`, all, false}, "key_ops null": {rsaKey + `,"key_ops":null`, all, false}, "sig, and ops of encryption": {rsaKey + `,"use":"sig","key_ops":["encrypt"]`, all, false},
		"kid empty": {rsaKey + `,"kid":""`, all, false}, "kid number": {rsaKey + `,"kid":1`, all, false}, "kid null": {rsaKey + `,"kid":null`, all, false},
		"no kty": {strings.Replace(rsaKey, `"kty":"RSA",`, ``, 1), all, false}, "kty rsa": {strings.Replace(rsaKey, `"RSA"`, `"rsa"`, 1), all, false}, "kty unknown": {`"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"`, all, false},
		"X25519": {strings.Replace(edKey, "Ed25519", "X25519", 1), all, false}, "Ed448": {strings.Replace(edKey, "Ed25519", "Ed448", 1), all, false}, "secp256k1": {strings.Replace(p256Key, "P-256", "secp256k1", 1), all, false},
		"no crv": {strings.Replace(p256Key, `"crv":"P-256",`, ``, 1), all, false}, "crv of another curve": {strings.Replace(p256Key, "P-256", "P-384", 1), all, false},
		"not on the curve": {strings.Replace(p256Key, "x_FEz", "y_FEz", 1), all, false}, "x and no y": {`"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"`, all, false},
		"short Ed25519": {`"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ"`, all, false},
		"RSA without e": {`"kty":"RSA","n":"` + rsaN + `"`, all, false}, "e of 1": {strings.Replace(rsaKey, "AQAB", "AQ", 1), all, false}, "e even": {strings.Replace(rsaKey, "AQAB", "Ag", 1), all, false},
		"e of 2^32+1": {strings.Replace(rsaKey, "AQAB", "AQAAAAE", 1), all, false}, "e with a zero ahead": {strings.Replace(rsaKey, "AQAB", "AAEAAQ", 1), all, false}, "e empty": {strings.Replace(rsaKey, "AQAB", "", 1), all, false},
		"n even":      {strings.Replace(rsaKey, `oQ","e"`, `oA","e"`, 1), all, false},
		"1024 bits":   {`"kty":"RSA","e":"AQAB","n":"` + rsaN[:171] + `"`, all, false},
		"16384 bits":  {`"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("____", 682) + `__8"`, all, false},
		"n padded":    {strings.Replace(rsaKey, `oQ","e"`, `oQ==","e"`, 1), all, false},
		"n base64":    {strings.Replace(rsaKey, "fAkd_wWJ", "fAkd/wWJ", 1), all, false},
		"line break":  {strings.Replace(rsaKey, "fAkd_wWJ", `fAkd_\nwWJ`, 1), all, false},
		"stray bits":  {strings.Replace(edKey, "URo", "URp", 1), all, false},
		"n a number":  {`"kty":"RSA","n":65537,"e":"AQAB"`, all, false},
		"no members":  {``, all, false},
		"Kty":         {strings.Replace(rsaKey, `"kty"`, `"Kty"`, 1), all, false},
		"kid escaped": {rsaKey + `,"\u006bid":"\u0031"`, all, true},
	} {
		_, skipped, err := jwks.Parse([]byte(set(c.key)), c.algorithms)
		if c.want && (err != nil || skipped != 0) {
			t.Errorf("%s: %v", name, err)
		}
		if !c.want && (err == nil || !strings.HasPrefix(err.Error(), "no key")) {
			t.Errorf("%s: %v", name, err)
		}
		// Beside one that is good it is passed over, and the other counts.
		good := map[bool]string{true: named("good"), false: rsaKey + `,"kid":"good"`}[slices.Contains(c.algorithms, "EdDSA")]
		ids, skipped, err := jwks.Parse([]byte(set(good, c.key)), append([]string{"RS256"}, c.algorithms...))
		if !slices.Contains(ids, "good") || err != nil || (len(ids) == 2) == (skipped == 1) {
			t.Errorf("%s: %v %v, %d passed over", name, ids, err, skipped)
		}
	}
}

func TestDocumentsThatAreRefused(t *testing.T) {
	many := slices.Repeat([]string{edKey}, 65)
	for name, c := range map[string]struct{ text, says string }{
		"empty": {``, "not one JSON"}, "HTML": {`<html>`, "not one JSON"}, "null": {`null`, "not one JSON"}, "array": {`[{` + edKey + `}]`, "not one JSON"}, "a key alone": {`{` + edKey + `}`, "not one JSON"},
		"twice": {set(edKey) + set(edKey), "not one JSON"}, "cut off": {set(edKey)[:40], "not one JSON"}, "keys null": {`{"keys":null}`, "not one JSON"}, "keys object": {`{"keys":{}}`, "not one JSON"},
		"keys twice": {`{"keys":[{` + edKey + `}],"keys":[]}`, "not one JSON"}, "invalid UTF-8": {set(edKey + ",\"x\":\"\xff\""), "not one JSON"}, "duplicate deep": {set(edKey + `,"x":{"a":1,"a":1}`), "not one JSON"},
		"kty twice": {set(edKey + `,"kty":"RSA"`), "not one JSON"}, "a key is null": {`{"keys":[null]}`, "not a JSON object"}, "a key is text": {`{"keys":[{` + edKey + `},"x"]}`, "not a JSON object"},
		"no keys": {`{"keys":[]}`, "no key"}, "none for us": {set(`"kty":"AKP"`), "no key"}, "65": {set(many...), "more than 64"},
		"d": {set(rsaKey, edKey+`,"d":"nWGx"`), "private"}, "p": {set(rsaKey + `,"p":"x"`), "private"}, "d null": {set(rsaKey + `,"d":null`), "private"}, "oth": {set(rsaKey + `,"oth":[]`), "private"},
		"d of a key not for us": {set(rsaKey, `"kty":"EC","use":"enc","d":"x"`), "private"}, "k": {set(rsaKey, `"kty":"x","k":"AAAA"`), "private"}, "oct": {set(rsaKey, `"kty":"oct"`), "private"}, "priv": {set(rsaKey, `"kty":"AKP","priv":"x"`), "private"},
		"d escaped": {set(rsaKey + `,"\u0064":"x"`), "private"},
	} {
		ids, _, err := jwks.Parse([]byte(c.text), all)
		if err == nil || !strings.Contains(err.Error(), c.says) || len(ids) != 0 {
			t.Errorf("%s: %v %v, want %q", name, ids, err, c.says)
		}
	}
	if ids, _, err := jwks.Parse([]byte(set(many[:64]...)), all); err != nil || len(ids) != 64 {
		t.Error(len(ids), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(set(rsaKey, p256Key+`,"kid":"1"`, p521Key, edKey+`,"use":"sig","key_ops":["verify"],"alg":"EdDSA"`)))
	f.Add([]byte(set(`"kty":"oct","k":"AAAA"`)))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := jwks.ParseDocument(data, all)
		keys, skipped := doc.Figures()
		if err != nil {
			if len(keys) != 0 || strings.Contains(fmt.Sprint(err), "\n") {
				t.Fatalf("%d keys and %v", len(keys), err)
			}
			return
		}
		if len(keys) == 0 || len(keys)+skipped > 64 {
			t.Fatalf("%d keys, %d passed over", len(keys), skipped)
		}
		for _, k := range keys {
			if k.Algorithm != "" && !slices.Contains(all, k.Algorithm) {
				t.Fatal(k.Algorithm)
			}
			switch key := k.Key.(type) {
			case *rsa.PublicKey:
				if n := key.N.BitLen(); n < 2048 || n > 8192 || key.E < 3 {
					t.Fatal(n, key.E)
				}
			case *ecdsa.PublicKey:
				if _, err := key.ECDH(); err != nil { // on the curve, and not at infinity
					t.Fatal(err)
				}
			case ed25519.PublicKey:
				if len(key) != 32 {
					t.Fatal(len(key))
				}
			default:
				t.Fatalf("%T", key)
			}
		}
	})
}
