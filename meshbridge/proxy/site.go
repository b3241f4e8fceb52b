package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// site is an origin that sessions' pages are on, as a browser names it.
type site struct {
	origin    string // "https://host[:port]"
	socket    string // "wss://host[:port]"
	host      string // "host[:port]" as in the header Host
	ancestors string // of frames, as in a CSP
}

// sitesOf gives the origins that sessions' pages may be on: the separate one, or else the dashboards' own.
func sitesOf(origin string, dashboards []string) ([]site, error) {
	if origin == "" && len(dashboards) == 0 {
		return nil, errors.New("the session proxy needs to know the dashboard's origin or one of its own")
	}
	var ancestors []string
	for _, d := range dashboards {
		s, err := parseSite(d)
		if err != nil {
			return nil, err
		}
		ancestors = append(ancestors, s.origin)
	}
	own := dashboards
	if origin != "" {
		own = []string{origin}
	}
	var out []site
	for _, o := range own {
		s, err := parseSite(o)
		if err != nil {
			return nil, err
		}
		// The page has a frame of its own inside.
		s.ancestors = strings.Join(append(ancestors[:len(ancestors):len(ancestors)], "'self'"), " ")
		out = append(out, s)
	}
	return out, nil
}

func parseSite(origin string) (site, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" ||
		strings.ContainsAny(u.Host, " ;,'\"*") {
		return site{}, fmt.Errorf("%q is no origin such as https://dashboard.example.com", origin)
	}
	host := trimPort(strings.ToLower(u.Host), u.Scheme)
	return site{origin: u.Scheme + "://" + host, socket: strings.Replace(u.Scheme, "http", "ws", 1) + "://" + host, host: host}, nil
}

func trimPort(host, scheme string) string {
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// Reasons of requests that come from elsewhere.
const (
	reasonHost   = "HOST_UNKNOWN"
	reasonOrigin = "ORIGIN_DENIED"
)

// siteOf gives the site that a request is for, or why it is for none. A socket names its origin, always; what else names one
// names the site's own; and a browser that says that a request comes from another site may only have opened the page.
func (p *Proxy) siteOf(r *http.Request, t target) (site, string) {
	host := strings.ToLower(r.Host)
	var found []site
	for _, s := range p.sites {
		if host == s.host || host == s.host+defaultPort(s) {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return site{}, reasonHost
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		if isUpgrade(r) || !fetched(r, t) {
			return site{}, reasonOrigin
		}
		return found[0], ""
	}
	i := slices.IndexFunc(found, func(s site) bool { return s.origin == origins[0] })
	if i < 0 || len(origins) > 1 || !fetched(r, t) {
		return site{}, reasonOrigin
	}
	return found[i], ""
}

func defaultPort(s site) string {
	if strings.HasPrefix(s.origin, "https:") {
		return ":443"
	}
	return ":80"
}

// fetched reads Fetch Metadata, which old browsers and programs do not send.
func fetched(r *http.Request, t target) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin":
		return true
	case "none", "same-site", "cross-site":
		opens := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && t.rest == ""
		// What navigates is a window or a frame: never an <object> or <embed>.
		dest := r.Header.Get("Sec-Fetch-Dest")
		return opens && (dest == "" || dest == "document" || dest == "iframe")
	}
	return false
}

func isUpgrade(r *http.Request) bool {
	return r.Header.Get("Upgrade") != "" || headerHas(r.Header, "Connection", "upgrade")
}

func headerHas(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}
