package proxy

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/everydaytech/meshsso/meshbridge/policy"
)

// Surfaces of refusals.
const (
	surfaceHTTP    = "http"
	surfaceControl = "control"
	surfaceRelay   = "relay"
	surfaceAnswer  = "answer" // of MeshCentral's
)

// counts counts and logs what was refused. Whoever sends chooses what is refused, and not how many labels and lines there are.
type counts struct {
	table    *policy.Table
	log      *slog.Logger
	refusals *prometheus.CounterVec
	tunnels  *prometheus.GaugeVec
	bytes    *prometheus.CounterVec
	mu       sync.Mutex
	said     map[[3]string]bool
}

func newCounts(reg prometheus.Registerer, table *policy.Table, log *slog.Logger) (*counts, error) {
	c := &counts{
		table: table, log: log, said: map[[3]string]bool{},
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meshsso_proxy_refusals_total", Help: "What the session proxy refused or withheld.",
		}, []string{"surface", "kind", "reason"}),
		tunnels: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "meshsso_proxy_tunnels", Help: "Open tunnels to devices."}, []string{"kind"}),
		bytes:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "meshsso_proxy_tunnel_bytes_total", Help: "Bytes through tunnels that ended."}, []string{"kind", "direction"}),
	}
	for _, m := range []prometheus.Collector{c.refusals, c.tunnels, c.bytes} {
		if err := reg.Register(m); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// ownKinds are names of refusals that the table does not have.
var ownKinds = map[string]bool{"path": true, "origin": true, "body": true, "upgrade": true, "page": true, "location": true, "kind": true, "early": true, "input": true, "webrtc": true, "frame": true, "credentials": true}

// note counts a refusal and logs the first of its kind. A session may be nil.
func (c *counts) note(ctx context.Context, surface, kind, reason, sessionID string) {
	if known := c.table.KnownKind(kind) || ownKinds[kind] || surface == surfaceAnswer && answerKinds[kind]; !known {
		kind = "other"
	}
	c.refusals.WithLabelValues(surface, kind, reason).Inc()
	key := [3]string{surface, kind, reason}
	c.mu.Lock()
	first := !c.said[key]
	c.said[key] = true
	c.mu.Unlock()
	if first {
		c.log.WarnContext(ctx, "session proxy: refused", "surface", surface, "kind", kind, "reason", reason, "session", sessionID)
	}
}

// refuse answers what is not on any list.
func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, v *visit, kind, reason string) {
	id := ""
	if v != nil {
		id = v.session.ID
		v.live.Denied(reason)
	}
	p.counts.note(r.Context(), surfaceHTTP, kind, reason, id)
	e := problemNotFound
	switch reason {
	case reasonHost, reasonOrigin:
		e = problemForeign
	case policy.ReasonDevice, policy.ReasonRight, policy.ReasonSessionEnded, policy.ReasonTunnel:
		e = forbidden
	}
	writeProblem(w, r, p.cfg.Dashboards, e)
}
