package program

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/everydaytech/meshsso/authsvc/grpcapi"
	"github.com/everydaytech/meshsso/internal/testpg"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// writeFile replaces a file in one step, as a careful operator does.
func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// startWithRules starts serve with a meshsso.yaml; load changes it and waits until it is taken.
func startWithRules(t testing.TB, text string) (i *instance, load func(text string)) {
	t.Helper()
	path := filepath.Join(shortDir(t), "meshsso.yaml")
	writeFile(t, path, text)
	i = start(t, seeded(t, testpg.New(t)), map[string]string{"MESHSSO_CONFIG": path})
	return i, func(text string) {
		t.Helper()
		former := i.rulesVersion()
		writeFile(t, path, text)
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		i.log.awaitThat(t, "other rules than "+former, func(log string) bool {
			return versionIn(log) != former || strings.Contains(log, "is refused")
		})
		if strings.Contains(i.log.String(), "is refused") {
			t.Fatal(i.log)
		}
	}
}

var loaded = regexp.MustCompile(`"msg":"claims mapping loaded","version":"(\w+)"`)

// versionIn gives the version of the rules that were loaded last; "" for those of the start.
func versionIn(log string) string {
	at := strings.LastIndex(log, "claims mapping loaded")
	if at < 0 {
		return ""
	}
	return loaded.FindStringSubmatch(log[strings.LastIndex(log[:at], "\n")+1:])[1]
}

func (i *instance) rulesVersion() string { return versionIn(i.log.String()) }

const issuerSecret = "an-issuers-secret-an-issuers-secret-0123456789"

// A person of a further issuer, by a secret of a file.
func issuerToken(secret string, changes map[string]any) string {
	c := map[string]any{"iss": "https://idp.example", "aud": "dashboard", "sub": "s1", "email": "tech@acme.example", "email_verified": true, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range changes {
		c[name] = value
	}
	return sign(secret, hs256, c)
}

// Verdicts before a reload are the former mapping's, after it the new one's, and whoever is good is let in all the while.
func TestReloadUnderLoad(t *testing.T) {
	dir := shortDir(t)
	secrets := []string{"first", "second"}
	for _, name := range secrets {
		writeFile(t, filepath.Join(dir, name), name+"-"+issuerSecret+"\n")
	}
	mapping := func(role string, files ...string) string {
		text := "version: 1\nclaimMappings:\n  roles: {expression: \"['" + role + "']\"}\nissuers:\n- name: idp\n  issuer: https://idp.example\n  audiences: [dashboard]\n  algorithms: [HS256]\n  tenants: [" + tenantA + "]\n  keys:\n    secrets:\n"
		for _, f := range files {
			text += "    - file: " + filepath.Join(dir, f) + "\n"
		}
		return text
	}
	i, load := startWithRules(t, mapping("viewer", secrets...))

	var wanted atomic.Pointer[string] // the role of the mapping that holds for certain; nil while it changes
	role := func(r string) { wanted.Store(&r) }
	role("viewer")
	good := []string{dashboardToken("admin@acme.example", tenantA, 2, nil), issuerToken("first-"+issuerSecret, nil), issuerToken("second-"+issuerSecret, nil)}
	bad := map[string]string{
		issuerToken(issuerSecret, nil): "TOKEN_SIGNATURE", issuerToken("first-"+issuerSecret, map[string]any{"email": "tech@beta.example"}): "TENANT_MISMATCH",
		dashboardToken("tech@acme.example", tenantB, 1, nil): "TENANT_MISMATCH", issuerToken("first-"+issuerSecret, map[string]any{"aud": "other"}): "TOKEN_CLAIMS",
	}
	stop, answered := make(chan struct{}), make(chan struct{})
	var asked atomic.Int64
	var workers sync.WaitGroup
	began := time.Now()
	for w := range 32 {
		workers.Go(func() {
			for n := w; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				before := wanted.Load()
				resp, reason := i.validate(t, good[n%len(good)])
				if after := wanted.Load(); reason != "" || (before != nil && before == after && resp.GetUser().GetRole() != *before) {
					t.Errorf("token %d: %q, role %s", n%len(good), reason, resp.GetUser().GetRole())
					return
				}
				asked.Add(1)
				select {
				case answered <- struct{}{}: // whoever counts is there
				default:
				}
				if n%10 == 0 {
					for token, want := range bad {
						if _, got := i.validate(t, token); got != want {
							t.Errorf("%q instead of %s", got, want)
							return
						}
					}
				}
			}
		})
	}
	gone := make(chan struct{}) // nobody asks any more: each has failed
	go func() { workers.Wait(); close(gone) }()
	for n := range 40 {
		wanted.Store(nil)
		next := []string{"technician", "viewer"}[n%2]
		load(mapping(next, secrets...))
		role(next)
		for range 200 {
			select {
			case <-answered:
			case <-gone:
			}
		}
	}
	close(stop)
	<-gone
	t.Logf("%d requests, %.0f a second, over 40 reloads", asked.Load(), float64(asked.Load())/time.Since(began).Seconds())
	if got := strings.Count(i.log.String(), "RULE_DENIED"); got != 0 {
		t.Errorf("%d denials by rules", got)
	}
}

// A secret is rotated in three steps, and no token that is good is refused in any.
func TestASecretIsRotatedByItsFiles(t *testing.T) {
	dir := shortDir(t)
	writeFile(t, filepath.Join(dir, "old"), "old-"+issuerSecret)
	writeFile(t, filepath.Join(dir, "new"), "new-"+issuerSecret)
	text := func(files ...string) string {
		out := "version: 1\nissuers:\n- name: idp\n  issuer: https://idp.example\n  audiences: [dashboard]\n  algorithms: [HS256]\n  tenants: [" + tenantA + "]\n  keys:\n    secrets:\n"
		for _, f := range files {
			out += "    - file: " + filepath.Join(dir, f) + "\n"
		}
		return out
	}
	i, load := startWithRules(t, text("old"))
	before, after := issuerToken("old-"+issuerSecret, nil), issuerToken("new-"+issuerSecret, nil)
	check := func(step string, wantOld, wantNew string) {
		t.Helper()
		_, o := i.validate(t, before)
		_, n := i.validate(t, after)
		if o != wantOld || n != wantNew {
			t.Errorf("%s: the old secret %q, the new one %q", step, o, n)
		}
	}
	check("at first", "", "TOKEN_SIGNATURE")
	load(text("old", "new"))
	check("both", "", "")
	load(text("new"))
	check("at last", "TOKEN_SIGNATURE", "")
	// A secret's own file counts like meshsso.yaml, without a signal.
	loads := strings.Count(i.log.String(), "claims mapping loaded")
	writeFile(t, filepath.Join(dir, "new"), "newer-"+issuerSecret)
	i.log.awaitTimes(t, "claims mapping loaded", loads+1)
	if _, got := i.validate(t, issuerToken("newer-"+issuerSecret, nil)); got != "" {
		t.Error(got)
	}
}

// What is wrong is refused aloud: the former mapping goes on until a good one comes.
func TestABadFileIsRefusedAndTheFormerGoesOn(t *testing.T) {
	path := filepath.Join(shortDir(t), "meshsso.yaml")
	good := "version: 1\nclaimMappings:\n  roles: {expression: \"['viewer']\"}\n"
	writeFile(t, path, good)
	i := start(t, seeded(t, testpg.New(t)), map[string]string{"MESHSSO_CONFIG": path, "MESHSSO_METRICS": "127.0.0.1:0"})
	admin := dashboardToken("admin@acme.example", tenantA, 2, nil)
	for n, bad := range []string{
		good + "claimMapping: {}\n", "version: 1\nuserValidationRules:\n- {expression: claims.exp +, message: m}\n", "", "{", "version: 2\n",
		"version: 1\nissuers:\n- {name: x, issuer: https://x.example, audiences: [a], algorithms: [HS256], tenants: [" + tenantA + "], keys: {secrets: [{env: NOT_SET}]}}\n",
	} {
		writeFile(t, path, bad)
		i.log.awaitTimes(t, "the new configuration is refused", n+1)
		if resp, reason := i.validate(t, admin); reason != "" || resp.GetUser().GetRole() != "viewer" {
			t.Errorf("file %d: %q, %s", n, reason, resp.GetUser().GetRole())
		}
		if got := i.healthOf(t, grpcapi.RulesService); got != notServing {
			t.Errorf("file %d: health says %s", n, got)
		}
		if got := i.healthOf(t, ""); got != serving {
			t.Errorf("file %d: health as a whole says %s", n, got)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	i.log.awaitTimes(t, "the new configuration is refused", 7)
	writeFile(t, path, "version: 1\n")
	i.log.await(t, "claims mapping loaded")
	if resp, _ := i.validate(t, admin); resp.GetUser().GetRole() != "admin" {
		t.Errorf("the new mapping gives %s", resp.GetUser().GetRole())
	}
	if got := i.healthOf(t, grpcapi.RulesService); got != serving {
		t.Errorf("health says %s", got)
	}
}

func (i *instance) healthOf(t testing.TB, service string) healthpb.HealthCheckResponse_ServingStatus {
	t.Helper()
	resp, err := healthpb.NewHealthClient(i.conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetStatus()
}

// serve does not begin with a file that it cannot read as a whole; all that is wrong is said with its place.
func TestServeNeedsAGoodFile(t *testing.T) {
	path := filepath.Join(shortDir(t), "meshsso.yaml")
	writeFile(t, path, "version: 1\nissuerz: []\nroles: {helper: {rank: god}}\n")
	vars := varsFor(t, testpg.New(t))
	vars["MESHSSO_CONFIG"] = path
	out := &syncBuffer{}
	if code := run(t.Context(), []string{"serve"}, testEnv(vars, out)); code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"issuerz", "roles.helper"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// From serve's flag to a provider's keys: they are fetched, one that is new is asked for, and a reload while the provider is down
// loses none.
func TestAProvidersKeysOutliveAReload(t *testing.T) {
	p := newProvider(t)
	p.publish(t, "one")
	text := func(more string) string {
		return fmt.Sprintf("version: 1\nissuers:\n- name: idp\n  issuer: %s\n  audiences: [dashboard]\n  algorithms: [ES256]\n  tenants: [%s]\n  keys: {jwksURL: %s/keys}\n%s", p.server.URL, tenantA, p.server.URL, more)
	}
	i, load := startWithRules(t, text(""))
	if resp, reason := i.validate(t, p.token(t, "one", nil)); reason != "" || resp.GetVerifiedBy() != pb.VerifiedBy_VERIFIED_BY_ISSUER || resp.GetRulesVersion() == "" {
		t.Fatalf("%q, %v", reason, resp)
	}
	p.publish(t, "two")
	if _, reason := i.validate(t, p.token(t, "two", nil)); reason != "" {
		t.Error(reason)
	}
	p.mu.Lock()
	p.down = true
	p.mu.Unlock()
	load(text("userValidationRules:\n- {expression: \"result.rank == 'technician'\", message: technicians only}\n"))
	for _, kid := range []string{"one", "two"} {
		if _, reason := i.validate(t, p.token(t, kid, nil)); reason != "" {
			t.Errorf("%s: %s", kid, reason)
		}
	}
	if _, reason := i.validate(t, p.token(t, "one", map[string]any{"email": "viewer@acme.example"})); reason != "RULE_DENIED" {
		t.Errorf("the new rule is not applied: %q", reason)
	}
	i.log.await(t, "technicians only")
	// Another source for the same place begins with what the former one knows.
	load(strings.Replace(text(""), "/keys}", "/keys, refresh: 1m}", 1))
	if _, reason := i.validate(t, p.token(t, "two", nil)); reason != "" {
		t.Errorf("with another refresh: %s", reason)
	}
}

// A change that nobody announced counts when it was there at two looks: a file that is half written may be sound already.
func TestAChangeIsTakenAtTheSecondLook(t *testing.T) {
	path := filepath.Join(shortDir(t), "meshsso.yaml")
	writeFile(t, path, "version: 1\n")
	l, err := newLiveRules(makerOf(path), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		text string
		want bool
	}{
		{"version: 1\n", false}, {"version: 1\n# half", false}, {"version: 1\n# half a line\n", false}, {"version: 1\n# half a line\n", true},
		{"version: 1\n", false}, {"version: 1\n# half a line\n", false}, {"version: 1\n# half a line\n", true},
	} {
		writeFile(t, path, step.text)
		if got := l.changed(); got != step.want {
			t.Errorf("%q: %v", step.text, got)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if first, second := l.changed(), l.changed(); first || !second {
		t.Errorf("a file that is gone: %v, then %v", first, second)
	}
}

func makerOf(path string) *ruleMaker {
	return &ruleMaker{path: path, keys: secrets{jwt: []byte(dashboardSecret)}, leeway: 30 * time.Second, getenv: func(string) string { return "" }, log: slog.New(slog.DiscardHandler)}
}

// An issuer that is renamed while another one takes its name: each has its own figures, and keys of the CA file's content are followed.
func TestIssuersOfAGeneration(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "meshsso.yaml")
	issuer := func(name, iss, more string) string {
		return "- name: " + name + "\n  issuer: https://" + iss + "\n  audiences: [a]\n  algorithms: [RS256]\n  tenants: [" + tenantA + "]\n  keys: {jwksURL: \"https://" + iss + "/keys\"" + more + "}\n"
	}
	writeFile(t, path, "version: 1\nissuers:\n"+issuer("acme", "a.example", ""))
	l, err := newLiveRules(makerOf(path), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(l)
	ctx, cancel := context.WithCancel(t.Context())
	defer func() { cancel(); l.stopSources(l.current.Load().sources, nil) }()
	change := func(text string) {
		t.Helper()
		before := l.Version()
		writeFile(t, path, text)
		if l.reload(ctx); l.refused.Load() || l.Version() == before {
			t.Fatal("the file was not taken")
		}
		if _, err := registry.Gather(); err != nil {
			t.Error(err)
		}
	}
	change("version: 1\nissuers:\n" + issuer("acme-old", "a.example", "") + issuer("acme", "b.example", ""))
	writeFile(t, filepath.Join(dir, "ca.pem"), testCA(t))
	with := "version: 1\nissuers:\n" + issuer("acme", "b.example", ", caFile: ca.pem")
	change(with)
	sources := l.current.Load().sources
	writeFile(t, filepath.Join(dir, "ca.pem"), testCA(t))
	change(with)
	for made := range l.current.Load().sources {
		if sources[made] != nil {
			t.Error("another CA, and the source of before goes on")
		}
	}
}

func testCA(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
