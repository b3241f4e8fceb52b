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

	"github.com/everydaytech/meshsso/meshbridge/control"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

const (
	sessionID  = "0b1c2d3e-4f50-4162-8394-a5b6c7d8e9f0"
	sessionID2 = "1b1c2d3e-4f50-4162-8394-a5b6c7d8e9f0"
	accountID  = "user//`~s-0b1c2d3e4f5041628394a5b6c7d8e9f0@session.invalid"
	accountID2 = "user//`~s-1b1c2d3e4f5041628394a5b6c7d8e9f0@session.invalid"
	technician = 1327304
)

// live is the database's word on sessions.
type live struct {
	mu  sync.Mutex
	ids map[string]bool
	err error
	ask func(id string) // before an answer, for one that ends just then
}

func (l *live) LiveSessions(_ context.Context, ids []string) (map[string]bool, error) {
	l.mu.Lock()
	ask := l.ask
	l.mu.Unlock()
	if ask != nil {
		ask(ids[0])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.ids), l.err
}

func (l *live) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func oneSession() session.Session {
	return session.Session{
		ID: sessionID, Rights: technician, Agent: session.Agent{NodeID: node("a")},
		Person: session.Person{Email: "ann@acme.example", Name: "Ann Technician"},
	}
}

// newPrincipals makes one replica.
func newPrincipals(t *testing.T, f *fakeMesh, l *live, timing control.Timing) *control.Principals {
	t.Helper()
	return control.NewPrincipals(control.PrincipalConfig{Service: newService(t, f, timing), Live: l, Key: [32]byte{1}, Sweep: time.Hour, Log: quiet})
}

func identify(t *testing.T, p *control.Principals, s session.Session, forwarded ...string) (cookie string, err error) {
	t.Helper()
	out, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://mesh.invalid/", nil)
	if err != nil {
		t.Fatal(err)
	}
	out.Header.Set("Cookie", "browser=1")
	for _, address := range forwarded {
		out.Header.Add("X-Forwarded-For", address)
	}
	err = p.Identify(t.Context(), s, out)
	return out.Header.Get("Cookie"), err
}

func (f *fakeMesh) account(id string) object {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users[id] == nil {
		return nil
	}
	return clone(f.users[id])
}

func TestIdentifyMakesAnAccountOnce(t *testing.T) {
	f, l := newFakeMesh(t), &live{ids: map[string]bool{sessionID: true}}
	a, b := newPrincipals(t, f, l, soon), newPrincipals(t, f, l, soon)
	var requests sync.WaitGroup
	for range 20 {
		for _, p := range []*control.Principals{a, b} {
			requests.Go(func() {
				if cookie, err := identify(t, p, oneSession()); err != nil || !strings.HasPrefix(cookie, "xid=") || strings.Contains(cookie, "browser") {
					t.Errorf("got %q, %v", cookie, err)
				}
			})
		}
	}
	requests.Wait()
	got := f.account(accountID)
	links, _ := got["links"].(object)
	if len(links) != 1 || links[node("a")].(object)["rights"] != float64(technician) {
		t.Errorf("links %v", links)
	}
	if got["siteadmin"] != float64(64|128|1024|4096) || got["realname"] != "Ann Technician" || got["emailVerified"] != true {
		t.Errorf("account %v", got)
	}
	if a.PrincipalID(oneSession()) != accountID {
		t.Errorf("id %q", a.PrincipalID(oneSession()))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.logins) != 2 {
		t.Errorf("%d logins of two replicas", len(f.logins))
	}
}

func TestALesserServiceAccountHandsOutWhatItMay(t *testing.T) {
	f, l := newFakeMesh(t), &live{ids: map[string]bool{sessionID: true}}
	f.rights = 2
	if _, err := identify(t, newPrincipals(t, f, l, soon), oneSession()); err != nil {
		t.Fatal(err)
	}
	if got := f.account(accountID)["siteadmin"]; got != float64(64|128) {
		t.Errorf("site rights %v", got)
	}
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	f := newFakeMesh(t)
	if err := newService(t, f, soon).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, rights := range []int64{0, 8, 2 | 32} {
		f.set(func() { f.rights = rights })
		if err := newService(t, f, soon).Check(t.Context()); !errors.Is(err, control.ErrRights) {
			t.Errorf("rights %d: %v", rights, err)
		}
	}
	wrong := control.NewServiceAccount(control.ServiceConfig{Upstream: f.up, Username: serviceName, Password: "wrong", Timing: soon, Log: quiet})
	defer wrong.Close()
	if err := wrong.Check(t.Context()); !errors.Is(err, control.ErrCredentials) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("got %v", err)
	}
}

func TestASessionThatCannotBeAnAccount(t *testing.T) {
	f := newFakeMesh(t)
	p := newPrincipals(t, f, &live{ids: map[string]bool{sessionID: true}}, soon)
	for name, change := range map[string]func(*session.Session){
		"no id":                func(s *session.Session) { s.ID = "" },
		"upper case":           func(s *session.Session) { s.ID = strings.ToUpper(s.ID) },
		"no UUID":              func(s *session.Session) { s.ID = strings.Repeat("z", 36) },
		"hyphens elsewhere":    func(s *session.Session) { s.ID = "0b1c2d3e4-f50-4162-8394-a5b6c7d8e9f0" },
		"no device":            func(s *session.Session) { s.Agent.NodeID = "" },
		"another domain's":     func(s *session.Session) { s.Agent.NodeID = strings.Replace(node("a"), "//", "/other/", 1) },
		"no right":             func(s *session.Session) { s.Rights = 0 },
		"manages its users":    func(s *session.Session) { s.Rights = 8 | 2 },
		"manages the computer": func(s *session.Session) { s.Rights = 8 | 4 },
	} {
		t.Run(name, func(t *testing.T) {
			s := oneSession()
			change(&s)
			if cookie, err := identify(t, p, s); !errors.Is(err, control.ErrRefused) || cookie != "browser=1" {
				t.Errorf("got %q, %v", cookie, err)
			}
		})
	}
	if n := f.count("adduser"); n != 0 {
		t.Errorf("%d accounts were asked for", n)
	}
}

func TestAnEndedSessionGetsNoAccount(t *testing.T) {
	f, l := newFakeMesh(t), &live{ids: map[string]bool{}}
	p := newPrincipals(t, f, l, soon)
	if _, err := identify(t, p, oneSession()); !errors.Is(err, control.ErrEnded) || f.count("adduser") != 0 {
		t.Fatalf("got %v after %d accounts", err, f.count("adduser"))
	}
	l.err = errNoDatabase
	if _, err := identify(t, p, oneSession()); !errors.Is(err, errNoDatabase) || f.count("adduser") != 0 {
		t.Fatalf("got %v after %d accounts", err, f.count("adduser"))
	}
}

// The session ends on another replica, which finds nothing to delete, between the question and the account.
func TestASessionThatEndsWhileItsAccountIsMade(t *testing.T) {
	f, l := newFakeMesh(t), &live{ids: map[string]bool{sessionID: true}}
	l.ask = func(string) {
		if f.count("adduser") > 0 {
			l.set(func() { l.ids = map[string]bool{} })
		}
	}
	if _, err := identify(t, newPrincipals(t, f, l, soon), oneSession()); !errors.Is(err, control.ErrEnded) {
		t.Fatalf("got %v", err)
	}
	if f.account(accountID) != nil {
		t.Fatal("the account outlives its session")
	}
}

func TestEndedDeletesAtOnce(t *testing.T) {
	f, l := newFakeMesh(t), &live{ids: map[string]bool{sessionID: true}}
	p := newPrincipals(t, f, l, soon)
	if _, err := identify(t, p, oneSession()); err != nil {
		t.Fatal(err)
	}
	var order []string
	f.answer = func(frame object) (any, bool) { order = append(order, frame["action"].(string)); return nil, false }
	p.Ended(t.Context(), sessionID)
	if f.account(accountID) != nil {
		t.Fatal("the account is still there")
	}
	if strings.Join(order, " ") != "edituser deleteuser" { // locked first: see ServiceAccount.forget
		t.Errorf("%v", order)
	}
	p.Ended(t.Context(), sessionID) // again, and of nothing
	p.Ended(t.Context(), "no session")
}

func TestTheSweep(t *testing.T) {
	f, l := newFakeMesh(t), &live{ids: map[string]bool{sessionID: true}}
	for _, id := range []string{accountID, accountID2, "user//`~s-short@session.invalid", "user//ann@acme.example", "user//`~s-" + strings.Repeat("G", 32) + "@session.invalid"} {
		f.users[id] = object{"_id": id, "name": strings.TrimPrefix(id, "user//")}
	}
	p := newPrincipals(t, f, l, soon)
	l.err = errNoDatabase
	if _, err := p.Sweep(t.Context()); !errors.Is(err, errNoDatabase) || len(f.users) != 5 {
		t.Fatalf("without the database's word: %v, %d accounts", err, len(f.users))
	}
	l.err = nil
	if _, err := p.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f.account(accountID) == nil || f.account(accountID2) != nil || len(f.users) != 4 {
		t.Errorf("left: %v", f.users)
	}
}

func TestRunSweepsAtStartAndAfterEveryAbsence(t *testing.T) {
	f, l := newFakeMesh(t), &live{ids: map[string]bool{}}
	dead := object{"_id": accountID, "name": "x"}
	f.users[accountID] = dead
	p := newPrincipals(t, f, l, soon)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	eventually(t, "the sweep at start", func() bool { return f.account(accountID) == nil })
	// MeshCentral saved a deleted account anew and restarted.
	f.set(func() { f.users[accountID2] = object{"_id": accountID2, "name": "y"} })
	f.hangUp()
	eventually(t, "the sweep after an absence", func() bool { return f.account(accountID2) == nil })
	stop()
	running.Wait()
}

func TestLinksAreExact(t *testing.T) {
	f, l := newFakeMesh(t), &live{ids: map[string]bool{sessionID: true}}
	p := newPrincipals(t, f, l, soon)
	if _, err := identify(t, p, oneSession()); err != nil {
		t.Fatal(err)
	}
	f.set(func() {
		f.users[accountID]["links"] = object{node("a"): object{"rights": 1800}, node("b"): object{"rights": 8}}
	})
	f.tell(t.Context(), object{"action": "accountchange", "account": f.account(accountID)})
	eventually(t, "exactly the session's link", func() bool {
		if _, err := identify(t, p, oneSession()); err != nil {
			t.Fatal(err)
		}
		links := f.account(accountID)["links"].(object)
		return len(links) == 1 && links[node("a")].(object)["rights"] == float64(technician)
	})
	linked := f.count("adddeviceuser")
	f.tell(t.Context(), object{"action": "addnode", "node": object{"_id": node("a")}})
	eventually(t, "the link anew when the device's document is new", func() bool {
		if _, err := identify(t, p, oneSession()); err != nil {
			t.Fatal(err)
		}
		return f.count("adddeviceuser") == linked+1
	})
}

func TestAnAccountThatMeshCentralPutsIntoAGroupIsNotUsed(t *testing.T) {
	f, l := newFakeMesh(t), &live{ids: map[string]bool{sessionID: true}}
	f.answer = func(frame object) (any, bool) {
		if frame["action"] == "edituser" {
			f.set(func() { f.users[accountID]["links"] = object{"ugrp//everybody": object{"rights": 1}} })
		}
		return nil, false
	}
	if cookie, err := identify(t, newPrincipals(t, f, l, soon), oneSession()); !errors.Is(err, control.ErrRefused) || cookie != "browser=1" {
		t.Fatalf("got %q, %v", cookie, err)
	}
	if f.account(accountID) != nil {
		t.Error("the account stays")
	}
}

func TestWhatMeshCentralRefusesIsSaid(t *testing.T) {
	quick := soon
	quick.Request = 200 * time.Millisecond
	for action, want := range map[string]struct {
		reply string // "" for none
		err   error
		says  string
	}{
		"adduser":       {"maxUsersExceed", control.ErrRefused, "maxUsersExceed"},
		"edituser":      {"Permission denied", control.ErrRefused, "Permission denied"},
		"adddeviceuser": {"", control.ErrRights, "manage users"},
	} {
		t.Run(action, func(t *testing.T) {
			f, l := newFakeMesh(t), &live{ids: map[string]bool{sessionID: true}}
			f.answer = func(frame object) (any, bool) {
				if frame["action"] != action {
					return nil, false
				}
				if want.reply == "" {
					return nil, true
				}
				return object{"action": action, "responseid": frame["responseid"], "result": want.reply}, true
			}
			_, err := identify(t, newPrincipals(t, f, l, quick), oneSession())
			if !errors.Is(err, want.err) || !strings.Contains(err.Error(), want.says) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestAnotherPasswordMeansAnotherAccountOnce(t *testing.T) {
	f, l := newFakeMesh(t), &live{ids: map[string]bool{sessionID: true}}
	if _, err := identify(t, newPrincipals(t, f, l, soon), oneSession()); err != nil {
		t.Fatal(err)
	}
	f.set(func() {
		for name := range f.passwords {
			f.passwords[name] = "of another key"
		}
	})
	if cookie, err := identify(t, newPrincipals(t, f, l, soon), oneSession()); err != nil || !strings.HasPrefix(cookie, "xid=") {
		t.Fatalf("got %q, %v", cookie, err)
	}
	if n := f.count("adduser"); n != 2 {
		t.Errorf("%d accounts were made", n)
	}
	// One that does not help is not tried over and over: MeshCentral would ban us.
	f.answer = func(object) (any, bool) { f.set(func() { clear(f.passwords) }); return nil, false }
	f.set(func() { clear(f.passwords) })
	p := newPrincipals(t, f, l, soon)
	for range 5 {
		if _, err := identify(t, p, oneSession()); !errors.Is(err, control.ErrRefused) {
			t.Fatalf("got %v", err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.logins); n > 5 {
		t.Errorf("%d logins", n)
	}
}

func TestTheLoginCarriesTheClientsAddress(t *testing.T) {
	f, l := newFakeMesh(t), &live{ids: map[string]bool{sessionID: true}}
	p := newPrincipals(t, f, l, soon)
	cookies := map[string]bool{}
	for _, from := range []string{"198.51.100.7", "203.0.113.9", "198.51.100.7"} {
		cookie, err := identify(t, p, oneSession(), from)
		if err != nil {
			t.Fatal(err)
		}
		cookies[cookie] = true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.logins) != 2 || len(cookies) != 2 || f.logins[1].Get("X-Forwarded-For") != "203.0.113.9" {
		t.Errorf("%d logins, %d cookies", len(f.logins), len(cookies))
	}
}

func TestANewConnectionMeansANewLogin(t *testing.T) {
	f, l := newFakeMesh(t), &live{ids: map[string]bool{sessionID: true}}
	p := newPrincipals(t, f, l, soon)
	first, err := identify(t, p, oneSession())
	if err != nil {
		t.Fatal(err)
	}
	f.hangUp()
	<-f.ended
	eventually(t, "another session of MeshCentral's", func() bool { second, err := identify(t, p, oneSession()); return err == nil && second != first })
}
