package jwks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc/jwks"
)

func TestConfig(t *testing.T) {
	for says, cfg := range map[string]jwks.Config{
		"exactly one":         {Algorithms: all},
		"one of a file":       {Algorithms: all, File: "x", URL: "https://x.example"},
		"no algorithms":       {File: "x"},
		"HS256":               {File: "x", Algorithms: []string{"HS256"}},
		`"none"`:              {File: "x", Algorithms: []string{"none"}},
		"refresh is":          {File: "x", Algorithms: all, Refresh: time.Millisecond},
		"kept for 1m0s":       {File: "x", Algorithms: all, KeepFor: time.Minute},
		"timeout is":          {File: "x", Algorithms: all, Timeout: time.Hour},
		"by https":            {URL: "http://keys.example/", Algorithms: all},
		"(http to a loopback": {URL: "http://localhost/", Algorithms: all},
		"fetched by https":    {URL: "ftp://127.0.0.1/", Algorithms: all},
		"no user":             {URL: "https://me:hush@keys.example/", Algorithms: all},
		"a host":              {URL: "https:keys.example", Algorithms: all},
		"no query":            {DiscoveryIssuer: "https://x.example/?a=b", Algorithms: all},
		"keys are fetched by": {DiscoveryIssuer: "http://10.0.0.1/", Algorithms: all},
		"CA file":             {URL: "https://x.example", CAFile: "/nowhere", Algorithms: all},
	} {
		if _, err := jwks.New(cfg); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%v, want %q", err, says)
		}
	}
}
