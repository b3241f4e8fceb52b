package meshbridge_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory/directorytest"
	"github.com/everydaytech/meshsso/meshbridge"
)

// Ids are promises: a change of any makes every installation lose its groups.
func TestGoldenIDs(t *testing.T) {
	got := map[string]string{
		"mesh A":       meshbridge.DeviceGroupID("", directorytest.TenantA),
		"mesh A in d1": meshbridge.DeviceGroupID("d1", directorytest.TenantA),
		"mesh B":       meshbridge.DeviceGroupID("", directorytest.TenantB),
	}
	for role := authsvc.RoleNone; role <= authsvc.RoleSuperadmin; role++ {
		got["ugrp A "+role.String()] = meshbridge.UserGroupID("", authsvc.Scope{TenantID: directorytest.TenantA}, role)
	}
	got["ugrp * superadmin"] = meshbridge.UserGroupID("", authsvc.Scope{All: true}, authsvc.RoleSuperadmin)
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/ids.json"
	if *update {
		_ = os.MkdirAll("testdata", 0o755)
		if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != string(text)+"\n" {
		t.Errorf("ids are\n%s\nwant (%v)\n%s", text, err, want)
	}
	seen := map[string]bool{}
	for name, id := range got {
		if key := id[strings.LastIndexByte(id, '/')+1:]; len(key) != 64 || strings.ContainsAny(key, "+/=") || seen[id] {
			t.Errorf("%s is %s", name, id)
		}
		seen[id] = true
	}
}

func TestParseNodeID(t *testing.T) {
	zeros := strings.Repeat("00", 48)
	for in, want := range map[string]string{
		"node//" + keyA: "node//" + keyA, keyA: "node//" + keyA, zeros: "node//" + keyA, strings.Repeat("fF", 48): "node//" + strings.Repeat("$", 64),
		"node/d1/" + keyA: "-", "mesh//" + keyA: "", "node/" + keyA: "", "node//" + keyA[1:]: "", "node//" + keyA + "A": "", keyA[1:] + "+": "", keyA[1:] + "/": "",
		zeros[1:] + "g": "", "": "", "node//": "", "node//" + keyA + "\n": "", " node//" + keyA: "", "node/a/b/" + keyA: "", "node/D 1/" + keyA: "", "node//" + keyA[1:] + "'": "",
	} {
		id, ok := meshbridge.ParseNodeID(in)
		full, here := id.In("")
		switch {
		case want == "" && ok, want != "" && !ok, want == "-" && here, len(want) > 1 && full != want:
			t.Errorf("%q gives %+v, %v, %q", in, id, ok, full)
		}
	}
	if id, _ := meshbridge.ParseNodeID(keyA); func() string { s, _ := id.In("d1"); return s }() != "node/d1/"+keyA {
		t.Error("a bare key is any domain's")
	}
}

func TestDisplayName(t *testing.T) {
	for in, want := range map[string]string{
		"Tess Tech": "Tess Tech", "": "tess", "   ": "tess", "\x00\n\t": "tess", "a\nb\x00c\u0085d": "a b c d", " x ": "x",
		`<img src=x onerror="alert(1)">`: "tess", "a > b": "tess", `Tess "T" O'Tech & Co`: `Tess "T" O'Tech & Co`, "a\u202eb": "ab", "a\u2028b": "a b", "Ünï 😀": "Ünï 😀", "a\xffb": "a\ufffdb",
		strings.Repeat("é", 300): strings.Repeat("é", 300), strings.Repeat("é", 512): strings.Repeat("é", 512), strings.Repeat("é", 513): strings.Repeat("é", 512),
	} {
		if got := meshbridge.DisplayName(in, "tess@acme.example"); got != want {
			t.Errorf("%q gives %q", in, got)
		}
	}
	if got := meshbridge.DisplayName("", "a@b@c.example"); got != "a@b" {
		t.Errorf("the local part is %q", got)
	}
}

func FuzzParseNodeID(f *testing.F) {
	for _, s := range []string{"node//" + keyA, keyA, strings.Repeat("0f", 48), "node/d1/" + keyA, "mesh//" + keyA, ""} {
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, s, domain string) {
		id, ok := meshbridge.ParseNodeID(s)
		if !ok {
			if id != (meshbridge.NodeID{}) {
				t.Fatalf("refused and yet %+v", id)
			}
			return
		}
		if domain != "" && !meshbridge.ValidDomain(domain) {
			return
		}
		full, here := id.In(domain)
		if !here {
			return
		}
		again, ok := meshbridge.ParseNodeID(full)
		if back, _ := again.In(domain); !ok || back != full || strings.Count(full, "/") != 2 || again.Key != id.Key || len(id.Key) != 64 {
			t.Fatalf("%q gives %q gives %+v", s, full, again)
		}
	})
}

// However a person is named, the id has exactly two slashes and folds on to itself.
func FuzzUserID(f *testing.F) {
	f.Add("Tess@Acme.example")
	f.Add("a/b@x")
	f.Add("\u212a@x")
	f.Fuzz(func(t *testing.T, email string) {
		id, ok := meshbridge.UserID("", email)
		if !ok {
			return
		}
		again, ok := meshbridge.UserID("", strings.TrimPrefix(id, "user//"))
		if !ok || again != id || strings.Count(id, "/") != 2 || strings.ToLower(id) != id || strings.HasPrefix(id, "user//~") {
			t.Fatalf("%q gives %q", email, id)
		}
	})
}

func ExampleUserID() {
	fmt.Println(meshbridge.UserID("", "Tess.Tech@Acme.example"))
	// Output: user//tess.tech@acme.example true
}
