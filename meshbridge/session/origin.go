package session

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Origins says which hosts and pages may talk to us. Both lists hold origins as browsers write them ("https://host[:port]").
type Origins struct {
	Dashboards []string // may call the API across origins
	Proxy      string   // where sessions are shown; "" if on the dashboard's own
}

// HostAllowed says whether a request may have this Host: one of the origins', or a loopback name. Without any origin configured
// every host is ours, because the reverse proxy in front of us has a name that we do not know.
func (o Origins) HostAllowed(host string) bool {
	if len(o.Dashboards) == 0 && o.Proxy == "" {
		return host != ""
	}
	for _, origin := range append(slices.Clone(o.Dashboards), o.Proxy) {
		if h := hostOf(origin); h != "" && strings.EqualFold(h, host) {
			return true
		}
	}
	return loopback(host)
}

// hostOf gives the host of an origin as it stands in Host: without a port that is its scheme's own.
func hostOf(origin string) string {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return ""
	}
	if p := u.Port(); (u.Scheme == "https" && p == "443") || (u.Scheme == "http" && p == "80") {
		return strings.TrimSuffix(u.Host, ":"+p)
	}
	return u.Host
}

func loopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return strings.EqualFold(name, "localhost") || (err == nil && ip.IsLoopback())
}

// PageAllowed judges the Origin of a request: none (no page, or a plain GET of our own), our own, or a dashboard's. The proxy's
// origin is not one of them where it is a separate one: what runs there came from a device.
func (o Origins) PageAllowed(r *http.Request) bool {
	values := r.Header.Values("Origin")
	switch len(values) {
	case 0:
		return true
	case 1:
	default:
		return false
	}
	origin := values[0]
	if slices.Contains(o.Dashboards, origin) {
		return true
	}
	if o.Proxy != "" && (origin == o.Proxy || strings.EqualFold(hostOf(o.Proxy), r.Host)) {
		return false
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.Path == "" && strings.EqualFold(hostOf(origin), r.Host)
}

// The refusals of what is not about a session.
var (
	errHost      = &Error{http.StatusMisdirectedRequest, "HOST_DENIED", "This host name is not served here.", 0}
	errOrigin    = &Error{http.StatusForbidden, "ORIGIN_DENIED", "This page may not use remote access.", 0}
	errNoPath    = &Error{http.StatusNotFound, "NOT_FOUND", "There is nothing here.", 0}
	errMethod    = &Error{http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "This method is not allowed here.", 0}
	errTooLarge  = &Error{http.StatusRequestEntityTooLarge, "BODY_TOO_LARGE", "The request is too large.", 0}
	errMediaType = &Error{http.StatusUnsupportedMediaType, "MEDIA_TYPE", "The body must be application/json.", 0}
)
