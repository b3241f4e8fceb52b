package program

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/everydaytech/meshsso/internal/testpg"
)

var update = flag.Bool("update", false, "writes golden files anew")

// Everything that the built-in policy answers: each person by each key with each spelling of a claim, in both ways of device
// rights. The file was written before there was any other policy.
func TestTheBuiltInPolicyAnswersAsEver(t *testing.T) {
	db := seeded(t, testpg.New(t))
	got := map[string]json.RawMessage{}
	for _, way := range []string{"links", "group"} {
		i := start(t, db, map[string]string{"MESHSSO_DEVICE_RIGHTS": way})
		for name, token := range goldenTokens() {
			got[way+": "+name] = i.golden(t, token)
		}
		i.stop()
	}
	compareGolden(t, "builtin.json", got)
}

func goldenTokens() map[string]string {
	people := []struct {
		email, tenant string
		id            int
	}{
		{"TECH@acme.example", strings.ToUpper(tenantA), 1}, {"admin@acme.example", tenantA, 2}, {"viewer@acme.example", tenantA, 3}, {"root@everyday.example", tenantB, 4},
		{"gone@acme.example", tenantA, 5}, {"twice@acme.example", tenantA, 6}, {"tech@beta.example", tenantB, 8}, {"nowhere@acme.example", tenantA, 9},
		{"odd@acme.example", tenantA, 10}, {"textual@acme.example", tenantA, 11}, {"lost@acme.example", "cccccccc-cccc-4ccc-8ccc-cccccccccccc", 12}, {"nobody@acme.example", tenantA, 13},
	}
	claims := map[string]map[string]any{
		"plain": nil, "viewer": {"role": "viewer"}, "Technician": {"role": "Technician"}, "admin": {"role": "admin"}, "superadmin": {"role": "superadmin"}, "owner": {"role": "owner"},
		"empty role": {"role": ""}, "role 5": {"role": 5}, "roles": {"role": []string{"admin"}}, "user_id": {"userId": nil, "user_id": 1}, "id as text": {"userId": "1"}, "id 99": {"userId": 99}, "no id": {"userId": nil},
		"no tenant": {"tenantId": nil}, "tenant B": {"tenantId": tenantB}, "tenant 5": {"tenantId": 5}, "no e-mail": {"email": nil}, "e-mail 5": {"email": 5},
		"past": {"exp": 1}, "no end": {"exp": nil}, "end as text": {"exp": "1"}, "future": {"nbf": time.Now().Add(time.Hour).Unix()}, "made later": {"iat": time.Now().Add(time.Hour).Unix()},
		"iss, aud, sub": {"iss": "https://a.example", "aud": []string{"x"}, "sub": "s"}, "iss 5": {"iss": 5}, "aud 5": {"aud": 5}, "unknown claims": {"roles": []string{"admin"}, "email_verified": false, "groups": []string{"g"}},
	}
	tokens := map[string]string{}
	for _, p := range people {
		for what, changes := range claims {
			tokens[fmt.Sprintf("%s, dashboard, %s", p.email, what)] = sign(dashboardSecret, hs256, claimsOf(p.email, p.tenant, p.id, changes))
			if what == "plain" || what == "superadmin" || what == "viewer" {
				tokens[fmt.Sprintf("%s, agent, %s", p.email, what)] = sign(agentSecret, hs256, claimsOf(p.email, p.tenant, p.id, changes))
			}
		}
	}
	return tokens
}

// golden gives a reply without its times, or the reason why there is none.
func (i *instance) golden(t *testing.T, token string) json.RawMessage {
	t.Helper()
	resp, reason := i.validate(t, token)
	if reason != "" {
		return json.RawMessage(fmt.Sprintf("%q", reason))
	}
	resp.ExpiresAt, resp.FreshFor = nil, nil
	text, err := protojson.Marshal(resp)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// compareGolden compares with testdata/golden/NAME; -update writes it.
func compareGolden(t *testing.T, name string, got any) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	text, err := json.MarshalIndent(got, "", " ") // protojson is spaced at random
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(text) {
		t.Errorf("the answers differ from %s: run with -update and look at the difference", path)
	}
}
