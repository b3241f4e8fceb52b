package claims

import (
	"strconv"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/everydaytech/meshsso/authsvc"
)

// maxItems is the longest list that a target takes.
const maxItems = 1024

// vars are what expressions see of one validation. Not shared between two.
type vars struct {
	claims any // map[string]any
	issuer types.String
	user   ref.Val
	result ref.Val
	device ref.Val
	small  bool   // the payload has at most smallPayload bytes
	spent  uint64 // by metered expressions so far
}

var _ cel.Activation = (*vars)(nil)

// ResolveName gives a variable's value.
func (v *vars) ResolveName(name string) (any, bool) {
	switch name {
	case "claims":
		return v.claims, v.claims != nil
	case "issuer":
		return v.issuer, true
	case "user":
		return v.user, v.user != nil
	case "result":
		return v.result, v.result != nil
	case "device":
		return v.device, v.device != nil
	}
	return nil, false
}

// Parent gives none.
func (*vars) Parent() cel.Activation { return nil }

// valueOf wraps an object for a room's expressions. The environments are made by then: there would be no expression else.
func valueOf(in room, object any) ref.Val {
	envs, err := environments()
	if err != nil {
		return types.WrapErr(err)
	}
	return envs[in].CELTypeAdapter().NativeToValue(object)
}

func userValue(u authsvc.User) ref.Val {
	return valueOf(roomUser, &celUser{
		ID: u.ID, Email: u.Email, FullName: u.FullName, TenantID: u.TenantID, Role: u.Role, IsSuperadmin: u.IsSuperadmin,
	})
}

// toString takes a string and nothing else.
func toString(v ref.Val) (string, error) {
	s, ok := v.(types.String)
	if !ok {
		return "", errWrongType
	}
	return string(s), nil
}

// toNumber takes a string, or a whole number that a row may have, as its digits.
func toNumber(v ref.Val) (string, error) {
	switch n := v.(type) {
	case types.Int:
		return strconv.FormatInt(int64(n), 10), nil
	case types.Double:
		if n >= 1 && n <= maxUserID && n == types.Double(int64(n)) {
			return strconv.FormatInt(int64(n), 10), nil
		}
	}
	return toString(v)
}

// toStrings takes a list of strings, or one.
func toStrings(v ref.Val) ([]string, error) {
	if s, ok := v.(types.String); ok {
		return []string{string(s)}, nil
	}
	list, ok := v.(traits.Lister)
	if !ok {
		return nil, errWrongType
	}
	size, ok := list.Size().(types.Int)
	if !ok || size > maxItems {
		return nil, errWrongType
	}
	out := make([]string, 0, size)
	for i := range size {
		s, err := toString(list.Get(i))
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// stringsOf reads a claim that is an array of strings, or one string.
func stringsOf(claim any) ([]string, bool) {
	switch v := claim.(type) {
	case string:
		return []string{v}, true
	case []any:
		if len(v) > maxItems {
			return nil, false
		}
		out := make([]string, 0, len(v))
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, false
			}
			out = append(out, s)
		}
		return out, true
	}
	return nil, false
}

const maxUserID = 1<<53 - 1 // what JavaScript and a float64 hold exactly

// userIDOf reads a row's number from the text that it has in decimal, canonically.
func userIDOf(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 1 && n <= maxUserID && strconv.FormatInt(n, 10) == text
}
