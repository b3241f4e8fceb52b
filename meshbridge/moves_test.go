package meshbridge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory/directorytest"
	"github.com/everydaytech/meshsso/meshbridge"
)

var allTenants = authsvc.Scope{All: true}

func plan(t *testing.T, w directorytest.World, list meshbridge.DeviceList) []string {
	t.Helper()
	dir := directorytest.Memory{World: w}
	set, err := dir.Devices(t.Context(), allTenants)
	if err != nil {
		t.Fatal(err)
	}
	tenants, err := dir.Tenants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, g := range meshbridge.PlanMoves(list, set, tenants) {
		for _, m := range g.Moves {
			out = append(out, fmt.Sprintf("%s: %s %s from %s (%s)", g.Name, m.Kind, m.Name, m.From, m.Why))
		}
	}
	return out
}

func TestPlanMoves(t *testing.T) {
	office := "mesh//" + strings.Repeat("G", 64)
	device := func(letter, name, group, groupName string) meshbridge.ListedDevice {
		return meshbridge.ListedDevice{NodeID: "node//" + strings.Repeat(letter, 64), Name: name, GroupID: group, GroupName: groupName}
	}
	list := meshbridge.DeviceList{Devices: []meshbridge.ListedDevice{
		device("A", "alpha", office, "Office"),
		device("B", "bravo", meshbridge.DeviceGroupID("", directorytest.TenantB), ""),
		device("C", "charlie", meshbridge.DeviceGroupID("", directorytest.TenantB), "Beta"),
		device("S", "shared", meshbridge.DeviceGroupID("", directorytest.TenantA), "Acme"),
		device("N", "nobody's", office, ""),
		device("X", "stranger", meshbridge.DeviceGroupID("", directorytest.TenantA), "Acme"),
		device("Y", "waiting", meshbridge.LobbyID(""), ""),
		device("O", "elsewhere", office, "Office"),
	}}
	const unnamed = "no tenant's row names it"
	want := []string{
		"Acme: absent agent 10 from  (its row has no node id yet)",
		"Acme: absent agent 9 from  (its row's node id is not one of MeshCentral's)",
		"Acme: move alpha from Office ()",
		"Acme: move bravo from Beta (it is in the device group of another tenant)",
		"Beta: stay charlie from Beta ()",
		directorytest.Lost + ": absent agent 7 from  (MeshCentral does not list it)",
		"device groups of your own: stay elsewhere from Office (its row names the MeshCentral domain other)",
		"device groups of your own: stay nobody's from " + office + " (" + unnamed + ")",
		"MeshSSO lobby: lobby shared from Acme (disputed: rows of several tenants, or of none, name it)",
		"MeshSSO lobby: lobby stranger from Acme (" + unnamed + ")",
		"MeshSSO lobby: stay waiting from MeshSSO lobby (" + unnamed + ")",
	}
	if got := plan(t, wayWorld(), list); !slices.Equal(got, want) {
		t.Errorf("the plan is\n%s", strings.Join(got, "\n"))
	}
	if got := plan(t, directorytest.World{}, meshbridge.DeviceList{}); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

// What the plan calls home is what WayGroup serves, in each domain.
func TestPlanAgreesWithTheGroups(t *testing.T) {
	w := wayWorld()
	b := groupBridge(directorytest.Memory{World: w})
	for _, domain := range []string{"", "other"} {
		groups, err := b.DeviceGroups(t.Context(), domain)
		if err != nil {
			t.Fatal(err)
		}
		home := map[string]string{}
		for _, g := range groups.GetTenants() {
			for _, l := range links(t, b, g.GetDeviceGroupId(), g.GetVersion()) {
				home[l.GetId()] = g.GetDeviceGroupId()
			}
		}
		list := meshbridge.DeviceList{Domain: domain}
		for letter := 'A'; letter <= 'Z'; letter++ {
			list.Devices = append(list.Devices, meshbridge.ListedDevice{
				NodeID: "node/" + domain + "/" + strings.Repeat(string(letter), 64), GroupID: "mesh/" + domain + "/" + keyA,
			})
		}
		set, _ := directorytest.Memory{World: w}.Devices(t.Context(), allTenants)
		moved := 0
		for _, g := range meshbridge.PlanMoves(list, set, nil) {
			for _, m := range g.Moves {
				switch m.Kind {
				case meshbridge.MoveMove:
					moved++
					if home[m.NodeID] != g.ID {
						t.Errorf("%s goes to %s, and is served in %q", m.NodeID, g.ID, home[m.NodeID])
					}
				case meshbridge.MoveLobby:
					if home[m.NodeID] != "" || g.ID != groups.GetLobby().GetDeviceGroupId() {
						t.Errorf("%s goes to the lobby, and is served in %q", m.NodeID, home[m.NodeID])
					}
				}
			}
		}
		if moved != len(home) || moved == 0 {
			t.Errorf("%d move, %d have a home", moved, len(home))
		}
	}
}
