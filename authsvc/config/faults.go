package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Fault is one thing that is wrong with a file. It never holds a value of the file: one may be a secret in the wrong place.
type Fault struct {
	File         string // empty if the file has no name
	Line, Column int    // from 1; 0 if unknown
	Path         string // such as issuers[1].keys; empty for the whole file
	Message      string
}

// Error is FILE:LINE:COLUMN: PATH: MESSAGE, without what is not known.
func (f Fault) Error() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File + ":")
	}
	if f.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", f.Line, f.Column)
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	return b.String() + f.Message
}

// Faults are all that is wrong with a file, by their place in it.
type Faults []Fault

// Error gives one line a fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].Error()
	}
	return strings.Join(lines, "\n")
}

func (f Faults) sorted() Faults {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Path, b.Path), strings.Compare(a.Message, b.Message))
	})
	return slices.Compact(f)
}

func (f Faults) in(file string) Faults {
	for i := range f {
		f[i].File = file
	}
	return f
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// child is the path of a key below another: tenants["11111111-…"].roles.viewer. Tenants' ids are quoted whatever they begin with.
func child(path, key string) string {
	switch {
	case path == "tenants", !plainKey.MatchString(key):
		return path + "[" + strconv.Quote(key) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// position is where a value stands, or its key.
type position struct{ line, column int }

// At gives a fault at a path the place where it stands, or else the nearest one above it.
func (f *File) At(path, message string) Fault {
	fault := Fault{Path: path, Message: message}
	for p := path; ; p = parent(p) {
		if at, ok := f.positions[p]; ok || p == "" {
			fault.Line, fault.Column = at.line, at.column
			return fault
		}
	}
}

// parent is the path above; the quoted keys of child may hold dots and brackets.
func parent(path string) string {
	if strings.HasSuffix(path, `"]`) {
		if i := strings.LastIndex(path, `["`); i >= 0 {
			return path[:i]
		}
	}
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}
