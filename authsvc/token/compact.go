package token

import (
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/everydaytech/meshsso/authsvc"
)

// compact is a JWS in compact serialization whose form is right and whose signature has not been checked.
type compact struct {
	header    *header
	signed    string // header "." payload, as it came
	payload   []byte // decoded
	signature []byte // decoded
}

// object is a JSON object by exact member name; the values are still text. Unmarshal refuses duplicate names at any
// depth, invalid UTF-8, lone surrogates and trailing data.
type object map[string]jsontext.Value

// base64url decodes strictly: no padding, no bits after the last byte. It skips line breaks all the same, so decode
// checks the alphabet first.
var base64url = base64.RawURLEncoding.Strict()

func malformed(detail string) error { return authsvc.Deny(authsvc.TokenMalformed, detail) }

// parse takes a token apart. Errors: TOKEN_MALFORMED, TOKEN_ALGORITHM.
func parse(token string, known *headers) (compact, error) {
	if len(token) > MaxBytes {
		return compact{}, malformed("longer than 8192 bytes")
	}
	head, rest, ok := strings.Cut(token, ".")
	payload, signature, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || strings.Contains(signature, ".") {
		return compact{}, malformed("not three parts")
	}
	h, err := known.read(head)
	if err != nil {
		return compact{}, err
	}
	c := compact{header: h, signed: token[:len(head)+1+len(payload)]}
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

func parseObject(data []byte) (object, error) {
	var o object
	// "null" would leave the map nil without an error.
	if err := json.Unmarshal(data, &o); err != nil || o == nil {
		return nil, malformed("not one JSON object with distinct members")
	}
	return o, nil
}

// registeredClaims are those that are read of a payload which a mapping reads the rest of (RFC 7519 4.1). Members are told apart by
// exact name; duplicates at any depth are refused as in parseObject.
type registeredClaims struct {
	Exp jsontext.Value `json:"exp"`
	Nbf jsontext.Value `json:"nbf"`
	Iat jsontext.Value `json:"iat"`
	Iss jsontext.Value `json:"iss"`
	Sub jsontext.Value `json:"sub"`
	Aud jsontext.Value `json:"aud"`
	Jti jsontext.Value `json:"jti"`
}

// parseRegistered reads only these: a whole map of a payload costs as much as a mapping's own reading.
func parseRegistered(data []byte) (*registeredClaims, error) {
	c := &registeredClaims{}
	if jsontext.Value(data).Kind() != '{' || json.Unmarshal(data, c) != nil {
		return nil, malformed("not one JSON object with distinct members")
	}
	return c, nil
}

// members gives a payload's members by exact name.
type members interface {
	member(name string) (v jsontext.Value, present bool)
}

func (o object) member(name string) (jsontext.Value, bool) {
	v, present := o[name]
	return v, present
}

func (c *registeredClaims) member(name string) (v jsontext.Value, present bool) {
	switch name {
	case "exp":
		v = c.Exp
	case "nbf":
		v = c.Nbf
	case "iat":
		v = c.Iat
	case "iss":
		v = c.Iss
	case "sub":
		v = c.Sub
	case "aud":
		v = c.Aud
	case "jti":
		v = c.Jti
	}
	return v, v != nil
}

// stringOf gives a JSON string's text; false for any other kind and for an absent member.
func stringOf(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, v)
	return string(text), err == nil
}
