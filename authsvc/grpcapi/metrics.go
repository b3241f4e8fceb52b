package grpcapi

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// Metrics counts validations and refusals. Labels of validations: result ("ok", "denied", "error", "canceled"), reason (of
// Reason; "" if ok), hook. Labels of refusals: surface, kind ("other" for what no list names), reason.
type Metrics struct {
	validations *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	refusals    *prometheus.CounterVec
	ok          map[string]okSeries // by hook: the hot path makes no label look-up
}

type okSeries struct {
	count    prometheus.Counter
	duration prometheus.Observer
}

// NewMetrics registers meshsso_validations_total, meshsso_validation_duration_seconds and meshsso_refusals_total.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		validations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meshsso_validations_total", Help: "Token validations by result, reason of denial and asking hook.",
		}, []string{"result", "reason", "hook"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "meshsso_validation_duration_seconds", Help: "Time of a validation inside the service.",
			Buckets: []float64{.00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 2},
		}, []string{"result"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meshsso_refusals_total", Help: "What the policy refused or dropped, by surface, kind and reason.",
		}, []string{"surface", "kind", "reason"}),
		ok: map[string]okSeries{},
	}
	reg.MustRegister(m.validations, m.duration, m.refusals)
	for hook := range pb.Hook_name {
		label := hookLabel(pb.Hook(hook))
		m.ok[label] = okSeries{m.validations.WithLabelValues("ok", "", label), m.duration.WithLabelValues("ok")}
	}
	return m
}

func (m *Metrics) observe(hook pb.Hook, err error, took time.Duration) {
	label := hookLabel(hook)
	if err == nil {
		s := m.ok[label]
		s.count.Inc()
		s.duration.Observe(took.Seconds())
		return
	}
	result := resultLabel(err)
	m.validations.WithLabelValues(result, reasonLabel(err), label).Inc()
	m.duration.WithLabelValues(result).Observe(took.Seconds())
}

// hookLabel gives "root", "meshaction", "http", "websocket", "revalidate" or, for anything else, "unspecified": labels are bounded.
func hookLabel(h pb.Hook) string {
	switch h {
	case pb.Hook_HOOK_ROOT:
		return "root"
	case pb.Hook_HOOK_MESHACTION:
		return "meshaction"
	case pb.Hook_HOOK_HTTP:
		return "http"
	case pb.Hook_HOOK_WEBSOCKET:
		return "websocket"
	case pb.Hook_HOOK_REVALIDATE:
		return "revalidate"
	}
	return "unspecified"
}

// resultLabel tells a verdict about the caller from trouble of our own.
func resultLabel(err error) string {
	switch authsvc.ReasonOf(err) {
	case "":
		return "canceled"
	case authsvc.StoreUnavailable, authsvc.Internal:
		return "error"
	}
	return "denied"
}

func reasonLabel(err error) string {
	if r := authsvc.ReasonOf(err); r != "" {
		return string(r)
	}
	return "CANCELED"
}
