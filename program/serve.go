package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/everydaytech/meshsso/authsvc/directory"
	"github.com/everydaytech/meshsso/authsvc/grpcapi"
	"github.com/everydaytech/meshsso/meshbridge"
	"github.com/everydaytech/meshsso/migrations"
)

type serveCmd struct{ serveFlags }

const (
	poolSize     = 10
	drainTimeout = 10 * time.Second
)

// Run serves until ctx ends.
func (c serveCmd) Run(ctx context.Context, e env) error {
	hup := make(chan os.Signal, 1) // from the first moment on: what nobody listens for ends the process
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	cfg, err := c.readConfig(e)
	if err != nil {
		return err
	}
	log := newLogger(e.stderr, cfg.level)
	for _, note := range cfg.db.notes {
		log.Warn("database connection", "note", note)
	}
	a, err := newApp(ctx, cfg, log)
	if err != nil {
		return err
	}
	a.hup = hup
	defer a.pool.Close()
	defer a.proxy.close()
	defer a.server.Stop() // also if it never served: its workers wait already
	return a.serve(ctx, cfg)
}

func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}

// app is the wired program.
type app struct {
	log     *slog.Logger
	pool    *pgxpool.Pool
	monitor *directory.Monitor
	server  *grpc.Server
	health  *grpcapi.Health
	metrics *prometheus.Registry
	rules   *liveRules
	hup     <-chan os.Signal // nil: never
	proxy   *sessionProxy    // nil: off
	rights  string           // the way of device rights, for the log
}

// newApp is the whole wiring: who talks to whom is visible here and nowhere else.
func newApp(ctx context.Context, cfg config, log *slog.Logger) (*app, error) {
	policy, err := meshbridge.NewPolicy()
	if err != nil {
		return nil, fmt.Errorf("building the policy: %w", err)
	}
	pool, err := newPool(ctx, cfg)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	var opts []grpc.ServerOption
	if cfg.listen.tls != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(cfg.listen.tls)))
	}
	server, health := grpcapi.NewServer(log, opts...)

	cache := directory.NewCached(directory.NewPostgres(pool, cfg.queryTimeout, nil), cacheConfig(cfg.tuning))
	monitor := &directory.Monitor{
		Connect:  func(ctx context.Context) (*pgx.Conn, error) { return pgx.ConnectConfig(ctx, cfg.conn.Copy()) },
		OnChange: health.Set,
		Log:      log,
	}
	people := directory.Gated{Inner: cache, Open: &monitor.Open}
	live, err := newLiveRules(cfg.rules, people, log)
	if err != nil {
		pool.Close()
		server.Stop()
		return nil, configError{err}
	}
	bridge := meshbridge.New(meshbridge.Config{Domains: cfg.domains, Groups: cfg.cacheSize, Rights: cfg.rights, Log: log, Profiles: live.Profiles}, people)
	proxy, err := newSessionProxy(ctx, cfg, surroundings{auth: live, people: people, policy: policy, rules: live}, registry, log)
	if err != nil {
		pool.Close()
		server.Stop()
		return nil, err
	}
	api := &grpcapi.Server{
		Auth: live, Sessions: proxy.keeper(cfg, people), Mapper: bridge, Groups: bridge, Policy: policy, Metrics: grpcapi.NewMetrics(registry), Log: log,
		Lifetime: cfg.cacheTTL,
	}
	api.Register(server)
	monitor.Check = func(ctx context.Context, conn *pgx.Conn) error {
		if err := checkSchema(ctx, conn); err != nil {
			return err
		}
		return proxy.check(ctx, conn)
	}
	monitor.OnUp = func() { pool.Reset(); proxy.reset(); cache.Purge() }
	live.onState = health.SetRules
	registry.MustRegister(live)
	registerMetrics(registry, cache, bridge, pool, monitor)
	return &app{log: log, pool: pool, monitor: monitor, server: server, health: health, metrics: registry, rules: live, proxy: proxy, rights: cfg.rights.String()}, nil
}

func newPool(ctx context.Context, cfg config) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig("host=/nowhere user=x dbname=x sslmode=disable")
	if err != nil {
		return nil, fmt.Errorf("making the pool: %w", err)
	}
	pc.ConnConfig, pc.MaxConns = cfg.conn.Copy(), poolSize
	return pgxpool.NewWithConfig(ctx, pc)
}

func checkSchema(ctx context.Context, conn *pgx.Conn) error {
	return directory.CheckSchema(ctx, conn, migrations.Version)
}

// serve runs until ctx ends or a listener fails, then drains.
func (a *app) serve(ctx context.Context, cfg config) error {
	if err := a.firstLook(ctx, cfg); err != nil {
		return err
	}
	listener, err := cfg.listen.listen()
	if err != nil {
		return err
	}
	page, err := startMetricsPage(cfg.metrics, a.metrics)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer page.stop()
	return a.run(ctx, listener)
}

// firstLook ends the program if the database answers and does not fit: no waiting will mend that. One that is away is
// waited for, denying everything.
func (a *app) firstLook(ctx context.Context, cfg config) error {
	look, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := a.monitor.Connect(look)
	if err != nil {
		a.log.Warn("PostgreSQL cannot be reached yet: serving denials until it can", "address", cfg.db.address())
		return nil
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := a.monitor.Check(look, conn); errors.Is(err, directory.ErrSchema) {
		return err
	}
	return nil
}

func (a *app) run(ctx context.Context, listener net.Listener) error {
	watchCtx, stopWatch := context.WithCancel(context.WithoutCancel(ctx))
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		a.monitor.Run(watchCtx)
	}()
	followed := a.followRules(watchCtx)
	failed := make(chan error, 2)
	stopProxy, err := a.proxy.start(ctx, failed)
	if err != nil {
		stopWatch()
		<-watched
		<-followed
		return errors.Join(err, listener.Close())
	}
	go func() { failed <- a.server.Serve(listener) }()
	a.log.Info("meshsso serving", "device_rights", a.rights, "listen", listener.Addr().String(), "version", versionText())
	select {
	case <-ctx.Done():
		a.log.Info("draining")
		stopProxy()
		a.drain()
		err = <-failed
	case err = <-failed:
		stopProxy()
	}
	stopWatch()
	<-watched
	<-followed
	_ = listener.Close()
	a.log.Info("stopped")
	return err
}

// followRules keeps the claims mapping in step with its files, and reads it anew at SIGHUP, until ctx ends; then the channel closes.
func (a *app) followRules(ctx context.Context) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.rules.run(ctx, a.hup)
	}()
	return done
}

// drain answers what is under way, for drainTimeout at most; health says NOT_SERVING meanwhile.
func (a *app) drain() {
	a.health.Shutdown()
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.server.GracefulStop()
	}()
	timer := time.NewTimer(drainTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		a.server.Stop()
		<-done
	}
}
