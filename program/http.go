package program

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory"
	"github.com/everydaytech/meshsso/meshbridge/embed"
	"github.com/everydaytech/meshsso/meshbridge/keys"
	"github.com/everydaytech/meshsso/meshbridge/proxy"
	"github.com/everydaytech/meshsso/meshbridge/session"
	"github.com/everydaytech/meshsso/meshbridge/sessiontoken"
)

// sessionProxy is the second listener: sessions and what serves them.
type sessionProxy struct {
	pool     *pgxpool.Pool
	sessions *session.Service
	mesh     *meshSide
	pages    *proxy.Proxy
	server   *http.Server
	listen   string
	log      *slog.Logger
}

// newSessionProxy is the wiring of the session proxy; nil if it is off. Its pool is its own: whoever asks for sessions that do
// not exist must not keep people from signing on.
func newSessionProxy(ctx context.Context, cfg config, around surroundings, registry *prometheus.Registry, log *slog.Logger) (*sessionProxy, error) {
	if !cfg.proxy.on {
		log.Info("the session proxy is off: MESHCENTRAL_URL is not set, or --http-listen is off")
		return nil, nil
	}
	pool, err := newPool(ctx, cfg)
	if err != nil {
		return nil, err
	}
	p := cfg.proxy
	mesh := newMeshSide(p, pool, around, log)
	sessions := session.New(session.Config{
		Auth: around.auth, Presence: mesh.presence, DB: pool, Keys: p.keys, Lifetime: p.expiry, Idle: p.idle, Recheck: cfg.cacheTTL, MinRole: p.minRole,
		ProxyOrigin: p.origin, Timeout: cfg.queryTimeout, Ended: mesh.ended, Log: log,
		Restore: around.rules.Restore, RulesVersion: around.rules.Version,
	})
	sessions.Register(registry)
	mesh.meet(sessions)
	pages, err := proxy.New(proxy.Config{
		Sessions: proxySessions{sessions}, Identity: mesh.identity, Upstream: p.upstream, Policy: around.policy, Seal: p.keys.Key(keys.Seal),
		Dashboards: p.dashboards, Origin: p.origin, Log: log, Metrics: registry,
		ClientIP: func(r *http.Request) netip.Addr { return session.ClientOf(r, p.trusted).IP },
	})
	if err != nil {
		pool.Close()
		return nil, err
	}
	api := &session.API{Service: sessions, Origins: session.Origins{Dashboards: p.dashboards, Proxy: p.origin}, Trusted: p.trusted, Log: log}
	if p.direct {
		api.DirectEmbed = p.meshURL
	}
	mux := http.NewServeMux()
	api.Register(mux)
	embed.Register(mux)
	mux.Handle(proxy.Prefix, pages)
	return &sessionProxy{pool: pool, sessions: sessions, mesh: mesh, pages: pages, server: newHTTPServer(mux, log), listen: p.listen, log: log}, nil
}

// keeper answers the shim's questions about sessions; it knows none if the proxy is off.
func (p *sessionProxy) keeper(cfg config, people authsvc.Directory) *authsvc.Sessions {
	if p == nil {
		return &authsvc.Sessions{}
	}
	verifier := sessiontoken.NewVerifier(cfg.proxy.keys.Key(keys.SessionToken), nil)
	return &authsvc.Sessions{
		Verifier: verifier, Finder: session.Finder{Service: p.sessions}, Pools: authsvc.Pools{Tenants: people, Devices: people},
	}
}

// newHTTPServer bounds what a client can hold on to before it has said who it is; what streams has its own bounds.
func newHTTPServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: log.New(redactedLog{logger}, "", 0),
	}
}

// redactedLog takes net/http's own lines, which can quote a URL.
type redactedLog struct{ log *slog.Logger }

func (l redactedLog) Write(line []byte) (int, error) {
	l.log.Warn("http", "message", session.Redact(strings.TrimSpace(string(line))))
	return len(line), nil
}

// reset has every connection made anew, after the database was away.
func (p *sessionProxy) reset() {
	if p != nil {
		p.pool.Reset()
	}
}

func (p *sessionProxy) close() {
	if p != nil {
		p.pool.Close()
	}
}

// check adds what sessions need to the check of the schema.
func (p *sessionProxy) check(ctx context.Context, conn *pgx.Conn) error {
	if p == nil {
		return nil
	}
	faults, err := session.CheckStore(ctx, conn)
	if err == nil && len(faults) > 0 {
		err = fmt.Errorf("%w:\n  %s", directory.ErrSchema, strings.Join(faults, "\n  "))
	}
	return err
}

// start listens and serves; stop it. failed gets an error if the listener breaks.
func (p *sessionProxy) start(ctx context.Context, failed chan<- error) (stop func(), err error) {
	if p == nil {
		return func() {}, nil
	}
	if err := p.mesh.check(ctx, p.log); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", p.listen)
	if err != nil {
		return nil, fmt.Errorf("--http-listen %s: %w; choose another or off", p.listen, err)
	}
	runCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		p.sessions.Run(runCtx)
	}()
	meshRan := make(chan struct{})
	go func() {
		defer close(meshRan)
		p.mesh.run(runCtx)
	}()
	go func() {
		if err := p.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	if host, _, _ := net.SplitHostPort(p.listen); !isLoopback(host) {
		p.log.Warn("the session proxy speaks plain HTTP to other machines: only your own TLS proxy may reach it", "listen", l.Addr().String())
	}
	p.log.Info("session proxy serving", "listen", l.Addr().String())
	return func() {
		cancel() // ends what is open, so that Shutdown does not wait for it
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer done()
		if p.server.Shutdown(ctx) != nil {
			_ = p.server.Close()
		}
		p.pages.Close()
		<-ran
		<-meshRan
		p.mesh.close()
	}, nil
}
