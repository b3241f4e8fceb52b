package proxy

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/everydaytech/meshsso/meshbridge/session"
)

// problem is RFC 9457's, with a stable code for programs and a message for a person.
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// What MeshCentral's troubles are called. None of them names it.
var (
	problemNotFound = session.Error{Status: http.StatusNotFound, Code: "NOT_FOUND", Message: "There is nothing here."}
	problemForeign  = session.Error{Status: http.StatusForbidden, Code: "ORIGIN_DENIED", Message: "This address is used by the dashboard only."}
	problemUnknown  = session.Error{Status: http.StatusServiceUnavailable, Code: "UNAVAILABLE", Message: "Sessions cannot be checked at the moment. Try again in a moment.", RetryAfter: 5 * time.Second}
	problemTooMany  = session.Error{Status: http.StatusTooManyRequests, Code: "TOO_MANY_CONNECTIONS", Message: "This session has too many open connections.", RetryAfter: 5 * time.Second}
	problemGone     = session.Error{Status: http.StatusServiceUnavailable, Code: "UPSTREAM_UNAVAILABLE", Message: "The remote access server cannot be reached. Try again in a moment.", RetryAfter: 5 * time.Second}
	problemSlow     = session.Error{Status: http.StatusGatewayTimeout, Code: "UPSTREAM_TIMEOUT", Message: "The remote access server does not answer. Try again in a moment."}
	problemTLS      = session.Error{Status: http.StatusBadGateway, Code: "UPSTREAM_UNTRUSTED", Message: "The remote access server could not be verified. Tell your administrator."}
	problemGarbage  = session.Error{Status: http.StatusBadGateway, Code: "UPSTREAM_INVALID", Message: "The remote access server gave an answer that could not be used."}
)

// errUnexpected says that MeshCentral answered otherwise than what was reviewed.
var errUnexpected = errors.New("MeshCentral's answer is not one of those that were reviewed")

// upstreamProblem says what is wrong with MeshCentral, without its name.
func upstreamProblem(err error) session.Error {
	var timeout net.Error
	var unverified *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var known *session.Error
	switch {
	case errors.As(err, &known):
		return *known
	case errors.As(err, &unverified), errors.As(err, &unknown), strings.Contains(err.Error(), "pinned"):
		return problemTLS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return problemSlow
	case errors.Is(err, errUnexpected), strings.Contains(err.Error(), "malformed"):
		return problemGarbage
	}
	return problemGone
}

func writeProblem(w http.ResponseWriter, r *http.Request, dashboards []string, e session.Error) {
	h := w.Header()
	for _, name := range responseHeaders {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	}
	if opensPage(r) {
		writePage(w, dashboards, e)
		return
	}
	body, err := json.Marshal(problem{"about:blank", http.StatusText(e.Status), e.Status, e.Code, e.Message})
	if err != nil {
		body = []byte("{}")
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(e.Status)
	_, _ = w.Write(append(body, '\n'))
}

// opensPage says whether a person would look at the answer.
func opensPage(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// writePage tells a person, and the dashboard around the frame.
func writePage(w http.ResponseWriter, dashboards []string, e session.Error) {
	said, err := json.Marshal(map[string]any{"type": "meshsso:problem", "code": e.Code, "status": e.Status})
	to, err2 := json.Marshal(dashboards)
	if err != nil || err2 != nil || dashboards == nil {
		said, to = []byte("null"), []byte("[]")
	}
	script := "if (parent !== window) { " + string(to) + ".forEach(function (o) { try { parent.postMessage(" + string(said) + ", o); } catch (e) { } }); }"
	sum := sha256.Sum256([]byte(script))
	h := w.Header()
	ancestors := "'none'"
	if _, kept, ok := strings.Cut(h.Get("Content-Security-Policy"), "frame-ancestors "); ok {
		ancestors = kept
	}
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; base-uri 'none'; form-action 'none'; frame-ancestors "+ancestors)
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(e.Status)
	_, _ = w.Write([]byte("<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>" + html.EscapeString(http.StatusText(e.Status)) +
		"</title><p role=\"alert\" data-code=\"" + html.EscapeString(e.Code) + "\">" + html.EscapeString(e.Message) + "</p><script>" + script + "</script></html>\n"))
}

var forbidden = session.Error{Status: http.StatusForbidden, Code: "ACCESS_DENIED", Message: "This session may not do that."}

// leftProblem answers the page's own way out.
var leftProblem = session.Error{Status: http.StatusUnauthorized, Code: "SESSION_LEFT", Message: "The session was left. Open it again from the dashboard."}
