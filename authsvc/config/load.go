package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// Load reads a file. Relative paths in it begin at its folder. Errors: Faults, or why the file cannot be read.
func Load(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("the configuration file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxBytes {
		return nil, fmt.Errorf("the configuration file: %s is not a file of at most 1 MiB", path)
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("the configuration file: %w", err)
	}
	f, faults := parse(data)
	if len(faults) > 0 {
		return nil, faults.in(path)
	}
	f.resolve(filepath.Dir(path))
	return f, nil
}

// Parse reads what a file holds and leaves relative paths as they are. Errors: Faults.
func Parse(data []byte) (*File, error) {
	f, faults := parse(data)
	if len(faults) > 0 {
		return nil, faults
	}
	return f, nil
}

// maxFaults is how many may be known already for the rest to be judged: each is held against all of them.
const maxFaults = 1000

func parse(data []byte) (*File, Faults) {
	doc, t := readTree(data)
	if len(t.faults) > 0 && doc == nil {
		return nil, t.faults
	}
	t.schemaFaults(doc)
	f := &File{positions: t.positions}
	// What has the right shape is judged besides, so that all faults come at once.
	switch fits := decode(doc, f); {
	case len(t.faults) > maxFaults: // enough to do
	case fits:
		f.check(t.besides)
	case len(t.faults) == 0:
		t.faults = Faults{{Message: "does not fit the types of the program"}}
	}
	return f, t.faults.sorted()
}

// besides takes what is wrong where nothing is wrong yet: the rest may follow from that.
func (t *tree) besides(path, message string) {
	below := func(f Fault) bool {
		rest, ok := strings.CutPrefix(f.Path, path)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	}
	if !slices.ContainsFunc(t.faults, below) {
		t.at(path, message)
	}
}

func decode(doc any, into *File) bool {
	text, err := json.Marshal(doc)
	return err == nil && json.Unmarshal(text, into) == nil
}

// resolve makes paths absolute to what the file's folder is to the process.
func (f *File) resolve(folder string) {
	in := func(path *string) {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(folder, *path)
		}
	}
	for i := range f.Issuers {
		k := &f.Issuers[i].Keys
		in(&k.JWKSFile)
		in(&k.CAFile)
		for j := range k.Secrets {
			in(&k.Secrets[j].File)
		}
	}
}
