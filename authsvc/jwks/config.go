package jwks

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"
)

// Defaults, and the bounds of what is asked of a provider.
const (
	DefaultRefresh = 5 * time.Minute
	DefaultKeepFor = 24 * time.Hour
	DefaultTimeout = 5 * time.Second

	minRefresh   = time.Second
	firstBackoff = time.Second
	askInterval  = 10 * time.Second // between two fetches for an unknown key
)

// Config says where an issuer's keys come from: exactly one of File, URL and DiscoveryIssuer.
type Config struct {
	Name            string // of the issuer, in logs
	File            string
	URL             string
	DiscoveryIssuer string // {DiscoveryIssuer}/.well-known/openid-configuration; its `iss`

	Algorithms []string // of the issuer: keys that fit none are passed over

	CAFile  string         // PEM: then only certificates of these CAs count
	RootCAs *x509.CertPool // the same, loaded; nil: the system's

	Refresh time.Duration    // 0: DefaultRefresh
	KeepFor time.Duration    // how long keys count after the last success; 0: DefaultKeepFor
	Timeout time.Duration    // of one fetch as a whole; 0: DefaultTimeout
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: none
}

func (c *Config) setDefaults() {
	for _, d := range []struct {
		into  *time.Duration
		value time.Duration
	}{{&c.Refresh, DefaultRefresh}, {&c.KeepFor, DefaultKeepFor}, {&c.Timeout, DefaultTimeout}} {
		if *d.into == 0 {
			*d.into = d.value
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

func (c *Config) check() error {
	var errs []error
	given := slices.DeleteFunc([]string{c.File, c.URL, c.DiscoveryIssuer}, func(s string) bool { return s == "" })
	if len(given) != 1 {
		errs = append(errs, errors.New("keys come from exactly one of a file, a URL and discovery"))
	}
	if len(c.Algorithms) == 0 {
		errs = append(errs, errors.New("no algorithms"))
	}
	for _, name := range c.Algorithms {
		if kinds[name] == "" {
			errs = append(errs, fmt.Errorf("%q is no algorithm of public keys", name))
		}
	}
	if c.Refresh < minRefresh {
		errs = append(errs, fmt.Errorf("the refresh is %s and must be %s at least", c.Refresh, minRefresh))
	}
	if c.KeepFor < c.Refresh {
		errs = append(errs, fmt.Errorf("keys are kept for %s, which must not be less than the refresh of %s", c.KeepFor, c.Refresh))
	}
	if c.Timeout <= 0 || c.Timeout > time.Minute {
		errs = append(errs, fmt.Errorf("the timeout is %s and must lie between 0s and 1m", c.Timeout))
	}
	return errors.Join(errs...)
}

// roots gives the CAs that count; nil: the system's.
func (c *Config) roots() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return c.RootCAs, nil
	}
	data, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", c.CAFile)
	}
	return pool, nil
}

func (c *Config) fetcher() (fetcher, error) {
	if c.File != "" {
		return fromFile(c.File), nil
	}
	roots, err := c.roots()
	if err != nil {
		return nil, fmt.Errorf("CA file: %w", err)
	}
	client := newClient(roots)
	if c.DiscoveryIssuer != "" {
		return fromDiscovery(client, c.DiscoveryIssuer)
	}
	u, err := checkURL(c.URL)
	if err != nil {
		return nil, err
	}
	return fromURL(client, u), nil
}
