package proxy

import (
	"net/http"

	"github.com/everydaytech/meshsso/meshbridge/policy"
)

// kindOfAnswer says what becomes of an answer to a path.
type kindOfAnswer int

const (
	asIs     kindOfAnswer = iota // streamed
	asPage                       // HTML that was reviewed
	asText                       // small: names are taken out
	asFile                       // streamed and saved, never shown
	asSocket                     // control.ashx, meshrelay.ashx
	asLeft                       // answered here
)

// paths are those of the table that the proxy carries. Not here although the table has them: settings for MeshCmd, which name
// the server (meshagents), and what a full site administrator sees.
var paths = map[string]kindOfAnswer{
	"": asPage, "xterm": asPage, "messenger": asPage, "commander.ashx": asPage,
	"refresh.ashx": asText, "pluginHandler.js": asText, "devicepowerevents.ashx": asText,
	"userimage.ashx": asIs, "devicefile.ashx": asFile,
	"control.ashx": asSocket, "meshrelay.ashx": asSocket,
	"login": asLeft, "logout": asLeft,
}

// serve answers a request of a session that was let in.
func (v *visit) serve(w http.ResponseWriter, r *http.Request) {
	rest := v.target.rest
	upgrade := isUpgrade(r)
	switch {
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		v.p.refuse(w, r, v, "body", policy.ReasonUnknownRequest) // the table has nothing that takes one
	case upgrade && !isWebSocket(r):
		v.p.refuse(w, r, v, "upgrade", policy.ReasonUnknownRequest)
	case isStatic(rest) && !upgrade && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		v.live.Use()
		w.Header().Set("Cache-Control", "private, max-age=3600")
		kind := asIs
		if operators(rest) {
			kind = asText
		}
		v.forward(w, r, kind, "")
	default:
		v.serveListed(w, r, upgrade)
	}
}

func (v *visit) serveListed(w http.ResponseWriter, r *http.Request, upgrade bool) {
	kind, listed := paths[v.target.rest]
	method := r.Method
	if upgrade {
		method = "WS"
	}
	if !listed || upgrade != (kind == asSocket) {
		v.p.refuse(w, r, v, v.target.rest, policy.ReasonUnknownRequest)
		return
	}
	if kind == asLeft {
		writeProblem(w, r, v.p.cfg.Dashboards, leftProblem)
		return
	}
	request, refusal := v.p.engine.Request(method, v.target.rest, withoutKey(v.target.query), v.person)
	if refusal != nil {
		v.p.refuse(w, r, v, refusal.Kind(), refusal.Reason)
		return
	}
	for _, name := range request.Dropped {
		v.p.counts.note(r.Context(), surfaceHTTP, v.target.rest+"."+name, "FIELD_UNKNOWN", v.session.ID)
	}
	if v.target.rest != "refresh.ashx" {
		v.live.Use()
	}
	w.Header().Set("Cache-Control", "no-store")
	switch v.target.rest {
	case "control.ashx":
		v.control(w, r)
	case "meshrelay.ashx":
		v.tunnel(w, r, request)
	default:
		v.forward(w, r, kind, request.Encode())
	}
}

// withoutKey drops MeshCentral's loginKey: a browser knows none, and whoever guesses goes no further for it.
func withoutKey(query []policy.Argument) []policy.Argument {
	var out []policy.Argument
	for _, a := range query {
		if a.Name != "key" {
			out = append(out, a)
		}
	}
	return out
}

// isWebSocket says whether an upgrade is one to WebSocket, as RFC 6455, section 4.2.1, wants it.
func isWebSocket(r *http.Request) bool {
	return r.Method == http.MethodGet && r.ProtoMajor == 1 && headerHas(r.Header, "Connection", "upgrade") && headerHas(r.Header, "Upgrade", "websocket") &&
		r.Header.Get("Sec-WebSocket-Version") == "13" && len(r.Header.Values("Sec-WebSocket-Key")) == 1 && len(r.Header.Get("Sec-WebSocket-Key")) == 24
}
