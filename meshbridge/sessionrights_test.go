package meshbridge_test

import (
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge"
)

func TestSessionRightsNeverGiveMore(t *testing.T) {
	const closing = uint32(256 | 512 | 1024 | 2048 | 4096 | 8192 | 65536)
	for _, role := range []authsvc.Role{authsvc.RoleNone, authsvc.RoleViewer, authsvc.RoleTechnician, authsvc.RoleAdmin, authsvc.RoleSuperadmin} {
		mask := meshbridge.DeviceRights(role)
		for mode := range 30 {
			if got := meshbridge.SessionRights(mask, mode, false); got != mask {
				t.Errorf("%s %d: %d without restrict", role, mode, got)
			}
			got := meshbridge.SessionRights(mask, mode, true)
			if got&^mask&^closing != 0 || (got != 0 && mask&closing&^got != 0) || (mask == 0 && got != 0) {
				t.Errorf("%s %d: %d of %d", role, mode, got, mask)
			}
			if mode != 12 && got != 0 && got&512 == 0 || mode != 13 && got != 0 && got&1024 == 0 {
				t.Errorf("%s %d: %d opens a terminal or files", role, mode, got)
			}
		}
	}
	if got := meshbridge.SessionRights(1800, 11, true); got != 1800|2048 {
		t.Errorf("a viewer's desktop is %d", got)
	}
}

func TestAccess(t *testing.T) {
	device := func(id int64, uuid, tenant, node string) authsvc.Device {
		return authsvc.Device{AgentID: id, UUID: uuid, TenantID: tenant, NodeID: node}
	}
	key := "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	set := &authsvc.DeviceSet{Devices: []authsvc.Device{
		device(1, "one", "t1", key), device(2, "twice", "t1", ""), device(3, "Twice", "t1", "node/other/"+key), device(4, "1", "t1", "what"),
		{AgentID: 5, TenantID: "t1", NodeID: key, Disputed: true},
	}}
	person := func(role authsvc.Role, grants ...authsvc.Grant) *authsvc.Identity {
		return &authsvc.Identity{Decision: authsvc.Decision{Role: role, MaxRole: authsvc.RoleAdmin}, Devices: set, User: authsvc.User{TenantID: "t1", Grants: grants}}
	}
	for name, want := range map[string]int64{"1": 1, "ONE": 1, "2": 2, "twice": 0, "": 0, "01": 0, "+1": 0, "9": 0, "99999999999999999999": 0} {
		a, ok := meshbridge.AccessTo(person(authsvc.RoleTechnician), name)
		if ok != (want != 0) || a.Device.AgentID != want {
			t.Errorf("%q is %+v", name, a)
		}
	}
	for agent, node := range map[string]string{"1": "node//" + key, "2": "", "3": "", "4": "", "5": ""} {
		if a, _ := meshbridge.AccessTo(person(authsvc.RoleTechnician), agent); a.NodeID != node || a.Rights != 1327304 {
			t.Errorf("%s: %+v", agent, a)
		}
	}
	for name, c := range map[string]struct {
		id     *authsvc.Identity
		role   authsvc.Role
		rights uint32
	}{
		"no role":                    {person(authsvc.RoleNone), authsvc.RoleNone, 0},
		"a grant":                    {person(authsvc.RoleNone, authsvc.Grant{AgentID: 1, Role: "technician"}), authsvc.RoleTechnician, 1327304},
		"a grant elsewhere":          {person(authsvc.RoleNone, authsvc.Grant{AgentID: 2, Role: "technician"}), authsvc.RoleNone, 0},
		"the greater of two":         {person(authsvc.RoleNone, authsvc.Grant{AgentID: 1, Role: "viewer"}, authsvc.Grant{AgentID: 1, Role: "admin"}), authsvc.RoleAdmin, 1458392},
		"more than the role":         {person(authsvc.RoleTechnician, authsvc.Grant{AgentID: 1, Role: "admin"}), authsvc.RoleAdmin, 1458392},
		"never a superadmin's":       {person(authsvc.RoleNone, authsvc.Grant{AgentID: 1, Role: "superadmin"}), authsvc.RoleAdmin, 1458392},
		"a viewer stays one":         {person(authsvc.RoleViewer, authsvc.Grant{AgentID: 1, Role: "admin"}), authsvc.RoleViewer, 1800},
		"another tenant's of theirs": {&authsvc.Identity{Decision: authsvc.Decision{Role: authsvc.RoleNone, MaxRole: authsvc.RoleAdmin}, Devices: set, User: authsvc.User{TenantID: "t2", Grants: []authsvc.Grant{{AgentID: 1, Role: "admin"}}}}, authsvc.RoleNone, 0},
	} {
		if a, _ := meshbridge.AccessTo(c.id, "1"); a.Role != c.role || a.Rights != c.rights {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if _, ok := meshbridge.AccessTo(&authsvc.Identity{}, "1"); ok {
		t.Error("a device for nobody")
	}
	if all := meshbridge.AllAccess(person(authsvc.RoleNone, authsvc.Grant{AgentID: 1, Role: "viewer"})); len(all) != 1 || all[0].Device.AgentID != 1 {
		t.Errorf("%+v", all)
	}
	if n, _ := meshbridge.ParseNodeID(key); n.Hex() != "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" || (meshbridge.NodeID{}).Hex() != "" {
		t.Error(n.Hex())
	}
}
