package control_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/everydaytech/meshsso/meshbridge/control"
	"github.com/everydaytech/meshsso/meshbridge/upstream"
)

const (
	serviceName = "service"
	servicePass = "a-secret-of-the-service-account"
)

type object = map[string]any

// fakeMesh says that it stands for MeshCentral: enough of control.ashx and of the login form to be wrong in every way. What the
// real one does, e2e/test/control.test.js asks the real one.
type fakeMesh struct {
	*httptest.Server
	up *upstream.Client

	mu        sync.Mutex
	rights    int64
	users     map[string]object            // account id → account
	passwords map[string]string            // name → password
	nodes     map[string]int               // device → conn
	page      int                          // maxDeviceView; 0: none
	tenants   map[string]int               // connections so far, by X-Tenant
	asked     map[string]int               // frames so far, by action
	logins    []http.Header                // of the login form
	conns     map[*websocket.Conn]struct{} // open ones
	answer    func(f object) (reply any, instead bool)
	greeting  func(ws *websocket.Conn) bool // true: nothing else is said
	ended     chan struct{}                 // one for each connection that ended
}

func newFakeMesh(t *testing.T) *fakeMesh {
	t.Helper()
	f := &fakeMesh{
		rights: 0xFFFFFFFF, users: map[string]object{}, passwords: map[string]string{}, nodes: map[string]int{}, tenants: map[string]int{},
		asked: map[string]int{}, conns: map[*websocket.Conn]struct{}{}, ended: make(chan struct{}, 1000),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/control.ashx", f.control)
	mux.HandleFunc("POST /login", f.login)
	f.Server = httptest.NewUnstartedServer(mux)
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.StartTLS()
	t.Cleanup(f.Close)
	sum := sha256.Sum256(f.Certificate().Raw)
	var err error
	if f.up, err = upstream.New(upstream.Config{URL: f.URL, Pin: hex.EncodeToString(sum[:])}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fakeMesh) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeMesh) count(action string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[action]
}

func (f *fakeMesh) control(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { f.ended <- struct{}{} }()
	defer func() { _ = ws.CloseNow() }()
	ctx := context.WithoutCancel(r.Context())
	name, password, _ := strings.Cut(r.Header.Get("X-Meshauth"), ",")
	b64 := base64.StdEncoding.EncodeToString
	f.mu.Lock()
	f.tenants[r.Header.Get("X-Tenant")]++
	greeting, rights := f.greeting, f.rights
	f.mu.Unlock()
	if greeting != nil && greeting(ws) {
		return
	}
	if r.URL.RawQuery != "" || name != b64([]byte(serviceName)) || password != b64([]byte(servicePass)) {
		_ = send(ctx, ws, object{"action": "close", "cause": "noauth", "msg": "noauth-2d"})
		return
	}
	_ = send(ctx, ws, object{"action": "serverinfo", "serverinfo": object{"name": "mesh"}})
	_ = send(ctx, ws, object{"action": "userinfo", "userinfo": object{"_id": "user//" + serviceName, "siteadmin": rights}})
	f.set(func() { f.conns[ws] = struct{}{} })
	defer f.set(func() { delete(f.conns, ws) })
	for {
		_, text, err := ws.Read(ctx)
		if err != nil {
			return
		}
		var frame object
		if json.Unmarshal(text, &frame) != nil || f.obey(ctx, ws, frame) != nil {
			return
		}
	}
}

// obey answers as MeshCentral does, with the events that go before the answer.
func (f *fakeMesh) obey(ctx context.Context, ws *websocket.Conn, frame object) error {
	action, _ := frame["action"].(string)
	f.mu.Lock()
	f.asked[action]++
	answer := f.answer
	f.mu.Unlock()
	if answer != nil {
		if reply, instead := answer(frame); instead {
			if reply == nil {
				return nil
			}
			return send(ctx, ws, reply)
		}
	}
	reply := object{"action": action, "responseid": frame["responseid"], "result": "ok"}
	f.mu.Lock()
	switch action {
	case "nodes":
		f.listNodes(frame, reply)
	case "users":
		list := []object{}
		for _, u := range f.users {
			list = append(list, u)
		}
		reply = object{"action": "users", "users": list, "tag": frame["tag"]}
	case "createmesh":
		reply["meshid"] = "mesh//" + strings.Repeat("M", 62) + hex.EncodeToString([]byte{byte(f.asked[action])})
	case "deletemesh":
		reply = nil
	}
	f.mu.Unlock()
	if result := f.administer(ctx, action, frame); result != "" {
		reply["result"] = result
	}
	if reply == nil {
		return nil
	}
	return send(ctx, ws, reply)
}

func (f *fakeMesh) listNodes(frame, reply object) {
	delete(reply, "result")
	ids := slices.Sorted(maps.Keys(f.nodes))
	if f.page > 0 {
		skip := int(frame["skip"].(float64))
		reply["skip"], reply["limit"], reply["totalcount"] = skip, f.page, len(ids)
		ids = ids[min(skip, len(ids)):min(skip+f.page, len(ids))]
	}
	list := []object{}
	for _, id := range ids {
		list = append(list, object{"_id": id, "name": "a device", "conn": f.nodes[id], "links": object{}})
	}
	reply["nodes"] = object{"mesh//M": list}
}

// administer keeps accounts as MeshCentral's meshuser.js does, and tells everybody.
func (f *fakeMesh) administer(ctx context.Context, action string, frame object) string {
	f.mu.Lock()
	id, _ := frame["userid"].(string)
	if ids, ok := frame["userids"].([]any); ok {
		id, _ = ids[0].(string)
	}
	account := f.users[id]
	event := object{"action": "accountchange"}
	switch action {
	case "adduser":
		name := frame["username"].(string)
		id = "user//" + name
		if f.users[id] != nil {
			f.mu.Unlock()
			return "User already exists"
		}
		account = object{"_id": id, "name": name, "realname": frame["realname"], "siteadmin": frame["siteadmin"]}
		f.users[id], f.passwords[name] = account, frame["pass"].(string)
		event["action"] = "accountcreate"
	case "edituser":
		if account == nil {
			f.mu.Unlock()
			return "User does not exists"
		}
		for _, field := range []string{"realname", "siteadmin", "emailVerified"} {
			if v, ok := frame[field]; ok {
				account[field] = v
			}
		}
	case "deleteuser":
		if account == nil {
			f.mu.Unlock()
			return "User does not exists"
		}
		delete(f.users, id)
		delete(f.passwords, strings.TrimPrefix(id, "user//"))
		event = object{"action": "accountremove", "userid": id}
		account = nil
	case "adddeviceuser":
		f.link(account, frame)
	default:
		f.mu.Unlock()
		return ""
	}
	if account != nil {
		event["account"] = clone(account)
	}
	f.mu.Unlock()
	f.tell(ctx, event)
	return ""
}

func (f *fakeMesh) link(account, frame object) {
	if account == nil {
		return
	}
	links, _ := account["links"].(object)
	if links == nil {
		links = object{}
	}
	node := frame["nodeid"].(string)
	if frame["remove"] == true {
		delete(links, node)
	} else {
		links[node] = object{"rights": frame["rights"]}
	}
	account["links"] = links
}

// tell sends an event to every connection.
func (f *fakeMesh) tell(ctx context.Context, event object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ws := range f.conns {
		_ = send(ctx, ws, object{"action": "event", "event": event})
	}
}

// hangUp ends every connection.
func (f *fakeMesh) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ws := range f.conns {
		_ = ws.CloseNow()
	}
}

func (f *fakeMesh) login(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logins = append(f.logins, r.Header.Clone())
	session := "{}"
	if name := r.PostForm.Get("username"); f.passwords[name] != "" && f.passwords[name] == r.PostForm.Get("password") {
		text, _ := json.Marshal(object{"userid": "user//" + name, "n": len(f.logins)})
		session = string(text)
	}
	http.SetCookie(w, &http.Cookie{Name: "xid", Value: base64.StdEncoding.EncodeToString([]byte(session)), HttpOnly: true, Secure: true})
	http.SetCookie(w, &http.Cookie{Name: "xid.sig", Value: "signature", HttpOnly: true, Secure: true})
	http.SetCookie(w, &http.Cookie{Name: "lang", Value: "en", HttpOnly: true, Secure: true})
	_, _ = io.WriteString(w, strings.Repeat("page ", 1<<18))
}

func send(ctx context.Context, ws *websocket.Conn, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return ws.Write(ctx, websocket.MessageText, text)
}

func clone(o object) object {
	text, _ := json.Marshal(o)
	var c object
	_ = json.Unmarshal(text, &c)
	return c
}

// soon makes failures quick and leaves room for a loaded machine where something has to succeed.
var soon = control.Timing{
	Handshake: 20 * time.Second, Request: 20 * time.Second, Ping: 20 * time.Second,
	RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond, Idle: time.Hour, Cache: time.Hour,
}

var quiet = slog.New(slog.DiscardHandler)

func newService(t *testing.T, f *fakeMesh, timing control.Timing) *control.ServiceAccount {
	t.Helper()
	s := control.NewServiceAccount(control.ServiceConfig{Upstream: f.up, Username: serviceName, Password: servicePass, Timing: timing, Log: quiet})
	t.Cleanup(s.Close)
	return s
}

// eventually repeats what must come true by what other goroutines do.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("not in 30 s: %s", what)
		case <-tick.C:
		}
	}
}
