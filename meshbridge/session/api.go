package session

import (
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

// API serves sessions over HTTP; openapi.json describes it.
type API struct {
	Service *Service
	Origins Origins
	Trusted []netip.Prefix // proxies whose X-Forwarded-For counts
	// DirectEmbed is MeshCentral's own address where iframeUrl of the old path shall show it, by design; else "".
	DirectEmbed string
	Log         *slog.Logger
}

// The paths. {id} is a session's UUID or its token, {agentId} an agent's number or UUID.
const (
	pathCreate   = apiPath + "/session/{agentId}"
	pathOld      = "/meshcentral/session/{agentId}"
	pathSession  = apiPath + "/session/{id}"
	pathRenew    = apiPath + "/session/{id}/renew"
	pathSessions = apiPath + "/sessions"
	pathAgents   = apiPath + "/agents"
	pathLogout   = apiPath + "/logout"
	pathOpenAPI  = apiPath + "/openapi.json"
)

// Register adds the API's paths to a mux; whatever else lies under /api/meshcentral is answered with a problem, unless others
// register more.
func (a *API) Register(mux *http.ServeMux) {
	routes := []struct {
		method, path string
		handle       func(*http.Request) (*answer, error)
	}{
		{http.MethodPost, pathCreate, a.create},
		{http.MethodDelete, pathSession, a.delete},
		{http.MethodPost, pathOld, a.createOld},
		{http.MethodPost, pathRenew, a.renew},
		{http.MethodGet, pathSessions, a.list},
		{http.MethodGet, pathAgents, a.agents},
		{http.MethodPost, pathLogout, a.logout},
		{http.MethodGet, pathOpenAPI, openAPI},
	}
	allowed := map[string][]string{}
	for _, r := range routes {
		mux.Handle(r.method+" "+r.path, a.guard(r.handle))
		shape := strings.NewReplacer("{agentId}", "{name}", "{id}", "{name}").Replace(r.path)
		allowed[shape] = append(allowed[shape], r.method)
	}
	for path, methods := range allowed {
		if slices.Contains(methods, http.MethodGet) {
			methods = append(methods, http.MethodHead)
		}
		slices.Sort(methods)
		mux.Handle(path, a.others(strings.Join(methods, ", ")))
	}
	mux.Handle(apiPath+"/", a.guard(func(*http.Request) (*answer, error) { return nil, errNoPath }))
}

// answer is what a handler gives back.
type answer struct {
	status  int
	body    any // nil: none
	raw     []byte
	cookies []*http.Cookie
}

// apiTime bounds a request's body and its answer: a client that is slower than this is not one of ours.
const apiTime = 10 * time.Second

// guard does what every path of the API needs, and answers.
func (a *API) guard(handle func(*http.Request) (*answer, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer a.recovered(w, r)
		if !a.admit(w, r) {
			return
		}
		rc := http.NewResponseController(w)
		deadline := time.Now().Add(apiTime)
		_, _ = rc.SetReadDeadline(deadline), rc.SetWriteDeadline(deadline) // a recorder in a test has none
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		out, err := handle(r)
		if err != nil {
			WriteError(w, err)
			return
		}
		for _, c := range out.cookies {
			http.SetCookie(w, c)
		}
		switch {
		case out.raw != nil:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(out.status)
			_, _ = w.Write(out.raw)
		case out.body == nil:
			w.WriteHeader(out.status)
		default:
			writeJSON(w, out.status, "application/json", out.body)
		}
	})
}

func (a *API) recovered(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // net/http's own value, thrown as it is
		panic(v)
	}
	a.Log.ErrorContext(r.Context(), "sessions: a handler panicked", "method", r.Method, "stack", string(debug.Stack()))
	WriteError(w, ErrInternal)
}

// admit judges Host and Origin and sets the headers of every answer; false if it answered.
func (a *API) admit(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Add("Vary", "Origin")
	if !a.Origins.HostAllowed(r.Host) {
		WriteError(w, errHost)
		return false
	}
	if !a.Origins.PageAllowed(r) {
		WriteError(w, errOrigin)
		return false
	}
	if origin := r.Header.Get("Origin"); slices.Contains(a.Origins.Dashboards, origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Expose-Headers", "Date, Retry-After") // Date: for a browser whose clock is wrong
	}
	return true
}

// others answers the methods that a path has not, and preflights (Fetch 4.8).
func (a *API) others(allowed string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.admit(w, r) {
			return
		}
		h := w.Header()
		if r.Method != http.MethodOptions {
			h.Set("Allow", allowed)
			WriteError(w, errMethod)
			return
		}
		if h.Get("Access-Control-Allow-Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
			h.Set("Access-Control-Allow-Methods", allowed)
			h.Set("Access-Control-Allow-Headers", "authorization, content-type")
			h.Set("Access-Control-Max-Age", "600")
		}
		h.Set("Allow", allowed+", OPTIONS")
		w.WriteHeader(http.StatusNoContent)
	})
}

// bearer takes the token from Authorization and from nowhere else (RFC 6750 2.1). Two headers are none.
func bearer(r *http.Request) authsvc.Token {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return authsvc.Token{}
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return authsvc.Token{}
	}
	return authsvc.NewToken(strings.Trim(token, " "))
}
