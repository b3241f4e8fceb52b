package policy_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/meshbridge/policy"
)

// vectors.json is judged by this engine here and by the shim's in js-shim/test/policy-vectors.test.js.
type vectors struct {
	People map[string]vectorPerson `json:"people"`
	Cases  []vector                `json:"cases"`
}

type vectorPerson struct {
	ID        string            `json:"id"`
	Masks     map[string]uint32 `json:"masks"`
	SiteAdmin bool              `json:"siteAdmin,omitempty"`
}

type vector struct {
	Name    string         `json:"name,omitempty"`
	Person  string         `json:"person"`
	Frame   string         `json:"frame,omitempty"`
	Request *vectorRequest `json:"request,omitempty"`
	Want    verdict        `json:"want"`
}

type vectorRequest struct {
	Method string      `json:"method"`
	Path   string      `json:"path"`
	Query  [][2]string `json:"query,omitempty"`
}

type verdict struct {
	Text     string      `json:"text,omitempty"`
	Query    [][2]string `json:"query,omitzero"`
	Reason   string      `json:"reason,omitempty"`
	Action   string      `json:"action,omitempty"`
	Detail   string      `json:"detail,omitempty"`
	Dropped  []string    `json:"dropped,omitempty"`
	Device   string      `json:"device,omitempty"`
	Protocol uint32      `json:"protocol,omitempty"`
}

func (p vectorPerson) person() *policy.Person {
	mine := func(own string) func(string) (string, bool) {
		return func(cookie string) (string, bool) { return cookie, cookie == own }
	}
	return &policy.Person{
		ID: p.ID, DomainURL: "/", SiteAdmin: p.SiteAdmin,
		Mask:   func(node string) uint32 { return p.Masks[node] },
		Every:  func() []uint32 { return slices.Collect(maps.Values(p.Masks)) },
		Cookie: mine("mine"), RelayCookie: mine("myrelay@$"),
	}
}

func judge(e *policy.Engine, people map[string]vectorPerson, v vector) verdict {
	p := people[v.Person].person()
	if v.Request == nil {
		frame, refusal := e.Frame([]byte(v.Frame), p)
		if refusal != nil {
			return verdict{Reason: refusal.Reason, Action: refusal.Action, Detail: refusal.Detail}
		}
		return verdict{Text: string(frame.Text), Action: frame.Action, Dropped: frame.Dropped}
	}
	var query []policy.Argument
	for _, a := range v.Request.Query {
		query = append(query, policy.Argument{Name: a[0], Value: a[1]})
	}
	request, refusal := e.Request(v.Request.Method, v.Request.Path, query, p)
	if refusal != nil {
		return verdict{Reason: refusal.Reason, Detail: refusal.Detail}
	}
	out := verdict{Query: [][2]string{}, Dropped: request.Dropped, Device: request.Device, Protocol: request.Protocol}
	for _, a := range request.Query {
		out.Query = append(out.Query, [2]string{a.Name, a.Value})
	}
	return out
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var out vectors
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestVectors(t *testing.T) {
	e, all := policy.Compile(build(t)), readVectors(t)
	for i, v := range all.Cases {
		got := judge(e, all.People, v)
		if *update {
			all.Cases[i].Want = got
			continue
		}
		if !reflect.DeepEqual(got, v.Want) {
			t.Errorf("%s: %+v, want %+v", v.Name, got, v.Want)
		}
	}
	if !*update {
		return
	}
	data, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("testdata/vectors.json", append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Frames and requests out of pieces of good and bad ones, judged by both engines: the same verdict, to the letter.
func TestBothEnginesJudgeAlike(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is needed: ", err)
	}
	cmd := exec.CommandContext(t.Context(), node, "../../js-shim/test/policy-vectors.helper.js")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	all := readVectors(t)
	made := mutants(all.Cases, rand.New(rand.NewPCG(1, 2)), 8_000)
	go func() {
		w := bufio.NewWriter(in)
		for _, v := range made {
			line, _ := json.Marshal(v)
			_, _ = w.Write(append(line, '\n'))
		}
		_ = w.Flush()
		_ = in.Close()
	}()
	e := policy.Compile(build(t))
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	passed := 0
	for _, v := range made {
		if !lines.Scan() {
			t.Fatalf("the shim's engine ended at %+v", v)
		}
		got := judge(e, all.People, v)
		var theirs verdict
		if err := json.Unmarshal(lines.Bytes(), &theirs); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, theirs) {
			line, _ := json.Marshal(v)
			t.Fatalf("%s\nGo: %+v\nJS: %+v", line, got, theirs)
		}
		if got.Reason == "" {
			passed++
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if passed < 1000 {
		t.Errorf("only %d got as far as passing", passed)
	}
}

// mutants puts values of cases into other cases' places.
func mutants(cases []vector, r *rand.Rand, n int) []vector {
	var values []string
	for _, v := range cases {
		var members map[string]json.RawMessage
		_ = json.Unmarshal([]byte(v.Frame), &members)
		for _, name := range slices.Sorted(maps.Keys(members)) {
			values = append(values, string(members[name]))
		}
	}
	values = append(values, `null`, `true`, `-0`, `1e2`, `1e400`, `0.5`, `9007199254740992`, `[]`, `{}`, `""`, `"é"`, `"\u0000"`, `[null]`, `["x"]`, `1e-7`, `1E21`, `123456789012345678901234567890`)
	names := []string{"nodeid", "nodeids", "id", "type", "value", "limit", "userid", "tag", "responseid", "x", "__proto__", "action", "cmds", "actiontype"}
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	var out []vector
	for range n {
		v := cases[r.IntN(len(cases))]
		v.Name, v.Want = "", verdict{}
		v.Person = []string{"tech", "viewer", "none", "admin"}[r.IntN(4)]
		if v.Request != nil {
			q := *v.Request
			q.Query = slices.Clone(q.Query)
			for i := range q.Query {
				if r.IntN(4) == 0 {
					q.Query[i][1] = strings.Trim(pick(values), `"`)
				}
			}
			if r.IntN(3) == 0 {
				q.Query = append(q.Query, [2]string{pick(names[:10]), strings.Trim(pick(values), `"`)})
			}
			v.Request = &q
		} else if strings.HasPrefix(v.Frame, "{") && r.IntN(4) > 0 {
			v.Frame = fmt.Sprintf(`{"%s":%s,%s`, pick(names), pick(values), v.Frame[1:])
			if r.IntN(2) == 0 && strings.HasSuffix(v.Frame, "}") {
				v.Frame = fmt.Sprintf(`%s,"%s":%s}`, v.Frame[:len(v.Frame)-1], pick(names), pick(values))
			}
		} else if len(v.Frame) > 0 {
			at := r.IntN(len(v.Frame))
			v.Frame = v.Frame[:at] + pick([]string{"", `"`, "{", "}", ",", ":", "0", " ", "\\", "[", "\t", "\x01"}) + v.Frame[at:]
		}
		out = append(out, v)
	}
	return out
}

// Whatever passes is JSON of known names, and has no device but the person's own in it.
func FuzzFrame(f *testing.F) {
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		f.Fatal(err)
	}
	var all vectors
	if err := json.Unmarshal(data, &all); err != nil {
		f.Fatal(err)
	}
	for _, v := range all.Cases {
		f.Add([]byte(v.Frame))
	}
	table, err := policyTable()
	if err != nil {
		f.Fatal(err)
	}
	e, p := policy.Compile(table), all.People["tech"].person()
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, refusal := e.Frame(data, p)
		if (frame == nil) == (refusal == nil) {
			t.Fatal("neither or both")
		}
		if refusal != nil {
			if refusal.Reason == "" {
				t.Fatal("refused without a reason")
			}
			return
		}
		var members map[string]any
		if err := json.Unmarshal(frame.Text, &members); err != nil {
			t.Fatalf("%q: %v", frame.Text, err)
		}
		if again, refusal := e.Frame(frame.Text, p); refusal != nil || string(again.Text) != string(frame.Text) {
			t.Fatalf("%q is not judged the same again: %+v", frame.Text, refusal)
		}
	})
}
