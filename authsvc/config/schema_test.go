package config

import (
	stdjson "encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The schema and the types say the same: else a key is taken that nobody reads, or one that can be read is refused.
func TestSchemaAndTypesAgree(t *testing.T) {
	var doc map[string]any
	if err := stdjson.Unmarshal(Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	compareType(t, doc, doc, reflect.TypeFor[File](), "file")
	walkSchema(doc, func(s map[string]any) {
		if p, ok := s["pattern"].(string); ok && patternTexts[p] == "" {
			t.Errorf("no words for the pattern %q", p)
		}
	})
}

func compareType(t *testing.T, doc, s map[string]any, typ reflect.Type, where string) {
	t.Helper()
	if ref, ok := s["$ref"].(string); ok {
		s = doc["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	switch typ.Kind() {
	case reflect.Pointer:
		compareType(t, doc, s, typ.Elem(), where)
	case reflect.Slice:
		compareType(t, doc, s["items"].(map[string]any), typ.Elem(), where+"[]")
	case reflect.Map:
		if s["type"] != "object" {
			t.Errorf("%s is a %v", where, s["type"])
		}
		if values, ok := s["additionalProperties"].(map[string]any); ok {
			compareType(t, doc, values, typ.Elem(), where+"{}")
		}
	case reflect.Struct:
		compareStruct(t, doc, s, typ, where)
	case reflect.String:
		if s["type"] != "string" && s["enum"] == nil {
			t.Errorf("%s is no string", where)
		}
	case reflect.Bool:
		if s["type"] != "boolean" && s["const"] != true {
			t.Errorf("%s is no boolean", where)
		}
	}
}

func compareStruct(t *testing.T, doc, s map[string]any, typ reflect.Type, where string) {
	t.Helper()
	properties, _ := s["properties"].(map[string]any)
	var names, required []string
	for f := range typ.Fields() {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		if names = append(names, name); option == "" {
			required = append(required, name)
		}
		if sub, ok := properties[name].(map[string]any); ok {
			compareType(t, doc, sub, f.Type, where+"."+name)
		}
	}
	var needed []string
	for _, n := range append([]any{}, anySlice(s["required"])...) {
		needed = append(needed, n.(string))
	}
	slices.Sort(names)
	slices.Sort(required)
	slices.Sort(needed)
	if known := slices.Sorted(maps.Keys(properties)); !slices.Equal(known, names) || !slices.Equal(required, needed) || s["additionalProperties"] != false {
		t.Errorf("%s: schema %v requires %v, types %v require %v", where, known, needed, names, required)
	}
}

func anySlice(v any) []any { list, _ := v.([]any); return list }

func walkSchema(v any, f func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		f(v)
		for _, below := range v {
			walkSchema(below, f)
		}
	case []any:
		for _, below := range v {
			walkSchema(below, f)
		}
	}
}
