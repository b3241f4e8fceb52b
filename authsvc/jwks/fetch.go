package jwks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
)

const (
	maxBytes     = 1 << 20
	maxRedirects = 3
	wellKnown    = "/.well-known/openid-configuration" // OpenID Connect Discovery 1.0, 4
)

// fetcher reads one document; none of its errors holds text of it.
type fetcher func(context.Context) ([]byte, error)

// checkURL allows https, and http to a loopback address.
func checkURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, errors.New("not a URL with a host")
	case u.User != nil || u.Fragment != "":
		return nil, errors.New("a URL of keys has no user and no fragment")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, nil
	}
	return nil, errors.New("keys are fetched by https (http to a loopback address only)")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// newClient speaks TLS 1.2 at least. It keeps no connection: keys are asked for every few minutes.
func newClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(to *http.Request, via []*http.Request) error {
			from := via[0].URL
			if len(via) > maxRedirects || to.URL.Scheme != "https" || to.URL.User != nil || !strings.EqualFold(to.URL.Host, from.Host) {
				return errors.New("a redirect elsewhere")
			}
			return nil
		},
	}
}

func fromURL(client *http.Client, u *url.URL) fetcher {
	return func(ctx context.Context) ([]byte, error) { return get(ctx, client, u) }
}

// fromDiscovery asks the issuer each time where its keys are.
func fromDiscovery(client *http.Client, issuer string) (fetcher, error) {
	u, err := checkURL(strings.TrimSuffix(issuer, "/") + wellKnown)
	if err != nil {
		return nil, err
	}
	if u.RawQuery != "" || u.ForceQuery || strings.Contains(issuer, "#") {
		return nil, errors.New("an issuer that is discovered has no query and no fragment")
	}
	return func(ctx context.Context) ([]byte, error) {
		data, err := get(ctx, client, u)
		if err != nil {
			return nil, fmt.Errorf("discovery: %w", err)
		}
		to, err := readDiscovery(data, issuer)
		if err == nil && u.Scheme == "https" && to.Scheme != "https" {
			err = errors.New("jwks_uri: less safe than the issuer")
		}
		if err != nil {
			return nil, fmt.Errorf("discovery: %w", err)
		}
		return get(ctx, client, to)
	}, nil
}

func readDiscovery(data []byte, issuer string) (*url.URL, error) {
	var top member
	if json.Unmarshal(data, &top) != nil {
		return nil, errors.New("not one JSON object with distinct members")
	}
	if said, ok := text(top["issuer"]); !ok || said != issuer {
		return nil, errors.New("the document is of another issuer")
	}
	at, ok := text(top["jwks_uri"])
	if !ok {
		return nil, errors.New("no jwks_uri")
	}
	u, err := checkURL(at)
	if err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	return u, nil
}

func get(ctx context.Context, client *http.Client, u *url.URL) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("no request can be made of the URL")
	}
	req.Header.Set("Accept", "application/json, application/jwk-set+json")
	res, err := client.Do(req)
	if err != nil {
		// A url.Error holds the whole URL, whose query may be a secret.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP status %d", res.StatusCode)
	}
	return readBounded(res.Body)
}

func fromFile(path string) fetcher {
	return func(context.Context) ([]byte, error) {
		// Before opening, which waits for a pipe's writer.
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, errors.New("not a regular file")
		}
		f, err := os.Open(path) //nolint:gosec // the operator names it
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readBounded(f)
	}
}

func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err == nil && len(data) > maxBytes {
		err = errors.New("more than 1 MiB")
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}
