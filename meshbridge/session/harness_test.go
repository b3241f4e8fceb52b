package session_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
	"github.com/everydaytech/meshsso/authsvc/directory"
	"github.com/everydaytech/meshsso/authsvc/token"
	"github.com/everydaytech/meshsso/internal/testpg"
	"github.com/everydaytech/meshsso/meshbridge/keys"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

func TestMain(m *testing.M) {
	code := testpg.Run(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

const (
	dashboardKey = "dashboard-dashboard-dashboard-32"
	agentKey     = "agents-agents-agents-agents-32-b"
	tenantA      = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	tenantB      = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
)

const seedSQL = `
insert into public.tenants values ('` + tenantA + `', 'Acme'), ('` + tenantB + `', 'Beta');
insert into public.users (user_id, email, full_name, tenant_id, role, is_superadmin, disabled) values
  (1, 'Tech@acme.example', 'Tess Tech', '` + tenantA + `', 'technician', false, false),
  (2, 'admin@acme.example', null, '` + tenantA + `', 'admin', false, false),
  (3, 'viewer@acme.example', 'Vi', '` + tenantA + `', 'viewer', false, false),
  (4, 'root@everyday.example', 'Root', null, 'superadmin', true, false),
  (5, 'mate@acme.example', 'Mate', '` + tenantA + `', 'technician', false, false),
  (6, 'guest@acme.example', 'Guest', '` + tenantA + `', 'janitor', false, false),
  (8, 'tech@beta.example', 'Ben', '` + tenantB + `', 'technician', false, false);
insert into public.agents (agent_id, uuid, hostname, platform, tenant_id, meshcentral_nodeid) values
  (1, '11111111-1111-4111-8111-111111111111', 'alpha', 'linux', '` + tenantA + `', 'node//' || repeat('A', 64)),
  (2, '22222222-2222-4222-8222-222222222222', 'bravo', 'windows', '` + tenantA + `', repeat('B', 64)),
  (3, '33333333-3333-4333-8333-333333333333', 'unbound', 'linux', '` + tenantA + `', null),
  (5, '55555555-5555-4555-8555-555555555555', 'shared', 'linux', '` + tenantA + `', repeat('S', 64)),
  (6, '66666666-6666-4666-8666-666666666666', 'shared', 'linux', '` + tenantB + `', 'node//' || repeat('S', 64)),
  (7, '77777777-7777-4777-8777-777777777777', 'charlie', 'linux', '` + tenantB + `', 'node//' || repeat('C', 64));`

// clock is a time that a test moves.
type clock struct{ offset atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// presence is what MeshCentral would say.
type presence struct {
	offline atomic.Bool
	away    atomic.Bool
}

func (p *presence) Online(context.Context, string, string) (bool, error) {
	if p.away.Load() {
		return false, errors.New("away")
	}
	return !p.offline.Load(), nil
}

// world is one database with replicas on it.
type world struct {
	db       *testpg.Database
	clock    *clock
	presence *presence
	log      *bytes.Buffer
	logMu    sync.Mutex
}

func (w *world) Write(p []byte) (int, error) {
	w.logMu.Lock()
	defer w.logMu.Unlock()
	return w.log.Write(p)
}

func (w *world) logged() string {
	w.logMu.Lock()
	defer w.logMu.Unlock()
	return w.log.String()
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return worldOn(t, testpg.New(t))
}

func worldOn(t testing.TB, db *testpg.Database) *world {
	t.Helper()
	db.Migrate(t)
	db.Exec(t, seedSQL)
	return &world{db: db, clock: &clock{}, presence: &presence{}, log: &bytes.Buffer{}}
}

// replica is one service with its own pool and cache.
type replica struct {
	*session.Service
	w     *world
	ended chan string
	cache *directory.Cached
}

const (
	lifetime = 4 * time.Hour
	idle     = 30 * time.Minute
	recheck  = 5 * time.Minute
)

func (w *world) replica(t testing.TB, change func(*session.Config)) *replica {
	t.Helper()
	pc, err := pgxpool.ParseConfig(w.db.Server.ConnString(w.db.Name) + " pool_max_conns=8")
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), pc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	verifier, err := token.New(token.Config{DashboardKey: []byte(dashboardKey), AgentKey: []byte(agentKey), Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	cache := directory.NewCached(directory.NewPostgres(pool, 5*time.Second, w.clock.Now), directory.CacheConfig{
		TTL: recheck, NegativeTTL: time.Second, Users: 10_000, Scopes: 100, Now: w.clock.Now,
	})
	ring, err := keys.NewRing([]byte(dashboardKey))
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{w: w, cache: cache, ended: make(chan string, 1000)}
	cfg := session.Config{
		Auth:     &authsvc.Service{Verifier: verifier, Users: cache, Tenants: cache, Devices: cache, Roles: claims.RoleRule{}},
		Presence: w.presence, DB: pool, Keys: ring, Lifetime: lifetime, Idle: idle, Recheck: recheck,
		MinRole: authsvc.RoleTechnician, Timeout: 5 * time.Second, Now: w.clock.Now, Log: slog.New(slog.NewTextHandler(w, nil)),
		Ended: func(_ context.Context, id string) { r.ended <- id },
	}
	if change != nil {
		change(&cfg)
	}
	r.Service = session.New(cfg)
	t.Cleanup(func() { // waits for calls of Ended
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		r.Run(ctx)
	})
	return r
}

func (w *world) jwt(key, email, tenant string, userID int, changes map[string]any) authsvc.Token {
	c := map[string]any{"email": email, "tenantId": tenant, "userId": userID, "exp": w.clock.Now().Add(24 * time.Hour).Unix()}
	maps.Copy(c, changes)
	data, _ := json.Marshal(c)
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(data)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(signed))
	return authsvc.NewToken(signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
}

func (w *world) tech() authsvc.Token {
	return w.jwt(dashboardKey, "tech@acme.example", tenantA, 1, nil)
}
func (w *world) mate() authsvc.Token {
	return w.jwt(dashboardKey, "mate@acme.example", tenantA, 5, nil)
}
func (w *world) admin() authsvc.Token {
	return w.jwt(dashboardKey, "admin@acme.example", tenantA, 2, nil)
}
func (w *world) viewer() authsvc.Token {
	return w.jwt(dashboardKey, "viewer@acme.example", tenantA, 3, nil)
}
func (w *world) root() authsvc.Token {
	return w.jwt(dashboardKey, "root@everyday.example", tenantA, 4, nil)
}
func (w *world) ben() authsvc.Token {
	return w.jwt(dashboardKey, "tech@beta.example", tenantB, 8, nil)
}

var here = session.Client{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "Test/1"}

func (r *replica) request(tok authsvc.Token, agent string) session.Request {
	return session.Request{Token: tok, Agent: agent, ViewMode: session.ViewDesktop, Client: here}
}

func (r *replica) create(t testing.TB, tok authsvc.Token, agent string) *session.Created {
	t.Helper()
	c, err := r.Create(t.Context(), r.request(tok, agent))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// binding is what the browser would send.
func binding(c *session.Created) session.Binding {
	b := session.Binding{Client: here}
	for _, k := range c.Cookies {
		switch k.Name {
		case session.SessionCookie:
			b.SessionCookie = k.Value
		case session.PersonCookie:
			b.PersonCookie = k.Value
		}
	}
	return b
}

func (r *replica) enter(t testing.TB, c *session.Created) *session.Live {
	t.Helper()
	l, err := r.Enter(t.Context(), c.Token, binding(c))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func wantErr(t testing.TB, err error, want *session.Error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("the error is %v, want %v", err, want)
	}
}

func ended(l *session.Live) bool {
	select {
	case <-l.Done():
		return true
	default:
		return false
	}
}

func (w *world) text(t testing.TB, sql string, args ...any) string {
	t.Helper()
	var s *string
	if err := w.db.Conn.QueryRow(t.Context(), sql, args...).Scan(&s); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	if s == nil {
		return "<null>"
	}
	return *s
}

// audited gives the audit's events with their reasons, in order.
func (w *world) audited(t testing.TB) string {
	t.Helper()
	return w.text(t, `select coalesce(string_agg(event || coalesce(':' || reason, ''), ' ' order by id), '') from meshsso.audit`)
}

func cookieNamed(cookies []*http.Cookie, name string) *http.Cookie {
	i := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return cookies[i]
}

func allOf(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("no %q in %s", p, text)
		}
	}
}
