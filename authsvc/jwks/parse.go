package jwks

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/everydaytech/meshsso/authsvc"
)

const (
	maxKeys    = 64
	minRSABits = 2048 // RFC 7518 3.3
	maxRSABits = 8192
)

// kinds are the kinds of key by the algorithms that use them (RFC 7518 3.1, RFC 8037 3.1).
var kinds = map[string]string{
	"RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
	"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519",
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

// Faults of a document. No text of it is in them.
var (
	errDocument = errors.New("not one JSON object with distinct members and an array of keys")
	errTooMany  = errors.New("more than 64 keys")
	errKey      = errors.New("a key is not a JSON object with distinct members")
	errPrivate  = errors.New("it holds a private or symmetric key, which others must be taken to know")
	errNoKeys   = errors.New("no key that these algorithms can use")
)

// secretMembers are those of private and symmetric keys (RFC 7518 6.2.2, 6.3.2, 6.4; "priv" of newer kinds).
var secretMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

type member = map[string]jsontext.Value

// document is what was read of a JWK set (RFC 7517 5).
type document struct {
	keys    []authsvc.PublicKey
	skipped int // keys that are not for us: of other use, kind or strength
}

// parse reads a JWK set for the algorithms given. A key that cannot be used is passed over, as RFC 7517 5 says; a document with a
// secret in it, with none or too many keys is refused as a whole.
func parse(data []byte, algorithms []string) (document, error) {
	var top member
	var items []jsontext.Value
	if json.Unmarshal(data, &top) != nil || top["keys"].Kind() != '[' || json.Unmarshal(top["keys"], &items) != nil {
		return document{}, errDocument
	}
	if len(items) > maxKeys {
		return document{}, errTooMany
	}
	var doc document
	for _, item := range items {
		var m member
		if json.Unmarshal(item, &m) != nil || m == nil {
			return document{}, errKey
		}
		if isSecret(m) {
			return document{}, errPrivate
		}
		if key, ok := publicKey(m, algorithms); ok {
			doc.keys = append(doc.keys, key)
		} else {
			doc.skipped++
		}
	}
	if len(doc.keys) == 0 {
		return document{}, errNoKeys
	}
	return doc, nil
}

func isSecret(m member) bool {
	kty, _ := text(m["kty"])
	return kty == "oct" || slices.ContainsFunc(secretMembers, func(name string) bool { return m[name] != nil })
}

func publicKey(m member, algorithms []string) (key authsvc.PublicKey, ok bool) {
	if !forVerifying(m) {
		return key, false
	}
	// An empty kid would read as none.
	if m["kid"] != nil {
		if key.ID, ok = text(m["kid"]); !ok || key.ID == "" {
			return key, false
		}
	}
	if m["alg"] != nil {
		if key.Algorithm, ok = text(m["alg"]); !ok || !slices.Contains(algorithms, key.Algorithm) {
			return key, false
		}
		algorithms = []string{key.Algorithm}
	}
	kty, _ := text(m["kty"])
	kind := ""
	switch kty {
	case "RSA":
		kind = "RSA"
		key.Key, ok = rsaKey(m)
	case "EC":
		kind, _ = text(m["crv"])
		key.Key, ok = ecKey(m, curves[kind])
	case "OKP":
		kind, _ = text(m["crv"])
		key.Key, ok = ed25519Key(m, kind)
	}
	return key, kind != "" && ok && slices.ContainsFunc(algorithms, func(alg string) bool { return kinds[alg] == kind })
}

// forVerifying reads use and key_ops (RFC 7517 4.2, 4.3): what is said must allow it, and nothing need be said.
func forVerifying(m member) bool {
	if m["use"] != nil {
		if use, _ := text(m["use"]); use != "sig" {
			return false
		}
	}
	if m["key_ops"] == nil {
		return true
	}
	var ops []string
	if m["key_ops"].Kind() != '[' || json.Unmarshal(m["key_ops"], &ops) != nil {
		return false
	}
	return slices.Contains(ops, "verify")
}

func rsaKey(m member) (*rsa.PublicKey, bool) {
	n, okN := number(m["n"])
	e, okE := number(m["e"])
	if !okN || !okE || n.BitLen() < minRSABits || n.BitLen() > maxRSABits || n.Bit(0) == 0 {
		return nil, false
	}
	if e.BitLen() > 31 || e.Int64() < 3 || e.Bit(0) == 0 {
		return nil, false
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, true
}

// ecKey reads a point of the curve; its coordinates are of full length (RFC 7518 6.2.1).
func ecKey(m member, curve elliptic.Curve) (*ecdsa.PublicKey, bool) {
	x, okX := octets(m["x"])
	y, okY := octets(m["y"])
	if curve == nil || !okX || !okY {
		return nil, false
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(x) != size || len(y) != size {
		return nil, false
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	return key, err == nil
}

func ed25519Key(m member, curve string) (ed25519.PublicKey, bool) {
	x, ok := octets(m["x"])
	return ed25519.PublicKey(x), ok && curve == "Ed25519" && len(x) == ed25519.PublicKeySize
}

// number reads a Base64urlUInt (RFC 7518 2): no zero octet ahead.
func number(v jsontext.Value) (*big.Int, bool) {
	data, ok := octets(v)
	if !ok || len(data) == 0 || data[0] == 0 {
		return nil, false
	}
	return new(big.Int).SetBytes(data), true
}

var base64url = base64.RawURLEncoding.Strict()

func octets(v jsontext.Value) ([]byte, bool) {
	s, ok := text(v)
	if !ok {
		return nil, false
	}
	data, err := base64url.DecodeString(s)
	// The decoder passes line breaks over.
	return data, err == nil && len(s) == base64url.EncodedLen(len(data))
}

func text(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	s, err := jsontext.AppendUnquote(nil, v)
	return string(s), err == nil
}
