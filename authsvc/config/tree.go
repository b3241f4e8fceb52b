package config

import (
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Bounds of a file.
const (
	maxBytes = 1 << 20
	maxDepth = 32
	maxNodes = 200_000
)

// tree is a YAML document as JSON would give it, and where each value stands.
type tree struct {
	positions map[string]position
	keys      map[string]position // of the keys, for what is wrong with one
	faults    Faults
	nodes     int
	full      bool            // said once
	refused   map[string]bool // paths whose value is wrong as YAML
}

// readTree reads one document. What YAML has and JSON has not is refused: anchors, aliases, merge keys, tags, keys that are no text.
func readTree(data []byte) (any, *tree) {
	t := &tree{positions: map[string]position{}, keys: map[string]position{}, refused: map[string]bool{}}
	if len(data) > maxBytes {
		t.faults = Faults{{Message: "is larger than 1 MiB"}}
		return nil, t
	}
	if !utf8.Valid(data) {
		t.faults = Faults{{Message: "is not UTF-8"}}
		return nil, t
	}
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		t.faults = Faults{{Message: "is empty: it needs at least `version: 1`"}}
		return nil, t
	case err != nil:
		t.faults = Faults{syntaxFault(err)}
		return nil, t
	}
	value := t.value(&doc, "", 0)
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		f := Fault{Line: more.Line, Column: more.Column, Message: "is a second document: only one is read"}
		if err != nil {
			f = syntaxFault(err)
		}
		t.faults = append(t.faults, f)
	}
	return value, t
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?([^\n]*)`)

// syntaxFault takes the line out of the parser's text, which quotes single characters at most.
func syntaxFault(err error) Fault {
	m := yamlLine.FindStringSubmatch(err.Error())
	line, _ := strconv.Atoi(m[1])
	return Fault{Line: line, Column: min(line, 1), Message: "is not YAML: " + m[2]}
}

func (t *tree) fault(n *yaml.Node, path, message string) {
	t.faults = append(t.faults, Fault{Line: n.Line, Column: n.Column, Path: path, Message: message})
}

// refuse gives nothing for a value.
func (t *tree) refuse(n *yaml.Node, path, message string) any {
	t.refused[path] = true
	t.fault(n, path, message)
	return nil
}

func (t *tree) value(n *yaml.Node, path string, depth int) any {
	if t.nodes++; t.nodes > maxNodes || depth > maxDepth {
		if !t.full {
			t.full = true
			t.fault(n, path, fmt.Sprintf("is too much: at most %d levels and %d values", maxDepth, maxNodes))
		}
		return nil
	}
	if n.Kind == yaml.DocumentNode {
		return t.value(n.Content[0], path, depth)
	}
	if _, known := t.positions[path]; !known {
		t.positions[path] = position{n.Line, n.Column}
	}
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return t.refuse(n, path, "is an anchor or alias: write it out")
	case n.Style&yaml.TaggedStyle != 0:
		return t.refuse(n, path, "has a tag: leave it out")
	}
	switch n.Kind {
	case yaml.MappingNode:
		return t.mapping(n, path, depth)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for i, c := range n.Content {
			list = append(list, t.value(c, item(path, i), depth+1))
		}
		return list
	}
	return t.scalar(n, path)
}

func (t *tree) mapping(n *yaml.Node, path string, depth int) any {
	object := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0:
			t.fault(key, path, "has a key that is no plain text")
			continue
		case key.ShortTag() == "!!merge":
			t.fault(key, path, "has a merge key: write it out")
			continue
		case key.ShortTag() != "!!str":
			t.fault(key, path, "has a key that YAML takes for something else than text: put it in quotes")
			continue
		}
		at := child(path, key.Value)
		if _, twice := object[key.Value]; twice {
			t.fault(key, at, "is there twice")
			continue
		}
		t.keys[at] = position{key.Line, key.Column}
		t.positions[at] = t.keys[at] // a person looks for the key
		object[key.Value] = t.value(value, at, depth+1)
	}
	return object
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func (t *tree) scalar(n *yaml.Node, path string) any {
	switch n.ShortTag() {
	case "!!str", "!!timestamp": // JSON has no times
		return n.Value
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!null":
		return nil
	case "!!int", "!!float":
		f, err := strconv.ParseFloat(n.Value, 64)
		if err == nil && decimal.MatchString(n.Value) && math.Abs(f) <= 1<<53 {
			return f
		}
		return t.refuse(n, path, "is no number that every reader takes for the same: write it in decimal digits, up to 2^53, or in quotes")
	}
	return t.refuse(n, path, "is of a kind that is not known here: put it in quotes")
}
