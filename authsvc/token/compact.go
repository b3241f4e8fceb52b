package token

import (
	"encoding/base64"
	"strings"
	"sync/atomic"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/everydaytech/meshsso/authsvc"
)

// algorithm is the only one, spelled as in RFC 7518 3.1: names are case-sensitive.
const algorithm = "HS256"

// compact is a JWS in compact serialization whose form is right and whose signature has not been checked.
type compact struct {
	signed    string // header "." payload, as it came
	payload   []byte // decoded
	signature []byte // decoded
}

// object is a JSON object by exact member name; the values are still text. Unmarshal refuses duplicate names at any
// depth, invalid UTF-8, lone surrogates and trailing data.
type object map[string]jsontext.Value

// forbidden header parameters: extensions that would have to be understood, keys that travel with the token, encryption,
// compression, nesting. b64 is RFC 7797's.
var forbidden = []string{"crit", "b64", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "enc", "zip", "cty"}

// base64url decodes strictly: no padding, no bits after the last byte. It skips line breaks all the same, so decode
// checks the alphabet first.
var base64url = base64.RawURLEncoding.Strict()

func malformed(detail string) error { return authsvc.Deny(authsvc.TokenMalformed, detail) }

// parse takes a token apart. Errors: TOKEN_MALFORMED, TOKEN_ALGORITHM.
func parse(token string, known *acceptedHeader) (compact, error) {
	if len(token) > MaxBytes {
		return compact{}, malformed("longer than 8192 bytes")
	}
	header, rest, ok := strings.Cut(token, ".")
	payload, signature, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || strings.Contains(signature, ".") {
		return compact{}, malformed("not three parts")
	}
	if err := known.check(header); err != nil {
		return compact{}, err
	}
	c := compact{signed: token[:len(header)+1+len(payload)]}
	var err error
	if c.payload, err = decode(payload); err != nil {
		return compact{}, err
	}
	c.signature, err = decode(signature)
	return c, err
}

// decode reads canonical base64url: every text that it accepts is the only one for its bytes.
func decode(part string) ([]byte, error) {
	for i := range len(part) {
		if c := part[i]; !isAlphanumeric(c) && c != '-' && c != '_' {
			return nil, malformed("not base64url")
		}
	}
	out, err := base64url.DecodeString(part)
	if err != nil {
		return nil, malformed("not canonical base64url")
	}
	return out, nil
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// acceptedHeader remembers the text of the last header that was accepted: one issuer writes the same one into every token,
// and whether it is acceptable depends on nothing but its text.
type acceptedHeader struct{ text atomic.Pointer[string] }

func (a *acceptedHeader) check(part string) error {
	if last := a.text.Load(); last != nil && *last == part {
		return nil
	}
	if err := checkHeader(part); err != nil {
		return err
	}
	text := strings.Clone(part) // a part would keep the whole token in memory
	a.text.Store(&text)
	return nil
}

func checkHeader(part string) error {
	data, err := decode(part)
	if err != nil {
		return err
	}
	header, err := parseObject(data)
	if err != nil {
		return err
	}
	if alg, ok := stringOf(header["alg"]); !ok || alg != algorithm {
		return authsvc.ErrTokenAlgorithm
	}
	for _, name := range forbidden {
		if _, present := header[name]; present {
			return malformed("forbidden header parameter " + name)
		}
	}
	if typ, present := header["typ"]; present {
		if s, ok := stringOf(typ); !ok || !strings.EqualFold(s, "JWT") {
			return malformed("typ is not JWT")
		}
	}
	if kid, present := header["kid"]; present && kid.Kind() != '"' {
		return malformed("kid is not a string")
	}
	return nil
}

func parseObject(data []byte) (object, error) {
	var o object
	// "null" would leave the map nil without an error.
	if err := json.Unmarshal(data, &o); err != nil || o == nil {
		return nil, malformed("not one JSON object with distinct members")
	}
	return o, nil
}

// stringOf gives a JSON string's text; false for any other kind and for an absent member.
func stringOf(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, v)
	return string(text), err == nil
}
