package claims

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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
	var payload map[string]any
	// "null" would leave the map nil without an error.
	if err := json.Unmarshal(data, &payload); err != nil || payload == nil {
		return nil, authsvc.Deny(authsvc.TokenMalformed, "not one JSON object with distinct members")
	}
	return payload, nil
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

// numberText gives a member of the payload as it was written: 1.0 and 1e0 are other texts for a number that different readers
// round differently, so a row's number is read from its digits.
func numberText(data []byte, name string) string {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	if _, err := dec.ReadToken(); err != nil {
		return ""
	}
	for dec.PeekKind() == '"' {
		member, err := dec.ReadToken()
		if err != nil {
			return ""
		}
		if member.String() != name {
			if dec.SkipValue() != nil {
				return ""
			}
			continue
		}
		value, err := dec.ReadValue()
		if err != nil || value.Kind() != '0' {
			return ""
		}
		return string(value)
	}
	return ""
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
