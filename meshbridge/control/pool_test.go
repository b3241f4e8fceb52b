package control_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/everydaytech/meshsso/internal/testpg"
	"github.com/everydaytech/meshsso/meshbridge/control"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(runner{m})
}

// runner ends the package's PostgreSQL, if any, before goroutines are counted.
type runner struct{ m *testing.M }

func (r runner) Run() int { return testpg.Run(r.m) }

func node(letter string) string { return "node//" + strings.Repeat(letter, 64) }

// devices gives tenants' devices.
type devices map[string][]string

func (d devices) TenantDevices(_ context.Context, tenant string) ([]string, error) {
	if tenant == "unknown" {
		return nil, errNoDatabase
	}
	return d[tenant], nil
}

var errNoDatabase = errors.New("the database is away")

// named adds the tenant to the service account's credentials, so that the fake can count.
type named struct{ *control.ServiceAccount }

func (n named) Apply(ctx context.Context, tenant string, r *http.Request) error {
	r.Header.Set("X-Tenant", tenant)
	return n.ServiceAccount.Apply(ctx, tenant, r)
}

func newPool(t *testing.T, f *fakeMesh, timing control.Timing) *control.Pool {
	t.Helper()
	p := control.NewPool(control.PoolConfig{
		Upstream: f.up, Credentials: named{newService(t, f, timing)}, Timing: timing, MaxTenants: 3, Log: quiet,
		Devices: devices{"acme": {node("a"), node("b"), node("x")}, "borealis": {node("c")}, "empty": {}, "t3": {node("a")}, "t4": {node("a")}},
	})
	t.Cleanup(p.Close)
	return p
}

func withDevices(f *fakeMesh) *fakeMesh {
	f.nodes = map[string]int{node("a"): 1, node("b"): 2, node("c"): 1 | 16}
	return f
}

func TestOnlineIsTheTenantsOwnDevices(t *testing.T) {
	f := withDevices(newFakeMesh(t))
	p := newPool(t, f, soon)
	got, err := p.OnlineAll(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	// b is reached by Intel AMT only, x is unknown to MeshCentral, c is another tenant's.
	if want := map[string]bool{node("a"): true, node("b"): false, node("x"): false}; !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	for tenant, want := range map[string]bool{"acme": false, "borealis": true, "empty": false} {
		if online, err := p.Online(t.Context(), tenant, node("c")); err != nil || online != want {
			t.Errorf("device c for %s: %v, %v", tenant, online, err)
		}
	}
	if _, err := p.OnlineAll(t.Context(), ""); err == nil {
		t.Error("nobody's devices were answered")
	}
	if _, err := p.OnlineAll(t.Context(), "unknown"); !errors.Is(err, errNoDatabase) {
		t.Errorf("got %v", err)
	}
}

func TestPagesAreReadToTheEnd(t *testing.T) {
	f := withDevices(newFakeMesh(t))
	f.page = 2
	if online, err := newPool(t, f, soon).Online(t.Context(), "borealis", node("c")); err != nil || !online {
		t.Fatalf("the third device of pages of two: %v, %v", online, err)
	}
	if n := f.count("nodes"); n != 2 {
		t.Errorf("%d pages", n)
	}
}

func TestPeopleOfATenantShareOneConnectionAndOneAnswer(t *testing.T) {
	f := withDevices(newFakeMesh(t))
	p := newPool(t, f, soon)
	var people sync.WaitGroup
	for range 50 {
		people.Go(func() {
			if online, err := p.Online(t.Context(), "acme", node("a")); err != nil || !online {
				t.Errorf("got %v, %v", online, err)
			}
		})
	}
	people.Wait()
	if _, err := p.OnlineAll(t.Context(), "borealis"); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !maps.Equal(f.tenants, map[string]int{"acme": 1, "borealis": 1}) {
		t.Errorf("connections: %v", f.tenants)
	}
	if f.asked["nodes"] != 2 {
		t.Errorf("%d questions", f.asked["nodes"])
	}
}

func TestAnAnswerCountsUntilItsTime(t *testing.T) {
	f := withDevices(newFakeMesh(t))
	timing := soon
	timing.Cache = time.Nanosecond
	p := newPool(t, f, timing)
	for range 3 {
		if _, err := p.OnlineAll(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.count("nodes"); n != 3 {
		t.Errorf("%d questions", n)
	}
}

func TestMeshCentralsOwnEventsDropTheAnswer(t *testing.T) {
	f := withDevices(newFakeMesh(t))
	p := newPool(t, f, soon)
	online := func() bool {
		on, err := p.Online(t.Context(), "acme", node("a"))
		if err != nil {
			t.Fatal(err)
		}
		return on
	}
	if !online() {
		t.Fatal("offline at first")
	}
	for i, event := range []object{
		{"action": "nodeconnect", "nodeid": node("a")},
		{"action": "removenode", "nodeid": node("a")},
		{"action": "addnode", "node": object{"_id": node("a")}},
		{"action": "changenode", "nodeid": node("a")},
	} {
		f.set(func() { f.nodes[node("a")] = i % 2 })
		f.tell(t.Context(), event)
		eventually(t, event["action"].(string), func() bool { return online() == (i%2 == 1) })
	}
	asked := f.count("nodes")
	f.tell(t.Context(), object{"action": "nodeconnect", "nodeid": node("c")}) // another tenant's
	f.tell(t.Context(), object{"action": "nodeconnect", "nodeid": 7})
	f.tell(t.Context(), object{"action": "login", "account": "nothing"})
	f.set(func() { f.nodes[node("b")] = 1 })
	f.tell(t.Context(), object{"action": "changenode", "nodeid": node("b")}) // comes after them
	eventually(t, "b is online", func() bool { on, _ := p.Online(t.Context(), "acme", node("b")); return on })
	if n := f.count("nodes") - asked; n > 2 { // the second event names no device that could be told apart
		t.Errorf("%d questions after events of others", n)
	}
}

func TestOutages(t *testing.T) {
	quick := soon
	quick.Request = 50 * time.Millisecond
	hasty := soon
	hasty.Handshake = 50 * time.Millisecond
	mute := func(object) (any, bool) { return nil, true }
	raw := func(text string) func(ws *websocket.Conn) bool {
		return func(ws *websocket.Conn) bool {
			_ = ws.Write(context.Background(), websocket.MessageText, []byte(text))
			return true
		}
	}
	silence := func(ws *websocket.Conn) bool { _, _, _ = ws.Read(context.Background()); return true }
	tests := map[string]struct {
		timing control.Timing
		fault  func(f *fakeMesh)
		want   error
		says   string
	}{
		"no answer":              {quick, func(f *fakeMesh) { f.answer = mute }, control.ErrUnavailable, "no answer to nodes"},
		"no greeting":            {hasty, func(f *fakeMesh) { f.greeting = silence }, control.ErrUnavailable, ""},
		"garbage":                {soon, func(f *fakeMesh) { f.greeting = raw("<html>") }, control.ErrUnavailable, "not MeshCentral's"},
		"an array":               {soon, func(f *fakeMesh) { f.greeting = raw("[1]") }, control.ErrUnavailable, "not MeshCentral's"},
		"a half message":         {soon, func(f *fakeMesh) { f.greeting = raw(`{"action":"userinfo","userinfo":{`) }, control.ErrUnavailable, "not MeshCentral's"},
		"nobody in particular":   {soon, func(f *fakeMesh) { f.greeting = raw(`{"action":"userinfo","userinfo":7}`) }, control.ErrUnavailable, "without an id"},
		"hung up at once":        {soon, func(f *fakeMesh) { f.greeting = func(*websocket.Conn) bool { return true } }, control.ErrUnavailable, ""},
		"garbage for an answer":  {soon, func(f *fakeMesh) { f.answer = func(object) (any, bool) { return "text", true } }, control.ErrUnavailable, ""},
		"refused":                {soon, func(f *fakeMesh) { f.answer = refuseNodes }, control.ErrRefused, "Invalid group id"},
		"wrong password":         {soon, func(f *fakeMesh) { f.greeting = raw(`{"action":"close","cause":"noauth","msg":"noauth-2d"}`) }, control.ErrCredentials, ""},
		"second factor":          {soon, func(f *fakeMesh) { f.greeting = raw(`{"action":"close","cause":"noauth","msg":"tokenrequired"}`) }, control.ErrCredentials, "login token"},
		"no tools":               {soon, func(f *fakeMesh) { f.greeting = raw(`{"action":"close","cause":"notools","msg":"notools"}`) }, control.ErrCredentials, "no tools"},
		"mail not verified":      {soon, func(f *fakeMesh) { f.greeting = raw(`{"action":"close","cause":"emailvalidation"}`) }, control.ErrCredentials, "not verified"},
		"banned":                 {soon, func(f *fakeMesh) { f.greeting = raw(`{"action":"close","cause":"banned","msg":"banned-1"}`) }, control.ErrUnavailable, "banned"},
		"too many sessions":      {soon, func(f *fakeMesh) { f.greeting = raw(`{"action":"stopped","msg":"Session count exceed"}`) }, control.ErrUnavailable, "limit"},
		"dropped before answers": {soon, func(f *fakeMesh) { f.answer = func(object) (any, bool) { go f.hangUp(); return nil, true } }, control.ErrUnavailable, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := withDevices(newFakeMesh(t))
			f.set(func() { tt.fault(f) })
			p := newPool(t, f, tt.timing)
			_, err := p.OnlineAll(t.Context(), "acme")
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), servicePass) {
				t.Fatal("the error holds the password")
			}
			f.set(func() { f.answer, f.greeting = nil, nil })
			eventually(t, "recovery", func() bool { all, err := p.OnlineAll(t.Context(), "acme"); return err == nil && all[node("a")] })
		})
	}
}

func refuseNodes(frame object) (any, bool) {
	return object{"action": "nodes", "responseid": frame["responseid"], "result": "Invalid group id"}, true
}

func TestMeshCentralAwayAndBack(t *testing.T) {
	f := withDevices(newFakeMesh(t))
	p := newPool(t, f, soon)
	if _, err := p.OnlineAll(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	f.set(func() { f.greeting = func(*websocket.Conn) bool { return true }; f.nodes[node("a")] = 0 })
	f.hangUp()
	<-f.ended
	eventually(t, "no state is shown that may be old", func() bool { _, err := p.OnlineAll(t.Context(), "acme"); return err != nil })
	f.set(func() { f.greeting = nil })
	eventually(t, "recovery, with what changed meanwhile", func() bool { all, err := p.OnlineAll(t.Context(), "acme"); return err == nil && !all[node("a")] })
}

// A message beyond the limit ends the connection instead of filling the memory.
func TestAnEndlessMessage(t *testing.T) {
	f := withDevices(newFakeMesh(t))
	f.greeting = func(ws *websocket.Conn) bool {
		w, err := ws.Writer(context.Background(), websocket.MessageText)
		if err != nil {
			return true
		}
		_, _ = w.Write([]byte(`{"action":"serverinfo",`))
		for filler := []byte(strings.Repeat(" ", 1<<20)); err == nil; {
			_, err = w.Write(filler)
		}
		return true
	}
	if _, err := newPool(t, f, soon).OnlineAll(t.Context(), "acme"); !errors.Is(err, control.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
}

func TestAnIdleConnectionIsClosedAndMadeAgain(t *testing.T) {
	f := withDevices(newFakeMesh(t))
	timing := soon
	timing.Idle = 20 * time.Millisecond
	p := newPool(t, f, timing)
	online := func() bool {
		on, err := p.Online(t.Context(), "acme", node("a"))
		if err != nil {
			t.Fatal(err)
		}
		return on
	}
	if !online() {
		t.Fatal("offline")
	}
	<-f.ended
	// The other side may see the end a moment before this one drops the answer.
	eventually(t, "another connection", func() bool {
		f.mu.Lock()
		made := f.tenants["acme"]
		f.mu.Unlock()
		return online() && made >= 2
	})
}

func TestTheNumberOfTenantsIsBounded(t *testing.T) {
	p := newPool(t, withDevices(newFakeMesh(t)), soon)
	for _, tenant := range []string{"acme", "borealis", "t3"} {
		if _, err := p.OnlineAll(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.OnlineAll(t.Context(), "t4"); !errors.Is(err, control.ErrBusy) {
		t.Fatalf("got %v", err)
	}
}

func TestACallerWhoHangsUpFailsNobodyElse(t *testing.T) {
	f := withDevices(newFakeMesh(t))
	asked, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f.answer = func(object) (any, bool) { once.Do(func() { close(asked) }); <-release; return nil, false }
	p := newPool(t, f, soon)
	ctx, hangUp := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { _, err := p.OnlineAll(ctx, "acme"); first <- err }()
	<-asked
	second := make(chan error, 1)
	go func() { _, err := p.OnlineAll(t.Context(), "acme"); second <- err }()
	hangUp()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first: %v", err)
	}
	close(release)
	if err := <-second; err != nil {
		t.Errorf("the second: %v", err)
	}
	if n := f.count("nodes"); n != 1 {
		t.Errorf("%d questions", n)
	}
}

func TestAClosedPool(t *testing.T) {
	p := newPool(t, withDevices(newFakeMesh(t)), soon)
	if _, err := p.OnlineAll(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if _, err := p.OnlineAll(t.Context(), "acme"); !errors.Is(err, control.ErrClosed) {
		t.Fatalf("got %v", err)
	}
}
