package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/everydaytech/meshsso/meshbridge/policy"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

// Prefix is where sessions' pages are: Prefix + token + "/".
const Prefix = "/api/meshcentral/proxy/"

// The cookies that bind a session to a browser and a browser to a person. Package session sets them.
const (
	SessionCookie = "__Secure-meshsso_session"
	PersonCookie  = "__Secure-meshsso_person"
)

// Sessions says whose session a request is. Errors are *session.Error; any other means that it cannot be known now.
type Sessions interface {
	// Enter says whose session a request names, by the token in its path and its two cookies.
	Enter(ctx context.Context, token string, b session.Binding) (Live, error)
	// Redeem trades the single-use ticket of a proxy URL for the cookies.
	Redeem(ctx context.Context, token, ticket string, c session.Client) ([]*http.Cookie, Live, error)
}

// Live is a session that this replica serves at the moment.
type Live interface {
	Session() session.Session
	// Done is closed when it ended or lost its right; then Err says why.
	Done() <-chan struct{}
	Err() error
	// Check asks at once whether it ended, and closes Done if so.
	Check(ctx context.Context)
	// Use says that there is traffic.
	Use()
	// Tunnel says that a tunnel of that kind opened.
	Tunnel(kind string) Tunnel
	Denied(reason string)
}

// Tunnel is one open tunnel, for the audit.
type Tunnel interface {
	Close(bytesUp, bytesDown int64)
}

// Identity puts the session principal's credentials on a request to MeshCentral.
type Identity interface {
	Identify(ctx context.Context, s session.Session, out *http.Request) error
	PrincipalID(s session.Session) string
}

// Upstream reaches MeshCentral over verified TLS (meshbridge/upstream).
type Upstream interface {
	URL() *url.URL
	HTTPTransport() *http.Transport
	DialTLS(ctx context.Context) (net.Conn, error)
	// DialTLSOver is DialTLS over what wrap makes of the connection below TLS.
	DialTLSOver(ctx context.Context, wrap func(net.Conn) net.Conn) (net.Conn, error)
}

// Config says what a Proxy needs. All but Origin, Title and Random's default are required.
type Config struct {
	Sessions Sessions
	Identity Identity
	Upstream Upstream
	Policy   *policy.Table
	// Seal is the key of what the browser carries in place of MeshCentral's cookies.
	Seal [32]byte
	// Dashboards are the origins of pages that may frame a session's; without Origin a session's page is on one of them.
	Dashboards []string
	// Origin is a separate one for sessions' pages, "" for none.
	Origin string
	// ClientIP gives a client's address, by the proxies that are trusted.
	ClientIP func(*http.Request) netip.Addr
	// Title stands where MeshCentral's page has the operator's title; "" is "Remote session".
	Title   string
	Log     *slog.Logger
	Metrics prometheus.Registerer
	// Limits are for tests; zero values have defaults.
	Limits Limits
}

// Limits bound what one client can make the proxy wait for.
type Limits struct {
	Stall    time.Duration // a peer that does not read: 60 s
	Answer   time.Duration // MeshCentral's answer to an upgrade: 30 s
	Partial  time.Duration // the rest of a frame that has to be read whole: 30 s
	Farewell time.Duration // the other side's end of a closing handshake: 1.5 s
}

func (l *Limits) defaults() {
	for _, one := range []struct {
		limit   *time.Duration
		usually time.Duration
	}{{&l.Stall, time.Minute}, {&l.Answer, 30 * time.Second}, {&l.Partial, 30 * time.Second}, {&l.Farewell, 1500 * time.Millisecond}} {
		if *one.limit == 0 {
			*one.limit = one.usually
		}
	}
}

// Proxy serves everything below Prefix. Make it with New, end it with Close.
type Proxy struct {
	cfg       Config
	engine    *policy.Engine
	sites     []site
	seal      sealer
	names     *names
	counts    *counts
	transport *http.Transport
	forwarder http.Handler
	open      openSockets
	// sockets counts what outlives its request's handler; closing ends all of it.
	sockets sync.WaitGroup
	closing chan struct{}
	once    sync.Once
}

// New makes a Proxy. Errors: an origin that is none; no origin at all.
func New(cfg Config) (*Proxy, error) {
	cfg.Limits.defaults()
	if cfg.Title == "" {
		cfg.Title = "Remote session"
	}
	sites, err := sitesOf(cfg.Origin, cfg.Dashboards)
	if err != nil {
		return nil, err
	}
	seal, err := newSealer(cfg.Seal)
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		cfg: cfg, engine: policy.Compile(cfg.Policy), sites: sites, seal: seal, names: newNames(cfg.Upstream.URL(), sites),
		transport: cfg.Upstream.HTTPTransport(), closing: make(chan struct{}),
	}
	if p.counts, err = newCounts(cfg.Metrics, cfg.Policy, cfg.Log); err != nil {
		return nil, err
	}
	p.transport.DialTLSContext = p.dial
	p.forwarder = p.newForwarder()
	return p, nil
}

// dial notes MeshCentral's address, which no browser is to see.
func (p *Proxy) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	conn, err := p.cfg.Upstream.DialTLS(ctx)
	if err != nil {
		return nil, err
	}
	p.names.address(conn.RemoteAddr())
	return conn, nil
}

// Close ends every tunnel and waits for them.
func (p *Proxy) Close() {
	p.once.Do(func() { close(p.closing) })
	p.sockets.Wait()
	p.transport.CloseIdleConnections()
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t, ok := parseTarget(r)
	if !ok {
		p.refuse(w, r, nil, "path", policy.ReasonUnknownRequest)
		return
	}
	s, reason := p.siteOf(r, t)
	if reason != "" {
		p.refuse(w, r, nil, "origin", reason)
		return
	}
	baseHeaders(w.Header(), s, Prefix+t.token)
	if t.bare {
		http.Redirect(w, r, Prefix+t.token+"/", http.StatusPermanentRedirect)
		return
	}
	if t.ticket != "" {
		p.redeem(w, r, t)
		return
	}
	live, err := p.cfg.Sessions.Enter(r.Context(), t.token, p.binding(r))
	if err != nil {
		p.fail(w, r, known(err))
		return
	}
	v := &visit{p: p, site: s, target: t, live: live, session: live.Session()}
	v.person = v.newPerson()
	v.serve(w, r)
}

func (p *Proxy) client(r *http.Request) session.Client {
	return session.Client{IP: p.cfg.ClientIP(r), UserAgent: r.UserAgent()}
}

func (p *Proxy) binding(r *http.Request) session.Binding {
	return session.Binding{SessionCookie: cookie(r, SessionCookie), PersonCookie: cookie(r, PersonCookie), Client: p.client(r)}
}

// cookie gives a cookie's value; one that comes twice is none.
func cookie(r *http.Request, name string) string {
	if found := r.CookiesNamed(name); len(found) == 1 {
		return found[0].Value
	}
	return ""
}

// redeem trades the ticket for cookies and takes it out of the address. A page that is loaded anew with its old address has
// the cookies already.
func (p *Proxy) redeem(w http.ResponseWriter, r *http.Request, t target) {
	cookies, _, err := p.cfg.Sessions.Redeem(r.Context(), t.token, t.ticket, p.client(r))
	if err != nil {
		if _, entered := p.cfg.Sessions.Enter(r.Context(), t.token, p.binding(r)); entered != nil {
			p.fail(w, r, known(err))
			return
		}
	}
	for _, c := range cookies {
		http.SetCookie(w, c)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", Prefix+t.token+"/"+t.queryText())
	w.WriteHeader(http.StatusFound)
}

// known gives an error of Sessions, or that nobody can know now.
func known(err error) error {
	var said *session.Error
	if errors.As(err, &said) {
		return err
	}
	return &problemUnknown
}

// fail answers an error of Sessions or of MeshCentral.
func (p *Proxy) fail(w http.ResponseWriter, r *http.Request, err error) {
	var said *session.Error
	if errors.As(err, &said) {
		writeProblem(w, r, p.cfg.Dashboards, *said)
		return
	}
	if r.Context().Err() != nil {
		return // the client is gone
	}
	p.cfg.Log.WarnContext(r.Context(), "session proxy: a request failed", "error", p.names.redactText(err.Error()))
	writeProblem(w, r, p.cfg.Dashboards, upstreamProblem(err))
}
