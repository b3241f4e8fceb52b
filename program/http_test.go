package program

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/internal/testpg"
)

// withProxy is a running serve with its HTTP listener on a free port.
func withProxy(t testing.TB, db *testpg.Database, changes map[string]string) (i *instance, base string) {
	t.Helper()
	vars := map[string]string{"MESHCENTRAL_URL": "https://mesh.internal.example", "MESHSSO_HTTP_LISTEN": "127.0.0.1:0", "MESHSSO_DASHBOARD_ORIGINS": "https://dashboard.example"}
	maps.Copy(vars, changes)
	i = start(t, db, vars)
	i.log.await(t, "session proxy serving")
	m := regexp.MustCompile(`"session proxy serving","listen":"([^"]+)"`).FindStringSubmatch(i.log.String())
	if m == nil {
		t.Fatal(i.log)
	}
	return i, "http://" + m[1]
}

// reply is an HTTP answer, read.
type reply struct {
	status int
	header http.Header
	body   map[string]any
}

func request(t testing.TB, method, url, token, body string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{status: resp.StatusCode, header: resp.Header}
	if len(data) > 0 && json.Unmarshal(data, &r.body) != nil {
		t.Fatalf("%d %s", resp.StatusCode, data)
	}
	return r
}

// command runs another subcommand on the same database and gives its output.
func (i *instance) command(t *testing.T, args ...string) (string, int) {
	t.Helper()
	out := &syncBuffer{}
	code := run(t.Context(), args, testEnv(i.vars, out))
	return out.String(), code
}

func TestSessionsThroughTheProgram(t *testing.T) {
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	i, base := withProxy(t, seeded(t, testpg.New(t)), nil)
	tech := dashboardToken("tech@acme.example", tenantA, 1, nil)
	made := request(t, "POST", base+"/api/meshcentral/session/2", tech, `{"viewMode":10}`)
	token, _ := made.body["sessionToken"].(string)
	if made.status != 200 || len(token) != 43 || !strings.HasPrefix(made.body["proxyUrl"].(string), "/api/meshcentral/proxy/"+token+"/?viewmode=10&gotonode=") {
		t.Fatal(made.status, made.body)
	}
	if r := request(t, "POST", base+"/meshcentral/session/2", dashboardToken("viewer@acme.example", tenantA, 3, nil), ""); r.status != 403 || r.body["code"] != "ROLE_DENIED" {
		t.Error(r)
	}
	if r := request(t, "GET", base+"/api/meshcentral/nothing", "", ""); r.status != 404 || r.body["code"] != "NOT_FOUND" {
		t.Error(r)
	}

	out, code := i.command(t, "sessions", "list")
	id := regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).FindString(out)
	if code != 0 || !strings.Contains(out, "tech@acme.example") || id == "" || strings.Contains(out, token) {
		t.Fatalf("%d\n%s", code, out)
	}
	if out, code = i.command(t, "sessions", "list", "--json", "--user", "TECH@acme.example"); code != 0 || !strings.Contains(out, `"id":"`+id+`"`) || strings.Contains(out, token) {
		t.Errorf("%d\n%s", code, out)
	}
	if out, _ = i.command(t, "sessions", "list", "--agent", "1"); strings.Contains(out, id) {
		t.Error(out)
	}
	if out, code = i.command(t, "sessions", "kill"); code != 1 || !strings.Contains(out, "--all") {
		t.Errorf("kill of nothing: %d %s", code, out)
	}
	if out, code = i.command(t, "sessions", "kill", id); code != 0 || !strings.Contains(out, "ended "+id) {
		t.Errorf("%d %s", code, out)
	}
	if out, code = i.command(t, "sessions", "kill", id); code != 1 {
		t.Errorf("%d %s", code, out)
	}
	if r := request(t, "DELETE", base+"/api/meshcentral/session/"+token, tech, ""); r.status != 404 {
		t.Error(r)
	}
	out, code = i.command(t, "audit", "--user", "tech@acme.example")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); code != 0 || len(lines) != 2 || !strings.Contains(lines[0], " session_created agent=2 view=10 user=tech@acme.example") ||
		!strings.Contains(lines[1], ` session_ended agent=2 view=10 user=tech@acme.example`) || !strings.Contains(lines[1], `reason=admin by="meshsso sessions kill"`) {
		t.Errorf("%d\n%s", code, out)
	}
	if out, code = i.command(t, "audit", "--json", "--event", "session_ended"); code != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(out, `"reason":"admin"`) {
		t.Errorf("%d\n%s", code, out)
	}
	for _, text := range []string{i.log.String(), out} {
		if strings.Contains(text, token) || strings.Contains(text, "eyJ") {
			t.Errorf("a token is printed:\n%s", text)
		}
	}
	if code := i.stop(); code != 0 {
		t.Errorf("exit code %d\n%s", code, i.log)
	}
}

func TestAuditFollows(t *testing.T) {
	db := seeded(t, testpg.New(t))
	vars := varsFor(t, db)
	ctx, stop := context.WithCancel(t.Context())
	out := &syncBuffer{}
	code := make(chan int, 1)
	db.Exec(t, `insert into meshsso.audit (event, email) values ('session_created', 'first@x.example'), ('denied', 'hidden@x.example')`)
	go func() {
		code <- run(ctx, []string{"audit", "--follow", "--event", "session_created"}, testEnv(vars, out))
	}()
	out.await(t, "first@x.example")
	db.Exec(t, `insert into meshsso.audit (event, email) values ('session_created', 'second@x.example')`)
	out.await(t, "second@x.example")
	db.Exec(t, `insert into meshsso.audit (event, email, user_agent) values ('session_created', 'third@x.example', E'a\nb\x1b[2J')`)
	out.await(t, "third@x.example")
	stop()
	if c := <-code; c != 0 || strings.Count(out.String(), "\n") != 3 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%d\n%s", c, out)
	}
}

func TestOperatorsCommandsExplainThemselves(t *testing.T) {
	db := testpg.New(t)
	for args, says := range map[string]string{
		"sessions list":                  "meshsso migrate up",
		"audit":                          "meshsso migrate up",
		"audit --limit 0":                "--limit must be from 1",
		"audit --since -1h":              "--since",
		"sessions list --user nobody":    "is not an e-mail",
		"sessions --help":                "Kill",
		"sessions kill --help":           "every replica",
		"audit --help":                   "--follow",
		"sessions list --user a@b.c xyz": "unexpected argument",
	} {
		out := &syncBuffer{}
		run(t.Context(), strings.Fields(args), testEnv(db.Env(), out))
		if !strings.Contains(strings.ToLower(out.String()), strings.ToLower(says)) {
			t.Errorf("%s: no word of %q:\n%s", args, says, out)
		}
	}
}

func TestProxyConfiguration(t *testing.T) {
	const hush = "hush-hush"
	out := serveOutput(t, map[string]string{
		"JWT_SECRET": dashboardSecret, "POSTGRES_HOST": "/nowhere", "POSTGRES_USER": "u", "POSTGRES_DB": "d",
		"MESHCENTRAL_URL": "http://mesh.example", "MESHCENTRAL_PASSWORD": hush, "MESHSSO_SESSION_KEY": hush,
		"MESHSSO_HTTP_LISTEN": "8080", "MESHSSO_DASHBOARD_ORIGINS": "https://a.example/, https://b.example, http://c.example", "MESHSSO_PROXY_ORIGIN": "https://b.example", "MESHSSO_TRUSTED_PROXIES": "10.0.0.0/33",
		"MESHCENTRAL_SESSION_EXPIRY": "4h", "MESHSSO_SESSION_IDLE": "never", "MESHSSO_SESSION_MIN_ROLE": "boss", "MESHSSO_DIRECT_EMBED": "perhaps",
	})
	for _, s := range []string{
		"--meshcentral-url: http://mesh.example must begin with https://", "MESHCENTRAL_USERNAME and MESHCENTRAL_PASSWORD", "MESHSSO_SESSION_KEY has 9 bytes",
		"--http-listen", "--dashboard-origins must be an origin", "--dashboard-origins: http://c.example must begin", "--proxy-origin is also in --dashboard-origins", "--trusted-proxies", `--session-expiry is "4h"`,
		`--session-idle is "never"`, `--session-min-role is "boss"`, `--direct-embed is "perhaps"`,
	} {
		if !strings.Contains(out, s) {
			t.Errorf("no word of: %s", s)
		}
	}
	if strings.Contains(out, hush) {
		t.Error("a secret is printed")
	}
	if t.Failed() {
		t.Log(out)
	}
}

func TestHowMeshCentralIsVerifiedIsReadAtTheStart(t *testing.T) {
	for says, more := range map[string]map[string]string{
		"CA file: open /nowhere/ca":      {"MESHCENTRAL_CA_FILE": "/nowhere/ca"},
		"pin must be a SHA-256":          {"MESHCENTRAL_CERT_PIN": "zz"},
		"two ways to verify":             {"MESHCENTRAL_CA_FILE": "/nowhere/ca", "MESHCENTRAL_CERT_PIN": "zz"},
		"--dashboard-origins is not set": {"MESHSSO_DASHBOARD_ORIGINS": ""},
	} {
		vars := map[string]string{"JWT_SECRET": dashboardSecret, "POSTGRES_HOST": "/nowhere", "POSTGRES_USER": "u", "POSTGRES_DB": "d", "MESHCENTRAL_URL": "https://mesh.example", "MESHSSO_DASHBOARD_ORIGINS": "https://a.example"}
		maps.Copy(vars, more)
		if out := serveOutput(t, vars); !strings.Contains(out, says) {
			t.Errorf("no word of %q:\n%s", says, out)
		}
	}
}

func TestProxyConfigurationIsRead(t *testing.T) {
	const digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	f := proxyFlags{
		MeshCentralURL: "https://Mesh.example:8443/", CertPin: strings.ToUpper(digest), Username: "svc", HTTPListen: ":8080", Dashboards: "https://A.example, http://localhost:3000", Origin: "https://remote.example",
		TrustedProxies: "10.1.2.3/8,::1", SessionExpiry: "60", SessionIdle: "1m", SessionMinRole: "viewer", DirectEmbed: "true",
	}
	c, err := f.readProxy(func(k string) string { return map[string]string{"MESHCENTRAL_PASSWORD": "p"}[k] }, []byte(dashboardSecret))
	if err != nil {
		t.Fatal(err)
	}
	if c.meshURL != "https://mesh.example:8443" || c.upstream.Addr() != "mesh.example:8443" || c.expiry != time.Minute || c.idle != time.Minute || !c.direct || strings.Join(c.dashboards, " ") != "https://a.example http://localhost:3000" ||
		c.trusted[0].String() != "10.0.0.0/8" || c.trusted[1].String() != "::1/128" || c.keys.Key("seal") == c.keys.Key("session token") {
		t.Errorf("%+v", c)
	}
	for _, off := range []proxyFlags{{}, {MeshCentralURL: "https://x", HTTPListen: "off"}} {
		if c, err := off.readProxy(func(string) string { return "" }, nil); err != nil || c.on {
			t.Errorf("%+v %v", c, err)
		}
	}
}

func TestServeWithoutAProxySaysSo(t *testing.T) {
	i := start(t, seeded(t, testpg.New(t)), nil)
	if !strings.Contains(i.log.String(), "the session proxy is off") {
		t.Error(i.log)
	}
}

func TestServeNeedsRightsOnTheSessionsTable(t *testing.T) {
	db := seeded(t, testpg.New(t))
	db.Exec(t, `do $$ begin if not exists (select from pg_roles where rolname = 'reader') then create role reader login; end if; end $$;
	  grant usage on schema meshsso to reader; grant select on all tables in schema meshsso to reader`)
	vars := varsFor(t, db)
	vars["POSTGRES_USER"], vars["MESHCENTRAL_URL"], vars["MESHSSO_HTTP_LISTEN"] = "reader", "https://mesh.internal.example", "127.0.0.1:0"
	vars["MESHSSO_DASHBOARD_ORIGINS"] = "https://dashboard.example"
	out := serveOutput(t, vars)
	if !strings.Contains(out, "public.meshcentral_sessions: this database user needs more; grant select, insert, update, delete on it") || !strings.Contains(out, "meshsso.audit: this database user needs more; grant select, insert on it") {
		t.Error(out)
	}
}

// A client that says nothing, or half of something, must not keep what others need.
func TestSlowClients(t *testing.T) {
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	_, base := withProxy(t, seeded(t, testpg.New(t)), nil)
	address := strings.TrimPrefix(base, "http://")
	for n := range 200 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		text := "POST /api/meshcentral/session/2 HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n"
		if n%2 == 0 {
			text += "\r\n{"
		}
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	if r := request(t, "GET", base+"/api/meshcentral/agents", dashboardToken("tech@acme.example", tenantA, 1, nil), ""); r.status != 200 {
		t.Error(r)
	}
}
