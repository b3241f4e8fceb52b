package embed_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/meshbridge/embed"
)

type answer struct {
	status int
	header http.Header
	body   string
}

func ask(t *testing.T, method, target string, header http.Header) answer {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	embed.Handler().ServeHTTP(w, r)
	res := w.Result()
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func TestFiles(t *testing.T) {
	for name, says := range map[string]string{"embed.js": "customElements.define", "embed-react.js": `from "react"`} {
		t.Run(name, func(t *testing.T) {
			got := ask(t, http.MethodGet, embed.Path+name, nil)
			if got.status != http.StatusOK || !strings.Contains(got.body, says) {
				t.Fatalf("status %d, %d bytes without %q", got.status, len(got.body), says)
			}
			sum := sha256.Sum256([]byte(got.body))
			for header, want := range map[string]string{
				"Content-Type":                     "text/javascript; charset=utf-8",
				"X-Content-Type-Options":           "nosniff",
				"Access-Control-Allow-Origin":      "*",
				"Access-Control-Allow-Credentials": "",
				"Cross-Origin-Resource-Policy":     "cross-origin",
				"Set-Cookie":                       "",
				"ETag":                             `"` + hex.EncodeToString(sum[:]) + `"`,
			} {
				if value := got.header.Get(header); value != want {
					t.Errorf("%s is %q, want %q", header, value, want)
				}
			}
			head := ask(t, http.MethodHead, embed.Path+name, nil)
			if head.body != "" || head.header.Get("ETag") != got.header.Get("ETag") {
				t.Errorf("HEAD: %d bytes, ETag %s", len(head.body), head.header.Get("ETag"))
			}
		})
	}
}

func TestCaching(t *testing.T) {
	first := ask(t, http.MethodGet, embed.Path+"embed.js", nil)
	etag := first.header.Get("ETag")
	for given, want := range map[string]int{etag: http.StatusNotModified, "W/" + etag: http.StatusNotModified, `"another"`: http.StatusOK} {
		if again := ask(t, http.MethodGet, embed.Path+"embed.js", http.Header{"If-None-Match": {given}}); again.status != want || (want == http.StatusNotModified) != (again.body == "") {
			t.Errorf("If-None-Match %s: %d with %d bytes, want %d", given, again.status, len(again.body), want)
		}
	}
	// Only the version that these bytes are may be kept: another replica may still have the one before.
	for version, want := range map[string]string{strings.Trim(etag, `"`): "public, max-age=31536000, immutable", "1": "public, no-cache", "": "public, no-cache"} {
		if got := ask(t, http.MethodGet, embed.Path+"embed.js?v="+version, nil).header.Get("Cache-Control"); got != want {
			t.Errorf("v=%s: %q, want %q", version, got, want)
		}
	}
}

func TestNothingElse(t *testing.T) {
	for _, target := range []string{"", "embed.go", "dist/embed.js", "src/element.js", "embed.js/", "embed.js/x", "%65mbed.js.map"} {
		if got := ask(t, http.MethodGet, embed.Path+target, nil); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", target, got.status)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		got := ask(t, method, embed.Path+"embed.js", nil)
		if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, got.status, got.header.Get("Allow"))
		}
	}
}

// Beside an API that answers everything below the path, as the session API does.
func TestRegister(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc(embed.Path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	embed.Register(mux)
	for target, want := range map[string]int{"GET embed.js": 200, "HEAD embed-react.js": 200, "POST embed.js": 405, "GET embed": 418, "GET session/1": 418} {
		method, name, _ := strings.Cut(target, " ")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, embed.Path+name, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
}

// A page with a strict Content-Security-Policy must have nothing to allow for the element, and the token is kept nowhere.
func TestNothingThatAStrictPageForbids(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|<style|localStorage|sessionStorage|indexedDB|document\.cookie`)
	imported := regexp.MustCompile(`(?m)^import .* from "([^"]+)"`)
	for name, want := range map[string][]string{"embed.js": nil, "embed-react.js": {"react", "./embed.js"}} {
		body := ask(t, http.MethodGet, embed.Path+name, nil).body
		if found := forbidden.FindAllString(body, -1); found != nil {
			t.Errorf("%s has %q", name, found)
		}
		var imports []string
		for _, match := range imported.FindAllStringSubmatch(body, -1) {
			imports = append(imports, match[1])
		}
		if !slices.Equal(imports, want) {
			t.Errorf("%s imports %q, want %q", name, imports, want)
		}
	}
}
