package config

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

const whole = `# everything that a file can say
version: 1
claimMappings:
  roles: {claim: "https://dash.example/roles"}
  name: {expression: "claims.given_name + ' ' + claims.family_name"}
claimValidationRules:
  - {expression: claims.exp - claims.iat <= 86400, message: a token lasts a day at most}
issuers:
  - name: corp
    issuer: https://id.example/realms/corp
    audiences: [meshcentral]
    algorithms: [RS256, ES256]
    keys: {discovery: true, caFile: ca.pem, refresh: 1m, keepFor: 1h30m}
    leeway: 10s
    maxLifetime: 12h
    tokens: [user]
    tenants: [11111111-1111-4111-8111-111111111111]
    allowSuperadmin: true
    claimMappings:
      roles: {expression: claims.realm_access.roles}
      subject: {claim: sub}
      tenant: {claim: tid}
      groups: {claim: groups}
    claimValidationRules: [{expression: "true", message: m}]
  - name: shared
    issuer: shared
    audiences: [a, b]
    algorithms: [HS256]
    keys: {secrets: [{env: SHARED_SECRET, kid: "1"}, {file: secret.txt}]}
    tenants: [11111111-1111-4111-8111-111111111111]
    subjects: {"auth0|1": ann@acme.example, "2": bob@acme.example}
  - {name: f, issuer: f, audiences: [x], algorithms: [EdDSA], keys: {jwksFile: /etc/keys.json}, tenants: [11111111-1111-4111-8111-111111111111]}
  - {name: u, issuer: u, audiences: [x], algorithms: [EdDSA], keys: {jwksURL: "http://[::1]:8080/k"}, tenants: [11111111-1111-4111-8111-111111111111]}
userValidationRules:
  - {expression: "result.rank != 'admin' || 'hwk' in claims.amr", message: administrators need a hardware key}
roles:
  viewer: {deviceRights: []}
  helpdesk: {rank: technician, deviceRights: [remote-control, no-terminal], siteRights: [no-tools], devices: device.platform == 'windows'}
tenants:
  11111111-1111-4111-8111-111111111111:
    roles: {helpdesk: {deviceRights: [view-only]}, own: {rank: viewer, deviceRights: [view-only]}}
mappers:
  - {name: shifts, config: {from: 8, to: 17.5, days: [mo, tu], strict: true, none: null}}
`

func TestParseEverything(t *testing.T) {
	f, err := Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	corp := f.Issuers[0]
	if !corp.Keys.Discovery || corp.Keys.KeepFor != Duration(90*time.Minute) || corp.ClaimMappings.Roles.Expression != "claims.realm_access.roles" || !corp.AllowSuperadmin {
		t.Errorf("%+v", corp)
	}
	if f.Roles["viewer"].DeviceRights == nil || f.Roles["helpdesk"].SiteRights[0] != "no-tools" || f.Tenants["11111111-1111-4111-8111-111111111111"].Roles["own"].Rank != "viewer" {
		t.Errorf("%+v %+v", f.Roles, f.Tenants)
	}
	want := map[string]any{"from": 8.0, "to": 17.5, "days": []any{"mo", "tu"}, "strict": true, "none": nil}
	if !reflect.DeepEqual(f.Mappers[0].Config, want) || f.Issuers[1].Subjects["2"] != "bob@acme.example" || f.Issuers[1].Keys.Secrets[0].KID != "1" {
		t.Errorf("%+v", f)
	}
	if at := f.At("issuers[0].claimMappings.roles.expression.deeper", "m"); at.Line != 20 || at.Column != 15 {
		t.Errorf("a fault below a value stands at %d:%d", at.Line, at.Column)
	}
	again(t, f)
}

// again writes a file as JSON, which is YAML too, with either package: whoever hashes or shows a file so gets all of it.
func again(t *testing.T, f *File) {
	t.Helper()
	for name, marshal := range map[string]func() ([]byte, error){
		"v2": func() ([]byte, error) { return json.Marshal(f, json.Deterministic(true)) },
		"v1": func() ([]byte, error) { return stdjson.Marshal(f) },
	} {
		text, err := marshal()
		if err != nil {
			t.Fatal(name, err)
		}
		back, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		first, second := *f, *back
		first.positions, second.positions = nil, nil
		if !same(first, second) {
			t.Errorf("%s: written and read again it is another:\n%s", name, text)
		}
	}
}

// same compares by what is written: an absent table and an empty one say the same, save where omitzero keeps them apart.
func same(a, b File) bool {
	x, err1 := json.Marshal(a, json.Deterministic(true))
	y, err2 := json.Marshal(b, json.Deterministic(true))
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

const issuerHead = "version: 1\nissuers:\n- name: a\n  issuer: https://id.example\n  audiences: [x]\n  tenants: [11111111-1111-4111-8111-111111111111]\n"

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []string // every fault, whole
	}{
		"empty":              {"", []string{"is empty: it needs at least `version: 1`"}},
		"only a comment":     {"# nothing\n", []string{"is empty: it needs at least `version: 1`"}},
		"a list":             {"[1]", []string{"1:1: is a list and must be a mapping"}},
		"no version":         {"issuers: []", []string{"1:1: lacks version"}},
		"another version":    {"version: 2", []string{"1:1: version: must be 1"}},
		"unknown keys":       {"version: 1\nisuers: []\nroles: {viewer: {device: a, rank: viewer}}", []string{"2:1: isuers: is not a key that is known here", "3:18: roles.viewer.device: is not a key that is known here"}},
		"a key twice":        {"version: 1\nroles: {}\nroles: {}", []string{"3:1: roles: is there twice"}},
		"two documents":      {"version: 1\n---\nversion: 1", []string{"2:1: is a second document: only one is read"}},
		"an anchor":          {"version: 1\nroles: &r {}\ntenants: *r", []string{"2:8: roles: is an anchor or alias: write it out", "3:10: tenants: is an anchor or alias: write it out"}},
		"a merge key":        {"version: 1\n<<: {roles: {}}", []string{"2:1: has a merge key: write it out"}},
		"a tag":              {"version: !!int 1", []string{"1:10: version: has a tag: leave it out"}},
		"a number for a key": {"version: 1\nroles: {1: {rank: viewer}}", []string{"2:9: roles: has a key that YAML takes for something else than text: put it in quotes"}},
		"no YAML":            {"version: 1\nroles: [", []string{"is not YAML: "}},
		"not UTF-8":          {"version: \xff", []string{"is not UTF-8"}},
		"hexadecimal":        {"version: 0x1", []string{"1:10: version: is no number that every reader takes for the same: write it in decimal digits, up to 2^53, or in quotes"}},
		"both and none": {"version: 1\nclaimMappings:\n  roles: {claim: a, expression: b}\n  name: {}\n", []string{
			"3:3: claimMappings.roles: has claim and expression: give one of the two", "4:3: claimMappings.name: is empty"}},
		"types": {"version: 1\nclaimMappings: nothing\nroles:\nissuers: {}", []string{
			"2:1: claimMappings: is a text and must be a mapping", "3:1: roles: is nothing and must be a mapping", "4:1: issuers: is a mapping and must be a list"}},
		"roles": {"version: 1\nroles:\n  superadmin: {rank: admin}\n  None: {rank: admin}\n  viewer: {rank: admin}\n  desk: {siteRights: []}\n  other: {rank: superadmin, deviceRights: [uninstall]}\n", []string{
			"3:3: roles.superadmin: is no name that can stand here: is reserved",
			"4:3: roles.None: is no name that can stand here: must be of a-z, 0-9, - and _, begin with a letter and have at most 63 characters",
			"5:12: roles.viewer.rank: is that of a built-in role, which has its own",
			"6:3: roles.desk: is not a built-in role and needs rank (viewer, technician or admin) and deviceRights",
			"7:11: roles.other.rank: must be one of viewer, technician, admin",
			"7:44: roles.other.deviceRights[0]: must be one of agent-console, chat, device-details, limited-events, limited-input, no-amt, no-desktop, no-files, no-terminal, notes, remote-command, remote-control, reset-off, view-only, wake"}},
		"a tenant's own role": {"version: 1\ntenants:\n  ACME: {}\n  11111111-1111-4111-8111-111111111111: {roles: {desk: {rank: viewer}}}\n", []string{
			`3:3: tenants["ACME"]: is no name that can stand here: must be a UUID in lower case, such as 11111111-1111-4111-8111-111111111111`,
			`4:50: tenants["11111111-1111-4111-8111-111111111111"].roles.desk: is not a built-in role and needs deviceRights`}},
		"names further down": {"version: 1\nroles: {Bad: {siteRights: []}}\ntenants:\n  11111111-1111-4111-8111-111111111111: {roles: {Bad: {siteRights: []}}}\n" + strings.TrimPrefix(issuerHead, "version: 1\n") + "  algorithms: [RS256]\n  keys: {jwksFile: k}\n  subjects: {\"a\\tb\": x@y.example}\n", []string{
			"2:9: roles.Bad: is no name that can stand here: must be of a-z, 0-9, - and _, begin with a letter and have at most 63 characters",
			`4:50: tenants["11111111-1111-4111-8111-111111111111"].roles.Bad: is no name that can stand here: must be of a-z, 0-9, - and _, begin with a letter and have at most 63 characters`,
			`12:14: issuers[0].subjects["a\tb"]: is no name that can stand here: must be one line without control characters`}},
		"secrets and public keys": {issuerHead + "  algorithms: [HS256, RS256]\n  keys: {secrets: [{env: JWT_SECRET}, {env: A, file: b}, {}]}\n", []string{
			"7:3: issuers[0].algorithms: must be HS256, HS384 or HS512 with secrets: public keys are no secrets",
			"8:21: issuers[0].keys.secrets[0].env: is the built-in issuer's: two issuers with one key cannot be told apart",
			"8:39: issuers[0].keys.secrets[1]: needs exactly one of env and file", "8:58: issuers[0].keys.secrets[2]: needs exactly one of env and file"}},
		"HS with public keys": {issuerHead + "  algorithms: [HS256]\n  keys: {discovery: true, jwksFile: x}\n", []string{
			"7:3: issuers[0].algorithms: must not be HS… with public keys: whoever has the public key could sign",
			"8:3: issuers[0].keys: needs exactly one of secrets, jwksFile, jwksURL and discovery"}},
		"no keys": {issuerHead + "  algorithms: [RS256]\n  keys: {caFile: x}\n", []string{
			"8:3: issuers[0].keys: needs exactly one of secrets, jwksFile, jwksURL and discovery", "8:10: issuers[0].keys.caFile: has a meaning with jwksURL and discovery only"}},
		"http": {issuerHead + "  algorithms: [RS256]\n  keys: {jwksURL: 'http://id.example/k'}\n", []string{"8:10: issuers[0].keys.jwksURL: needs https (http goes to loopback addresses only)"}},
		"durations": {issuerHead + "  algorithms: [RS256]\n  keys: {jwksURL: 'https://id.example/k', refresh: 1s, keepFor: 1000h}\n  leeway: 0s\n  maxLifetime: 1d\n", []string{
			"8:43: issuers[0].keys.refresh: must be from 10s to 24h", "8:56: issuers[0].keys.keepFor: must be from 10s to 720h",
			"9:3: issuers[0].leeway: must be a duration above zero such as 90s, 24h or 1h30m", "10:3: issuers[0].maxLifetime: must be a duration above zero such as 90s, 24h or 1h30m"}},
		"twins": {"version: 1\nissuers:\n- &a {}\n- {name: b, issuer: i, audiences: [x, x], algorithms: [RS256], keys: {jwksFile: k}, tenants: []}\n- {name: b, issuer: i, audiences: [x], algorithms: [RS256], keys: {jwksFile: k}, tenants: [A]}\n", []string{
			"3:3: issuers[0]: is an anchor or alias: write it out",
			"4:24: issuers[1].audiences: has the same entry twice: the 1. and the 2.", "4:85: issuers[1].tenants: is empty",
			"5:4: issuers[2].name: is that of issuers[1].name already", "5:13: issuers[2].issuer: is that of issuers[1].issuer already",
			"5:92: issuers[2].tenants[0]: must be a UUID in lower case, such as 11111111-1111-4111-8111-111111111111"}},
		"superadmin by an agent's token": {issuerHead + "  algorithms: [RS256]\n  keys: {jwksFile: k}\n  tokens: [agent]\n  allowSuperadmin: true\n  subjects: {a: nobody}\n  claimMappings: {email: {claim: upn}}\n", []string{
			"10:3: issuers[0].allowSuperadmin: cannot be with tokens of agents, which yield admin at most", "11:14: issuers[0].subjects.a: must be an e-mail",
			"12:19: issuers[0].claimMappings.email: is never read: subjects names the e-mails"}},
		"rules": {"version: 1\nclaimValidationRules: [{expression: ''}]\nuserValidationRules: [{expression: a, message: \"a\\nb\"}]", []string{
			"2:24: claimValidationRules[0]: lacks message", "2:25: claimValidationRules[0].expression: is empty", "3:39: userValidationRules[0].message: must be one line without control characters"}},
		"a mapper twice":           {"version: 1\nmappers: [{name: a}, {name: a}]", []string{"2:23: mappers[1].name: is that of mappers[0].name already"}},
		"a name in need of quotes": {issuerHead + "  algorithms: [RS256]\n  keys: {jwksFile: k}\n  subjects: {\"a|b.c\": x}\n", []string{`9:14: issuers[0].subjects["a|b.c"]: must be an e-mail`}},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Parse([]byte(c.file))
			if err == nil {
				t.Fatalf("taken: %+v", f)
			}
			got := strings.Split(err.Error(), "\n")
			if name == "no YAML" {
				if len(got) != 1 || !strings.Contains(got[0], c.want[0]) {
					t.Error(got)
				}
			} else if !slices.Equal(got, c.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
			}
		})
	}
}

func TestBounds(t *testing.T) {
	deep := "version: 1\nmappers: [{name: a, config: {a: " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}}]"
	wide := "version: 1\nmappers: [{name: a, config: {a: [" + strings.Repeat("1,", maxNodes) + "]}}]"
	for name, c := range map[string]struct{ file, want string }{
		"deep": {deep, "is too much"}, "wide": {wide, "is too much"}, "large": {"version: 1 #" + strings.Repeat("x", maxBytes), "is larger than 1 MiB"},
	} {
		if _, err := Parse([]byte(c.file)); err == nil || strings.Count(err.Error(), c.want) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of thousands of faults the rest is not judged: each would be held against all of them.
func TestManyFaults(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nroles:\n")
	for i := range 11 * maxFaults {
		fmt.Fprintf(&b, "  r%d: {rank: x}\n", i)
	}
	_, err := Parse([]byte(b.String()))
	if n := strings.Count(err.Error(), "\n"); n < 10*maxFaults || strings.Contains(err.Error(), "needs") {
		t.Errorf("%d faults", n)
	}
}

func TestNoFaultQuotesAValue(t *testing.T) {
	const hush = "Hush-Hush!"
	_, err := Parse([]byte("version: " + hush + "\nroles: {viewer: {rank: " + hush + ", deviceRights: [" + hush + "]}}\nissuers: [{name: " + hush + ", leeway: " + hush + ", keys: {secrets: [{env: " + hush +
		", kid: [" + hush + "]}], jwksURL: " + hush + ", discovery: " + hush + "}}]"))
	if err == nil || strings.Contains(err.Error(), hush) || strings.Count(err.Error(), "\n") < 8 {
		t.Error(err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "meshsso.yaml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(whole)
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{f.Issuers[0].Keys.CAFile, f.Issuers[1].Keys.Secrets[1].File, f.Issuers[2].Keys.JWKSFile}
	if want := []string{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "secret.txt"), "/etc/keys.json"}; !slices.Equal(got, want) {
		t.Errorf("paths are %v", got)
	}
	write("version: 3")
	if _, err := Load(path); err == nil || err.Error() != path+":1:1: version: must be 1" {
		t.Error(err)
	}
	for _, p := range []string{dir, "/dev/zero", filepath.Join(dir, "none.yaml")} {
		if _, err := Load(p); err == nil || !strings.HasPrefix(err.Error(), "the configuration file: ") {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("version: 1\nroles: &a {<<: *a}"))
	f.Add([]byte(issuerHead + "  algorithms: [HS256]\n  keys: {secrets: [{env: A}]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if (file == nil) == (err == nil) {
			t.Fatal("neither or both of file and error")
		}
		if err != nil {
			if err.Error() == "" {
				t.Error("a fault without words")
			}
			return
		}
		again(t, file)
	})
}
