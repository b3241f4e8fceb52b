package config

import (
	"bytes"
	_ "embed" // schema.json
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

//go:embed schema.json
var schemaText []byte

// Schema gives the JSON Schema (draft 2020-12) of meshsso.yaml.
func Schema() []byte { return bytes.Clone(schemaText) }

const schemaID = "urn:everydaytech:meshsso:config:1"

var schema = sync.OnceValue(func() *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaText))
	if err != nil {
		panic("config: schema.json: " + err.Error())
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nil) // nothing outside is read
	if err := c.AddResource(schemaID, doc); err != nil {
		panic("config: schema.json: " + err.Error())
	}
	return c.MustCompile(schemaID)
})

// schemaFaults holds a document against the schema, and takes out of it what does not fit.
func (t *tree) schemaFaults(doc any) {
	var failed *jsonschema.ValidationError
	if err := schema().Validate(doc); errors.As(err, &failed) {
		t.collect(failed, doc)
	} else if err != nil {
		t.faults = append(t.faults, Fault{Message: "cannot be held against the schema"})
	}
}

func (t *tree) collect(e *jsonschema.ValidationError, doc any) {
	path := t.pathOf(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			t.at(child(path, name), "is not a key that is known here")
		}
	case *kind.PropertyNames:
		paths := namesIn(doc, e.SchemaURL, k.Property)
		if len(paths) == 0 {
			paths = []string{""} // a fault without a place is a fault all the same
		}
		for _, path := range paths {
			t.at(path, "is no name that can stand here: "+keyText(e))
		}
	case *kind.Required:
		for _, name := range k.Missing {
			t.at(path, "lacks "+name)
		}
	case *kind.OneOf:
		t.at(path, "needs exactly one of "+oneOfNames(e))
	default:
		if len(e.Causes) == 0 {
			t.at(path, messageOf(e.ErrorKind))
			takeOut(doc, e.InstanceLocation)
			return
		}
		for _, c := range e.Causes {
			t.collect(c, doc)
		}
	}
}

// namesIn gives where a name stands that the schema at url refuses. The library's own location of such a fault is of no use: its
// memory is written over by whatever is looked at next.
func namesIn(doc any, url, name string) (paths []string) {
	look := func(path string, in any) {
		if m, ok := in.(map[string]any); ok {
			if _, present := m[name]; present {
				paths = append(paths, child(path, name))
			}
		}
	}
	top, _ := doc.(map[string]any)
	switch {
	case strings.HasSuffix(url, "/tenants/propertyNames"):
		look("tenants", top["tenants"])
	case strings.HasSuffix(url, "/roles/propertyNames"):
		look("roles", top["roles"])
		tenants, _ := top["tenants"].(map[string]any)
		for id, tenant := range tenants {
			if m, ok := tenant.(map[string]any); ok {
				look(child(child("tenants", id), "roles"), m["roles"])
			}
		}
	case strings.HasSuffix(url, "/subjects/propertyNames"):
		issuers, _ := top["issuers"].([]any)
		for i, issuer := range issuers {
			if m, ok := issuer.(map[string]any); ok {
				look(child(item("issuers", i), "subjects"), m["subjects"])
			}
		}
	}
	return paths
}

func (t *tree) at(path, message string) {
	if t.refused[path] {
		return
	}
	f := (&File{positions: t.positions}).At(path, message)
	t.faults = append(t.faults, f)
}

func takeOut(doc any, tokens []string) {
	for i, token := range tokens {
		last := i == len(tokens)-1
		switch d := doc.(type) {
		case map[string]any:
			if doc = d[token]; last {
				d[token] = nil
			}
		case []any:
			n, _ := strconv.Atoi(token)
			if doc = d[n]; last {
				d[n] = nil
			}
		}
	}
}

// pathOf writes a JSON pointer's tokens as a path. A number is an index, or a key if there is one.
func (t *tree) pathOf(tokens []string) string {
	path := ""
	for _, token := range tokens {
		below := child(path, token)
		if i, err := strconv.Atoi(token); err == nil && t.keys[below].line == 0 {
			below = item(path, i)
		}
		path = below
	}
	return path
}

func messageOf(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return "is " + typeText(k.Got) + " and must be " + typeText(k.Want[0])
	case *kind.Enum:
		return "must be one of " + listOf(k.Want)
	case *kind.Const:
		return fmt.Sprintf("must be %v", k.Want)
	case *kind.Pattern:
		return patternTexts[k.Want]
	case *kind.MinLength:
		return "is empty"
	case *kind.MaxLength:
		return fmt.Sprintf("is longer than %d characters", k.Want)
	case *kind.MinItems, *kind.MinProperties:
		return "is empty"
	case *kind.MaxProperties:
		if k.Want == 1 {
			return "has claim and expression: give one of the two"
		}
		return fmt.Sprintf("has more than %d entries", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("has more than %d entries", k.Want)
	case *kind.UniqueItems:
		return fmt.Sprintf("has the same entry twice: the %d. and the %d.", k.Duplicates[0]+1, k.Duplicates[1]+1)
	case *kind.Not:
		return "is reserved"
	}
	return "does not fit the schema"
}

func keyText(e *jsonschema.ValidationError) string {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	return messageOf(e.ErrorKind)
}

// oneOfNames names the alternatives: the library tells which fit, not what they are called.
func oneOfNames(e *jsonschema.ValidationError) string {
	if strings.HasSuffix(e.SchemaURL, "/secret") {
		return "env and file"
	}
	return "secrets, jwksFile, jwksURL and discovery"
}

func listOf(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ", ")
}

func typeText(name string) string {
	switch name {
	case "object":
		return "a mapping"
	case "array":
		return "a list"
	case "string":
		return "a text"
	case "boolean":
		return "true or false"
	case "null":
		return "nothing"
	}
	return "a " + name
}

const uuidPattern = `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`

// patternTexts says in words what the schema's patterns say; a test holds the two together.
var patternTexts = map[string]string{
	uuidPattern:                   "must be a UUID in lower case, such as 11111111-1111-4111-8111-111111111111",
	`^[a-z0-9][a-z0-9._-]{0,62}$`: "must be of a-z, 0-9, dot, - and _, at most 63 characters",
	`^[a-z][a-z0-9_-]{0,62}$`:     "must be of a-z, 0-9, - and _, begin with a letter and have at most 63 characters",
	`^[A-Z][A-Z0-9_]{0,127}$`:     "must be the name of an environment variable: A-Z, 0-9 and _",
	`^([1-9][0-9]{0,3}h)?([1-9][0-9]{0,7}m)?([1-9][0-9]{0,7}s)?([1-9][0-9]{0,2}ms)?$`: "must be a duration above zero such as 90s, 24h or 1h30m",
	`^https?://[^\s\x00-\x1f\x7f]+$`:              "must be a URL",
	`^[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+$`: "must be an e-mail",
	`^[^\x00-\x1f\x7f]+$`:                         "must be one line without control characters",
}
