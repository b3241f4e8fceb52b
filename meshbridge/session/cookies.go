package session

import "net/http"

// The two cookies that bind a session to a browser and a person. The prefix makes browsers insist on Secure.
const (
	SessionCookie = "__Secure-meshsso_session"
	PersonCookie  = "__Secure-meshsso_person"
)

// ProxyPath is where sessions are served; the token and "/" follow.
const ProxyPath = "/api/meshcentral/proxy/"

const apiPath = "/api/meshcentral"

// Binding is what a browser shows besides the token in the path.
type Binding struct {
	SessionCookie string
	PersonCookie  string
	Client        Client
}

// BindingOf reads a request's cookies. A cookie that comes twice is none: a planted one must not stand in for ours.
func BindingOf(r *http.Request, c Client) Binding {
	return Binding{SessionCookie: onlyCookie(r, SessionCookie), PersonCookie: onlyCookie(r, PersonCookie), Client: c}
}

func onlyCookie(r *http.Request, name string) string {
	found := r.CookiesNamed(name)
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}

// cookies makes both.
func (s *Service) cookies(token, secret string, mark string) []*http.Cookie {
	return []*http.Cookie{s.cookie(SessionCookie, ProxyPath+token, secret, 0), s.cookie(PersonCookie, apiPath, mark, 0)}
}

// cookie makes one that ends with the browser, or at once (maxAge -1). On an origin of its own the proxy is in a cross-site
// frame: only partitioned cookies come back there.
func (s *Service) cookie(name, path, value string, maxAge int) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: path, MaxAge: maxAge, HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode}
	if s.cfg.ProxyOrigin != "" {
		c.SameSite, c.Partitioned = http.SameSiteNoneMode, true
	}
	return c
}

// forget makes the browser drop the person's cookie.
func (s *Service) forget() *http.Cookie { return s.cookie(PersonCookie, apiPath, "", -1) }
