package program

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/internal/testpg"
	"github.com/everydaytech/meshsso/meshbridge"
)

// With the database, explain says what serve says: of the built-in policy and of one from a file, for people of every kind.
func TestExplainSaysWhatServeSays(t *testing.T) {
	db := seeded(t, testpg.New(t))
	people := []struct {
		email, tenant string
		id            int
	}{
		{"tech@acme.example", tenantA, 1}, {"admin@acme.example", tenantA, 2}, {"viewer@acme.example", tenantA, 3}, {"root@everyday.example", tenantA, 4},
		{"gone@acme.example", tenantA, 5}, {"twice@acme.example", tenantA, 6}, {"tech@beta.example", tenantB, 8}, {"nowhere@acme.example", tenantA, 9},
		{"odd@acme.example", tenantA, 10}, {"lost@acme.example", "cccccccc-cccc-4ccc-8ccc-cccccccccccc", 12}, {"nobody@acme.example", tenantA, 1}, {"tech@acme.example", tenantB, 1},
	}
	file := configFile(t, `version: 1
claimMappings:
  roles: {expression: "has(claims.level) ? [claims.level] : [user.role]"}
  name: {expression: "'Dr ' + user.fullName"}
roles:
  technician: {deviceRights: [remote-control, no-files], siteRights: [no-tools]}
userValidationRules:
  - {expression: "result.role != 'admin'", message: no administrators today}
`)
	for name, config := range map[string]string{"built-in": "", "from a file": file} {
		t.Run(name, func(t *testing.T) {
			i := start(t, db, map[string]string{"MESHSSO_CONFIG": config})
			denied := 0
			for _, p := range people {
				for _, changes := range []map[string]any{nil, {"level": "viewer"}, {"level": 7}, {"role": "technician"}} {
					token := sign(dashboardSecret, hs256, claimsOf(p.email, p.tenant, p.id, changes))
					x := explainedBy(t, i.vars, token)
					resp, reason := i.validate(t, token)
					what := fmt.Sprintf("%s, %d, %v", p.email, p.id, changes)
					if string(x.Reason) != reason {
						t.Errorf("%s: explain says %q (%s), serve %q", what, x.Reason, x.Detail, reason)
					}
					if reason != "" {
						denied++
						continue
					}
					u := resp.GetUser()
					if site := strings.Join(meshbridge.SiteRightsOf(u.GetSiteadmin()), " "); x.User.ID != u.GetId() || x.User.Name != u.GetName() || x.User.Rank != u.GetRole() ||
						x.User.UserID != u.GetUserId() || x.User.TenantID != u.GetTenantId() || strings.Join(x.User.SiteRights, " ") != site {
						t.Errorf("%s: explain says %+v, serve %v", what, x.User, u)
					}
				}
			}
			if denied < 20 || denied > 40 {
				t.Errorf("%d of %d are denied", denied, 4*len(people))
			}
			i.stop()
		})
	}
}

func explainedBy(t *testing.T, vars map[string]string, token string) (x explanation) {
	t.Helper()
	out := &syncBuffer{}
	e := testEnv(vars, out)
	e.stdin = strings.NewReader(token)
	if code := run(t.Context(), []string{"claims", "explain", "--json", "--verify", "-"}, e); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if err := json.Unmarshal([]byte(out.String()), &x); err != nil {
		t.Fatal(err)
	}
	return x
}
