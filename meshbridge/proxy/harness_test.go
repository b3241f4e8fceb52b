package proxy_test

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge"
	"github.com/everydaytech/meshsso/meshbridge/proxy"
	"github.com/everydaytech/meshsso/meshbridge/session"
	"github.com/everydaytech/meshsso/meshbridge/upstream"
)

func TestMain(m *testing.M) {
	if where := os.Getenv(benchProxy); where != "" {
		fmt.Fprintln(os.Stderr, runBenchProxy(where))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

const (
	token      = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO_-"
	otherToken = "zbcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO_-"
	sessionID  = "01234567-89ab-4def-8123-456789abcdef"
	cookieText = "the-browser"
	me         = "user//~s:0123456789ab:tina@acme.example"
	technician = 1327304
	viewer     = 8 | 256 | 512 | 1024
	injected   = "X-Test-Identity"
)

var (
	ownNode   = "node//" + strings.Repeat("a", 64)
	otherNode = "node//" + strings.Repeat("b", 64)
)

// live is a session without a store.
type live struct {
	mu      sync.Mutex
	s       session.Session
	done    chan struct{}
	err     error
	uses    atomic.Int64
	denied  []string
	tunnels []*tunnel
	ended   string // what Check finds
}

type tunnel struct {
	kind     string
	up, down int64
	closed   chan struct{}
}

func (t *tunnel) Close(up, down int64) { t.up, t.down = up, down; close(t.closed) }

func newLive() *live {
	return &live{done: make(chan struct{}), s: session.Session{
		ID: sessionID, Person: session.Person{Email: "tina@acme.example", Name: "Tina", Role: authsvc.RoleTechnician},
		Agent: session.Agent{NodeID: ownNode}, ViewMode: session.ViewDesktop, Rights: technician,
	}}
}

func (l *live) Session() session.Session { l.mu.Lock(); defer l.mu.Unlock(); return l.s }
func (l *live) Done() <-chan struct{}    { return l.done }
func (l *live) Err() error               { l.mu.Lock(); defer l.mu.Unlock(); return l.err }
func (l *live) Use()                     { l.uses.Add(1) }
func (l *live) Check(context.Context) {
	l.mu.Lock()
	code := l.ended
	l.ended = ""
	l.mu.Unlock()
	if code != "" {
		l.end(code)
	}
}
func (l *live) Denied(reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.denied = append(l.denied, reason)
}
func (l *live) Tunnel(kind string) proxy.Tunnel {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &tunnel{kind: kind, closed: make(chan struct{})}
	l.tunnels = append(l.tunnels, t)
	return t
}

func (l *live) tunnel(i int) *tunnel { l.mu.Lock(); defer l.mu.Unlock(); return l.tunnels[i] }

func (l *live) rights(mask uint32) { l.mu.Lock(); defer l.mu.Unlock(); l.s.Rights = mask }

// endsUnseen has the session end without a word, until somebody asks.
func (l *live) endsUnseen(code string) { l.mu.Lock(); defer l.mu.Unlock(); l.ended = code }

func (l *live) end(code string) {
	l.mu.Lock()
	l.err = &session.Error{Status: 401, Code: code, Message: "over"}
	l.mu.Unlock()
	close(l.done)
}

// sessions knows one token, and one ticket that is good once.
type sessions struct {
	live   *live
	ticket atomic.Bool
}

func (s *sessions) Enter(_ context.Context, tok string, b session.Binding) (proxy.Live, error) {
	switch {
	case tok != token:
		return nil, &session.Error{Status: http.StatusUnauthorized, Code: "SESSION_UNKNOWN", Message: "The session is over."}
	case b.SessionCookie != cookieText:
		return nil, &session.Error{Status: http.StatusForbidden, Code: "SESSION_FOREIGN", Message: "The session is somebody else's."}
	}
	return s.live, nil
}

func (s *sessions) Redeem(_ context.Context, tok, ticket string, _ session.Client) ([]*http.Cookie, proxy.Live, error) {
	if tok != token || ticket != "good" || !s.ticket.CompareAndSwap(false, true) {
		return nil, nil, &session.Error{Status: http.StatusForbidden, Code: "TICKET_INVALID", Message: "Open the session again."}
	}
	return []*http.Cookie{{Name: proxy.SessionCookie, Value: cookieText, Path: proxy.Prefix + tok, Secure: true, HttpOnly: true}}, s.live, nil
}

type identity struct{ err error }

func (i identity) Identify(_ context.Context, s session.Session, out *http.Request) error {
	out.Header.Set(injected, "internal-token-of-"+s.ID)
	return i.err
}
func (identity) PrincipalID(session.Session) string { return me }

// bed is a proxy before something that stands for MeshCentral.
type bed struct {
	t        *testing.T
	live     *live
	sessions *sessions
	identity *identity
	proxy    *proxy.Proxy
	front    *httptest.Server
	mesh     *httptest.Server
	metrics  *prometheus.Registry
	log      *syncBuffer
	client   *http.Client
}

type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *syncBuffer) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

type identityRef struct{ *identity }

func newBed(t *testing.T, mesh http.Handler, change ...func(*proxy.Config)) *bed {
	t.Helper()
	b := &bed{t: t, live: newLive(), identity: &identity{}, metrics: prometheus.NewRegistry(), log: &syncBuffer{}}
	b.sessions = &sessions{live: b.live}
	b.mesh = httptest.NewUnstartedServer(mesh)
	b.mesh.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	b.mesh.StartTLS()
	b.front = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.proxy.ServeHTTP(w, r) }))
	b.front.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	sum := sha256.Sum256(b.mesh.Certificate().Raw)
	up, err := upstream.New(upstream.Config{URL: b.mesh.URL, Pin: hex.EncodeToString(sum[:])})
	if err != nil {
		t.Fatal(err)
	}
	table, err := meshbridge.NewPolicy()
	if err != nil {
		t.Fatal(err)
	}
	cfg := proxy.Config{
		Sessions: b.sessions, Identity: identityRef{b.identity}, Upstream: up, Policy: table, Seal: [32]byte{1},
		Dashboards: []string{"http://" + b.front.Listener.Addr().String()}, ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") },
		Log: slog.New(slog.NewTextHandler(b.log, nil)), Metrics: b.metrics,
	}
	for _, c := range change {
		c(&cfg)
	}
	if b.proxy, err = proxy.New(cfg); err != nil {
		t.Fatal(err)
	}
	b.front.Start()
	b.client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(func() {
		b.client.CloseIdleConnections()
		b.proxy.Close()
		b.front.CloseClientConnections()
		b.front.Close()
		b.mesh.CloseClientConnections()
		b.mesh.Close()
	})
	return b
}

func (b *bed) origin() string         { return "http://" + b.front.Listener.Addr().String() }
func (b *bed) url(rest string) string { return b.front.URL + proxy.Prefix + token + "/" + rest }

func (b *bed) request(method, rest string, h ...string) *http.Request {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url(rest), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Cookie", proxy.SessionCookie+"="+cookieText)
	for i := 0; i+1 < len(h); i += 2 {
		r.Header.Set(h[i], h[i+1])
	}
	return r
}

// answer is one whose body was read.
type answer struct {
	StatusCode      int
	Header, Trailer http.Header
	ContentLength   int64
	Cookies         []*http.Cookie
}

func (b *bed) do(r *http.Request) (answer, string) {
	b.t.Helper()
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, res.Trailer, res.ContentLength, res.Cookies()}, string(body)
}

func (b *bed) get(rest string, h ...string) (answer, string) {
	b.t.Helper()
	return b.do(b.request(http.MethodGet, rest, h...))
}

// count gives how often something of that surface, kind and reason was refused.
func (b *bed) count(surface, kind, reason string) float64 {
	b.t.Helper()
	families, err := b.metrics.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "meshsso_proxy_refusals_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["surface"] == surface && labels["kind"] == kind && labels["reason"] == reason {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// eventually waits for what another goroutine does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if ok() {
			return
		}
		tick := time.NewTimer(2 * time.Millisecond)
		<-tick.C
	}
	t.Fatal(what)
}

func wrongPin(t *testing.T, right proxy.Upstream) proxy.Upstream {
	t.Helper()
	up, err := upstream.New(upstream.Config{URL: right.URL().String(), Pin: strings.Repeat("00", 32)})
	if err != nil {
		t.Fatal(err)
	}
	return up
}

// configOf gives one that New accepts.
func configOf(t *testing.T) proxy.Config {
	t.Helper()
	up, err := upstream.New(upstream.Config{URL: "https://mesh.example", Pin: strings.Repeat("00", 32)})
	if err != nil {
		t.Fatal(err)
	}
	table, err := meshbridge.NewPolicy()
	if err != nil {
		t.Fatal(err)
	}
	return proxy.Config{
		Sessions: &sessions{}, Identity: identity{}, Upstream: up, Policy: table, Seal: [32]byte{1}, Dashboards: []string{"https://dashboard.example"},
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}
}

func asClose(err error, to *websocket.CloseError) bool { return errors.As(err, to) }

func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
