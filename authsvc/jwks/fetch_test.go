package jwks_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc/jwks"
)

// serve is a provider's web server; it says nothing of what goes wrong in it.
func serve(t *testing.T, h http.HandlerFunc, change ...func(*httptest.Server)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	for _, f := range change {
		f(s)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func servePlain(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// caFile holds a server's certificate.
func caFile(t *testing.T, s *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fetched asks once and says how it went.
func fetched(t *testing.T, cfg jwks.Config) (keys int, err error) {
	t.Helper()
	cfg.Algorithms = all
	s, err := jwks.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Refresh(t.Context())
	st := s.Stats()
	if (err == nil) != (st.Keys > 0) || (err == nil) != (st.Fault == "") {
		t.Errorf("%v with %+v", err, st)
	}
	return st.Keys, err
}

func mustFail(t *testing.T, name string, cfg jwks.Config, says string) {
	t.Helper()
	if _, err := fetched(t, cfg); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hush") {
		t.Errorf("%s: %v, want %q", name, err, says)
	}
}

func TestURL(t *testing.T) {
	good := serve(t, answer(set(named("1"))))
	if n, err := fetched(t, jwks.Config{URL: good.URL + "/keys?token=hush", CAFile: caFile(t, good)}); n != 1 || err != nil {
		t.Error(n, err)
	}
	plain := servePlain(t, answer(set(named("1"))))
	if n, err := fetched(t, jwks.Config{URL: plain.URL}); n != 1 || err != nil {
		t.Error(n, err)
	}
	mustFail(t, "a certificate of nobody", jwks.Config{URL: good.URL + "/keys?token=hush"}, "certificate")
	gone := serve(t, answer(""))
	gone.Close()
	mustFail(t, "nobody there", jwks.Config{URL: gone.URL + "/?token=hush"}, "refused")
	for name, c := range map[string]struct {
		h    http.HandlerFunc
		says string
	}{
		"500":     {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "hush", http.StatusInternalServerError) }, "HTTP status 500"},
		"204":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "HTTP status 204"},
		"empty":   {answer(""), "not one JSON"},
		"garbage": {answer("<html>hush"), "not one JSON"},
		"no key":  {answer(`{"keys":[]}`), "no key"},
		"private": {answer(set(edKey + `,"d":"hush"`)), "private"},
		"huge":    {answer(strings.Repeat(" ", 1<<20) + set(named("1"))), "more than 1 MiB"},
		"endless": {endless, "more than 1 MiB"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999")
			_, _ = io.WriteString(w, set(named("1")))
		}, "EOF"},
		"no answer": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		s := serve(t, c.h)
		mustFail(t, name, jwks.Config{URL: s.URL + "/?token=hush", CAFile: caFile(t, s)}, c.says)
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write(make([]byte, 1<<16)); err != nil {
			return
		}
	}
}

func TestASlowProviderIsNotWaitedFor(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"no header": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"no end": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"keys":[`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		s := serve(t, h)
		mustFail(t, name, jwks.Config{URL: s.URL, CAFile: caFile(t, s), Timeout: 100 * time.Millisecond}, "deadline exceeded")
	}
}

func TestTLS(t *testing.T) {
	old := serve(t, answer(set(named("1"))), func(s *httptest.Server) {
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	})
	mustFail(t, "TLS 1.1", jwks.Config{URL: old.URL, CAFile: caFile(t, old)}, "protocol version")
	other := serve(t, answer(set(named("1"))))
	u := strings.Replace(other.URL, "127.0.0.1", "127.0.0.2", 1) // loopback all the same, and not in the certificate
	if _, err := fetched(t, jwks.Config{URL: u, CAFile: caFile(t, other), Timeout: time.Minute}); err == nil {
		t.Error("a certificate of another host counts")
	}
}

func TestRedirects(t *testing.T) {
	var asked atomic.Int64
	evil := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, set(named("evil")))
	})
	plain := servePlain(t, evil.Config.Handler.ServeHTTP)
	var self *httptest.Server
	self = serve(t, func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{
			"/within": "/keys", "/host": evil.URL, "/scheme": plain.URL, "/user": strings.Replace(self.URL, "https://", "https://a:b@", 1) + "/keys",
			"/loop": "/loop", "/file": "file:///etc/passwd", "/same-host-http": strings.Replace(self.URL, "https", "http", 1) + "/keys",
		}[r.URL.Path]
		if to == "" {
			_, _ = io.WriteString(w, set(named("1")))
			return
		}
		http.Redirect(w, r, to, http.StatusFound)
	})
	ca := caFile(t, self)
	if n, err := fetched(t, jwks.Config{URL: self.URL + "/within", CAFile: ca}); n != 1 || err != nil {
		t.Error(n, err)
	}
	for _, path := range []string{"/host", "/scheme", "/user", "/loop", "/file", "/same-host-http"} {
		mustFail(t, path, jwks.Config{URL: self.URL + path, CAFile: ca}, "a redirect elsewhere")
	}
	if asked.Load() != 0 {
		t.Error("the other host was asked")
	}
}

func TestDiscovery(t *testing.T) {
	elsewhere := serve(t, answer(set(named("1"))))
	plain := servePlain(t, answer(set(named("plain"))))
	var s *httptest.Server
	says := atomic.Pointer[string]{}
	s = serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/acme/.well-known/openid-configuration":
			_, _ = io.WriteString(w, *says.Load())
		case "/keys":
			_, _ = io.WriteString(w, set(named("1"), named("2")))
		default:
			http.NotFound(w, r)
		}
	})
	issuer, ca := s.URL+"/acme", caFile(t, s) // all test servers have the one certificate
	doc := func(iss, uri string) string { return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q,"x":1}`, iss, uri) }
	for name, c := range map[string]struct {
		text string
		keys int
		says string
	}{
		"here": {doc(issuer, s.URL+"/keys"), 2, ""}, "elsewhere by https": {doc(issuer, elsewhere.URL), 1, ""},
		"another issuer": {doc("https://evil.example", s.URL+"/keys"), 0, "another issuer"}, "a slash more": {doc(issuer+"/", s.URL+"/keys"), 0, "another issuer"},
		"issuer in other case": {doc(strings.Replace(issuer, "acme", "Acme", 1), s.URL+"/keys"), 0, "another issuer"}, "no issuer": {`{"jwks_uri":"` + s.URL + `/keys"}`, 0, "another issuer"},
		"two issuers": {`{"issuer":"` + issuer + `",` + doc(issuer, s.URL+"/keys")[1:], 0, "distinct members"}, "no uri": {`{"issuer":"` + issuer + `"}`, 0, "no jwks_uri"},
		"a uri by http": {doc(issuer, "http://keys.example/"), 0, "by https"}, "a loopback uri by http": {doc(issuer, plain.URL), 0, "less safe"},
		"a file": {doc(issuer, "file:///etc/passwd"), 0, "not a URL"}, "a user": {doc(issuer, "https://a:hush@x.example/"), 0, "no user"}, "garbage": {`hush`, 0, "distinct members"}, "null": {`null`, 0, "another issuer"},
		"nothing there": {doc(issuer, s.URL+"/nothing"), 0, "HTTP status 404"},
	} {
		says.Store(&c.text)
		cfg := jwks.Config{DiscoveryIssuer: issuer, CAFile: ca}
		if c.says != "" {
			mustFail(t, name, cfg, c.says)
		} else if n, err := fetched(t, cfg); n != c.keys || err != nil {
			t.Errorf("%s: %d %v", name, n, err)
		}
	}
	// The issuer's name keeps its slash, and the path has one.
	slash := doc(issuer+"/", s.URL+"/keys")
	says.Store(&slash)
	if n, err := fetched(t, jwks.Config{DiscoveryIssuer: issuer + "/", CAFile: ca}); n != 2 || err != nil {
		t.Error(n, err)
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if n, err := fetched(t, jwks.Config{File: at("good", set(named("1")))}); n != 1 || err != nil {
		t.Error(n, err)
	}
	mustFail(t, "none", jwks.Config{File: filepath.Join(dir, "none")}, "no such file")
	mustFail(t, "a folder", jwks.Config{File: dir}, "not a regular file")
	mustFail(t, "huge", jwks.Config{File: at("huge", strings.Repeat(" ", 1<<20)+set(named("1")))}, "more than 1 MiB")
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	mustFail(t, "a pipe", jwks.Config{File: pipe}, "not a regular file")
}

// The end of Run ends what is under way.
func TestTheEndDoesNotWaitForTheProvider(t *testing.T) {
	began := make(chan struct{}, 10)
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { began <- struct{}{}; <-r.Context().Done() })
	source, err := jwks.New(jwks.Config{URL: s.URL, CAFile: caFile(t, s), Algorithms: all, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); source.Run(ctx) }()
	<-began
	cancel()
	<-done
}
