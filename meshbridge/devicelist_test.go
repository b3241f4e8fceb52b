package meshbridge_test

import (
	"io"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/meshbridge"
)

// listed is a device as meshctrl.js 1.1.55 prints it, with much that is not looked at.
func listed(domain, node, group, rest string) string {
	return `{"type": "node", "_id": "node/` + domain + `/` + strings.Repeat(node, 64) + `", "icon": 1, "Name": 7, "agent": {"ver": 0, "id": 6, "name": []}, "links": {},
  "mtype": 2, "conn": 1, "pwr": 1, "meshid": "mesh/` + domain + `/` + strings.Repeat(group, 64) + `"` + rest + `}`
}

func TestParseDeviceList(t *testing.T) {
	list, err := meshbridge.ParseDeviceList(strings.NewReader("[\n" + listed("d1", "A", "G", `, "name": "al\u001bpha", "groupname": "Office"`) + ",\n" + listed("d1", "B", "G", "") + "\n]\n"))
	if err != nil || list.Domain != "d1" || len(list.Devices) != 2 {
		t.Fatal(list, err)
	}
	if want := (meshbridge.ListedDevice{NodeID: "node/d1/" + keyA, GroupID: "mesh/d1/" + strings.Repeat("G", 64), Name: "al\x1bpha", GroupName: "Office"}); list.Devices[0] != want {
		t.Errorf("the device is %+v", list.Devices[0])
	}
	if list.Devices[1].Name != "" || list.Devices[1].GroupName != "" {
		t.Errorf("the nameless is %+v", list.Devices[1])
	}
	if list, err := meshbridge.ParseDeviceList(strings.NewReader("[]\n")); err != nil || list.Domain != "" || len(list.Devices) != 0 {
		t.Error(list, err)
	}
}

func TestParseDeviceListRefuses(t *testing.T) {
	a, b := listed("", "A", "G", ""), listed("", "B", "G", "")
	for name, c := range map[string]struct{ text, says string }{
		"nothing":              {"", "not a JSON array"},
		"a refusal":            {"Invalid login.", "not a JSON array"},
		"an object":            {a, "not a JSON array"},
		"null":                 {"null", "not a JSON array"},
		"the CSV form":         {`"mesh","name"`, "not a JSON array"},
		"cut off":              {"[" + a + ",", "device 2"},
		"cut off in a device":  {"[" + a[:40], "device 1"},
		"cut off at a comma":   {"[" + a, "not a JSON array"},
		"something after":      {"[" + a + "]\n[]", "nothing else"},
		"words after":          {"[" + a + "] done", "nothing else"},
		"a text":               {`["node//x"]`, "device 1: not a JSON object"},
		"a null":               {`[null]`, "device 1: _id"},
		"no _id":               {"[" + strings.Replace(a, `"_id"`, `"id"`, 1) + "]", "device 1: _id"},
		"an odd _id":           {"[" + a + "," + strings.Replace(b, "node//", "user//", 1) + "]", "device 2: _id"},
		"_id a number":         {`[{"_id": 7}]`, "_id is not a text"},
		"no meshid":            {"[" + strings.Replace(a, `"meshid"`, `"mesh"`, 1) + "]", "meshid"},
		"another domain's":     {"[" + strings.Replace(a, "mesh//", "mesh/d1/", 1) + "]", "meshid"},
		"name an object":       {"[" + listed("", "A", "G", `, "name": {}`) + "]", "name is not a text"},
		"two domains":          {"[" + a + "," + listed("d1", "B", "G", "") + "]", "another domain"},
		"twice":                {"[" + a + "," + a + "]", "twice"},
		"a domain out of form": {"[" + listed("D 1", "A", "G", "") + "]", "_id"},
	} {
		list, err := meshbridge.ParseDeviceList(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.says) || len(list.Devices) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// endless is a list that never ends: valid blanks.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestParseDeviceListIsBounded(t *testing.T) {
	if _, err := meshbridge.ParseWithin(io.MultiReader(strings.NewReader("["), endless{}), 2<<20, 10); err == nil || err.Error() != "the list is larger than 2 MB" {
		t.Error(err)
	}
	two := "[" + listed("", "A", "G", "") + "," + listed("", "B", "G", "") + "]"
	for most, says := range map[int]string{1: "the list has more than 1 devices", 2: ""} {
		list, err := meshbridge.ParseWithin(strings.NewReader(two), int64(len(two)), most)
		if (err == nil) != (says == "") || (err != nil && err.Error() != says) || (err == nil && len(list.Devices) != 2) {
			t.Errorf("at most %d: %v", most, err)
		}
	}
}

func FuzzParseDeviceList(f *testing.F) {
	for _, seed := range []string{"[]", "[" + listed("", "A", "G", `, "name": "x"`) + "]", "[" + listed("d", "A", "G", "") + "," + listed("d", "B", "H", "") + "]", `[{"_id":null}]`, "[[[[", "{}", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := meshbridge.ParseDeviceList(strings.NewReader(text))
		if err != nil {
			if len(list.Devices) != 0 || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%+v with %q", list, err)
			}
			return
		}
		seen := map[string]bool{}
		for _, d := range list.Devices {
			if !strings.HasPrefix(d.NodeID, "node/"+list.Domain+"/") || !strings.HasPrefix(d.GroupID, "mesh/"+list.Domain+"/") || seen[d.NodeID] {
				t.Errorf("%+v", d)
			}
			seen[d.NodeID] = true
		}
		// Whatever it holds can be planned.
		w := wayWorld()
		meshbridge.PlanMoves(list, fixed(w).sets[allTenants], nil)
	})
}
