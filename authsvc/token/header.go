package token

import (
	"strings"
	"sync/atomic"

	"github.com/everydaytech/meshsso/authsvc"
)

// forbidden header parameters: extensions that would have to be understood, keys that travel with the token, encryption,
// compression, nesting. b64 is RFC 7797's.
var forbidden = []string{"crit", "b64", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "enc", "zip", "cty"}

// header is one that is acceptable by itself. Shared: never changed.
type header struct {
	text   string // as it came
	alg    string
	kid    string
	hasKid bool
}

// headers reads them and remembers the last one that was accepted: one issuer writes the same one into every token, and whether it
// is acceptable depends on nothing but its text.
type headers struct {
	algorithms map[string]bool // that any issuer signs with; never changed
	last       atomic.Pointer[header]
}

// read gives an acceptable header. Errors: TOKEN_MALFORMED, TOKEN_ALGORITHM.
func (s *headers) read(part string) (*header, error) {
	if last := s.last.Load(); last != nil && last.text == part {
		return last, nil
	}
	h, err := s.decode(part)
	if err != nil {
		return nil, err
	}
	h.text = strings.Clone(part) // a part would keep the whole token in memory
	s.last.Store(h)
	return h, nil
}

func (s *headers) decode(part string) (*header, error) {
	data, err := decode(part)
	if err != nil {
		return nil, err
	}
	o, err := parseObject(data)
	if err != nil {
		return nil, err
	}
	h := &header{}
	var ok bool
	if h.alg, ok = stringOf(o["alg"]); !ok || !s.algorithms[h.alg] {
		return nil, authsvc.ErrTokenAlgorithm
	}
	for _, name := range forbidden {
		if _, present := o[name]; present {
			return nil, malformed("forbidden header parameter " + name)
		}
	}
	if typ, present := o["typ"]; present {
		if s, ok := stringOf(typ); !ok || !strings.EqualFold(s, "JWT") {
			return nil, malformed("typ is not JWT")
		}
	}
	if kid, present := o["kid"]; present {
		if h.kid, h.hasKid = stringOf(kid); !h.hasKid {
			return nil, malformed("kid is not a string")
		}
	}
	return h, nil
}
