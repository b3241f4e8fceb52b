package upstream_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/everydaytech/meshsso/meshbridge/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serveTLS stands for MeshCentral: its certificate is for 127.0.0.1 and example.com, signed by itself.
func serveTLS(t *testing.T) *httptest.Server {
	t.Helper()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "mesh") }))
	srv.Config.ErrorLog = nil
	t.Cleanup(srv.Close)
	return srv
}

func fingerprint(cert *x509.Certificate) []byte {
	sum := sha256.Sum256(cert.Raw)
	return sum[:]
}

func caFile(t *testing.T, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func colons(sum []byte) string {
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = strings.ToUpper(hex.EncodeToString([]byte{b}))
	}
	return strings.Join(parts, ":")
}

func get(t *testing.T, c *upstream.Client, url string) (string, error) {
	t.Helper()
	transport := c.HTTPTransport()
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestVerification(t *testing.T) {
	srv := serveTLS(t)
	sum := fingerprint(srv.Certificate())
	other := sha256.Sum256([]byte("another certificate"))
	byName := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1) // the certificate does not name it
	tests := map[string]struct {
		cfg upstream.Config
		ok  bool
	}{
		"system roots do not know it":    {upstream.Config{URL: srv.URL}, false},
		"its CA":                         {upstream.Config{URL: srv.URL, CAFile: caFile(t, srv.Certificate().Raw)}, true},
		"its CA, another name":           {upstream.Config{URL: byName, CAFile: caFile(t, srv.Certificate().Raw)}, false},
		"pin, hex":                       {upstream.Config{URL: srv.URL, Pin: hex.EncodeToString(sum)}, true},
		"pin, hex with colons":           {upstream.Config{URL: srv.URL, Pin: colons(sum)}, true},
		"pin, base64":                    {upstream.Config{URL: srv.URL, Pin: base64.StdEncoding.EncodeToString(sum)}, true},
		"pin, base64url without padding": {upstream.Config{URL: byName, Pin: base64.RawURLEncoding.EncodeToString(sum)}, true},
		"another pin":                    {upstream.Config{URL: srv.URL, Pin: hex.EncodeToString(other[:])}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := upstream.New(tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			body, err := get(t, c, srv.URL+"/")
			if tt.ok && (err != nil || body != "mesh") {
				t.Fatalf("got %q, %v", body, err)
			}
			if !tt.ok && err == nil {
				t.Fatal("a certificate that nothing vouches for was accepted")
			}
		})
	}
}

func TestAnotherPinIsNamed(t *testing.T) {
	srv := serveTLS(t)
	c, err := upstream.New(upstream.Config{URL: srv.URL, Pin: strings.Repeat("00", sha256.Size)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.DialTLS(t.Context()); !errors.Is(err, upstream.ErrPin) {
		t.Fatalf("got %v", err)
	}
}

// A request that names another host goes to MeshCentral all the same, and never in the clear.
func TestTheTransportReachesNothingElse(t *testing.T) {
	srv := serveTLS(t)
	c, err := upstream.New(upstream.Config{URL: srv.URL, Pin: hex.EncodeToString(fingerprint(srv.Certificate()))})
	if err != nil {
		t.Fatal(err)
	}
	if body, err := get(t, c, "https://elsewhere.invalid/"); err != nil || body != "mesh" {
		t.Fatalf("got %q, %v", body, err)
	}
	if _, err := get(t, c, strings.Replace(srv.URL, "https:", "http:", 1)); err == nil {
		t.Fatal("a request went out without TLS")
	}
}

func TestConfigurationIsRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pin := strings.Repeat("00", sha256.Size)
	for name, cfg := range map[string]upstream.Config{
		"no address":      {},
		"http":            {URL: "http://mesh.example"},
		"no host":         {URL: "https://"},
		"a path":          {URL: "https://mesh.example/customer"},
		"a user":          {URL: "https://u:p@mesh.example"},
		"a query":         {URL: "https://mesh.example/?a=b"},
		"not a URL":       {URL: "https://mesh.example:port"},
		"a short pin":     {URL: "https://mesh.example", Pin: "abcd"},
		"a pin of words":  {URL: "https://mesh.example", Pin: "insecure"},
		"CA file missing": {URL: "https://mesh.example", CAFile: empty + ".not"},
		"CA file empty":   {URL: "https://mesh.example", CAFile: empty},
		"CA and pin":      {URL: "https://mesh.example", CAFile: empty, Pin: pin},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := upstream.New(cfg); err == nil {
				t.Fatal("accepted")
			} else if strings.Contains(err.Error(), "u:p") {
				t.Fatalf("the error holds a password: %v", err)
			}
		})
	}
}
