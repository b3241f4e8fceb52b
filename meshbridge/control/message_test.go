package control

import (
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/meshbridge"
)

func TestMessagesAreReadLoosely(t *testing.T) {
	for name, text := range map[string]string{
		"as it should be":     `{"action":"nodes","responseid":"m1","nodes":{"mesh//M":[{"_id":"node//a","conn":1,"name":"\ud800"}]},"tag":null}`,
		"odd devices":         `{"action":"nodes","responseid":"m1","nodes":{"mesh//M":[7,null,[],{"_id":8},{"conn":1},{"_id":"node//a","conn":1}],"mesh//N":"none"}}`,
		"odd members":         `{"action":"nodes","responseid":"m1","nodes":{"mesh//M":[{"_id":"node//a","conn":1}]},"event":[],"userinfo":"x","users":{},"skip":"1"}`,
		"a member twice":      `{"action":"x","action":"nodes","responseid":"m1","nodes":{"mesh//M":[{"_id":"node//a","conn":1}]}}`,
		"the action behind":   `{"nodes":{"mesh//M":[{"_id":"node//a","conn":1}]},"responseid":"m1","action":"nodes"}`,
		"an odd connectivity": `{"action":"nodes","responseid":"m1","nodes":{"mesh//M":[{"_id":"node//a","conn":1},{"_id":"node//b","conn":-1},{"_id":"node//c","conn":"1"}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			m, err := decodeMessage(strings.NewReader(text))
			if err != nil || m.Action.V != "nodes" || m.ResponseID.V != "m1" || m.Nodes["node//a"] != 1 || m.Nodes["node//b"] != 0 || m.Nodes["node//c"] != 0 {
				t.Fatalf("got %+v, %v", m, err)
			}
		})
	}
}

func TestOnlyOurAccountsAreKept(t *testing.T) {
	name, _ := principalName("0b1c2d3e-4f50-4162-8394-a5b6c7d8e9f0")
	m, err := decodeMessage(strings.NewReader(`{"action":"users","users":[{"_id":"user//admin"},7,{"_id":"user//` + name + `","links":{"node//a":{"rights":8}},"siteadmin":5312}]}`))
	if err != nil || len(m.Users) != 1 {
		t.Fatalf("got %v, %v", m.Users, err)
	}
	if a := m.Users["user//"+name]; a.Links.V["node//a"].Rights != 8 || a.SiteAdmin.V != 5312 {
		t.Errorf("got %+v", a)
	}
}

func FuzzDecodeMessage(f *testing.F) {
	for _, seed := range []string{
		`{"action":"nodes","responseid":"m1","nodes":{"mesh//M":[{"_id":"node//a","conn":1}]}}`,
		`{"action":"users","users":[{"_id":"` + principalPrefix + `x","links":{"node//a":{"rights":8}}}],"tag":"m2"}`,
		`{"action":"event","event":{"action":"accountchange","account":{"_id":"user//x","links":{"a":null}}}}`,
		`{"action":"close","cause":"noauth","msg":"noauth-2d"}`, `{"nodes":[`, `[]`, `{}{}`, "\xff", `{"nodes":{"a":[[[[`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := decodeMessage(strings.NewReader(text))
		if err != nil {
			return
		}
		for id := range m.Users {
			if !strings.HasPrefix(id, principalPrefix) {
				t.Fatalf("kept %q", id)
			}
		}
		if len(m.Nodes) > len(text) {
			t.Fatal("more devices than text")
		}
		var p picture
		p.init()
		p.heard(m.Event.V)
		for id := range p.accounts {
			if sessionOf(id) == "" {
				t.Fatalf("kept %q", id)
			}
		}
	})
}

func FuzzPrincipalName(f *testing.F) {
	f.Add("0b1c2d3e-4f50-4162-8394-a5b6c7d8e9f0")
	f.Add("0B1C2D3E-4F50-4162-8394-A5B6C7D8E9F0")
	f.Add("user//`~s-0b1c2d3e4f5041628394a5b6c7d8e9f0@session.invalid")
	f.Add("-----------------------------------0")
	f.Fuzz(func(t *testing.T, text string) {
		if name, ok := principalName(text); ok {
			if sessionOf("user//"+name) != text {
				t.Fatalf("%q names another session", name)
			}
			// What MeshCentral's adduser and adddeviceuser accept.
			if name[0] == '~' || strings.ContainsAny(name, " \",/") || len("user//"+name) > 128 || strings.ToLower(name) != name {
				t.Fatalf("MeshCentral refuses %q", name)
			}
		}
		if id := sessionOf(text); id != "" {
			if name, ok := principalName(id); !ok || "user//"+name != text {
				t.Fatalf("%q is no account of session %s", text, id)
			}
		}
	})
}

// No e-mail that we accept is a principal's name.
func TestNoEmailIsAPrincipalsName(t *testing.T) {
	name, ok := principalName("0b1c2d3e-4f50-4162-8394-a5b6c7d8e9f0")
	if !ok {
		t.Fatal("a UUID was refused")
	}
	if folded, ok := meshbridge.FoldEmail(name); ok {
		t.Fatalf("it is also the e-mail %q", folded)
	}
}
