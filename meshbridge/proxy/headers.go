package proxy

import (
	"net/http"
	"strings"
)

// requestHeaders are those of the browser's that go on. Cookies, identity, forwarding headers, Origin and Referer do not:
// they are the browser's business with us.
var requestHeaders = []string{
	"Accept", "Accept-Language", "User-Agent", "Content-Type", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range",
}

// responseHeaders are those of MeshCentral's that go on, with bytes that are not rewritten.
var responseHeaders = []string{
	"Accept-Ranges", "Content-Disposition", "Content-Language", "Content-Length", "Content-Range", "Content-Type", "Etag", "Last-Modified",
}

// conditions are dropped from requests whose answer is rewritten: MeshCentral's ranges and etags are not those of what goes out.
var conditions = []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"}

func pick(from http.Header, names []string) http.Header {
	out := http.Header{}
	for _, name := range names {
		if values := from.Values(name); len(values) > 0 {
			out[name] = append([]string(nil), values...)
		}
	}
	return out
}

// baseHeaders are on everything that goes out.
func baseHeaders(h http.Header, s site, prefix string) {
	h.Set("Content-Security-Policy", contentPolicy(s, prefix))
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "geolocation=(), payment=(), serial=(), usb=(), bluetooth=()")
	h.Set("X-Robots-Tag", "noindex")
}

// contentPolicy allows the page what is below the session's path. MeshCentral's page is made of inline scripts and handlers.
func contentPolicy(s site, prefix string) string {
	own := s.origin + prefix + "/"
	return strings.Join([]string{
		"default-src 'none'",
		"script-src " + own + " 'unsafe-inline'",
		"style-src " + own + " 'unsafe-inline'",
		"connect-src " + own + " " + s.socket + prefix + "/",
		"img-src " + own + " blob: data:",
		"font-src " + own + " data:",
		"media-src " + own + " blob:",
		"frame-src " + own + " blob:",
		"worker-src 'none'", "object-src 'none'", "base-uri 'none'", "form-action 'none'",
		"frame-ancestors " + s.ancestors,
	}, "; ")
}
