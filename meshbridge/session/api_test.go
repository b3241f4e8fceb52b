package session_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

const (
	dashboard = "https://dashboard.example"
	remote    = "https://remote.example"
)

// site is the API on a replica; every answer is held against the OpenAPI document.
type site struct {
	*replica
	handler http.Handler
	router  routers.Router
}

func newSite(t *testing.T, change func(*session.Config), api func(*session.API)) *site {
	t.Helper()
	w := newWorld(t)
	s := &site{replica: w.replica(t, change)}
	a := &session.API{
		Service: s.Service, Origins: session.Origins{Dashboards: []string{dashboard}}, Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Log: slog.New(slog.NewTextHandler(w, nil)),
	}
	if api != nil {
		api(a)
	}
	mux := http.NewServeMux()
	a.Register(mux)
	s.handler = mux
	doc, err := openapi3.NewLoader().LoadFromData(session.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.router, err = legacy.NewRouter(doc); err != nil {
		t.Fatal(err)
	}
	return s
}

// call is one request; zero fields are what a dashboard sends.
type call struct {
	method, path, body string
	token              authsvc.Token
	header             map[string]string
	host               string
}

func (s *site) do(t *testing.T, c call) *httptest.ResponseRecorder {
	t.Helper()
	if c.method == "" {
		c.method = http.MethodPost
	}
	r := httptest.NewRequestWithContext(t.Context(), c.method, "https://dashboard.example"+c.path, strings.NewReader(c.body))
	r.RemoteAddr = "10.1.2.3:4567"
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != (authsvc.Token{}) {
		r.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	if c.host != "" {
		r.Host = c.host
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	s.conforms(t, r, c.body, w)
	return w
}

// conforms holds the answer, and a request that was accepted, to the document. Paths that it does not have must be answered as
// problems all the same.
func (s *site) conforms(t *testing.T, r *http.Request, body string, w *httptest.ResponseRecorder) {
	t.Helper()
	route, params, err := s.router.FindRoute(r)
	if err != nil {
		preflight := r.Method == http.MethodOptions && (w.Code == http.StatusNoContent || w.Code == http.StatusForbidden)
		if !preflight && (w.Header().Get("Content-Type") != "application/problem+json" || (w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed)) {
			t.Errorf("%s %s: %d, and the document has no such path: %v", r.Method, r.URL.Path, w.Code, err)
		}
		return
	}
	r.Body = io.NopCloser(strings.NewReader(body))
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route, Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	reqErr := openapi3filter.ValidateRequest(t.Context(), in)
	if w.Code < 300 && reqErr != nil {
		t.Errorf("%s %s was accepted and is against the document: %v", r.Method, r.URL, reqErr)
	}
	if w.Code == http.StatusBadRequest && reqErr == nil {
		t.Errorf("%s %s %s is as the document says and was refused", r.Method, r.URL, body)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: w.Code, Header: w.Header(), Options: in.Options}
	out.SetBodyBytes(w.Body.Bytes())
	if err := openapi3filter.ValidateResponse(t.Context(), out); err != nil {
		t.Errorf("%s %s: %d %s\n%v", r.Method, r.URL, w.Code, w.Body, err)
	}
}

func codeOf(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var p struct {
		Code, Message string
		Status        int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code || p.Message == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	return p.Code
}

func TestAPICreates(t *testing.T) {
	s := newSite(t, nil, nil)
	for _, path := range []string{"/api/meshcentral/session/2", "/meshcentral/session/2", "/api/meshcentral/session/22222222-2222-4222-8222-222222222222"} {
		w := s.do(t, call{path: path, token: s.w.tech(), body: `{"viewMode": 12}`})
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		want := []string{"success", "sessionId", "sessionToken", "expiresAt", "agent", "proxyUrl", "viewMode"}
		if strings.HasPrefix(path, "/mesh") {
			want = append(want, "iframeUrl")
			if got["iframeUrl"] != got["proxyUrl"] {
				t.Errorf("%v", got)
			}
		}
		for _, k := range want {
			if _, ok := got[k]; !ok || len(got) != len(want) {
				t.Errorf("%s: %v", k, got)
			}
		}
		if agent := got["agent"].(map[string]any); len(agent) != 5 || agent["id"] != 2.0 || agent["nodeId"] != "node//"+strings.Repeat("B", 64) || got["viewMode"] != 12.0 || got["success"] != true {
			t.Errorf("%v", got)
		}
		if cookies := w.Result().Cookies(); len(cookies) != 2 || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v %v", cookies, w.Header())
		}
	}
	if w := s.do(t, call{path: "/api/meshcentral/session/2", token: s.w.tech()}); !strings.Contains(w.Body.String(), `"viewMode":10`) {
		t.Error(w.Body)
	}
}

func TestAPIRefuses(t *testing.T) {
	s := newSite(t, nil, nil)
	const path = "/api/meshcentral/session/2"
	tech := s.w.tech()
	for name, c := range map[string]struct {
		call
		status int
		code   string
	}{
		"no token":           {call{path: path}, 401, "UNAUTHENTICATED"},
		"a token in the URL": {call{path: path + "?token=" + tech.Reveal()}, 401, "UNAUTHENTICATED"},
		"a cookie":           {call{path: path, header: map[string]string{"Cookie": "token=" + tech.Reveal() + "; jwt=" + tech.Reveal()}}, 401, "UNAUTHENTICATED"},
		"Basic":              {call{path: path, header: map[string]string{"Authorization": "Basic " + tech.Reveal()}}, 401, "UNAUTHENTICATED"},
		"bare":               {call{path: path, header: map[string]string{"Authorization": tech.Reveal()}}, 401, "UNAUTHENTICATED"},
		"viewMode 9":         {call{path: path, token: tech, body: `{"viewMode":9}`}, 400, "VIEW_MODE_INVALID"},
		"viewMode 18":        {call{path: path, token: tech, body: `{"viewMode":18}`}, 400, "VIEW_MODE_INVALID"},
		"viewMode -1":        {call{path: path, token: tech, body: `{"viewMode":-1}`}, 400, "VIEW_MODE_INVALID"},
		"viewMode 2^64":      {call{path: path, token: tech, body: `{"viewMode":18446744073709551616}`}, 400, "REQUEST_INVALID"},
		"viewMode text":      {call{path: path, token: tech, body: `{"viewMode":"11"}`}, 400, "REQUEST_INVALID"},
		"viewMode half":      {call{path: path, token: tech, body: `{"viewMode":11.5}`}, 400, "REQUEST_INVALID"},
		"unknown key":        {call{path: path, token: tech, body: `{"viewMode":11,"userId":4}`}, 400, "REQUEST_INVALID"},
		"another case":       {call{path: path, token: tech, body: `{"viewmode":11}`}, 400, "REQUEST_INVALID"},
		"restrict text":      {call{path: path, token: tech, body: `{"restrict":"yes"}`}, 400, "REQUEST_INVALID"},
		"an array":           {call{path: path, token: tech, body: `[]`}, 400, "REQUEST_INVALID"},
		"null":               {call{path: path, token: tech, body: ` null`}, 400, "REQUEST_INVALID"},
		"no JSON":            {call{path: path, token: tech, body: `viewMode=11`}, 400, "REQUEST_INVALID"},
		"a form":             {call{path: path, token: tech, body: `{}`, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, 415, "MEDIA_TYPE"},
		"a large body":       {call{path: path, token: tech, body: `{"viewMode":11` + strings.Repeat(" ", 8000) + `}`}, 413, "BODY_TOO_LARGE"},
		"another tenant's":   {call{path: "/api/meshcentral/session/7", token: tech}, 404, "AGENT_NOT_FOUND"},
		"none":               {call{path: "/api/meshcentral/session/9", token: tech}, 404, "AGENT_NOT_FOUND"},
		"not enrolled":       {call{path: "/api/meshcentral/session/3", token: tech}, 409, "AGENT_NOT_ENROLLED"},
		"a viewer":           {call{path: path, token: s.w.viewer()}, 403, "ROLE_DENIED"},
		"nobody":             {call{path: path, token: s.w.jwt(dashboardKey, "nobody@acme.example", tenantA, 1, nil)}, 403, "ACCESS_DENIED"},
		"another page":       {call{path: path, token: tech, header: map[string]string{"Origin": "https://evil.example"}}, 403, "ORIGIN_DENIED"},
		"no page's":          {call{path: path, token: tech, header: map[string]string{"Origin": "null"}}, 403, "ORIGIN_DENIED"},
		"a prefix":           {call{path: path, token: tech, header: map[string]string{"Origin": dashboard + ".evil.example"}}, 403, "ORIGIN_DENIED"},
		"another host":       {call{path: path, token: tech, host: "rebound.example"}, 421, "HOST_DENIED"},
		"GET":                {call{method: "GET", path: path, token: tech}, 405, "METHOD_NOT_ALLOWED"},
		"PUT":                {call{method: "PUT", path: "/api/meshcentral/sessions", token: tech}, 405, "METHOD_NOT_ALLOWED"},
		"no such path":       {call{method: "GET", path: "/api/meshcentral/nothing", token: tech}, 404, "NOT_FOUND"},
		"no session":         {call{method: "DELETE", path: "/api/meshcentral/session/x", token: tech}, 404, "SESSION_NOT_FOUND"},
		"renew with a body":  {call{path: "/api/meshcentral/session/x/renew", token: tech, body: `{"a":1}`}, 400, "REQUEST_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			w := s.do(t, c.call)
			if code := codeOf(t, w); w.Code != c.status || code != c.code || len(w.Result().Cookies()) != 0 {
				t.Errorf("%d %s, want %d %s", w.Code, code, c.status, c.code)
			}
			if (w.Code == 401) != (w.Header().Get("WWW-Authenticate") != "") || w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%v", w.Header())
			}
		})
	}
	// The same bytes for another tenant's device and for none.
	a, b := s.do(t, call{path: "/api/meshcentral/session/7", token: tech}), s.do(t, call{path: "/api/meshcentral/session/999", token: tech})
	if a.Body.String() != b.Body.String() || a.Code != b.Code {
		t.Errorf("%s\n%s", a.Body, b.Body)
	}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "https://dashboard.example"+path, nil)
	r.Header["Authorization"] = []string{"Bearer " + tech.Reveal(), "Bearer " + s.w.admin().Reveal()}
	w := httptest.NewRecorder()
	if s.handler.ServeHTTP(w, r); w.Code != 401 {
		t.Errorf("two tokens: %d", w.Code)
	}
	if strings.Contains(s.w.logged(), "eyJ") {
		t.Error("a token is in the log")
	}
}

func TestAPIUnavailable(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.PerPerson = 1 }, nil)
	body := `{"viewMode":11}`
	s.w.presence.offline.Store(true)
	if w := s.do(t, call{path: "/api/meshcentral/session/2", token: s.w.tech(), body: body}); w.Code != 409 || codeOf(t, w) != "AGENT_OFFLINE" {
		t.Error(w.Body)
	}
	s.w.presence.away.Store(true)
	if w := s.do(t, call{path: "/api/meshcentral/session/2", token: s.w.tech(), body: body}); w.Code != 503 || w.Header().Get("Retry-After") != "5" {
		t.Error(w.Body, w.Header())
	}
	tunnel := s.enter(t, s.create2(t)).Tunnel("files")
	s.Round(t.Context())
	if w := s.do(t, call{path: "/api/meshcentral/session/2", token: s.w.tech()}); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Error(w.Body, w.Header())
	}
	tunnel.Close(0, 0)
}

func (s *site) create2(t *testing.T) *session.Created {
	t.Helper()
	c, err := s.Create(t.Context(), session.Request{Token: s.w.tech(), Agent: "2", ViewMode: 10, Client: here})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAPIManages(t *testing.T) {
	s := newSite(t, nil, nil)
	made, other := s.create2(t), s.create2(t)
	w := s.do(t, call{method: "GET", path: "/api/meshcentral/sessions", token: s.w.admin()})
	if w.Code != 200 || !strings.Contains(w.Body.String(), made.Session.ID) || strings.Contains(w.Body.String(), made.Token) {
		t.Error(w.Code, w.Body)
	}
	w = s.do(t, call{method: "GET", path: "/api/meshcentral/agents", token: s.w.tech()})
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"hostname":"unbound","platform":"linux","nodeId":"","enrolled":false,"online":null`) ||
		!strings.Contains(w.Body.String(), `"hostname":"bravo","platform":"windows","nodeId":"node//`+strings.Repeat("B", 64)+`","enrolled":true,"online":true`) || strings.Contains(w.Body.String(), "charlie") {
		t.Error(w.Code, w.Body)
	}
	if w = s.do(t, call{path: "/api/meshcentral/session/" + made.Token + "/renew", token: s.w.tech()}); w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
	if w = s.do(t, call{method: "DELETE", path: "/api/meshcentral/session/" + made.Token, token: s.w.mate()}); w.Code != 403 || codeOf(t, w) != "SESSION_NOT_YOURS" {
		t.Error(w.Code, w.Body)
	}
	if w = s.do(t, call{method: "DELETE", path: "/api/meshcentral/session/" + made.Token, token: s.w.tech()}); w.Code != 204 || w.Body.Len() != 0 {
		t.Error(w.Code, w.Body)
	}
	w = s.do(t, call{path: "/api/meshcentral/logout", token: s.w.tech()})
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"ended":1`) || !strings.Contains(w.Header().Get("Set-Cookie"), "__Secure-meshsso_person=; Path=/api/meshcentral; Max-Age=0; HttpOnly; Secure; SameSite=Strict") {
		t.Error(w.Code, w.Body, w.Header())
	}
	_, err := s.Enter(t.Context(), other.Token, binding(other))
	wantErr(t, err, session.ErrEnded)
	if w = s.do(t, call{method: "GET", path: "/api/meshcentral/openapi.json"}); w.Code != 200 || !bytes.Equal(w.Body.Bytes(), session.OpenAPI) {
		t.Error(w.Code)
	}
}

func TestAnotherPersonInTheSameBrowser(t *testing.T) {
	s := newSite(t, nil, nil)
	jar := map[string]string{}
	open := func(tok authsvc.Token) (token string, b session.Binding) {
		w := s.do(t, call{path: "/api/meshcentral/session/2", token: tok})
		for _, c := range w.Result().Cookies() {
			jar[c.Path+" "+c.Name] = c.Value
		}
		var got struct{ SessionToken string }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		return got.SessionToken, session.Binding{}
	}
	shown := func(token string) session.Binding {
		return session.Binding{SessionCookie: jar[session.ProxyPath+token+" "+session.SessionCookie], PersonCookie: jar["/api/meshcentral "+session.PersonCookie]}
	}
	first, _ := open(s.w.tech())
	if _, err := s.Enter(t.Context(), first, shown(first)); err != nil {
		t.Fatal(err)
	}
	second, _ := open(s.w.mate())
	if _, err := s.Enter(t.Context(), second, shown(second)); err != nil {
		t.Error(err)
	}
	_, err := s.Enter(t.Context(), first, shown(first))
	wantErr(t, err, session.ErrNotYours)
}

func TestDirectEmbed(t *testing.T) {
	s := newSite(t, nil, func(a *session.API) { a.DirectEmbed = "https://mesh.example" })
	tok := s.w.tech()
	w := s.do(t, call{path: "/meshcentral/session/2", token: tok, body: `{"viewMode":12}`})
	if want := `"iframeUrl":"https://mesh.example/?token=` + tok.Reveal() + `\u0026gotonode=` + strings.Repeat("041041", 16) + `\u0026viewmode=12"`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("%s\n%s", w.Body, want)
	}
	if w = s.do(t, call{path: "/api/meshcentral/session/2", token: tok}); strings.Contains(w.Body.String(), "mesh.example") {
		t.Error(w.Body)
	}
}
