package meshbridge_test

import (
	"slices"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge"
)

func TestVocabulary(t *testing.T) {
	rights, reserved, restricting := meshbridge.DeviceRightNames(), meshbridge.ReservedRights(), meshbridge.RestrictingRights()
	if all := slices.Sorted(slices.Values(append(slices.Clone(rights), reserved...))); !slices.Equal(all, meshbridge.RightNames()) {
		t.Errorf("usable and reserved rights are not all: %v", all)
	}
	for _, name := range restricting {
		if !slices.Contains(rights, name) {
			t.Errorf("%s restricts and nobody can have it", name)
		}
	}
	for role := range authsvc.RoleSuperadmin + 1 {
		for _, name := range meshbridge.DefaultDeviceRights(role) {
			if !slices.Contains(rights, name) {
				t.Errorf("%s has %s", role, name)
			}
		}
		if got := meshbridge.RightsOf(meshbridge.DeviceRights(role)); !slices.Equal(got, meshbridge.DefaultDeviceRights(role)) {
			t.Errorf("%s: %v", role, got)
		}
		site := meshbridge.SiteRights(&authsvc.Identity{
			Claims: authsvc.Claims{Key: authsvc.KeyDashboard}, User: authsvc.User{IsSuperadmin: true}, Decision: authsvc.Decision{Role: role},
		})
		if got := meshbridge.SiteRightsOf(site); !slices.Equal(got, meshbridge.DefaultSiteRights(role)) {
			t.Errorf("%s: %v", role, got)
		}
	}
	for _, name := range meshbridge.SiteGrantingNames() {
		if slices.Contains(meshbridge.SiteRightNames(), name) {
			t.Errorf("%s both grants and restricts", name)
		}
	}
	if got := meshbridge.DefaultSiteRights(authsvc.RoleViewer); !slices.Equal(got, []string{"lock-settings", "no-new-devices", "no-new-groups", "no-tools"}) {
		t.Error(got)
	}
	if got := meshbridge.SiteRightsOf(64 | 512); !slices.Equal(got, []string{"no-new-groups", "recordings"}) {
		t.Error(got)
	}
	rights[0] = "changed"
	if slices.Contains(meshbridge.DeviceRightNames(), "changed") {
		t.Error("the list is shared")
	}
}
