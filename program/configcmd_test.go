package program

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

// What compiles no expression cannot see; paths of the policy's faults find their place in the file.
func TestConfigCheckCompiles(t *testing.T) {
	path := configFile(t, `version: 1
claimMappings: {roles: {expression: user.rol}}
issuers:
  - name: a
    issuer: https://id.example
    audiences: [x]
    algorithms: [RS256]
    keys: {jwksFile: none.json}
    tenants: [`+tenantA+`]
    claimValidationRules: [{expression: "'a'", message: m}]
  - name: b
    issuer: b
    audiences: [x]
    algorithms: [HS256]
    keys: {secrets: [{env: SET}, {env: UNSET}]}
    tenants: [`+tenantA+`]
tenants:
  `+tenantA+`:
    roles: {desk: {rank: viewer, deviceRights: [wake], devices: device.platfrm == 'a'}}
mappers: [{name: nobody}]
`)
	const hush = "hush-hush-hush"
	out := &syncBuffer{}
	if code := run(t.Context(), []string{"config", "check"}, testEnv(map[string]string{"MESHSSO_CONFIG": path, "SET": hush}, out)); code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, s := range []string{
		path + ":2:25: claimMappings.roles.expression: ", path + ":10:29: issuers[0].claimValidationRules[0].expression: ",
		path + `:19:56: tenants["` + tenantA + `"].roles.desk.devices: `, path + ":20:12: mappers[0].name: ",
		"issuers[0].keys.jwksFile: ", "issuers[1].keys.secrets[1].env: UNSET is not set here",
	} {
		if !strings.Contains(out.String(), "\n  - "+s) {
			t.Errorf("no word of %s", s)
		}
	}
	if strings.Contains(out.String(), hush) || strings.Count(out.String(), "\n  - ") != 6 || t.Failed() {
		t.Error(out)
	}
}

// What only the whole of it shows: key files, secrets, and roles that this way of device rights cannot give.
func TestConfigCheckMakesWhatServeMakes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	issuer := func(keys, alg string) string {
		return "version: 1\nissuers:\n  - {name: a, issuer: a, audiences: [x], algorithms: [" + alg + "], keys: " + keys + ", tenants: [" + tenantA + "]}\n"
	}
	write("bad.json", `{"keys": [{"kty": "oct", "k": "`+strings.Repeat("A", 44)+`"}]}`)
	const hush = "hush-hush"
	vars := map[string]string{"SHORT": hush, "SAME": dashboardSecret, "JWT_SECRET": dashboardSecret}
	for name, c := range map[string]struct {
		file, way, says string
	}{
		"a JWKS of secrets":            {issuer("{jwksFile: bad.json}", "RS256"), "", "issuers[0].keys.jwksFile: "},
		"a short secret":               {issuer("{secrets: [{env: SHORT}]}", "HS256"), "", "at least 32"},
		"the built-in issuer's secret": {issuer("{secrets: [{env: SAME}]}", "HS256"), "", "secret"},
		"some devices in groups":       {"version: 1\nroles: {desk: {rank: viewer, deviceRights: [wake], devices: device.id == 1}}", "group", "desk"},
		"no way":                       {"version: 1", "both", "MESHSSO_DEVICE_RIGHTS must be links or group"},
	} {
		out := &syncBuffer{}
		vars["MESHSSO_DEVICE_RIGHTS"] = c.way
		path := write("meshsso.yaml", c.file)
		if code := run(t.Context(), []string{"config", "check", path}, testEnv(vars, out)); code != 1 || !strings.Contains(out.String(), c.says) ||
			strings.Contains(out.String(), hush) || strings.Contains(out.String(), dashboardSecret) {
			t.Errorf("%s: %d %s", name, code, out)
		}
	}
}
