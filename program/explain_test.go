package program

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const examples = "../docs/examples"

// The examples of docs/claims-mapping.md are what the program says.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob(examples + "/*.yaml")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	page, err := os.ReadFile("../docs/claims-mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			base := filepath.Join(examples, name)
			got := explained(t, "--config", file, "--claims", base+".claims.json", "--user", base+".user.json")
			if *update {
				if err := os.WriteFile(base+".expected.json", []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(base + ".expected.json")
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s\nif it is right: go test ./program -run TestExamples -update", got, want)
			}
			if !strings.Contains(string(page), "examples/"+name+".yaml") {
				t.Error("docs/claims-mapping.md says nothing of it")
			}
			out := &syncBuffer{}
			if code := run(t.Context(), []string{"config", "check", file}, testEnv(nil, out)); code != 0 || !strings.Contains(out.String(), "is sound") {
				t.Errorf("config check: %d %s", code, out)
			}
		})
	}
}

// Every line of YAML that a section of the page shows after it names an example stands in that example.
func TestThePageQuotesItsExamples(t *testing.T) {
	page, err := os.ReadFile("../docs/claims-mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for section := range strings.SplitSeq(string(page), "\n## ") {
		_, rest, named := strings.Cut(section, "](examples/")
		name, rest, _ := strings.Cut(rest, ")")
		if !named || !strings.HasSuffix(name, ".yaml") {
			continue
		}
		file, err := os.ReadFile(filepath.Join(examples, name))
		if err != nil {
			t.Error(err)
			continue
		}
		for i, block := range strings.Split(rest, "```") {
			for line := range strings.SplitSeq(strings.TrimPrefix(block, "yaml"), "\n") {
				if i%2 == 1 && line != "" && !strings.Contains(string(file), "\n"+line+"\n") {
					t.Errorf("%s has no line %q", name, line)
				} else if i%2 == 1 {
					lines++
				}
			}
		}
	}
	if lines < 40 {
		t.Errorf("only %d lines were compared", lines)
	}
}

func explained(t *testing.T, args ...string) string {
	t.Helper()
	out := &syncBuffer{}
	if code := run(t.Context(), append([]string{"claims", "explain", "--json"}, args...), testEnv(nil, out)); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	return out.String()
}

func parsedExplanation(t *testing.T, args ...string) explanation {
	t.Helper()
	var x explanation
	if err := json.Unmarshal([]byte(explained(t, args...)), &x); err != nil {
		t.Fatal(err)
	}
	return x
}

func exampleArgs(name string, more ...string) []string {
	base := filepath.Join(examples, name)
	return append([]string{"--config", base + ".yaml", "--claims", base + ".claims.json", "--user", base + ".user.json"}, more...)
}

// inFile writes a text and gives its path.
func inFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const annsRow = `{"id": 7, "email": "Ann@acme.example", "fullName": "Ann", "tenantId": "` + tenantA + `", "role": "technician", "devices": [{"id": 1, "hostname": "al\u001bpha"}]}`

func claimsText(changes map[string]any) string {
	text, _ := json.Marshal(claimsOf("ann@acme.example", tenantA, 7, changes))
	return string(text)
}

// Without a file it is the built-in policy; the denials are those of a validation, with the step that is the cause.
func TestExplainSaysWhyNot(t *testing.T) {
	for name, c := range map[string]struct {
		claims, row string
		args        []string
		reason      string
		stage, says string
	}{
		"let in":            {claimsText(nil), annsRow, nil, "", "role", ""},
		"lowered to none":   {claimsText(map[string]any{"role": "janitor"}), annsRow, nil, "", "role", ""},
		"no e-mail":         {claimsText(map[string]any{"email": nil}), annsRow, nil, "TOKEN_CLAIMS", "email", "email is missing or not a string"},
		"no object":         {`[]`, annsRow, nil, "TOKEN_MALFORMED", "payload", ""},
		"a claim twice":     {`{"email":"a@b.example","email":"b@b.example"}`, annsRow, nil, "TOKEN_MALFORMED", "payload", ""},
		"somebody else":     {claimsText(map[string]any{"email": "bob@acme.example"}), annsRow, nil, "USER_UNKNOWN", "lookUp", "0 rows"},
		"another number":    {claimsText(map[string]any{"userId": 8}), annsRow, nil, "USER_MISMATCH", "row", "USER_MISMATCH"},
		"another tenant":    {claimsText(map[string]any{"tenantId": tenantB}), annsRow, nil, "TENANT_MISMATCH", "row", "TENANT_MISMATCH"},
		"a disabled person": {claimsText(nil), strings.Replace(annsRow, `"id"`, `"disabled": true, "id"`, 1), nil, "USER_DISABLED", "row", "USER_DISABLED"},
	} {
		x := parsedExplanation(t, append([]string{"--claims", inFile(t, c.claims), "--user", inFile(t, c.row)}, c.args...)...)
		last := x.Steps[len(x.Steps)-1]
		if string(x.Reason) != c.reason || x.Allowed != (c.reason == "") || last.OK != x.Allowed || last.Stage != c.stage || !strings.Contains(last.Message, c.says) || (x.User != nil) != x.Allowed {
			t.Errorf("%s: %+v", name, x)
		}
	}
}

func TestExplainReadsTokens(t *testing.T) {
	row := inFile(t, annsRow)
	token := sign(dashboardSecret, nil, claimsOf("ann@acme.example", tenantA, 7, nil))
	x := parsedExplanation(t, "--user", row, token)
	if !x.Allowed || x.Issuer != "built-in" || x.User.Role != "technician" || len(x.Devices) != 1 {
		t.Errorf("%+v", x)
	}
	out := &syncBuffer{}
	e := testEnv(nil, out)
	e.stdin = strings.NewReader(token + "\n")
	if code := run(t.Context(), []string{"claims", "explain", "--user", row, "-"}, e); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, s := range []string{"Let in as user//ann@acme.example (Ann), user 7", "role           technician (rank technician)", `1 "al\x1bpha": chat, device-details`, " ok  lookUp"} {
		if !strings.Contains(out.String(), s) {
			t.Errorf("no word of %s:\n%s", s, out)
		}
	}
	if strings.Contains(out.String(), "\x1b") || strings.Contains(out.String(), token) {
		t.Error("the output can steer a terminal, or holds the token")
	}
}

func TestExplainChoosesTheIssuer(t *testing.T) {
	if x := parsedExplanation(t, exampleArgs("auth0", "--issuer", "built-in")...); x.Issuer != "built-in" || x.Reason != "TOKEN_CLAIMS" {
		t.Errorf("%+v", x)
	}
	if x := parsedExplanation(t, exampleArgs("auth0", "--issuer", "auth0")...); x.Issuer != "auth0" || !x.Allowed {
		t.Errorf("%+v", x)
	}
	for name, args := range map[string][]string{
		"there is none of the name": exampleArgs("auth0", "--issuer", "okta"),
		"--agent is for":            exampleArgs("auth0", "--agent"),
		"neither a token nor":       exampleArgs("auth0", "a.b.c"),
		"give a token":              {"--user", inFile(t, annsRow)},
		"leave --issuer and":        {"--user", inFile(t, annsRow), "--verify", "--agent", "a.e30.c"},
		"needs JWT_SECRET":          {"--user", inFile(t, annsRow), "--verify", "a.e30.c"},
		"not three parts":           {"--user", inFile(t, annsRow), "a.b"},
		"not base64url":             {"--user", inFile(t, annsRow), "a.?.c"},
		"is not a row":              {"--user", inFile(t, `{"id": 1, "mail": "x"}`), "--claims", inFile(t, "{}")},
		"lacks id or email":         {"--user", inFile(t, `{}`), "--claims", inFile(t, "{}")},
		"no database is configured": {"--claims", inFile(t, "{}")},
		"version: must be 1":        {"--config", configFile(t, "version: 2"), "--claims", inFile(t, "{}")},
	} {
		out := &syncBuffer{}
		if code := run(t.Context(), append([]string{"claims", "explain"}, args...), testEnv(nil, out)); code != 1 || !strings.Contains(out.String(), name) {
			t.Errorf("%s: %d %s", name, code, out)
		}
	}
}

// An agent's key yields an admin at most, also here.
func TestExplainOfAnAgentsToken(t *testing.T) {
	row := inFile(t, `{"id": 7, "email": "ann@acme.example", "tenantId": "`+tenantA+`", "role": "admin", "isSuperadmin": true}`)
	claims := inFile(t, claimsText(nil))
	if x := parsedExplanation(t, "--claims", claims, "--user", row); x.User.Role != "superadmin" || len(x.User.SiteRights) != 1 {
		t.Errorf("%+v", x.User)
	}
	if x := parsedExplanation(t, "--claims", claims, "--user", row, "--agent"); x.User.Role != "admin" || len(x.User.SiteRights) == 1 {
		t.Errorf("%+v", x.User)
	}
}

// --verify takes the keys of serve, and says of a token that is not sound nothing but that.
func TestExplainVerifies(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("jwks.json", `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"`+base64.RawURLEncoding.EncodeToString(public)+`"}]}`)
	config := write("meshsso.yaml", `version: 1
issuers:
  - {name: corp, issuer: corp, audiences: [mesh], algorithms: [EdDSA], keys: {jwksFile: jwks.json}, tenants: [`+tenantA+`]}
`)
	row := write("row.json", annsRow)
	explainVerified := func(token string) (x explanation) {
		out := &syncBuffer{}
		vars := map[string]string{"JWT_SECRET": dashboardSecret, "AGENT_SIGN_KEY": agentSecret}
		if code := run(t.Context(), []string{"claims", "explain", "--json", "--verify", "--config", config, "--user", row, token}, testEnv(vars, out)); code != 0 {
			t.Fatalf("exit code %d: %s", code, out)
		}
		if err := json.Unmarshal([]byte(out.String()), &x); err != nil {
			t.Fatal(err)
		}
		return x
	}
	corp := func(changes map[string]any, args ...string) string {
		claims := map[string]any{"iss": "corp", "aud": "mesh", "sub": "s", "email": "ann@acme.example", "email_verified": true}
		maps.Copy(claims, changes)
		text, _ := json.Marshal(claims)
		code, out := mint(t, pemKey(t, private), 0o600, string(text), append([]string{"--claims", "-", "--kid", "k1"}, args...)...)
		if code != 0 {
			t.Fatal(out)
		}
		return strings.TrimSpace(out)
	}
	own := func(secret string) string { return sign(secret, hs256, claimsOf("ann@acme.example", tenantA, 7, nil)) }
	for name, c := range map[string]struct {
		token, issuer, reason, stage string
		verified                     bool
	}{
		"sound":                     {corp(nil), "corp", "", "role", true},
		"another kid":               {corp(nil, "--kid", "k2"), "corp", "TOKEN_SIGNATURE", "token", false},
		"for somebody else":         {corp(map[string]any{"aud": "other"}), "corp", "TOKEN_CLAIMS", "token", false},
		"over":                      {corp(map[string]any{"exp": 1790000000, "iat": 1789990000}), "corp", "TOKEN_EXPIRED", "token", false},
		"sound, and mapping denies": {corp(map[string]any{"email_verified": "true"}), "corp", "TOKEN_CLAIMS", "email", true},
		"the dashboard's":           {own(dashboardSecret), "built-in", "", "role", true},
		"nobody's":                  {own(strings.Repeat("x", 40)), "built-in", "TOKEN_SIGNATURE", "token", false},
	} {
		x := explainVerified(c.token)
		if last := x.Steps[len(x.Steps)-1]; x.Issuer != c.issuer || string(x.Reason) != c.reason || last.Stage != c.stage || x.Verified != c.verified {
			t.Errorf("%s: %+v", name, x)
		}
	}
	if x := explainVerified(sign(agentSecret, hs256, claimsOf("ann@acme.example", tenantA, 7, nil))); !x.Verified {
		t.Errorf("an agent's: %+v", x)
	}
}
