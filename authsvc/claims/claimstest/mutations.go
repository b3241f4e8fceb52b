package claimstest

import (
	"fmt"
	"iter"
	"maps"
	"slices"
)

// wrong are values of every type that JSON has.
var wrong = []any{nil, true, false, 1.0, 0.0, "", "true", []any{}, []any{1.0}, map[string]any{}, map[string]any{"a": true}}

// mutations gives payload with each member missing, or of another type, at any depth; and what was changed.
func mutations(payload map[string]any) iter.Seq2[string, map[string]any] {
	return func(yield func(string, map[string]any) bool) {
		mutate(payload, "", func(change string, m any) bool { return yield(change, m.(map[string]any)) })
	}
}

// mutate calls f with changed copies of a value until f says no.
func mutate(value any, path string, f func(string, any) bool) bool {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if !member(v, name, path+"."+name, f) {
				return false
			}
		}
	case []any:
		for i := range v {
			at := func(changed any) any {
				out := slices.Clone(v)
				out[i] = changed
				return out
			}
			inner := func(change string, changed any) bool { return f(change, at(changed)) }
			if !retype(v[i], fmt.Sprintf("%s[%d]", path, i), inner) || !mutate(v[i], fmt.Sprintf("%s[%d]", path, i), inner) {
				return false
			}
		}
	}
	return true
}

func member(v map[string]any, name, path string, f func(string, any) bool) bool {
	without := maps.Clone(v)
	delete(without, name)
	if !f("no "+path, copied(without)) {
		return false
	}
	inner := func(change string, changed any) bool {
		out := maps.Clone(v)
		out[name] = changed
		return f(change, copied(out))
	}
	return retype(v[name], path, inner) && mutate(v[name], path, inner)
}

// retype gives every value of another type than v's; JSON's true and false are of one type.
func retype(v any, path string, f func(string, any) bool) bool {
	for _, w := range wrong {
		if fmt.Sprintf("%T", w) != fmt.Sprintf("%T", v) && !f(fmt.Sprintf("%s as %T", path, w), copied(w)) {
			return false
		}
	}
	return true
}

func copied(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if v == nil {
			return v
		}
		out := make(map[string]any, len(v))
		for name, member := range v {
			out[name] = copied(member)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = copied(item)
		}
		return out
	}
	return value
}

// more says what got gives beyond sound; empty: nothing.
func (c *checking) more(sound, got *verdict) string {
	switch {
	case got.decision.Role > sound.decision.Role:
		return "role " + got.draft.Role + " instead of " + sound.draft.Role
	case got.decision.MaxRole > sound.decision.MaxRole:
		return "individual grants up to " + got.decision.MaxRole.String()
	}
	have := append(slices.Clone(sound.draft.DeviceRights), sound.draft.SiteRights...)
	now := append(slices.Clone(got.draft.DeviceRights), got.draft.SiteRights...)
	for _, right := range now {
		if !c.restricting[right] && !slices.Contains(have, right) {
			return right + " besides"
		}
	}
	for _, right := range have {
		if c.restricting[right] && !slices.Contains(now, right) && len(got.draft.DeviceRights) > 0 {
			return "rid of " + right
		}
	}
	return ""
}
