package program

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/everydaytech/meshsso/authsvc/directory"
	"github.com/everydaytech/meshsso/meshbridge"
)

// Flags are texts: they are read together with the environment, so that all that is wrong is said at once.

type listenFlags struct {
	Listen  string `group:"listen" env:"MESHSSO_LISTEN" default:"unix:///run/meshsso/auth.sock" placeholder:"ADDRESS" help:"unix:///PATH, or tcp://127.0.0.1:PORT, or with mutual TLS tcp://HOST:PORT (${default})."`
	TLSCert string `group:"tls" env:"MESHSSO_TLS_CERT" placeholder:"FILE" help:"The server's certificate chain, PEM."`
	TLSKey  string `group:"tls" env:"MESHSSO_TLS_KEY" placeholder:"FILE" help:"Its private key, PEM."`
	//nolint:lll // a help text is one line
	TLSClientCA string `group:"tls" name:"tls-client-ca" env:"MESHSSO_TLS_CLIENT_CA" placeholder:"FILE" help:"The CA whose client certificates are let in, PEM."`
}

type serveFlags struct {
	listenFlags
	proxyFlags
	Config       string `group:"validation" env:"MESHSSO_CONFIG" placeholder:"FILE" help:"meshsso.yaml: claims mapping, further issuers, roles. Read again when it changes and at SIGHUP; check one first with: meshsso config check. Without it the built-in mapping holds."`
	Domains      string `group:"validation" env:"MESHSSO_DOMAINS" placeholder:"A,B" help:"MeshCentral domains to serve besides the default one, comma-separated."`
	Leeway       string `group:"validation" env:"MESHSSO_LEEWAY" default:"30s" help:"How far ahead of our clock a token's nbf and iat may lie. exp has no leeway (${default})."`
	DeviceRights string `group:"validation" env:"MESHSSO_DEVICE_RIGHTS" default:"links" placeholder:"links|group" help:"links: a user group with one link per device. group: each tenant's device group follows the database; see first: meshsso migrate devices --help (${default})."`
	CacheTTL     string `group:"cache" name:"cache-ttl" env:"MESHSSO_CACHE_TTL" default:"5m" help:"How long people and devices are remembered: a change in the database counts after this at the latest (${default})."`
	CacheSize    string `group:"cache" env:"MESHSSO_CACHE_SIZE" default:"10000" help:"Most people remembered (${default})."`
	QueryTimeout string `group:"cache" env:"MESHSSO_QUERY_TIMEOUT" default:"2s" help:"A database query is given up after this (${default})."`
	Metrics      string `group:"logs" name:"metrics-listen" env:"MESHSSO_METRICS" default:"127.0.0.1:9464" placeholder:"ADDRESS" help:"Loopback address of the Prometheus page /metrics, or off (${default})."`
	LogLevel     string `group:"logs" env:"MESHSSO_LOG_LEVEL" default:"info" help:"debug, info, warn or error. JSON lines go to stderr (${default})."`
}

const maxCacheSize = 1_000_000

// tuning is what serveFlags say, read.
type tuning struct {
	domains      []string
	rights       meshbridge.Way
	leeway       time.Duration
	cacheTTL     time.Duration
	queryTimeout time.Duration
	cacheSize    int
	metrics      string // "" is off
	level        slog.Level
	rulesFile    string // "" is the built-in policy
}

func (f serveFlags) read() (tuning, error) {
	t := tuning{rulesFile: f.Config}
	var errs []error
	errs = append(errs,
		readDuration("--leeway", f.Leeway, 0, 5*time.Minute, &t.leeway),
		readDuration("--cache-ttl", f.CacheTTL, time.Second, time.Hour, &t.cacheTTL),
		readDuration("--query-timeout", f.QueryTimeout, 10*time.Millisecond, time.Minute, &t.queryTimeout))
	var err error
	if t.cacheSize, err = strconv.Atoi(f.CacheSize); err != nil || t.cacheSize < 1 || t.cacheSize > maxCacheSize {
		errs = append(errs, fmt.Errorf("--cache-size is %q and must be a number from 1 to %d", f.CacheSize, maxCacheSize))
	}
	for d := range strings.SplitSeq(f.Domains, ",") {
		if d = strings.TrimSpace(d); d == "" {
			continue
		}
		if !meshbridge.ValidDomain(d) {
			errs = append(errs, fmt.Errorf("--domains: %q is not a MeshCentral domain id (a-z, 0-9, - and _)", d))
		}
		t.domains = append(t.domains, d)
	}
	var known bool
	if t.rights, known = meshbridge.ParseWay(f.DeviceRights); !known {
		errs = append(errs, fmt.Errorf("--device-rights is %q and must be links or group", f.DeviceRights))
	}
	if err := t.level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		errs = append(errs, fmt.Errorf("--log-level is %q and must be debug, info, warn or error", f.LogLevel))
	}
	if f.Metrics != "off" {
		t.metrics = f.Metrics
		host, _, err := net.SplitHostPort(f.Metrics)
		if err != nil || !isLoopback(host) {
			errs = append(errs, fmt.Errorf("--metrics-listen is %q and must be a loopback address such as 127.0.0.1:9464, or off", f.Metrics))
		}
	}
	return t, errors.Join(errs...)
}

func readDuration(flag, text string, low, high time.Duration, into *time.Duration) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < low || d > high {
		return fmt.Errorf("%s is %q and must be a duration from %s to %s, such as 30s", flag, text, low, high)
	}
	*into = d
	return nil
}

// isLoopback takes addresses and the one name that always means this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// cacheConfig hands the read values on.
func cacheConfig(t tuning) directory.CacheConfig {
	return directory.CacheConfig{
		TTL: t.cacheTTL, NegativeTTL: min(directory.DefaultNegativeTTL, t.cacheTTL), Users: t.cacheSize,
		Scopes: t.cacheSize, FillTimeout: t.queryTimeout + time.Second,
	}
}
