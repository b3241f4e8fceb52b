package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/meshbridge/policy"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

type still struct{ rights uint32 }

func (s still) Session() session.Session {
	return session.Session{ID: "01234567-89ab-4def-8123-456789abcdef", Agent: session.Agent{NodeID: "node//" + strings.Repeat("a", 64)}, Rights: s.rights}
}
func (still) Done() <-chan struct{} { return nil }
func (still) Err() error            { return nil }
func (still) Check(context.Context) {}
func (still) Use()                  {}
func (still) Tunnel(string) Tunnel  { return nil }
func (still) Denied(string)         {}

// alone makes a visit without a network.
func alone(tb testing.TB) *visit {
	tb.Helper()
	s, err := sitesOf("", []string{"https://dashboard.example"})
	if err != nil {
		tb.Fatal(err)
	}
	seal, err := newSealer([32]byte{1})
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{cfg: Config{Title: "Remote session"}, seal: seal, names: newNames(&url.URL{Scheme: "https", Host: "mesh-4711.internal.example"}, s)}
	v := &visit{p: p, site: s[0], target: target{token: strings.Repeat("t", 43)}, live: still{1327304}}
	v.session = v.live.Session()
	v.person = &policy.Person{ID: "user//~s:0123456789ab:tina@acme.example", DomainURL: "/", Mask: v.mask}
	return v
}

// Whatever comes as a page, no credential that was in its place goes out.
func FuzzPage(f *testing.F) {
	v := alone(f)
	const page = `<html><head><title>T</title></head><script>MeshServerCreateControl('/');var features = parseInt('4'); var authCookie = '%'; var authRelayCookie="%";serverPublicNamePort='mesh-4711.internal.example:1'</script>`
	f.Add(page, "SecretCookieOfThePage")
	f.Add(strings.ReplaceAll(page, " ", ""), "SecretCookieOfThePage")
	f.Add(page+`<a href="/%">%`, "x")
	f.Fuzz(func(t *testing.T, text, cookie string) {
		out, ok := newEditor(v).rewrite("", []byte(strings.ReplaceAll(text, "%", cookie)))
		if !ok {
			return
		}
		if bytes.Contains(lower(out), []byte("mesh-4711.internal.example")) {
			t.Errorf("a name is left in %q", out)
		}
		if !bytes.Contains(out, []byte(`var root = "`+v.prefix()+`"`)) {
			t.Error("no head script")
		}
		if m := authCookiePattern.FindSubmatch(out); m == nil || len(m[2]) > 0 && !bytes.HasPrefix(m[2], []byte(sealMark)) {
			t.Errorf("not sealed: %q", m)
		}
	})
}

var authCookiePattern = variable("authCookie", nil).at

func init() { authCookiePattern = mustUnanchor(authCookiePattern.String()) }

// Whatever MeshCentral says, what goes on is JSON, of an action that is listed, without its name and without other devices.
func FuzzAnswer(f *testing.F) {
	v := alone(f)
	own, other := "node//"+strings.Repeat("a", 64), "node//"+strings.Repeat("b", 64)
	for _, text := range []string{
		`{"action":"serverinfo","serverinfo":{"name":"x.example","port":1}}`, `{"action":"nodes","nodes":{"mesh//x":[{"_id":"` + own + `","links":{}},{"_id":"` + other + `"}]}}`,
		`{"action":"event","event":{"action":"changenode","nodeid":"` + own + `","node":{"_id":"` + own + `"}}}`, `{"action":"events","events":[{"nodeid":"` + own + `","msgArgs":["x"]}]}`,
		`{"action":"authcookie","cookie":"a","rcookie":5}`, `{"action":"msg","nodeid":null,"type":"notify"}`, `{"action":"userinfo","userinfo":{"_id":[]}}`, `{"action":"lastconnects","lastconnects":[]}`, `[]`, `{"action":{}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		out, dropped := v.answer(data)
		if dropped != "" || out == nil {
			return
		}
		var m struct{ Action string }
		if err := json.Unmarshal(out, &m); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		if _, ok := answers[m.Action]; !ok {
			t.Errorf("%q is not listed", m.Action)
		}
		if bytes.Contains(lower(out), []byte("mesh-4711.internal.example")) {
			t.Errorf("a name is left in %q", out)
		}
	})
}

// However a stream is cut into pieces, the same bytes go on; and what goes on are whole frames of a client's.
func FuzzInspect(f *testing.F) {
	f.Add([]byte{0x81, 0x81, 0, 0, 0, 0, '5', 0x82, 0x83, 1, 2, 3, 4, 'a', 'b', 'c'}, uint8(3), false)
	f.Add([]byte{0x81, 0x81, 0, 0, 0, 0, '2', 0x82, 0x84, 0, 0, 0, 0, 0, 6, 0, 4, 0x88, 0x80, 0, 0, 0, 0}, uint8(1), true)
	f.Add([]byte{0x01, 0x80, 0, 0, 0, 0, 0x89, 0x80, 1, 2, 3, 4, 0x80, 0x81, 0, 0, 0, 0, '5'}, uint8(7), false)
	f.Add(append([]byte{0x81, 0x81, 0, 0, 0, 0, '5'}, appendFrame(nil, opText, []byte(`{"ctrlChannel":102938,"type":"options","file":"x"}`))...), uint8(9), false)
	f.Fuzz(func(t *testing.T, stream []byte, step uint8, looks bool) {
		if len(stream) > 4096 {
			return
		}
		protocol := "5"
		if looks {
			protocol = "2"
		}
		whole, failed := inspectAll(stream, len(stream), protocol, looks)
		pieces, failedToo := inspectAll(stream, int(step)+1, protocol, looks)
		if failed != failedToo || !bytes.Equal(framesOf(t, whole), framesOf(t, pieces)) && !failed { // of one that fails the last frames may be lost
			t.Errorf("%x (%v) and in pieces of %d %x (%v)", whole, failed, step+1, pieces, failedToo)
		}
	})
}

func inspectAll(stream []byte, step int, protocol string, looks bool) ([]byte, bool) {
	var out []byte
	in := &inspector{guard: &guard{protocol: protocol, looks: func() bool { return looks }}, note: func(judged) {}, used: func() {}}
	var have []byte
	for len(stream) > 0 {
		n := min(step, len(stream))
		have, stream = append(have, stream[:n]...), stream[n:]
		took, err := in.feed(have, func(b []byte) error { out = append(out, b...); return nil })
		if err != nil {
			return out, true
		}
		have = have[took:]
	}
	return out, false
}

// framesOf gives opcodes and payloads in the clear, for masks are made anew; a frame that is not whole as it is.
func framesOf(t *testing.T, stream []byte) []byte {
	var out []byte
	for len(stream) > 0 {
		h, whole, err := parseHeader(stream)
		if err != nil || whole && !h.masked {
			t.Fatalf("went on: %x, %v", stream, err)
		}
		if !whole {
			return append(out, stream...)
		}
		n := min(int64(len(stream)-h.size), h.length)
		out = binary.BigEndian.AppendUint64(append(out, h.op), uint64(h.length))
		out = h.unmask(out, stream[h.size:h.size+int(n)])
		stream = stream[h.size+int(n):]
	}
	return out
}

// Whatever a request asks for, what is taken for a target goes to MeshCentral as one plain path.
func FuzzTarget(f *testing.F) {
	head := Prefix + strings.Repeat("t", 43)
	for _, rest := range []string{"/", "", "/scripts/a.js?x=1&y=%41", "/../x", "/%2e%2e/", "//x", "/a/./b", "/?ticket=x&a=b", "/\\", "/a?b;c", "/a%00"} {
		f.Add(head + rest)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.ParseRequestURI(text)
		if err != nil {
			return
		}
		got, ok := parseTarget(&http.Request{Method: "GET", URL: u})
		if !ok {
			return
		}
		at := &url.URL{Scheme: "https", Host: "mesh", Path: "/" + got.rest}
		if strings.Contains(got.rest, "..") && strings.Contains("/"+got.rest+"/", "/../") || strings.ContainsAny(got.rest, "%\\\x00?#; ") || at.String() != "https://mesh/"+got.rest {
			t.Errorf("%q is %q", text, got.rest)
		}
	})
}

func mustUnanchor(pattern string) *regexp.Regexp {
	return regexp.MustCompile(strings.TrimPrefix(pattern, "^"))
}
