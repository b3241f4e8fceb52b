package proxy_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/everydaytech/meshsso/meshbridge/proxy"
	"github.com/everydaytech/meshsso/meshbridge/proxy/leaktest"
)

// meshControl stands for MeshCentral's control channel: it sends what is put into say and gives what comes.
type meshControl struct {
	say   chan string
	heard chan string
	query chan string
	// refuse makes it answer the upgrade with that status.
	refuse int
}

func newMeshControl() *meshControl {
	return &meshControl{say: make(chan string, 16), heard: make(chan string, 16), query: make(chan string, 4)}
}

func (m *meshControl) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/control.ashx" || m.refuse != 0 || r.Header.Get(injected) == "" {
		w.Header().Set("Location", "https://mesh-4711.internal.example")
		w.WriteHeader(max(m.refuse, 400))
		return
	}
	if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Websocket-Extensions") != "" || r.Header.Get("Cookie") != "" {
		w.WriteHeader(418)
		return
	}
	m.query <- r.URL.RawQuery
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			_, data, err := conn.Read(context.Background())
			if err != nil {
				return
			}
			m.heard <- string(data)
		}
	}()
	for {
		select {
		case text := <-m.say:
			if text == "drop" || conn.Write(r.Context(), websocket.MessageText, []byte(text)) != nil {
				return
			}
		case <-gone:
			return
		}
	}
}

// upgrade is the answer to one that was asked for.
type upgrade struct {
	status int
	header http.Header
	body   string
}

// open opens a socket of a session.
func (b *bed) open(rest string, h ...string) (*websocket.Conn, upgrade, error) {
	header := http.Header{"Cookie": {proxy.SessionCookie + "=" + cookieText}, "Origin": {b.origin()}}
	for i := 0; i+1 < len(h); i += 2 {
		header.Set(h[i], h[i+1])
	}
	conn, res, err := websocket.Dial(b.t.Context(), strings.Replace(b.url(rest), "http:", "ws:", 1), &websocket.DialOptions{
		HTTPHeader: header, CompressionMode: websocket.CompressionContextTakeover, HTTPClient: b.client,
	})
	if res == nil {
		return conn, upgrade{}, err
	}
	answer := upgrade{status: res.StatusCode, header: res.Header}
	if err != nil && res.Body != nil {
		body, _ := io.ReadAll(res.Body)
		answer.body = string(body)
	}
	if res.Body != nil && err != nil {
		_ = res.Body.Close()
	}
	return conn, answer, err
}

func (b *bed) mustOpen(rest string) *websocket.Conn {
	b.t.Helper()
	conn, res, err := b.open(rest)
	if err != nil {
		b.t.Fatal(err)
	}
	if res.header.Get("Sec-WebSocket-Extensions") != "" {
		b.t.Error("an extension was agreed to")
	}
	conn.SetReadLimit(8 << 20)
	b.t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

func read(t *testing.T, conn *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, data, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func send(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func closed(t *testing.T, conn *websocket.Conn) (websocket.StatusCode, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			var ce websocket.CloseError
			if e := websocket.CloseStatus(err); e != -1 {
				_ = asClose(err, &ce)
				return e, ce.Reason
			}
			return -1, err.Error()
		}
	}
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	var g, w any
	if json.Unmarshal([]byte(got), &g) != nil || json.Unmarshal([]byte(want), &w) != nil || !reflect.DeepEqual(g, w) {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func TestFramesOfTheBrowserPassThePolicy(t *testing.T) {
	m := newMeshControl()
	b := newBed(t, m)
	conn := b.mustOpen("control.ashx?moreargs=1&key=guess&token=x")
	if q := <-m.query; q != "" {
		t.Errorf("query %q", q)
	}
	send(t, conn, `{"action":"urlargs","args":{"auth":"x"}}`) // the page's own first word
	send(t, conn, `{"action":"getsysinfo","nodeid":"`+otherNode+`","responseid":"r1"}`)
	same(t, "a refused frame", read(t, conn), `{"action":"getsysinfo","responseid":"r1","result":"Access denied"}`)
	send(t, conn, `{"action":"createLoginToken","name":"x"}`)
	send(t, conn, `{"action":"msg","type":"console","nodeid":"`+ownNode+`","value":"x","responseid":7}`)
	same(t, "a refused message", read(t, conn), `{"action":"msg","responseid":7,"result":"Access denied"}`)
	send(t, conn, `{"action":"getsysinfo","nodeid":"`+ownNode+`","nodeinfo":true}`)
	same(t, "a frame that goes on", <-m.heard, `{"action":"getsysinfo","nodeid":"`+ownNode+`"}`)
	if b.count("control", "createLoginToken", "FRAME_UNKNOWN") != 1 || b.count("control", "getsysinfo", "DEVICE_DENIED") != 1 || b.count("control", "msg.console", "RIGHT_MISSING") != 1 {
		t.Error("not counted")
	}
	if len(b.live.denied) != 3 {
		t.Errorf("audited %q", b.live.denied)
	}
	uses := b.live.uses.Load()
	send(t, conn, `{"action":"ping"}`)
	<-m.heard
	if b.live.uses.Load() != uses {
		t.Error("a ping keeps a session from idling out")
	}
	b.live.rights(viewer)
	send(t, conn, `{"action":"msg","type":"ps","nodeid":"`+ownNode+`","responseid":8}`)
	same(t, "after a demotion", read(t, conn), `{"action":"msg","responseid":8,"result":"Access denied"}`)
}

func TestATunnelsValueIsRebuiltWithTheCookieThatWasSealed(t *testing.T) {
	m := newMeshControl()
	b := newBed(t, m)
	conn := b.mustOpen("control.ashx")
	<-m.query
	m.say <- `{"action":"authcookie","cookie":"PageCookie@$1","rcookie":"RelayCookie@$1"}`
	var got struct{ Cookie, Rcookie string }
	if err := json.Unmarshal([]byte(read(t, conn)), &got); err != nil {
		t.Fatal(err)
	}
	value := func(cookie string) string {
		return `{"action":"msg","type":"tunnel","nodeid":"` + ownNode + `","value":"*/meshrelay.ashx?p=2&nodeid=` + ownNode + `&id=abc&rauth=` + cookie + `","usage":2,"responseid":1}`
	}
	for name, cookie := range map[string]string{"another purpose": got.Cookie, "MeshCentral's own": "RelayCookie@$1", "bent": got.Rcookie + "A"} {
		send(t, conn, value(cookie))
		if text := read(t, conn); !strings.Contains(text, "denied") {
			t.Errorf("%s: %s", name, text)
		}
	}
	send(t, conn, value(got.Rcookie))
	if text := <-m.heard; !strings.Contains(text, "&rauth=RelayCookie@$1") {
		t.Errorf("MeshCentral got %s", text)
	}
}

func TestAnswersOfMeshCentral(t *testing.T) {
	const host = "mesh-4711.internal.example"
	m := newMeshControl()
	b := newBed(t, m)
	conn := b.mustOpen("control.ashx")
	<-m.query
	m.say <- `{"action":"serverinfo","serverinfo":{"domain":"","name":"` + host + `","mpsname":"mps-4711.example","mpsport":44333,"mpspass":"mpssecret-4711","port":44831,"serverTime":5,"features":1,` +
		`"tlshash":"ABCDEF0123456789ABCDEF","agentCertHash":"agenthash@$4711","magenturl":"mc://` + host + `:44831","redirport":80,"https":true,"amtAcmFqdn":["x"],"altmessenging":[{"url":"https://x"}],"vapidpublickey":"k"}}`
	host0, port, _ := strings.Cut(b.front.Listener.Addr().String(), ":")
	same(t, "serverinfo", read(t, conn), `{"action":"serverinfo","serverinfo":{"domain":"","name":"`+host0+`","port":`+port+`,"serverTime":5,"features":1,"https":true,"emailcheck":false,`+
		`"mpsname":"","mpspass":"","tlshash":"","agentCertHash":"","magenturl":"","domainsuffix":"","mpsport":0,"redirport":0}}`)
	own, other, group := ownNode, otherNode, `mesh//`+strings.Repeat("0", 64)
	link := `"links":{"` + me + `":{"rights":1327304}}`
	for _, c := range []struct{ name, say, want string }{ // "" is withheld
		{"pong", `{"action":"pong"}`, `{"action":"pong"}`},
		{"unknown", `{"action":"brandNew","x":1}`, ``},
		{"meshToolInfo", `{"action":"meshToolInfo","url":"https://` + host + `","serverhash":"x"}`, ``},
		{"invite", `{"action":"createInviteLink","url":"https://` + host + `","cookie":"x"}`, ``},
		{"no JSON", `{"action":`, ``}, {"twice", `{"action":"pong"}{"action":"x"}`, ``}, {"a list", `[]`, ``},
		{"other device", `{"action":"powertimeline","nodeid":"` + other + `","timeline":[1]}`, ``},
		{"userinfo", `{"action":"userinfo","userinfo":{"_id":"` + me + `","name":"Tina","siteadmin":5184,"links":{"mesh//x":{"rights":1},"` + own + `":{"rights":4294967295}},"tenantId":"t","phone":"1"}}`,
			`{"action":"userinfo","userinfo":{"_id":"` + me + `","name":"Tina","siteadmin":5184,"links":{"` + own + `":{"rights":1327304}}}}`},
		{"somebody's userinfo", `{"action":"userinfo","userinfo":{"_id":"user//bob"}}`, ``},
		{"nodes", `{"action":"nodes","responseid":"r","nodes":{"mesh//secretgroup":[{"_id":"` + own + `","name":"pc","ip":"10.1.2.3","host":"pc","conn":1,"intelamt":{"user":"admin","pass":1,"ver":"11"},"ssh":{"user//bob":{"p":1}},"links":{"user//bob":{"rights":1,"name":"Bob"}},"sessions":{"kvm":{"user//bob":2,"` + me + `":1}}},{"_id":"` + other + `","name":"x"}],"mesh//two":[{"_id":"` + other + `"}]},"totalcount":9}`,
			`{"action":"nodes","responseid":"r","nodes":{"` + group + `":[{"_id":"` + own + `","name":"pc","ip":"10.1.2.3","host":"pc","conn":1,"intelamt":{"ver":"11"},"meshid":"` + group + `","sessions":{"kvm":{"` + me + `":1}},` + link + `}]}}`},
		{"meshes", `{"action":"meshes","meshes":[{"_id":"mesh//x","links":{"user//bob":{}}}]}`, `{"action":"meshes","meshes":[]}`},
		{"usergroups", `{"action":"usergroups","ugroups":{"ugrp//x":{"name":"tenant"}}}`, `{"action":"usergroups","ugroups":null}`},
		{"lastconnects", `{"action":"lastconnects","lastconnects":{"` + own + `":1,"` + other + `":2}}`, `{"action":"lastconnects","lastconnects":{"` + own + `":1}}`},
		{"names elsewhere", `{"action":"getsysinfo","nodeid":"` + own + `","hardware":{"x":"at https://MESH-4711.internal.example:44831/ mpssecret-4711","agenthash@$4711":1},"doc":1}`,
			`{"action":"getsysinfo","nodeid":"` + own + `","hardware":{"x":"at https://-:44831/ -","-":1}}`},
		{"events", `{"action":"events","events":[{"nodeid":"` + own + `","userid":"user//bob","username":"Bob","action":"relaylog","msgid":5,"msg":"Bob from 10.0.0.9","msgArgs":["tid","10.0.0.9",7]},{"nodeid":"` + own + `","userid":"` + me + `","msg":"me"},{"nodeid":"` + other + `","msg":"x"},{"userid":"user//bob","msg":"y"},5]}`,
			`{"action":"events","events":[{"nodeid":"` + own + `","action":"relaylog","msgid":5,"msgArgs":["-","-",7]},{"nodeid":"` + own + `","userid":"` + me + `","msg":"me"}]}`},
		{"event of the device", `{"action":"event","event":{"action":"nodeconnect","nodeid":"` + own + `","meshid":"mesh//x","conn":1,"pwr":1,"secret":2}}`, `{"action":"event","event":{"action":"nodeconnect","nodeid":"` + own + `","conn":1,"pwr":1}}`},
		{"event of another", `{"action":"event","event":{"action":"nodeconnect","nodeid":"` + other + `","conn":1}}`, ``},
		{"event of a kind", `{"action":"event","event":{"action":"createmesh","nodeid":"` + own + `"}}`, ``},
		{"changed device", `{"action":"event","event":{"action":"changenode","nodeid":"` + own + `","node":{"_id":"` + own + `","name":"n","pmt":1}}}`,
			`{"action":"event","event":{"action":"changenode","nodeid":"` + own + `","node":{"_id":"` + own + `","name":"n","meshid":"` + group + `",` + link + `}}}`},
		{"changed to another", `{"action":"event","event":{"action":"changenode","nodeid":"` + own + `","node":{"_id":"` + other + `"}}}`, ``},
		{"message of the device", `{"action":"msg","type":"ps","nodeid":"` + own + `","value":"[]","sessionid":"s","userid":"u"}`, `{"action":"msg","type":"ps","nodeid":"` + own + `","value":"[]"}`},
		{"notice", `{"action":"msg","type":"notify","value":"v","userid":"user//x","username":"n"}`, `{"action":"msg","type":"notify","value":"v"}`},
		{"message of nobody", `{"action":"msg","type":"console","value":"v"}`, ``},
		{"shares", `{"action":"deviceShares","nodeid":"` + own + `","deviceShares":[{"url":"https://` + host + `"}]}`, `{"action":"deviceShares","nodeid":"` + own + `","deviceShares":[]}`},
		{"files", `{"action":"files","filetree":{"n":"Root","f":{"user//bob":{}}}}`, `{"action":"files","filetree":{"n":"Root","f":{}}}`},
		{"close", `{"action":"close","cause":"noauth","msg":"see https://x"}`, `{"action":"close","cause":"noauth"}`},
	} {
		m.say <- c.say
		if c.want == "" {
			m.say <- `{"action":"pong"}`
			c.want = `{"action":"pong"}`
		}
		same(t, c.name, read(t, conn), c.want)
	}
	if b.count("answer", "other", "ANSWER_WITHHELD") != 1 || b.count("answer", "meshToolInfo", "ANSWER_WITHHELD") != 1 {
		t.Error("not counted by bounded names")
	}
}

func TestWhatTheControlChannelSaysAtItsEnd(t *testing.T) {
	t.Run("the session ends", func(t *testing.T) {
		m := newMeshControl()
		b := newBed(t, m)
		conn := b.mustOpen("control.ashx")
		<-m.query
		b.live.end("SESSION_KILLED")
		if code, reason := closed(t, conn); code != 4401 || reason != "SESSION_KILLED" {
			t.Errorf("%d %q", code, reason)
		}
	})
	t.Run("MeshCentral drops it", func(t *testing.T) {
		m := newMeshControl()
		b := newBed(t, m)
		conn := b.mustOpen("control.ashx")
		<-m.query
		m.say <- "drop"
		if code, _ := closed(t, conn); code != websocket.StatusBadGateway {
			t.Errorf("%d", code)
		}
	})
	t.Run("MeshCentral drops it because the session ended", func(t *testing.T) {
		m := newMeshControl()
		b := newBed(t, m)
		conn := b.mustOpen("control.ashx")
		<-m.query
		b.live.endsUnseen("SESSION_EXPIRED")
		m.say <- "drop"
		if code, reason := closed(t, conn); code != 4401 || reason != "SESSION_EXPIRED" {
			t.Errorf("%d %q", code, reason)
		}
	})
	t.Run("a frame is too long", func(t *testing.T) {
		m := newMeshControl()
		b := newBed(t, m)
		conn := b.mustOpen("control.ashx")
		<-m.query
		_ = conn.Write(t.Context(), websocket.MessageText, make([]byte, 300<<10))
		if code, _ := closed(t, conn); code != websocket.StatusMessageTooBig {
			t.Errorf("%d", code)
		}
	})
	t.Run("MeshCentral refuses it", func(t *testing.T) {
		m := newMeshControl()
		m.refuse = 401
		b := newBed(t, m)
		_, res, err := b.open("control.ashx")
		if err == nil || res.status != http.StatusBadGateway || res.header.Get("Location") != "" {
			t.Errorf("%v %v", res, err)
		}
	})
	t.Run("another origin", func(t *testing.T) {
		b := newBed(t, newMeshControl())
		if _, res, err := b.open("control.ashx", "Origin", "https://evil.example"); err == nil || res.status != http.StatusForbidden {
			t.Errorf("%v %v", res, err)
		}
	})
}

// The scanner of leaktest over everything that one session got, and a leak that was planted.
func TestNothingLeaksAndAPlantedLeakIsFound(t *testing.T) {
	secrets := map[string]string{"host": "mesh-4711.internal.example", "mpspass": "mpssecret-4711", "cookie": "PageCookie0123456789@$abcdef", "identity": "internal-token-of-"}
	for _, plant := range []bool{false, true} {
		m := newMeshControl()
		b := newBed(t, m)
		conn := b.mustOpen("control.ashx")
		<-m.query
		m.say <- `{"action":"serverinfo","serverinfo":{"name":"mesh-4711.internal.example","mpspass":"mpssecret-4711"}}`
		m.say <- `{"action":"authcookie","cookie":"PageCookie0123456789@$abcdef","rcookie":"r"}`
		s := leaktest.New(secrets)
		for range 2 {
			s.Search([]byte(read(t, conn)))
		}
		if plant {
			// In an encoding that the proxy does not undo.
			m.say <- `{"action":"getNotes","id":"` + ownNode + `","notes":"bWVzaC00NzExLmludGVybmFsLmV4YW1wbGU="}`
			s.Search([]byte(read(t, conn)))
		}
		if found := s.Found(); (len(found) != 0) != plant || plant && found["host"] != "base64" && found["host"] != "base64url" {
			t.Errorf("planted %v, found %v", plant, found)
		}
	}
}

func TestNoCookieIsLogged(t *testing.T) {
	b := newBed(t, meshWithFile(1, &atomic.Pointer[http.Request]{}))
	cookie := sealed(t, b)
	b.mesh.CloseClientConnections()
	b.mesh.Close()
	if _, res, err := b.open("control.ashx?auth=" + cookie); err == nil || res.status != http.StatusServiceUnavailable {
		t.Errorf("%v %v", res, err)
	}
	if log := b.log.String(); strings.Contains(log, "PageCookie") || strings.Contains(log, token) || !strings.Contains(log, "a request failed") {
		t.Errorf("logged %s", log)
	}
}

func TestASessionHasSoManySockets(t *testing.T) {
	b := newBed(t, &meshRelay{serve: echoBack})
	b.proxy.Fill(sessionID)
	if _, res, err := b.open(tunnelURL(5)); err == nil || res.status != http.StatusTooManyRequests {
		t.Errorf("%v %v", res, err)
	}
}
