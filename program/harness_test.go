package program

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/everydaytech/meshsso/internal/testpg"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
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
	dashboardSecret = "dashboard-secret-dashboard-secret-0123456789"
	agentSecret     = "agents-secret-agents-secret-agents-0123456789"
	tenantA         = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	tenantB         = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
)

// seedSQL: two tenants, every role, and every fault a row can have.
const seedSQL = `
insert into public.tenants values ('` + tenantA + `', 'Acme "<b>'), ('` + tenantB + `', 'Beta');
insert into public.users (user_id, email, full_name, tenant_id, role, is_superadmin, disabled) values
  (1, 'Tech@acme.example', 'Tess Tech', '` + tenantA + `', 'technician', false, false),
  (2, 'admin@acme.example', null, '` + tenantA + `', 'admin', false, false),
  (3, 'viewer@acme.example', 'Vi', '` + tenantA + `', 'viewer', false, false),
  (4, 'root@everyday.example', 'Root', null, 'superadmin', true, false),
  (5, 'gone@acme.example', 'Gone', '` + tenantA + `', 'technician', false, true),
  (6, 'twice@acme.example', 'One', '` + tenantA + `', 'technician', false, false),
  (7, 'Twice@Acme.example', 'Two', '` + tenantA + `', 'technician', false, false),
  (8, 'tech@beta.example', 'Ben', '` + tenantB + `', 'technician', false, false),
  (9, 'nowhere@acme.example', 'No', null, 'admin', false, false),
  (10, 'odd@acme.example', 'Odd', '` + tenantA + `', 'janitor', false, false),
  (11, 'textual@acme.example', 'Text', '` + tenantA + `', 'superadmin', false, false),
  (12, 'lost@acme.example', 'Lost', 'cccccccc-cccc-4ccc-8ccc-cccccccccccc', 'technician', false, false);
insert into public.agents (agent_id, uuid, hostname, platform, tenant_id, meshcentral_nodeid) values
  (1, 'u1', 'alpha', 'linux', '` + tenantA + `', 'node//' || repeat('A', 64)),
  (2, 'u2', 'bravo', 'linux', '` + tenantA + `', repeat('B', 64)),
  (3, 'u3', 'unbound', 'linux', '` + tenantA + `', null),
  (4, 'u4', 'broken', 'linux', '` + tenantA + `', 'not a node id'),
  (5, 'u5', 'shared', 'linux', '` + tenantA + `', repeat('S', 64)),
  (6, 'u6', 'shared', 'linux', '` + tenantB + `', 'node//' || repeat('S', 64)),
  (7, 'u7', 'charlie', 'linux', '` + tenantB + `', 'node//' || repeat('C', 64)),
  (8, 'u8', 'nobody''s', 'linux', null, 'node//' || repeat('N', 64));`

func nodeID(letter string) string { return "node//" + strings.Repeat(letter, 64) }

// claimsOf makes good claims of a person; changes override, and a nil value removes.
func claimsOf(email, tenant string, userID int, changes map[string]any) map[string]any {
	c := map[string]any{"email": email, "tenantId": tenant, "userId": userID, "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func sign(secret string, header, claims map[string]any) string {
	part := func(v any) string {
		data, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(data)
	}
	signed := part(header) + "." + part(claims)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

var hs256 = map[string]any{"alg": "HS256", "typ": "JWT"}

func dashboardToken(email, tenant string, userID int, changes map[string]any) string {
	return sign(dashboardSecret, hs256, claimsOf(email, tenant, userID, changes))
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	next chan struct{}
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
	return b.buf.Write(p)
}

// await returns when the log holds text.
func (b *syncBuffer) await(t testing.TB, text string) {
	t.Helper()
	b.awaitTimes(t, text, 1)
}

// awaitTimes returns when the log holds text so many times.
func (b *syncBuffer) awaitTimes(t testing.TB, text string, times int) {
	t.Helper()
	b.awaitThat(t, text, func(log string) bool { return strings.Count(log, text) >= times })
}

// awaitThat returns when the log is such; what says of it.
func (b *syncBuffer) awaitThat(t testing.TB, what string, such func(log string) bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for {
		b.mu.Lock()
		found := such(b.buf.String())
		next := b.written()
		b.mu.Unlock()
		if found {
			return
		}
		select {
		case <-next:
		case <-deadline.C:
			t.Fatalf("no %q in the log:\n%s", what, b)
		}
	}
}

// written gives a channel that the next Write closes; call it under the lock.
func (b *syncBuffer) written() <-chan struct{} {
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// instance is a running serve.
type instance struct {
	db     *testpg.Database
	vars   map[string]string
	socket string
	conn   *grpc.ClientConn
	client pb.AuthServiceClient
	log    *syncBuffer
	stop   func() int
}

func testEnv(vars map[string]string, out *syncBuffer) env {
	return env{getenv: func(k string) string { return vars[k] }, stdout: out, stderr: out}
}

func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "msso-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// varsFor gives a full configuration on a database.
func varsFor(t testing.TB, db *testpg.Database) map[string]string {
	vars := db.Env()
	maps.Copy(vars, map[string]string{
		"JWT_SECRET": dashboardSecret, "AGENT_SIGN_KEY": agentSecret, "MESHSSO_METRICS": "off",
		"MESHSSO_LISTEN": "unix://" + filepath.Join(shortDir(t), "run", "auth.sock"),
	})
	return vars
}

// seeded makes a migrated database with the people above.
func seeded(t testing.TB, db *testpg.Database) *testpg.Database {
	t.Helper()
	db.Migrate(t)
	db.Exec(t, seedSQL)
	return db
}

// start runs serve and returns when it answers; changes override the configuration.
func start(t testing.TB, db *testpg.Database, changes map[string]string) *instance {
	t.Helper()
	vars := varsFor(t, db)
	maps.Copy(vars, changes)
	i := startWith(t, vars)
	i.db = db
	i.connect(t)
	i.awaitHealth(t, healthpb.HealthCheckResponse_SERVING)
	return i
}

// startWith runs serve until the test or stop ends it.
func startWith(t testing.TB, vars map[string]string) *instance {
	t.Helper()
	i := &instance{vars: vars, log: &syncBuffer{}, socket: strings.TrimPrefix(vars["MESHSSO_LISTEN"], "unix://")}
	ctx, cancel := context.WithCancel(context.Background())
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"serve"}, testEnv(vars, i.log)) }()
	i.stop = sync.OnceValue(func() int { cancel(); return <-code })
	t.Cleanup(func() { i.stop() })
	return i
}

func (i *instance) connect(t testing.TB) {
	t.Helper()
	conn, err := grpc.NewClient(i.vars["MESHSSO_LISTEN"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	i.conn, i.client = conn, pb.NewAuthServiceClient(conn)
}

// awaitHealth follows health's own stream until it says want.
func (i *instance) awaitHealth(t testing.TB, want healthpb.HealthCheckResponse_ServingStatus) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := healthpb.NewHealthClient(i.conn).Watch(ctx, &healthpb.HealthCheckRequest{Service: "meshsso.v1.AuthService"}, grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	for {
		resp, err := stream.Recv()
		if err != nil {
			t.Fatalf("health: %v\n%s", err, i.log)
		}
		if resp.GetStatus() == want {
			return
		}
	}
}

func (i *instance) validate(t testing.TB, token string) (*pb.ValidateTokenResponse, string) {
	t.Helper()
	resp, err := i.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: token, Hook: pb.Hook_HOOK_ROOT, ClientIp: "192.0.2.7"})
	return resp, reasonOf(t, err)
}

// reasonOf gives the ErrorInfo's reason, "" for no error.
func reasonOf(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			if info.GetDomain() != "meshsso.v1" {
				t.Errorf("the domain is %q", info.GetDomain())
			}
			return info.GetReason()
		}
	}
	t.Fatalf("no ErrorInfo in %v", err)
	return ""
}
