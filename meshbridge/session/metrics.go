package session

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	creation *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	open     prometheus.Gauge
}

func newMetrics() metrics {
	return metrics{
		creation: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "meshsso_session_creation_seconds", Help: "Time taken to make or refuse a session, by the refusal's code.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"code"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meshsso_session_refusals_total", Help: "Requests of sessions that were refused, by code.",
		}, []string{"code"}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{Name: "meshsso_session_tunnels", Help: "Tunnels that are open through this replica."}),
	}
}

func (m metrics) created(err error, took time.Duration) {
	code := "OK"
	if err != nil {
		code = AsError(err).Code
	}
	m.creation.WithLabelValues(code).Observe(took.Seconds())
}

func (m metrics) refused(code string) { m.refusals.WithLabelValues(code).Inc() }

func (m metrics) tunnels(n float64) { m.open.Add(n) }

// Register adds the service's metrics to a registry.
func (s *Service) Register(r prometheus.Registerer) {
	r.MustRegister(s.metrics.creation, s.metrics.refusals, s.metrics.open,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "meshsso_sessions_live", Help: "Sessions that this replica serves."},
			func() float64 { return float64(len(s.live.all())) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "meshsso_audit_pending", Help: "Lines of the audit that wait for the database."},
			func() float64 { n, _ := s.pending.stats(); return float64(n) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "meshsso_audit_dropped_total", Help: "Lines of the audit that were lost because the database was away too long."},
			func() float64 { _, n := s.pending.stats(); return float64(n) }))
}
