package program

import (
	"context"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/authsvc/claims"
)

func init() {
	claims.Register("test-floor", func(config map[string]any) (claims.Mapper, error) {
		what, _ := config["what"].(string)
		return claims.MapperFunc(func(_ context.Context, _ claims.Claims, d *claims.Draft) error {
			switch what {
			case "tenant":
				d.TenantID = tenantB
			case "siteadmin":
				d.SiteRights = append(d.SiteRights, "full")
			case "role":
				d.Role = "superadmin"
			case "rights":
				d.DeviceRights = append(d.DeviceRights, "manage-users")
			}
			return nil
		}), nil
	})
}

// What no file and no mapper can give: it is denied, and the log says which rule asked for it and for whom, but nothing of the token.
func TestWhatCrossesTheFloorIsDeniedAndLogged(t *testing.T) {
	i, load := startWithRules(t, "version: 1\n")
	tech := dashboardToken("tech@acme.example", tenantA, 1, nil)
	for text, rule := range map[string]string{
		"mappers:\n- {name: test-floor, config: {what: tenant}}\n":                       "mappers[0]",
		"mappers:\n- {name: test-floor, config: {what: siteadmin}}\n":                    "mappers[0]",
		"mappers:\n- {name: test-floor, config: {what: role}}\n":                         "mappers[0]",
		"mappers:\n- {name: test-floor, config: {what: rights}}\n":                       "mappers[0]",
		"claimMappings:\n  roles: {expression: \"['superadmin']\"}\n":                    "claimMappings.roles",
		"userValidationRules:\n- {expression: claims.nothing == 'x', message: m}\n":      "userValidationRules[0]",
		"claimValidationRules:\n- {expression: claims.userId == 'x', message: no one}\n": "claimValidationRules[0]",
	} {
		i.admitsNobodyBy(t, load, tech, "version: 1\n"+text, rule)
	}
	// The tenant is the row's, whatever a mapping says.
	load("version: 1\nclaimMappings:\n  name: {expression: \"'x'\"}\n")
	if resp, reason := i.validate(t, tech); reason != "" || resp.GetTenant().GetId() != tenantA {
		t.Errorf("%q, %v", reason, resp)
	}
	if log := i.log.String(); strings.Contains(log, "tech@acme") || strings.Contains(log, "eyJ") {
		t.Errorf("a claim or a token is in the log:\n%s", log)
	}
}

func (i *instance) admitsNobodyBy(t *testing.T, load func(string), token, text, rule string) {
	t.Helper()
	before := len(i.log.String())
	load(text)
	_, reason := i.validate(t, token)
	log := i.log.String()[before:]
	person := strings.Contains(log, `"user_id":1`) || strings.HasPrefix(rule, "claimValidationRules") // which run before anybody is named
	if reason != "RULE_DENIED" || !strings.Contains(log, `"reason":"RULE_DENIED"`) || !strings.Contains(log, rule) || !person {
		t.Errorf("%s: %q, and the log says\n%s", text, reason, log)
	}
}
