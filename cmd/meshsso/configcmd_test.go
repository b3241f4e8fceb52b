package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	conf "github.com/everydaytech/meshsso/authsvc/config"
	"github.com/everydaytech/meshsso/meshbridge"
)

// configFile writes a meshsso.yaml.
func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "meshsso.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigSchema(t *testing.T) {
	out := &syncBuffer{}
	if code := run(t.Context(), []string{"config", "schema"}, testEnv(nil, out)); code != 0 || out.String() != string(conf.Schema()) {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// The schema lists the names of rights so that editors complete them; they are meshbridge's.
func TestSchemaKnowsTheRights(t *testing.T) {
	var doc struct {
		Defs struct {
			Role struct {
				Properties map[string]struct{ Items struct{ Enum []string } }
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(conf.Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][]string{"deviceRights": meshbridge.DeviceRightNames(), "siteRights": meshbridge.SiteRightNames()} {
		if got := doc.Defs.Role.Properties[key].Items.Enum; !slices.Equal(got, want) {
			t.Errorf("%s are %v in the schema and %v in fact", key, got, want)
		}
	}
}

func TestConfigCheckFindsAllFaults(t *testing.T) {
	path := configFile(t, "version: 1\nisuers: []\nroles:\n  desk: {rank: viewer}\n")
	out := &syncBuffer{}
	if code := run(t.Context(), []string{"config", "check", path}, testEnv(nil, out)); code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, s := range []string{path + ":2:1: isuers: is not a key", path + ":4:3: roles.desk: is not a built-in role and needs deviceRights"} {
		if !strings.Contains(out.String(), s) {
			t.Errorf("no word of %s:\n%s", s, out)
		}
	}
	out = &syncBuffer{}
	if code := run(t.Context(), []string{"config", "check"}, testEnv(nil, out)); code != 1 || !strings.Contains(out.String(), "MESHSSO_CONFIG") {
		t.Errorf("without a file: %d %s", code, out)
	}
}
