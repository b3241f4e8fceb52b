package program

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/everydaytech/meshsso/authsvc/directory"
	"github.com/everydaytech/meshsso/meshbridge"
)

// registerMetrics adds what is read at scrape time.
func registerMetrics(reg *prometheus.Registry, cache *directory.Cached, bridge *meshbridge.Bridge, pool *pgxpool.Pool, monitor *directory.Monitor) {
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), cacheCollector{cache})
	gauge := func(name, help string, f func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f))
	}
	counter := func(name, help string, f func() float64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, f))
	}
	gauge("meshsso_store_up", "1 while the database is there and fits, else 0 and everything is denied.", func() float64 {
		if monitor.Open.Load() {
			return 1
		}
		return 0
	})
	counter("meshsso_devices_ignored_total", "Devices given no link, each time a group is built: unusable or disputed node id.",
		func() float64 { return float64(bridge.DevicesIgnored()) })
	gauge("meshsso_pool_connections", "Connections of the pool.", func() float64 { return float64(pool.Stat().TotalConns()) })
	gauge("meshsso_pool_connections_in_use", "Connections of the pool that run a query.", func() float64 { return float64(pool.Stat().AcquiredConns()) })
	gauge("meshsso_pool_connections_max", "Size of the pool.", func() float64 { return float64(pool.Stat().MaxConns()) })
	counter("meshsso_pool_waits_total", "Queries that had to wait for a connection.", func() float64 { return float64(pool.Stat().EmptyAcquireCount()) })
	counter("meshsso_pool_wait_seconds_total", "Time that queries waited for a connection.", func() float64 { return pool.Stat().EmptyAcquireWaitTime().Seconds() })
}

// cacheCollector reads a cache's counters by what is cached.
type cacheCollector struct{ cache *directory.Cached }

var (
	cacheHits    = prometheus.NewDesc("meshsso_cache_hits_total", "Answers from memory.", []string{"cache"}, nil)
	cacheMisses  = prometheus.NewDesc("meshsso_cache_misses_total", "Answers that needed or shared a query.", []string{"cache"}, nil)
	cacheEntries = prometheus.NewDesc("meshsso_cache_entries", "Entries in memory.", []string{"cache"}, nil)
)

func (cacheCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- cacheHits
	ch <- cacheMisses
	ch <- cacheEntries
}

func (c cacheCollector) Collect(ch chan<- prometheus.Metric) {
	for name, s := range c.cache.Stats() {
		ch <- prometheus.MustNewConstMetric(cacheHits, prometheus.CounterValue, float64(s.Hits), name)
		ch <- prometheus.MustNewConstMetric(cacheMisses, prometheus.CounterValue, float64(s.Misses), name)
		ch <- prometheus.MustNewConstMetric(cacheEntries, prometheus.GaugeValue, float64(s.Entries), name)
	}
}

// metricsPage is the HTTP server of /metrics, or nothing.
type metricsPage struct{ server *http.Server }

// startMetricsPage listens on a loopback address; "" is off.
func startMetricsPage(address string, reg *prometheus.Registry) (metricsPage, error) {
	if address == "" {
		return metricsPage{}, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return metricsPage{}, fmt.Errorf("--metrics-listen %s: %w; choose another or off", address, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.Serve(l) }()
	return metricsPage{s}, nil
}

func (p metricsPage) stop() {
	if p.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if p.server.Shutdown(ctx) != nil {
		_ = p.server.Close()
	}
}
