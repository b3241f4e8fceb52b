package program

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/everydaytech/meshsso/internal/testpg"
	"github.com/everydaytech/meshsso/meshbridge"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// The device group way, from the socket to a real database: the same devices with the same masks as TestPeopleAndTheirRights.
func TestDeviceGroupWay(t *testing.T) {
	i := start(t, seeded(t, testpg.New(t)), map[string]string{"MESHSSO_DEVICE_RIGHTS": "group"})
	a, b := meshbridge.DeviceGroupID("", tenantA), meshbridge.DeviceGroupID("", tenantB)
	for name, c := range map[string]struct {
		token  string
		links  []string
		rights uint32
		tenant string
	}{
		"technician": {dashboardToken("tech@acme.example", tenantA, 1, nil), []string{a}, 1327304, tenantA},
		"viewer":     {dashboardToken("viewer@acme.example", tenantA, 3, nil), []string{a}, 1800, tenantA},
		"lowered":    {dashboardToken("admin@acme.example", tenantA, 2, map[string]any{"role": "viewer"}), []string{a}, 1800, tenantA},
		"superadmin": {dashboardToken("root@everyday.example", tenantB, 4, nil), slices.Sorted(slices.Values([]string{a, b})), 1458392, ""},
		"no role":    {dashboardToken("odd@acme.example", tenantA, 10, nil), nil, 0, tenantA},
		"no tenant":  {dashboardToken("root@everyday.example", tenantA, 4, map[string]any{"role": "admin"}), nil, 0, ""},
	} {
		resp, reason := i.validate(t, c.token)
		var ids []string
		for _, l := range resp.GetUser().GetLinks() {
			ids = append(ids, l.GetId())
			if l.GetRights() != c.rights {
				t.Errorf("%s: rights %d", name, l.GetRights())
			}
		}
		if reason != "" || resp.GetUserGroup() != nil || !slices.Equal(ids, c.links) || resp.GetTenant().GetId() != c.tenant {
			t.Errorf("%s: %q %v", name, reason, resp)
		}
		// Whose devices nobody asked for has no version to compare.
		if name != "no role" && (resp.GetTenant().GetVersion() == "") != (c.tenant == "") {
			t.Errorf("%s: the version is %q", name, resp.GetTenant().GetVersion())
		}
	}
	// The name with markup in it is no name.
	if got := i.membership(t); !maps.Equal(got, map[string]string{"": "A B", "Beta": "C"}) {
		t.Errorf("members are %q", got)
	}
}

// membership gives the letters of every tenant's devices by its name, through both calls.
func (i *instance) membership(t *testing.T) map[string]string {
	t.Helper()
	list, err := i.client.ListDeviceGroups(t.Context(), &pb.ListDeviceGroupsRequest{})
	if err != nil || list.GetLobby().GetDeviceGroupId() != meshbridge.LobbyID("") {
		t.Fatal(list, err)
	}
	out := map[string]string{}
	for _, g := range list.GetTenants() {
		got, err := i.client.GetGroupLinks(t.Context(), &pb.GetGroupLinksRequest{Group: g.GetDeviceGroupId()})
		if err != nil || got.GetGroup().GetVersion() != g.GetVersion() {
			t.Fatal(got, err)
		}
		var letters []string
		for _, l := range got.GetLinks() {
			letters = append(letters, strings.TrimPrefix(l.GetId(), "node//")[:1])
		}
		out[g.GetName()] = strings.Join(letters, " ")
	}
	return out
}

// A version that a person is told and the one that the list tells come from two queries, and are one.
func TestDeviceGroupVersionsAgree(t *testing.T) {
	db := seeded(t, testpg.New(t))
	version := func() (told, listed string) {
		i := start(t, db, map[string]string{"MESHSSO_DEVICE_RIGHTS": "group"})
		defer i.stop()
		resp, reason := i.validate(t, dashboardToken("tech@acme.example", tenantA, 1, nil))
		list, err := i.client.ListDeviceGroups(t.Context(), &pb.ListDeviceGroupsRequest{})
		if reason != "" || err != nil {
			t.Fatal(reason, err)
		}
		for _, g := range list.GetTenants() {
			if g.GetId() == tenantA {
				listed = g.GetVersion()
			}
		}
		return resp.GetTenant().GetVersion(), listed
	}
	seen := map[string]bool{}
	for _, change := range []string{
		`select 1`,
		`update public.agents set tenant_id = '` + tenantB + `' where agent_id = 1`,
		`update public.agents set meshcentral_nodeid = null where agent_id = 6`,            // a dispute is over
		`update public.agents set meshcentral_nodeid = repeat('B', 64) where agent_id = 8`, // one has come
	} {
		db.Exec(t, change)
		told, listed := version()
		if told == "" || told != listed || seen[told] {
			t.Errorf("after %s: told %q, listed %q", change, told, listed)
		}
		seen[told] = true
	}
}

func TestDeviceGroupsAreNotListedInTheOtherWay(t *testing.T) {
	i := start(t, seeded(t, testpg.New(t)), nil)
	_, err := i.client.ListDeviceGroups(t.Context(), &pb.ListDeviceGroupsRequest{})
	if reasonOf(t, err) != "REQUEST_INVALID" || status.Code(err) != codes.FailedPrecondition {
		t.Error(err)
	}
	_, err = i.client.GetGroupLinks(t.Context(), &pb.GetGroupLinksRequest{Group: meshbridge.DeviceGroupID("", tenantA)})
	if reasonOf(t, err) != "GROUP_UNKNOWN" {
		t.Error(err)
	}
}
