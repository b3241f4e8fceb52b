package session_test

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/meshbridge/session"
)

func TestCORS(t *testing.T) {
	s := newSite(t, nil, func(a *session.API) { a.Origins.Proxy = remote })
	const path = "/api/meshcentral/session/2"
	page := map[string]string{"Origin": dashboard}
	w := s.do(t, call{path: path, token: s.w.tech(), header: page, host: "remote.example"})
	if h := w.Header(); w.Code != 200 || h.Get("Access-Control-Allow-Origin") != dashboard || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Access-Control-Expose-Headers") != "Date, Retry-After" || !strings.Contains(strings.Join(h.Values("Vary"), ","), "Origin") {
		t.Error(w.Code, w.Header())
	}
	preflight := map[string]string{"Origin": dashboard, "Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization,content-type"}
	w = s.do(t, call{method: "OPTIONS", path: path, header: preflight})
	if h := w.Header(); w.Code != 204 || h.Get("Access-Control-Allow-Methods") != "DELETE, POST" || h.Get("Access-Control-Allow-Headers") != "authorization, content-type" || h.Get("Access-Control-Allow-Origin") != dashboard {
		t.Error(w.Code, w.Header())
	}
	preflight["Origin"] = "https://evil.example"
	if w = s.do(t, call{method: "OPTIONS", path: path, header: preflight}); w.Code != 403 || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error(w.Code, w.Header())
	}
	// What runs on the proxy's own origin came from a device.
	for _, host := range []string{"remote.example", "dashboard.example"} {
		if w = s.do(t, call{path: path, token: s.w.tech(), header: map[string]string{"Origin": remote}, host: host}); w.Code != 403 {
			t.Error(host, w.Code)
		}
	}
}

func TestHosts(t *testing.T) {
	some := session.Origins{Dashboards: []string{"https://dashboard.example", "https://other.example:8443"}, Proxy: "https://remote.example:443"}
	for host, want := range map[string]bool{
		"dashboard.example": true, "Dashboard.Example": true, "remote.example": true, "other.example:8443": true, "127.0.0.1:8080": true, "localhost": true, "[::1]:8080": true,
		"other.example": false, "dashboard.example:8443": false, "evil.example": false, "": false, "127.0.0.1.evil.example": false, "10.0.0.1": false,
	} {
		if got := some.HostAllowed(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
	if none := (session.Origins{}); !none.HostAllowed("any.example") || none.HostAllowed("") {
		t.Error("without origins every host is ours")
	}
}

func TestWhereARequestComesFrom(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for name, c := range map[string]struct {
		remote string
		xff    []string
		want   string
	}{
		"direct":                  {"192.0.2.1:1", nil, "192.0.2.1"},
		"a stranger's word":       {"192.0.2.1:1", []string{"198.51.100.1"}, "192.0.2.1"},
		"by a proxy":              {"10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		"forged before the proxy": {"10.0.0.1:1", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		"two proxies":             {"10.0.0.1:1", []string{"203.0.113.9, 198.51.100.1, 10.9.9.9"}, "198.51.100.1"},
		"two headers":             {"10.0.0.1:1", []string{"203.0.113.9", "198.51.100.1"}, "198.51.100.1"},
		"nonsense":                {"10.0.0.1:1", []string{"198.51.100.1, what"}, "10.0.0.1"},
		"only proxies":            {"10.0.0.1:1", []string{"10.0.0.2"}, "10.0.0.2"},
		"none":                    {"10.0.0.1:1", nil, "10.0.0.1"},
		"IPv6, mapped":            {"[::1]:1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"a zone":                  {"[fe80::1%eth0]:1", nil, "fe80::1"},
		"a socket":                {"@", []string{"198.51.100.1"}, "invalid IP"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = c.remote, c.xff
		r.Header.Set("User-Agent", "a\x1b[31mb"+strings.Repeat("é", 1000))
		got := session.ClientOf(r, trusted)
		if got.IP.String() != c.want || len(got.UserAgent) > 260 || strings.Contains(got.UserAgent, "\x1b") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestRedact(t *testing.T) {
	secret := randomToken()
	for _, text := range []string{
		"/api/meshcentral/proxy/" + secret + "/control.ashx?x=1", "/api/meshcentral/session/" + secret + "/renew", "https://x/?ticket=" + secret, "/?token=eyJhbGciOiJIUzI1NiJ9." + secret + "." + secret,
	} {
		if got := session.Redact(text); strings.Contains(got, secret) || strings.Contains(got, "eyJ") || !strings.Contains(got, "[redacted]") {
			t.Errorf("%s", got)
		}
	}
	if got := session.Redact("/api/meshcentral/session/12"); got != "/api/meshcentral/session/12" {
		t.Error(got)
	}
}
