package program

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/internal/testpg"
)

func TestSocketIsMadeForOurGroupOnlyAndRemoved(t *testing.T) {
	path := filepath.Join(shortDir(t), "made", "here", "auth.sock")
	old := syscall.Umask(0) // the widest
	l, err := listenUnix(path)
	syscall.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]os.FileMode{path: 0o660 | os.ModeSocket, filepath.Dir(path): 0o750 | os.ModeDir} {
		if info, err := os.Lstat(p); err != nil || info.Mode() != want {
			t.Errorf("%s is %v, %v; want %v", p, info.Mode(), err, want)
		}
	}
	if _, err := listenUnix(path); err == nil || !strings.Contains(err.Error(), "another meshsso serves") {
		t.Errorf("a second one: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	again, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(shortDir(t), "run", "auth.sock")
	if err := os.Mkdir(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false) // as a killed process leaves it
	_ = dead.Close()
	l, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, dir, path string)
		says    string
	}{
		"something answers": {func(t *testing.T, _, path string) {
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
		}, "something answers"},
		"a file":                  {func(_ *testing.T, _, path string) { _ = os.WriteFile(path, []byte("x"), 0o600) }, "is not a socket"},
		"a directory":             {func(_ *testing.T, _, path string) { _ = os.Mkdir(path, 0o700) }, "is not a socket"},
		"a link to a socket":      {func(_ *testing.T, dir, path string) { _ = os.Symlink(dir+"/elsewhere", path) }, "is not a socket"},
		"a lock that is a link":   {func(_ *testing.T, dir, path string) { _ = os.Symlink(dir+"/x", path+".lock") }, "lock"},
		"a world-writable place":  {func(_ *testing.T, dir, _ string) { _ = os.Chmod(dir, 0o777) }, "writable by everybody"},
		"a sticky world-writable": {func(_ *testing.T, dir, _ string) { _ = os.Chmod(dir, 0o777|os.ModeSticky) }, "writable by everybody"},
		"a place that is a link":  {func(_ *testing.T, dir, _ string) { _ = os.Rename(dir, dir+"2"); _ = os.Symlink(dir+"2", dir) }, "symbolic link"},
		"a place that is a file":  {func(_ *testing.T, dir, _ string) { _ = os.Remove(dir); _ = os.WriteFile(dir, nil, 0o600) }, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(shortDir(t), "run")
			if err := os.Mkdir(dir, 0o750); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "auth.sock")
			c.prepare(t, dir, path)
			before, _ := os.Lstat(path)
			l, err := listenUnix(path)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("said %v", err)
			}
			after, _ := os.Lstat(path)
			if l != nil || (before != nil) != (after != nil) || (before != nil && !os.SameFile(before, after)) {
				t.Error("what was there is gone")
			}
		})
	}
}

func TestServeRefusesASquattersSocket(t *testing.T) {
	db := seeded(t, testpg.New(t))
	vars := varsFor(t, db)
	path := strings.TrimPrefix(vars["MESHSSO_LISTEN"], "unix://")
	if err := os.Mkdir(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if out := serveOutput(t, vars); !strings.Contains(out, "something answers on "+path+" already") {
		t.Error(out)
	}
}

func TestServeStopsCleanly(t *testing.T) {
	i := start(t, seeded(t, testpg.New(t)), nil)
	if code := i.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(i.socket); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	for _, s := range []string{`"msg":"meshsso serving"`, `"msg":"PostgreSQL connected"`, `"msg":"draining"`, `"msg":"stopped"`} {
		if !strings.Contains(i.log.String(), s) {
			t.Errorf("%s is not in the log:\n%s", s, i.log)
		}
	}
	if code := i.healthcheck(t); code != 1 {
		t.Errorf("healthcheck of a stopped one: %d", code)
	}
}

func TestServeRefusesASchemaThatDoesNotFit(t *testing.T) {
	db := testpg.New(t)
	vars := varsFor(t, db)
	if out := serveOutput(t, vars); !strings.Contains(out, "run: meshsso migrate up") {
		t.Error(out)
	}
	db.Migrate(t)
	db.Exec(t, `drop view meshsso.tenants; create view meshsso.tenants as select 'x'::text as tenant_id, 'y'::text as name`)
	if out := serveOutput(t, vars); !strings.Contains(out, "view meshsso.tenants: column tenant_id is text and must be uuid") {
		t.Error(out)
	}
}

func TestMigrateCommands(t *testing.T) {
	db := testpg.New(t)
	db.Exec(t, testpg.PlatformSQL)
	do := func(args ...string) (int, string) {
		out := &syncBuffer{}
		return run(t.Context(), args, testEnv(db.Env(), out)), out.String()
	}
	for _, c := range []struct {
		command string
		code    int
		says    string
	}{
		{"status", 1, "run: meshsso migrate up"}, {"up", 0, "meshsso.users reads public.users."}, {"up", 0, "already"},
		{"status", 0, "view meshsso.users: defined"}, {"down", 0, "platform's tables are untouched"}, {"status", 1, "version 0"},
	} {
		if code, out := do("migrate", c.command); code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%s: exit code %d\n%s", c.command, code, out)
		}
	}
	out := &syncBuffer{}
	if code := run(t.Context(), []string{"migrate", "up"}, testEnv(map[string]string{"POSTGRES_HOST": "/nowhere", "POSTGRES_USER": "u", "POSTGRES_DB": "d", "POSTGRES_PASSWORD": "hush"}, out)); code != 1 ||
		!strings.Contains(out.String(), "cannot reach PostgreSQL at /nowhere") || strings.Contains(out.String(), "hush") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestMetricsPage(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	db := seeded(t, testpg.New(t))
	vars := varsFor(t, db)
	vars["MESHSSO_METRICS"] = address
	if out := serveOutput(t, vars); !strings.Contains(out, "--metrics-listen "+address) {
		t.Errorf("a taken port: %s", out)
	}
	_ = l.Close()
	i := start(t, db, map[string]string{"MESHSSO_METRICS": address})
	i.validate(t, dashboardToken("tech@acme.example", tenantA, 1, nil))
	i.validate(t, dashboardToken("tech@acme.example", tenantA, 1, nil))
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	for _, s := range []string{
		`meshsso_validations_total{hook="root",reason="",result="ok"} 2`, `meshsso_validation_duration_seconds_count{result="ok"} 2`, "meshsso_store_up 1",
		`meshsso_cache_hits_total{cache="users"} 1`, `meshsso_cache_misses_total{cache="users"} 1`, `meshsso_cache_entries{cache="users"} 1`,
		"meshsso_pool_connections_max 10", "meshsso_devices_ignored_total 2",
	} {
		if !strings.Contains(string(body), s) {
			t.Errorf("%s is not on the page", s)
		}
	}
}

// A directory of another uid (than ours, which root makes so and others pretend) is refused.
func TestSomebodyElsesDirectoryIsRefused(t *testing.T) {
	dir, us := shortDir(t), os.Geteuid()
	if err := checkSocketDir(dir, us); err != nil {
		t.Error(err)
	}
	if us == 0 {
		if err := os.Chown(dir, 12345, -1); err != nil {
			t.Fatal(err)
		}
	} else {
		us++
	}
	if err := checkSocketDir(dir, us); err == nil || !strings.Contains(err.Error(), "belongs to uid") {
		t.Error(err)
	}
}

// Mutual TLS: our own health check passes, a client without a certificate does not.
func TestMutualTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := selfSigned(t, dir)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	db := seeded(t, testpg.New(t))
	vars := varsFor(t, db)
	vars["MESHSSO_LISTEN"] = "tcp://" + l.Addr().String()
	vars["MESHSSO_TLS_CERT"], vars["MESHSSO_TLS_KEY"], vars["MESHSSO_TLS_CLIENT_CA"] = cert, key, cert
	i := startWith(t, vars)
	i.log.await(t, "PostgreSQL connected")
	if code := i.healthcheck(t); code != 0 {
		t.Errorf("healthcheck: %d\n%s", code, i.log)
	}
	vars["MESHSSO_TLS_CERT"], vars["MESHSSO_TLS_KEY"], vars["MESHSSO_TLS_CLIENT_CA"] = "", "", ""
	out := &syncBuffer{}
	if code := run(t.Context(), []string{"healthcheck", "--timeout=1s"}, testEnv(vars, out)); code != 1 {
		t.Errorf("without a certificate: %d %s", code, out)
	}
}

func selfSigned(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sidecar"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, DNSNames: []string{"sidecar.example"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", pkcs8)
}
