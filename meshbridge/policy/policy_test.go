package policy_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/everydaytech/meshsso/meshbridge"
	"github.com/everydaytech/meshsso/meshbridge/policy"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

var update = flag.Bool("update", false, "write testdata")

func policyTable() (*policy.Table, error) { return meshbridge.NewPolicy() }

func build(t *testing.T) *policy.Table {
	t.Helper()
	table, err := meshbridge.NewPolicy()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Every change of the policy shows in review.
func TestGolden(t *testing.T) {
	data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(build(t).Policy())
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, data, "", " "); err != nil { // protojson's own spaces differ from build to build
		t.Fatal(err)
	}
	got.WriteByte('\n')
	const file = "testdata/policy.json"
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s differs (%v): look at the difference and run go test ./meshbridge/policy -update", file, err)
	}
}

// testdata/actions.txt lists every action that the control channel of 1.1.51 and 1.1.55 knows.
func TestEveryActionOfMeshCentralWasLookedAt(t *testing.T) {
	data, err := os.ReadFile("testdata/actions.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := strings.Fields(string(data))
	var allowed []string
	for _, r := range build(t).Policy().GetFrames() {
		allowed = append(allowed, r.GetAction())
	}
	slices.Sort(allowed)
	allowed = slices.Compact(allowed)
	refused := policy.RefusedActions()
	for _, action := range known {
		a, r := slices.Contains(allowed, action), slices.Contains(refused, action)
		if a == r {
			t.Errorf("%s: allowed %v, refused %v", action, a, r)
		}
	}
	for _, action := range slices.Concat(allowed, refused) {
		if !slices.Contains(known, action) {
			t.Errorf("%s: MeshCentral has no such action", action)
		}
	}
	if len(refused) != len(slices.Compact(slices.Clone(refused))) {
		t.Error("an action is refused twice")
	}
}

func TestBuildRefusesAPolicyThatSaysTooLittle(t *testing.T) {
	_, err := policy.Build(func(name string) (uint32, bool) { return 1, name != "chat" })
	if err == nil || !strings.Contains(err.Error(), "no right is called chat") {
		t.Errorf("got %v", err)
	}
}

func TestVersionFollowsTheContent(t *testing.T) {
	one, two := build(t).Policy(), build(t).Policy()
	if one.GetVersion() == "" || one.GetVersion() != two.GetVersion() || !proto.Equal(one, two) {
		t.Errorf("versions %q and %q", one.GetVersion(), two.GetVersion())
	}
	other, err := policy.Build(func(string) (uint32, bool) { return 1, true })
	if err != nil || other.Policy().GetVersion() == one.GetVersion() {
		t.Errorf("other masks, the same version: %v", err)
	}
}

func TestKnownKinds(t *testing.T) {
	table := build(t)
	for _, kind := range []string{
		"events", "events.nodeid", "nodeid", "msg.pskill", "terminal", "meshrelay.ashx", "meshrelay.ashx.p", "createLoginToken", "uploadfilebatch.ashx", "tcpport",
	} {
		if !table.KnownKind(kind) {
			t.Errorf("%s is not known", kind)
		}
	}
	for _, kind := range []string{"", "x", "events.x", "msg.x", "0.123", "EVENTS", "events.nodeid.x"} {
		if table.KnownKind(kind) {
			t.Errorf("%q is known", kind)
		}
	}
}

// owner is one rule of any sort, for the rules about rules.
type owner struct {
	name   string
	fields []*pb.Field
	need   *pb.Need
	site   bool
}

func owners(p *pb.Policy) []owner {
	var out []owner
	for _, r := range p.GetFrames() {
		out = append(out, owner{"frame " + r.GetAction(), r.GetFields(), r.GetNeed(), r.GetSiteAdmin()})
	}
	for _, r := range p.GetRequests() {
		out = append(out, owner{"request " + r.GetPath(), r.GetArguments(), r.GetNeed(), r.GetSiteAdmin()})
	}
	for _, r := range p.GetTunnels() {
		out = append(out, owner{"tunnel " + r.GetKind(), nil, r.GetNeed(), false})
	}
	return out
}

func TestRulesAreWellFormed(t *testing.T) {
	p := build(t).Policy()
	for _, o := range owners(p) {
		seen := map[string]bool{"action": true, "responseid": true}
		for _, f := range o.fields {
			if f.GetName() == "" || seen[f.GetName()] {
				t.Errorf("%s: field %q twice or without a name", o.name, f.GetName())
			}
			seen[f.GetName()] = true
			checkField(t, o.name, f)
		}
		if o.need.GetAll()&o.need.GetNone() != 0 {
			t.Errorf("%s: asks for a right and for its absence", o.name)
		}
		// 4 breaks MeshCentral's page on a node, nobody has it; nothing may wait for it, nor for 0xFFFFFFFF.
		if (o.need.GetAll()|o.need.GetNone())&4 != 0 {
			t.Errorf("%s: needs bit 4", o.name)
		}
		if o.need != nil && o.need.GetAll() == 0 {
			t.Errorf("%s: a need that somebody without any right meets", o.name)
		}
		if o.site && o.need != nil {
			t.Errorf("%s: for site administrators, and a need on devices", o.name)
		}
	}
	for _, r := range p.GetRequests() {
		for _, m := range r.GetMethods() {
			if !slices.Contains([]string{"GET", "POST", "WS"}, m) {
				t.Errorf("%s: method %q", r.GetPath(), m)
			}
		}
		if len(r.GetMethods()) == 0 || strings.HasPrefix(r.GetPath(), "/") || strings.Contains(strings.TrimSuffix(r.GetPath(), "*"), "*") {
			t.Errorf("path %q, methods %v", r.GetPath(), r.GetMethods())
		}
		if r.GetNeedEverywhere() && r.GetNeed() == nil {
			t.Errorf("%s: no need to be met everywhere", r.GetPath())
		}
	}
	kinds := map[uint32]bool{}
	for _, r := range p.GetTunnels() {
		if r.GetProtocol() == 0 || kinds[r.GetProtocol()] || r.GetNeed() == nil {
			t.Errorf("tunnel %d %s", r.GetProtocol(), r.GetKind())
		}
		kinds[r.GetProtocol()] = true
	}
}

func checkField(t *testing.T, name string, f *pb.Field) {
	t.Helper()
	if f.GetType() == pb.FieldType_FIELD_TYPE_UNSPECIFIED {
		t.Errorf("%s: %s has no type", name, f.GetName())
	}
	if len(f.GetValues()) != len(slices.Compact(slices.Sorted(slices.Values(f.GetValues())))) {
		t.Errorf("%s: %s has a value twice", name, f.GetName())
	}
	switch f.GetType() {
	case pb.FieldType_FIELD_TYPE_STRING, pb.FieldType_FIELD_TYPE_STRINGS, pb.FieldType_FIELD_TYPE_INTEGER:
	default:
		if f.GetMax() != 0 || len(f.GetValues()) != 0 {
			t.Errorf("%s: %s has bounds that its type does not have", name, f.GetName())
		}
	}
	if f.GetMax() < 0 || f.GetMax() > 24*3600*1000 {
		t.Errorf("%s: %s goes up to %d", name, f.GetName(), f.GetMax())
	}
	// In a frame an integer without a bound is 2^53; in everything that is listed here a bound is known.
	if f.GetType() == pb.FieldType_FIELD_TYPE_INTEGER && f.GetMax() == 0 && len(f.GetValues()) == 0 && !slices.Contains([]string{"skip", "pid"}, f.GetName()) {
		t.Errorf("%s: %s has no bound", name, f.GetName())
	}
}

// The evaluator takes the first rule that fits and drops what that rule does not name. Two rules of one action must
// therefore tell frames apart by a field that both require, or know the same fields, or ask the same of the sender.
func TestNoRuleDropsWhatAnotherLooksAt(t *testing.T) {
	frames := build(t).Policy().GetFrames()
	for i, a := range frames {
		for _, b := range frames[:i] {
			if a.GetAction() != b.GetAction() || disjoint(a, b) || sameNames(a, b) || proto.Equal(a.GetNeed(), b.GetNeed()) && a.GetSiteAdmin() == b.GetSiteAdmin() {
				continue
			}
			if a.GetAction() == "runcommands" && len(b.GetFields()) > len(a.GetFields()) {
				continue // presetcmd: beside `cmds` it is dropped, and what is sent is run
			}
			t.Errorf("%s: two rules that one frame may fit", a.GetAction())
		}
	}
}

func disjoint(a, b *pb.FrameRule) bool {
	for _, f := range a.GetFields() {
		for _, g := range b.GetFields() {
			if f.GetName() == g.GetName() && f.GetRequired() && g.GetRequired() && len(f.GetValues()) > 0 && len(g.GetValues()) > 0 &&
				!slices.ContainsFunc(f.GetValues(), func(v string) bool { return slices.Contains(g.GetValues(), v) }) {
				return true
			}
		}
	}
	return false
}

func sameNames(a, b *pb.FrameRule) bool {
	names := func(r *pb.FrameRule) []string {
		var out []string
		for _, f := range r.GetFields() {
			out = append(out, f.GetName())
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(names(a), names(b))
}
