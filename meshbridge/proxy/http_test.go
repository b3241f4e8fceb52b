package proxy_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/meshbridge/proxy"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

// echo answers with what reached it.
func echo(reached *atomic.Pointer[http.Request]) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Store(r.Clone(context.Background()))
		for name, value := range map[string]string{
			"Set-Cookie": "xid=secret", "Service-Worker-Allowed": "/", "Clear-Site-Data": `"*"`, "Alt-Svc": "h3=\":443\"", "Link": "</x>", "Refresh": "0", "Report-To": "{}", "Server": "MeshCentral",
			"X-Powered-By": "Express", "X-Frame-Options": "sameorigin", "Access-Control-Allow-Origin": "*", "Strict-Transport-Security": "max-age=1", "Content-Security-Policy": "default-src *",
			"Content-Type": "text/css", "Trailer": "X-Late", "Etag": `"e"`, "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT",
		} {
			w.Header().Set(name, value)
		}
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "body{}")
		w.Header().Set("X-Late", "late")
		w.Header().Set(http.TrailerPrefix+"X-Later", "later")
	})
}

func TestOnlyListedHeadersPass(t *testing.T) {
	var reached atomic.Pointer[http.Request]
	b := newBed(t, echo(&reached))
	hidden := []string{
		"X-Meshauth", "x", "X-Meshsso-Session", "forged", "X-Forwarded-For", "1.2.3.4", "X-Forwarded-Proto", "http", "X-Forwarded-Host", "h", "Forwarded", "for=1", "X-Real-Ip", "1", "Authorization", "Bearer x",
		"Cf-Connecting-Ip", "1", "Referer", "http://x/?token=1", "Proxy-Authorization", "x", "X-Http-Method-Override", "POST", "Te", "trailers",
	}
	res, body := b.get("styles/style.css?auth=x&token=y", append(hidden, "If-None-Match", `"q"`, "Range", "bytes=0-3", "Accept-Encoding", "gzip")...)
	if res.StatusCode != http.StatusOK || body != "body{}" {
		t.Fatalf("%d %q", res.StatusCode, body)
	}
	r := reached.Load()
	for i := 0; i < len(hidden); i += 2 {
		if r.Header.Get(hidden[i]) != "" {
			t.Errorf("%s reached MeshCentral", hidden[i])
		}
	}
	if r.Header.Get("Cookie") != "" || r.URL.RawQuery != "" || r.Host != strings.TrimPrefix(b.mesh.URL, "https://") || r.URL.Path != "/styles/style.css" {
		t.Errorf("cookie %q, query %q, host %q, path %q", r.Header.Get("Cookie"), r.URL.RawQuery, r.Host, r.URL.Path)
	}
	if r.Header.Get("If-None-Match") != `"q"` || r.Header.Get("Range") != "bytes=0-3" || r.Header.Get("Accept-Encoding") != "identity" {
		t.Errorf("conditions %v", r.Header)
	}
	if r.Header.Get(injected) != "" {
		t.Error("a public file was asked for with an identity")
	}
	want := map[string]bool{
		"Content-Type": true, "Etag": true, "Last-Modified": true, "Date": true, "Cache-Control": true, "Content-Security-Policy": true, "Referrer-Policy": true, "X-Content-Type-Options": true,
		"Cross-Origin-Resource-Policy": true, "Permissions-Policy": true, "X-Robots-Tag": true, "Content-Length": true,
	}
	for name := range res.Header {
		if !want[name] {
			t.Errorf("%s went out", name)
		}
	}
	if len(res.Trailer) > 0 {
		t.Errorf("trailers %v went out", res.Trailer)
	}
	csp := res.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "connect-src " + b.origin() + proxy.Prefix + token + "/ ws://", "frame-ancestors " + b.origin()} {
		if !strings.Contains(csp, part) {
			t.Errorf("the policy %q has no %q", csp, part)
		}
	}
}

func TestPathsThatAreNotListedAreRefused(t *testing.T) {
	var reached atomic.Pointer[http.Request]
	b := newBed(t, echo(&reached))
	for _, rest := range []string{
		"serviceworker.js", "manifest.json", "translator.htm", "novnc/vnc.html", "mstsc.html", "meshagents?meshaction=generic", "meshsettings", "agent.ashx", "recordings.ashx?file=x", "backup.zip",
		"uploadfilebatch.ashx", "webrelay.ashx", "scripts/../backup.zip", "scripts/..%2fbackup.zip", "scripts/%2e%2e/backup.zip", "scripts//a.js", "%2f", "scripts/a.js%00", "scripts\\a.js", "scripts/a.js;x",
		"styles/.htaccess", "//evil.example/", "http://evil.example/", "images/a.html", "scripts/a.js/..", strings.Repeat("a", 600), "userimage.ashx?id=user//bob", "devicefile.ashx",
	} {
		res, body := b.get(rest)
		if res.StatusCode/100 != 4 || !strings.Contains(body, `"code"`) {
			t.Errorf("%q: %d %.80s", rest, res.StatusCode, body)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
		if res, _ := b.do(b.request(method, "")); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", method, res.StatusCode)
		}
	}
	r := b.request("GET", "styles/style.css")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), 1
	if res, _ := b.do(r); res.StatusCode != http.StatusNotFound {
		t.Errorf("a body: %d", res.StatusCode)
	}
	if reached.Load() != nil {
		t.Errorf("%s reached MeshCentral", reached.Load().URL)
	}
	if b.count("http", "meshsettings", "REQUEST_UNKNOWN") != 1 || b.count("http", "path", "REQUEST_UNKNOWN") == 0 {
		t.Error("not counted")
	}
	if n := strings.Count(b.log.String(), "kind=path"); n != 1 {
		t.Errorf("a kind was logged %d times", n)
	}
}

// What Go's client would not send.
func TestOddRequestsAreRefused(t *testing.T) {
	var reached atomic.Pointer[http.Request]
	b := newBed(t, echo(&reached))
	at, host, cookie := proxy.Prefix+token+"/", b.front.Listener.Addr().String(), "Cookie: "+proxy.SessionCookie+"="+cookieText+"\r\n"
	for name, raw := range map[string]string{
		"two lengths":          "GET " + at + "styles/a.css HTTP/1.1\r\nHost: " + host + "\r\n" + cookie + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
		"length and chunks":    "GET " + at + "styles/a.css HTTP/1.1\r\nHost: " + host + "\r\n" + cookie + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"backslash":            "GET " + at + "styles\\a.css HTTP/1.1\r\nHost: " + host + "\r\n" + cookie + "\r\n",
		"absolute form":        "GET http://evil.example" + at + "styles/a.css HTTP/1.1\r\nHost: " + host + "\r\n" + cookie + "\r\n",
		"another host":         "GET " + at + "styles/a.css HTTP/1.1\r\nHost: evil.example\r\n" + cookie + "\r\n",
		"h2c":                  "GET " + at + "styles/a.css HTTP/1.1\r\nHost: " + host + "\r\n" + cookie + "Connection: Upgrade\r\nUpgrade: h2c\r\nOrigin: http://" + host + "\r\n\r\n",
		"websocket, no origin": "GET " + at + "control.ashx HTTP/1.1\r\nHost: " + host + "\r\n" + cookie + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
		"websocket, null":      "GET " + at + "control.ashx HTTP/1.1\r\nHost: " + host + "\r\n" + cookie + "Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: null\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
		"websocket, old":       "GET " + at + "control.ashx HTTP/1.1\r\nHost: " + host + "\r\n" + cookie + "Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://" + host + "\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
		"two cookies":          "GET " + at + "styles/a.css HTTP/1.1\r\nHost: " + host + "\r\n" + cookie + cookie + "\r\n",
		"NUL":                  "GET " + at + "styles/a\x00.css HTTP/1.1\r\nHost: " + host + "\r\n" + cookie + "\r\n",
		"not a token":          "GET " + proxy.Prefix + "short/ HTTP/1.1\r\nHost: " + host + "\r\n" + cookie + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", host)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := io.WriteString(conn, raw); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode/100 != 4 {
				t.Errorf("%d", res.StatusCode)
			}
			if reached.Load() != nil {
				t.Errorf("%s reached MeshCentral", reached.Load().URL)
			}
		})
	}
}

func TestWhereARequestComesFrom(t *testing.T) {
	var reached atomic.Pointer[http.Request]
	b := newBed(t, echo(&reached))
	own := b.origin()
	for _, c := range []struct {
		rest string
		h    []string
		ok   bool
	}{
		{"styles/a.css", nil, true},
		{"styles/a.css", []string{"Origin", own}, true},
		{"styles/a.css", []string{"Origin", "https://evil.example"}, false},
		{"styles/a.css", []string{"Origin", "null"}, false},
		{"styles/a.css", []string{"Origin", strings.Replace(own, "http:", "https:", 1)}, false},
		{"styles/a.css", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "no-cors"}, true},
		{"styles/a.css", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, false},
		{"styles/a.css", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, false},
		{"?ticket=bad", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, true},
		{"?ticket=bad", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "object"}, false},
		{"?ticket=bad", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, false},
	} {
		res, body := b.get(c.rest, c.h...)
		if refused := strings.Contains(body, "ORIGIN_DENIED"); refused == c.ok {
			t.Errorf("%s %v: %d %.90s", c.rest, c.h, res.StatusCode, body)
		}
	}
}

func TestTheTicketIsTradedForCookiesOnce(t *testing.T) {
	var reached atomic.Pointer[http.Request]
	b := newBed(t, echo(&reached))
	ask := func(cookie string) (answer, string) {
		r := b.request("GET", "?viewmode=11&ticket=good&hide=29")
		r.Header.Set("Cookie", cookie)
		return b.do(r)
	}
	res, _ := ask("")
	if res.StatusCode != http.StatusFound || res.Header.Get("Location") != proxy.Prefix+token+"/?viewmode=11&hide=29" || len(res.Cookies) != 1 || res.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	if res, body := ask(""); res.StatusCode != http.StatusForbidden || !strings.Contains(body, "TICKET_INVALID") {
		t.Errorf("a second time: %d %s", res.StatusCode, body)
	}
	if res, _ := ask(proxy.SessionCookie + "=" + cookieText); res.StatusCode != http.StatusFound || len(res.Cookies) != 0 {
		t.Errorf("loaded anew by who has the cookies: %d", res.StatusCode)
	}
	if reached.Load() != nil {
		t.Error("a ticket reached MeshCentral")
	}
}

func TestWhoIsLetIn(t *testing.T) {
	var reached atomic.Pointer[http.Request]
	b := newBed(t, echo(&reached))
	r := b.request("GET", "styles/a.css")
	r.Header.Set("Cookie", proxy.SessionCookie+"=somebody-else")
	if res, body := b.do(r); res.StatusCode != http.StatusForbidden || !strings.Contains(body, "SESSION_FOREIGN") || res.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	r = b.request("GET", "")
	r.URL.Path = proxy.Prefix + otherToken + "/"
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Accept", "text/html")
	if res, body := b.do(r); res.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `data-code="SESSION_UNKNOWN"`) || !strings.Contains(body, "meshsso:problem") ||
		!strings.Contains(res.Header.Get("Content-Security-Policy"), "script-src 'sha256-") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if reached.Load() != nil {
		t.Error("reached MeshCentral")
	}
}

func TestAPageIsAskedForWithAnIdentityAndAListedQuery(t *testing.T) {
	var reached atomic.Pointer[http.Request]
	b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Store(r.Clone(context.Background()))
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, small)
	}))
	res, _ := b.get("?viewmode=11&hide=29&key=guess&token=x&login=y&auth=z&user=u&pass=p&gotonode="+strings.Repeat("61", 48), "If-None-Match", `"x"`, "Range", "bytes=0-1")
	r := reached.Load()
	if res.StatusCode != http.StatusOK || r.Header.Get(injected) == "" || r.Header.Get("Range") != "" || r.Header.Get("If-None-Match") != "" {
		t.Errorf("%d %v", res.StatusCode, r.Header)
	}
	if want := "viewmode=11&hide=29&gotonode=" + strings.Repeat("61", 48); r.URL.RawQuery != want {
		t.Errorf("query %q", r.URL.RawQuery)
	}
	if res, _ := b.do(b.request("HEAD", "")); res.StatusCode != http.StatusOK || reached.Load().Method != "GET" {
		t.Errorf("HEAD: %d", res.StatusCode)
	}
}

func TestAnswersThatAreNotPassedOn(t *testing.T) {
	for name, c := range map[string]struct {
		rest   string
		answer func(w http.ResponseWriter)
		status int
		code   string
	}{
		"redirect elsewhere": {"", func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://mesh-4711.internal.example/")
			w.WriteHeader(302)
		}, 502, "UPSTREAM_INVALID"},
		"redirect to login": {"", func(w http.ResponseWriter) { w.Header().Set("Location", "/login"); w.WriteHeader(302) }, 502, "UPSTREAM_INVALID"},
		"error page":        {"", func(w http.ResponseWriter) { w.WriteHeader(500); _, _ = io.WriteString(w, "mesh-4711 stack") }, 502, "UPSTREAM_INVALID"},
		"not found":         {"scripts/none.js", func(w http.ResponseWriter) { w.WriteHeader(404); _, _ = io.WriteString(w, "mesh-4711") }, 404, "NOT_FOUND"},
		"html for a script": {"scripts/a.js", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "mesh-4711")
		}, 502, "UPSTREAM_INVALID"},
		"brotli": {"scripts/a.js", func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "br")
			_, _ = io.WriteString(w, "mesh-4711")
		}, 502, "UPSTREAM_INVALID"},
		"too much": {"", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.Copy(w, io.LimitReader(zeros{}, 9<<20))
		}, 502, "UPSTREAM_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { c.answer(w) }))
			res, body := b.get(c.rest)
			if res.StatusCode != c.status || !strings.Contains(body, c.code) || strings.Contains(body, "mesh-4711") || res.Header.Get("Location") != "" {
				t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
			}
		})
	}
}

func TestARedirectThatIsPassedOn(t *testing.T) {
	b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/?login=secret", http.StatusFound) }))
	res, _ := b.get("xterm?nodeid=" + ownNode)
	if res.StatusCode != http.StatusFound || res.Header.Get("Location") != proxy.Prefix+token+"/" {
		t.Errorf("%d %q", res.StatusCode, res.Header.Get("Location"))
	}
}

func TestWhatIsCodedAllTheSameIsDecoded(t *testing.T) {
	var coded bytes.Buffer
	z := gzip.NewWriter(&coded)
	_, _ = io.WriteString(z, small)
	_ = z.Close()
	b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(coded.Bytes())
	}))
	res, body := b.get("")
	if res.StatusCode != 200 || !strings.Contains(body, "meshsso1-") || res.Header.Get("Content-Encoding") != "" {
		t.Errorf("%d %.80s", res.StatusCode, body)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// seekable serves ranges of zeros without holding them.
type seekable struct {
	at, size int64
}

func (s *seekable) Read(b []byte) (int, error) {
	n := min(int64(len(b)), s.size-s.at)
	if n <= 0 {
		return 0, io.EOF
	}
	clear(b[:n])
	s.at += n
	return int(n), nil
}

func (s *seekable) Seek(to int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
		s.at = to
	case io.SeekCurrent:
		s.at += to
	case io.SeekEnd:
		s.at = s.size + to
	}
	return s.at, nil
}

func sealed(t *testing.T, b *bed) string {
	t.Helper()
	_, body := b.get("")
	_, after, ok := strings.Cut(body, "authCookie = '")
	if !ok {
		t.Fatal("no sealed cookie in the page")
	}
	text, _, _ := strings.Cut(after, "'")
	return text
}

// meshWithFile serves the small page and a device's file.
func meshWithFile(size int64, reached *atomic.Pointer[http.Request]) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/devicefile.ashx" {
			reached.Store(r.Clone(context.Background()))
			w.Header().Set("Content-Type", "text/html")
			http.ServeContent(w, r, "", time.Unix(1_700_000_000, 0), &seekable{size: size})
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, small)
	})
}

func fileURL(cookie string) string {
	return "devicefile.ashx?c=" + cookie + "&m=x&n=" + strings.Repeat("a", 64) + "&f=/etc/hosts"
}

func TestADevicesFileNeedsTheSealedCookieAndIsNeverShown(t *testing.T) {
	var reached atomic.Pointer[http.Request]
	b := newBed(t, meshWithFile(10, &reached))
	cookie := sealed(t, b)
	if res, _ := b.get(fileURL("PageCookie0123456789@$abcdef")); res.StatusCode != http.StatusForbidden || reached.Load() != nil {
		t.Errorf("a cookie of MeshCentral's own: %d", res.StatusCode)
	}
	res, body := b.get(fileURL(cookie), "Range", "bytes=2-5")
	if res.StatusCode != http.StatusPartialContent || len(body) != 4 || res.Header.Get("Content-Range") != "bytes 2-5/10" || res.Header.Get("Content-Disposition") != "attachment" ||
		res.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	if got := reached.Load().URL.Query().Get("c"); got != "PageCookie0123456789@$abcdef" {
		t.Errorf("MeshCentral got %q", got)
	}
	if res, _ := b.get(strings.Replace(fileURL(cookie), strings.Repeat("a", 64), strings.Repeat("b", 64), 1)); res.StatusCode != http.StatusForbidden {
		t.Errorf("another device: %d", res.StatusCode)
	}
	b.live.rights(viewer)
	if res, _ := b.get(fileURL(cookie)); res.StatusCode != http.StatusForbidden {
		t.Errorf("a viewer: %d", res.StatusCode)
	}
}

func TestALargeFileIsNotKeptInMemory(t *testing.T) {
	var reached atomic.Pointer[http.Request]
	const size = 512 << 20
	b := newBed(t, meshWithFile(size, &reached))
	res, err := b.client.Do(b.request("GET", fileURL(sealed(t, b))))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, make([]byte, 1<<20))
	runtime.ReadMemStats(&after)
	if err != nil || n != size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

func TestADownloadEndsWithTheSession(t *testing.T) {
	var reached atomic.Pointer[http.Request]
	b := newBed(t, meshWithFile(1<<40, &reached))
	res, err := b.client.Do(b.request("GET", fileURL(sealed(t, b))))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.ReadFull(res.Body, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	b.live.end("SESSION_ENDED")
	if _, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Error("the download went on to its end")
	}
}

func TestMeshCentralsTroubles(t *testing.T) {
	for name, c := range map[string]struct {
		mesh   http.Handler
		change func(b *bed)
		status int
		code   string
	}{
		"down": {http.NotFoundHandler(), func(b *bed) { b.mesh.Close() }, 503, "UPSTREAM_UNAVAILABLE"},
		"hangs up": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_ = conn.Close()
		}), nil, 503, "UPSTREAM_UNAVAILABLE"},
		"garbage": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_, _ = io.WriteString(conn, "SSH-2.0-mesh-4711\r\n")
			_ = conn.Close()
		}), nil, 502, "UPSTREAM_INVALID"},
		"no identity": {http.NotFoundHandler(), func(b *bed) { b.identity.err = fmt.Errorf("https://mesh-4711: %w", context.DeadlineExceeded) }, 504, "UPSTREAM_TIMEOUT"},
		"identity refused": {http.NotFoundHandler(), func(b *bed) {
			b.identity.err = &session.Error{Status: 409, Code: "AGENT_OFFLINE", Message: "The device is offline."}
		}, 409, "AGENT_OFFLINE"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, c.mesh)
			if c.change != nil {
				c.change(b)
			}
			res, body := b.get("")
			if res.StatusCode != c.status || !strings.Contains(body, c.code) || strings.Contains(body, "mesh-4711") {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			if c.status == 503 && res.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		})
	}
}

// MeshCentral may hear of the end of a session first, and turns its principal away.
func TestAnAnswerThatIsNoneBecauseTheSessionEnded(t *testing.T) {
	mesh := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	for _, upgrade := range []string{"", "control.ashx", tunnelURL(1)} {
		b := newBed(t, mesh)
		b.live.endsUnseen("SESSION_ENDED")
		var status int
		var text string
		if upgrade == "" {
			res, body := b.get("")
			status, text = res.StatusCode, body
		} else {
			_, res, err := b.open(upgrade)
			if err == nil {
				t.Fatal("opened")
			}
			status, text = res.status, res.body
		}
		if status != 401 || !strings.Contains(text, "SESSION_ENDED") {
			t.Errorf("%q: %d %s", upgrade, status, text)
		}
	}
}

func TestAWrongCertificateIsCalledSo(t *testing.T) {
	b := newBed(t, http.NotFoundHandler(), func(cfg *proxy.Config) { cfg.Upstream = wrongPin(t, cfg.Upstream) })
	if res, body := b.get(""); res.StatusCode != 502 || !strings.Contains(body, "UPSTREAM_UNTRUSTED") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestAClientThatGoesIsGoneForMeshCentralToo(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	b := newBed(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(left)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	ends := make(chan error)
	go func() {
		res, err := b.client.Do(b.request("GET", "scripts/a.js").WithContext(ctx))
		if err == nil {
			_ = res.Body.Close()
		}
		ends <- err
	}()
	<-entered
	cancel()
	if err := <-ends; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-left
}

func TestTheConfigurationIsRefused(t *testing.T) {
	for name, change := range map[string]func(*proxy.Config){
		"no origin":      func(c *proxy.Config) { c.Dashboards = nil },
		"a path":         func(c *proxy.Config) { c.Dashboards = []string{"https://x.example/y"} },
		"a star":         func(c *proxy.Config) { c.Dashboards = []string{"https://*.example"} },
		"another scheme": func(c *proxy.Config) { c.Origin = "ftp://x.example" },
		"no key":         func(c *proxy.Config) { c.Seal = [32]byte{} },
	} {
		cfg := configOf(t)
		change(&cfg)
		if _, err := proxy.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAnOperatorsFileHasNoNames(t *testing.T) {
	b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, small)
			return
		}
		w.Header().Set("Content-Type", "text/css; charset=UTF-8")
		w.Header().Set("Etag", `"x"`)
		_, _ = io.WriteString(w, "a{background:url(https://mesh-4711.internal.example/x.png)}")
	}))
	_, _ = b.get("") // where MeshCentral says its name
	res, body := b.get("styles/custom.css")
	if res.StatusCode != 200 || body != "a{background:url(https://-/x.png)}" || res.Header.Get("Etag") != "" || res.Header.Get("Content-Type") != "text/css" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
}

func TestAStoreThatIsAwayIsNotMeshCentral(t *testing.T) {
	b := newBed(t, http.NotFoundHandler(), func(c *proxy.Config) { c.Sessions = away{} })
	if res, body := b.get(""); res.StatusCode != 503 || !strings.Contains(body, `"UNAVAILABLE"`) || res.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

type away struct{ *sessions }

func (away) Enter(context.Context, string, session.Binding) (proxy.Live, error) {
	return nil, errors.New("the store is away")
}
