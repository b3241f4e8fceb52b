package claimstest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
	"github.com/everydaytech/meshsso/authsvc/claims/claimstest"
)

var vocab = claims.Vocabulary{
	DeviceRights: []string{"remote-control", "wake", "chat", "no-terminal", "edit-group"}, Restricting: []string{"no-terminal"},
	Reserved: []string{"edit-group"}, SiteRights: []string{"locked"}, SiteGranting: []string{"full"},
	Defaults: func(r authsvc.Role) (device, site []string) {
		if r >= authsvc.RoleTechnician {
			return []string{"remote-control", "wake"}, []string{"locked"}
		}
		return []string{"remote-control", "no-terminal"}, []string{"locked"}
	},
}

func suite(f func(c claims.Claims, d *claims.Draft) error) claimstest.Suite {
	return claimstest.Suite{
		Factory: func(map[string]any) (claims.Mapper, error) {
			return claims.MapperFunc(func(_ context.Context, c claims.Claims, d *claims.Draft) error { return f(c, d) }), nil
		},
		Vocabulary: vocab,
		Samples: []claimstest.Sample{{
			Name: "ann", User: authsvc.User{ID: 7, TenantID: "11111111-1111-4111-8111-111111111111", Role: "technician"},
			Payload: map[string]any{"trained": true, "contractor": true, "badge": map[string]any{"level": "3", "list": []any{"a"}}},
		}},
	}
}

// A mapper that keeps to the rules passes.
func TestSoundMapper(t *testing.T) {
	claimstest.Run(t, suite(func(c claims.Claims, d *claims.Draft) error {
		badge, _ := c.Payload["badge"].(map[string]any)
		if level, _ := badge["level"].(string); level != "3" {
			return errors.New("no badge")
		}
		if trained, _ := c.Payload["trained"].(bool); trained {
			d.DeviceRights = append(d.DeviceRights, "chat")
		}
		return nil
	}))
}

// Mappers that break one rule each are found out.
func TestUnsoundMappers(t *testing.T) {
	var calls atomic.Int64
	for want, f := range map[string]func(c claims.Claims, d *claims.Draft) error{
		"not deterministic": func(_ claims.Claims, d *claims.Draft) error {
			if calls.Add(1)%2 == 0 {
				d.DeviceRights = nil
			}
			return nil
		},
		"changes its input": func(c claims.Claims, _ *claims.Draft) error {
			badge, _ := c.Payload["badge"].(map[string]any)
			delete(badge, "level")
			return nil
		},
		"no .contractor the person gets role technician instead of viewer": func(c claims.Claims, d *claims.Draft) error {
			if c.Payload["contractor"] == true {
				d.Role = "viewer"
			}
			return nil
		},
		".contractor as string the person gets chat besides": func(c claims.Claims, d *claims.Draft) error {
			if _, ok := c.Payload["contractor"].(string); ok {
				d.DeviceRights = append(d.DeviceRights, "chat")
			}
			return nil
		},
		"no .badge.level the person gets rid of no-terminal": func(c claims.Claims, d *claims.Draft) error {
			badge, _ := c.Payload["badge"].(map[string]any)
			if badge["level"] == "3" {
				d.DeviceRights = append(d.DeviceRights, "no-terminal")
			}
			return nil
		},
		".badge.list[0] as float64 the person gets chat besides": func(c claims.Claims, d *claims.Draft) error {
			badge, _ := c.Payload["badge"].(map[string]any)
			if list, _ := badge["list"].([]any); len(list) == 1 && list[0] != "a" {
				d.DeviceRights = append(d.DeviceRights, "chat")
			}
			return nil
		},
		"the mapper panics": func(c claims.Claims, _ *claims.Draft) error {
			_ = c.Payload["badge"].(map[string]any)["level"].(string)
			return nil
		},
		"crosses the floor": func(_ claims.Claims, d *claims.Draft) error {
			d.TenantID = ""
			return nil
		},
		"with no .trained, and denied without": func(c claims.Claims, _ *claims.Draft) error {
			if c.Payload["trained"] != nil {
				return errors.New("denied")
			}
			return nil
		},
		"accepts no sample": func(claims.Claims, *claims.Draft) error { return errors.New("never") },
	} {
		faults := claimstest.Check(suite(f))
		if !slices.ContainsFunc(faults, func(err error) bool { return strings.Contains(err.Error(), want) }) {
			t.Errorf("%q is not among %v", want, faults)
		}
	}
	if faults := claimstest.Check(claimstest.Suite{Vocabulary: vocab, Factory: func(map[string]any) (claims.Mapper, error) {
		return nil, errors.New("no")
	}}); len(faults) != 1 {
		t.Errorf("a factory that fails: %v", faults)
	}
}
