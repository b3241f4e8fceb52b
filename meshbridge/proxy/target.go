package proxy

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/everydaytech/meshsso/meshbridge/policy"
)

const (
	maxPath  = 512
	maxQuery = 8192
)

var (
	tokenShape = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	// MeshCentral's own paths need no more: whatever has to be encoded or climbs is none of them.
	restShape = regexp.MustCompile(`^(?:[A-Za-z0-9_@-][A-Za-z0-9._@-]*(?:/[A-Za-z0-9_@-][A-Za-z0-9._@-]*)*)?$`)
)

// target is what a request asks for.
type target struct {
	token  string
	rest   string // below the session's path, without the leading "/"
	bare   bool   // the session's path without the trailing "/"
	query  []policy.Argument
	ticket string
}

// parseTarget reads a request's path and query as they came over the wire; what is written in an unusual way is no target.
func parseTarget(r *http.Request) (target, bool) {
	raw := r.URL.EscapedPath()
	after, ok := strings.CutPrefix(raw, Prefix)
	if !ok || len(raw) > maxPath || len(r.URL.RawQuery) > maxQuery || r.URL.Opaque != "" || r.URL.IsAbs() {
		return target{}, false
	}
	token, rest, slash := strings.Cut(after, "/")
	t := target{token: token, rest: rest, bare: !slash}
	if !tokenShape.MatchString(token) || !restShape.MatchString(rest) || t.bare && r.Method != http.MethodGet {
		return target{}, false
	}
	if t.query, ok = parseQuery(r.URL.RawQuery); !ok {
		return target{}, false
	}
	if rest == "" && r.Method == http.MethodGet {
		t.takeTicket()
	}
	return t, true
}

// parseQuery reads a query in its order. Errors: what Go's and MeshCentral's parsers could read differently.
func parseQuery(raw string) ([]policy.Argument, bool) {
	if raw == "" {
		return nil, true
	}
	if strings.ContainsAny(raw, ";\x00#") {
		return nil, false
	}
	var out []policy.Argument
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, false
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, false
		}
		out = append(out, policy.Argument{Name: name, Value: value})
	}
	return out, true
}

func (t *target) takeTicket() {
	var rest []policy.Argument
	for _, a := range t.query {
		if a.Name == "ticket" {
			t.ticket = a.Value
			continue
		}
		rest = append(rest, a)
	}
	t.query = rest
}

// queryText writes the query for an address, with "?".
func (t *target) queryText() string {
	if len(t.query) == 0 {
		return ""
	}
	r := policy.Request{Query: t.query}
	return "?" + r.Encode()
}
