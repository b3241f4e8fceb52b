package program

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/everydaytech/meshsso/authsvc"
)

// lookEvery is how often the files are looked at: a mounted configuration changes without a signal. A change counts at the second look.
const lookEvery = time.Second

// liveRules answers by the newest generation that could be made. A generation that cannot be made changes nothing: the former one
// goes on, and health, a metric and the log say so. Safe for concurrent use.
type liveRules struct {
	maker   *ruleMaker
	people  authsvc.Directory
	current atomic.Pointer[generation]
	refused atomic.Bool // a newer content of the files
	read    *reading    // last, taken or refused; run's own
	seen    *reading    // another content, at the last look

	loads, refusals atomic.Uint64
	onState         func(good bool) // health
	log             *slog.Logger
}

// generation is one set of rules at work.
type generation struct {
	*rules
	service *authsvc.Service
}

// newLiveRules makes the first generation, without which there is none. Errors: everything that is wrong with it.
func newLiveRules(maker *ruleMaker, people authsvc.Directory, log *slog.Logger) (*liveRules, error) {
	l := &liveRules{maker: maker, people: people, log: log, onState: func(bool) {}}
	first, read, err := maker.make(nil)
	if err != nil {
		return nil, err
	}
	l.read = read
	l.take(first)
	return l, nil
}

func (l *liveRules) take(r *rules) {
	service := &authsvc.Service{Verifier: r.verifier, Users: l.people, Tenants: l.people, Devices: l.people, Roles: r.roles, Version: r.version()}
	l.current.Store(&generation{rules: r, service: service})
	l.loads.Add(1)
}

// Authenticate is authsvc.Service's, by the rules that hold when it answers.
func (l *liveRules) Authenticate(ctx context.Context, token authsvc.Token) (*authsvc.Identity, authsvc.Subject, error) {
	for {
		g := l.current.Load()
		id, subject, err := g.service.Authenticate(ctx, token)
		if l.current.Load() == g {
			return id, subject, err
		}
	}
}

// Identify is authsvc.Service's, by the rules that hold when it answers.
func (l *liveRules) Identify(ctx context.Context, claims authsvc.Claims) (*authsvc.Identity, error) {
	for {
		g := l.current.Load()
		id, err := g.service.Identify(ctx, claims)
		if l.current.Load() == g {
			return id, err
		}
	}
}

// Restore makes the claims of a session's row again.
func (l *liveRules) Restore(issuer string, payload []byte, stored authsvc.Claims) (authsvc.Claims, error) {
	return l.current.Load().restore(issuer, payload, stored)
}

// Profiles gives what roles may give in a tenant.
func (l *liveRules) Profiles(tenantID string) []*authsvc.Profile {
	if p := l.current.Load().policy; p != nil {
		return p.Profiles(tenantID)
	}
	return nil
}

// Version is that of the rules that hold now.
func (l *liveRules) Version() string { return l.current.Load().version() }

// run follows the files until ctx ends. A signal has them read at once, whether they changed or not.
func (l *liveRules) run(ctx context.Context, hup <-chan os.Signal) {
	l.startSources(ctx, nil)
	defer func() { l.stopSources(l.current.Load().sources, nil) }()
	if l.maker.path == "" {
		<-ctx.Done()
		return
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			l.log.Info("SIGHUP: reading the configuration again")
			l.reload(ctx)
		case <-look.C:
			if l.changed() {
				l.reload(ctx)
			}
		}
	}
}

// changed says whether the files hold something else, and held it at the look before, too: a file that is being written may be sound
// YAML already, and lack the rules at its end.
func (l *liveRules) changed() bool {
	now := l.read.again()
	before := l.seen
	if l.seen = now; now.same(l.read) {
		return false
	}
	return now.same(before)
}

func (l *liveRules) reload(ctx context.Context) {
	former := l.current.Load()
	next, read, err := l.maker.make(former.rules)
	l.read = read
	if err != nil {
		l.refused.Store(true)
		l.refusals.Add(1)
		l.onState(false)
		l.log.Error("the new configuration is refused, the former one goes on", "error", err.Error(), "version", former.version())
		return
	}
	l.take(next)
	l.startSources(ctx, former.sources)
	l.stopSources(former.sources, next.sources)
	l.refused.Store(false)
	l.onState(true)
	l.log.Info("claims mapping loaded", "version", next.version(), "former", former.version())
}

// startSources runs the sources of the current generation that former had not.
func (l *liveRules) startSources(ctx context.Context, former map[string]*keySource) {
	for made, s := range l.current.Load().sources {
		if former[made] != nil {
			continue
		}
		var run context.Context
		run, s.stop = context.WithCancel(ctx)
		s.done = make(chan struct{})
		go func() {
			defer close(s.done)
			s.Run(run)
		}()
	}
}

func (*liveRules) stopSources(former, next map[string]*keySource) {
	for made, s := range former {
		if next[made] == nil && s.stop != nil {
			s.stop()
			<-s.done
		}
	}
}

var (
	rulesInfo     = prometheus.NewDesc("meshsso_rules_info", "1 for the claims mapping that holds; an empty version is the built-in one.", []string{"version"}, nil)
	rulesGood     = prometheus.NewDesc("meshsso_rules_up_to_date", "1 while the configuration file holds; 0 while a changed one is refused and the former one goes on.", nil, nil)
	rulesLoads    = prometheus.NewDesc("meshsso_rules_loads_total", "Configurations read, by outcome.", []string{"outcome"}, nil)
	issuerKeys    = prometheus.NewDesc("meshsso_issuer_keys", "Public keys of an issuer that count now.", []string{"issuer"}, nil)
	issuerFaults  = prometheus.NewDesc("meshsso_issuer_key_faults_total", "Times that an issuer's keys could not be fetched or were refused.", []string{"issuer"}, nil)
	issuerSuccess = prometheus.NewDesc("meshsso_issuer_keys_fetched_timestamp_seconds", "When an issuer's keys were fetched last; 0 is never.", []string{"issuer"}, nil)
)

// Describe implements prometheus.Collector.
func (*liveRules) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{rulesInfo, rulesGood, rulesLoads, issuerKeys, issuerFaults, issuerSuccess} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (l *liveRules) Collect(ch chan<- prometheus.Metric) {
	g := l.current.Load()
	good := 1.0
	if l.refused.Load() {
		good = 0
	}
	ch <- prometheus.MustNewConstMetric(rulesInfo, prometheus.GaugeValue, 1, g.version())
	ch <- prometheus.MustNewConstMetric(rulesGood, prometheus.GaugeValue, good)
	ch <- prometheus.MustNewConstMetric(rulesLoads, prometheus.CounterValue, float64(l.loads.Load()), "loaded")
	ch <- prometheus.MustNewConstMetric(rulesLoads, prometheus.CounterValue, float64(l.refusals.Load()), "refused")
	for _, s := range g.sources {
		stats := s.Stats()
		ch <- prometheus.MustNewConstMetric(issuerKeys, prometheus.GaugeValue, float64(stats.Keys), s.issuer)
		ch <- prometheus.MustNewConstMetric(issuerFaults, prometheus.CounterValue, float64(stats.Faults), s.issuer)
		fetched := 0.0
		if !stats.LastSuccess.IsZero() {
			fetched = float64(stats.LastSuccess.UnixMilli()) / 1000
		}
		ch <- prometheus.MustNewConstMetric(issuerSuccess, prometheus.GaugeValue, fetched, s.issuer)
	}
}
