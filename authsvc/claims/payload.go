package claims

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/everydaytech/meshsso/authsvc"
)

// maxNesting is how deep a payload may nest: providers' do five or so.
const maxNesting = 32

// maxPayload is more than any token brings; whoever calls from elsewhere is held to it too, because costs are bounded by it.
const maxPayload = claimBytes

func badClaim(detail string) error { return authsvc.Deny(authsvc.TokenClaims, detail) }

// decodePayload reads a verified payload; duplicate names are refused at any depth.
func decodePayload(data []byte) (map[string]any, error) {
	if len(data) > maxPayload {
		return nil, authsvc.Deny(authsvc.TokenMalformed, "the payload is too long")
	}
	if !shallow(data) {
		return nil, authsvc.Deny(authsvc.TokenMalformed, "the payload nests too deep")
	}
	var payload any // as any, and not as a map, it is read without reflection
	err := json.Unmarshal(data, &payload)
	members, ok := payload.(map[string]any)
	if err != nil || !ok {
		return nil, authsvc.Deny(authsvc.TokenMalformed, "not one JSON object with distinct members")
	}
	return members, nil
}

// shallow counts brackets outside of strings before anything recurses into them.
func shallow(data []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxNesting {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}

// numberText gives a member of the payload, which is sound JSON, as it was written: 1.0 and 1e0 are other texts for a number that
// different readers round differently, so a row's number is read from its digits. Empty if there is none under the plain name.
func numberText(data []byte, name string) string {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := i + 1
			for ; end < len(data) && data[end] != '"'; end++ {
				if data[end] == '\\' {
					end++
				}
			}
			if end >= len(data) {
				return ""
			}
			text, rest := data[i+1:end], bytes.TrimLeft(data[end+1:], space)
			if depth == 1 && string(text) == name && len(rest) > 0 && rest[0] == ':' {
				return firstNumber(bytes.TrimLeft(rest[1:], space))
			}
			i = end
		}
	}
	return ""
}

const space = " \t\r\n" // RFC 8259 2

func firstNumber(data []byte) string {
	end := bytes.IndexFunc(data, func(r rune) bool { return !strings.ContainsRune("+-.0123456789eE", r) })
	return string(data[:max(end, 0)])
}

// copyOf copies a JSON value.
func copyOf(value any) any {
	switch v := value.(type) {
	case map[string]any:
		return copyMap(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = copyOf(item)
		}
		return out
	}
	return value
}

func copyMap(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	out := make(map[string]any, len(m))
	for name, value := range m {
		out[name] = copyOf(value)
	}
	return out
}
