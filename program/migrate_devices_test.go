package program

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/internal/testpg"
	"github.com/everydaytech/meshsso/meshbridge"
)

// devicesOutput runs migrate devices with a list on standard input.
func devicesOutput(t *testing.T, vars map[string]string, stdin string, args ...string) (string, int) {
	t.Helper()
	out := &syncBuffer{}
	e := testEnv(vars, out)
	e.stdin = strings.NewReader(stdin)
	code := run(t.Context(), append([]string{"migrate", "devices"}, args...), e)
	return out.String(), code
}

// meshctrl prints devices of the people's world: letter of the node, group, and both names.
func meshctrl(devices ...[4]string) string {
	list := []map[string]any{}
	for _, d := range devices {
		list = append(list, map[string]any{
			"type": "node", "mtype": 2, "_id": nodeID(d[0]), "meshid": d[1], "name": d[2], "groupname": d[3], "host": "192.0.2.7",
		})
	}
	data, _ := json.MarshalIndent(list, " ", "  ")
	return string(data) + "\n"
}

func TestMigrateDevices(t *testing.T) {
	db := seeded(t, testpg.New(t))
	office := "mesh//" + strings.Repeat("G", 64)
	a := meshbridge.DeviceGroupID("", tenantA)
	list := meshctrl(
		[4]string{"A", office, "al\x1b[2Jpha\r\u009b\u202etxt", "Off\nice"},
		[4]string{"B", a, strings.Repeat("b", 500), "Acme"},
		[4]string{"S", a, "shared", "Acme"},
		[4]string{"N", office, "", "Office"},
	)
	out, code := devicesOutput(t, db.Env(), list, "--dry-run", "--devices", "-")
	if code != 0 || strings.ContainsAny(out, "\x1b\r\u009b\u202e") {
		t.Fatalf("exit code %d\n%q", code, out)
	}
	for _, line := range []string{
		tenantA + " (tenant " + tenantA + ")", // its name has markup in it
		"al [2Jpha   txt Off ice " + tenantA + " move -",
		strings.Repeat("b", 59) + "… Acme " + tenantA + " stay -",
		"unbound - " + tenantA + " absent its row has no node id yet",
		"charlie - Beta absent MeshCentral does not list it",
		"MeshSSO lobby (reachable for nobody)",
		"shared Acme MeshSSO lobby lobby disputed: rows of several tenants, or of none, name it",
		"device groups of your own (left alone)",
		"- Office Office stay no tenant's row names it",
		"4 devices in the list: 1 move, 2 stay, 1 to the lobby. 3 rows of the database without a device in the list.",
		"Nothing was changed.",
	} {
		if !strings.Contains(squeezed(out), squeezed(line)) {
			t.Errorf("no line: %s", line)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// squeezed makes one space of many.
func squeezed(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestMigrateDevicesJSON(t *testing.T) {
	db := seeded(t, testpg.New(t))
	file := filepath.Join(t.TempDir(), "devices.json")
	if err := os.WriteFile(file, []byte(meshctrl([4]string{"C", meshbridge.LobbyID(""), "char\x1blie", ""})), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := devicesOutput(t, db.Env(), "", "--dry-run", "--json", "--devices", file)
	var got movesJSON
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil {
		t.Fatalf("exit code %d, %v\n%s", code, err, out)
	}
	var moved []moveJSON
	for _, g := range got.Groups {
		for _, m := range g.Devices {
			if m.Kind == meshbridge.MoveMove && g.TenantID == tenantB && g.Name == "Beta" && g.ID == meshbridge.DeviceGroupID("", tenantB) {
				moved = append(moved, m)
			}
		}
	}
	want := moveJSON{Kind: meshbridge.MoveMove, Name: "char lie", NodeID: nodeID("C"), From: "MeshSSO lobby", FromID: meshbridge.LobbyID("")}
	if len(moved) != 1 || moved[0] != want || got.Totals[meshbridge.MoveMove] != 1 || len(got.Totals) != len(meshbridge.MoveKinds) {
		t.Errorf("the output is %s", out)
	}
}

// It shows and never writes: not even as the owner of the tables, and whatever the list says.
func TestMigrateDevicesChangesNothing(t *testing.T) {
	db := seeded(t, testpg.New(t))
	sum := func() (s string) {
		const sql = `select md5(string_agg(a::text, ',' order by agent_id)) from public.agents a`
		if err := db.Conn.QueryRow(t.Context(), sql).Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := sum()
	db.Exec(t, `alter database `+db.Name+` set default_transaction_read_only = on`)
	out, code := devicesOutput(t, db.Env(), meshctrl([4]string{"A", meshbridge.LobbyID(""), "alpha", ""}), "--dry-run", "--devices", "-")
	if code != 0 || sum() != before {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

func TestMigrateDevicesRefuses(t *testing.T) {
	away := map[string]string{"POSTGRES_HOST": "/nowhere", "POSTGRES_USER": "u", "POSTGRES_DB": "d"}
	bare := testpg.New(t).Env()
	const listing = "meshctrl.js ListDevices --json"
	for name, c := range map[string]struct {
		vars  map[string]string
		stdin string
		args  []string
		says  []string
	}{
		"without --dry-run":   {away, "[]", []string{"--devices", "-"}, []string{"MESHSSO_DEVICE_RIGHTS=group", "only shows"}},
		"without --devices":   {away, "", []string{"--dry-run"}, []string{"--devices is missing", listing}},
		"no such file":        {away, "", []string{"--dry-run", "--devices", "/nowhere/devices.json"}, []string{"no such file", listing}},
		"a refusal":           {away, "Invalid login.\n", []string{"--dry-run", "--devices", "-"}, []string{"not a JSON array", listing}},
		"nothing":             {away, "", []string{"--dry-run", "--devices=-"}, []string{"not a JSON array", listing}},
		"no database":         {nil, "[]", []string{"--dry-run", "--devices", "-"}, []string{"no database is configured"}},
		"the database away":   {away, "[]", []string{"--dry-run", "--devices", "-"}, []string{"cannot reach PostgreSQL at /nowhere"}},
		"without migrate up":  {bare, "[]", []string{"--dry-run", "--devices", "-"}, []string{"meshsso migrate up"}},
		"words after options": {away, "[]", []string{"--dry-run", "now"}, []string{"now"}},
	} {
		out, code := devicesOutput(t, c.vars, c.stdin, c.args...)
		if code == 0 {
			t.Errorf("%s: exit code 0", name)
		}
		for _, s := range c.says {
			if !strings.Contains(out, s) {
				t.Errorf("%s: no %q in %s", name, s, out)
			}
		}
	}
}

func TestMigrateDevicesHelpTeaches(t *testing.T) {
	out, code := devicesOutput(t, nil, "", "--help")
	for _, s := range []string{"ListDevices --json", "| meshsso migrate devices --dry-run --devices -", "manageAllDeviceGroups", "maxDeviceView", "changes nothing"} {
		if !strings.Contains(squeezed(out), s) || code != 0 {
			t.Errorf("exit code %d, no %q in\n%s", code, s, out)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"", "al\x1b[2Jpha", "\u202e\u009b\xff", strings.Repeat("é", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := cell(s); got == "" || len([]rune(got)) > maxCell || strings.ContainsAny(got, "\x1b\n\r\t\v\u009b\u202e\u2028") {
			t.Errorf("%q", got)
		}
	})
}
