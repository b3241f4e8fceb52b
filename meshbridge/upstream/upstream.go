// Package upstream is the way to MeshCentral: TLS that is always verified, for the proxy and the control connections alike.
package upstream

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	headerTimeout    = 60 * time.Second
	keepAlive        = 30 * time.Second
)

// ErrPin says that MeshCentral's certificate is not the one that is pinned.
var ErrPin = errors.New("upstream: MeshCentral's certificate is not the pinned one")

// Config says where MeshCentral is and how its certificate is verified: by the system's roots, by CAFile or by Pin. There is
// no fourth way.
type Config struct {
	URL    string // https origin: no path, no user, no query
	CAFile string // PEM; in place of the system's roots
	Pin    string // SHA-256 of the leaf certificate's DER, hex (colons allowed) or base64; in place of roots and name
}

// Client reaches one MeshCentral. Safe for concurrent use.
type Client struct {
	url  *url.URL
	addr string // host:port
	tls  *tls.Config
}

// New reads the configuration. It dials nothing.
func New(cfg Config) (*Client, error) {
	u, err := parseOrigin(cfg.URL)
	if err != nil {
		return nil, err
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	conf, err := tlsConfig(cfg, u.Hostname())
	if err != nil {
		return nil, err
	}
	return &Client{url: u, addr: net.JoinHostPort(u.Hostname(), port), tls: conf}, nil
}

func parseOrigin(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return nil, errors.New("upstream: MeshCentral's address must be an https origin, such as https://mesh.example.com")
	}
	if u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, errors.New("upstream: MeshCentral's address must be an origin: no user, path, query or fragment")
	}
	return &url.URL{Scheme: "https", Host: u.Host}, nil
}

func tlsConfig(cfg Config, host string) (*tls.Config, error) {
	conf := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	switch {
	case cfg.CAFile != "" && cfg.Pin != "":
		return nil, errors.New("upstream: a CA file and a pin are two ways to verify one certificate: set one of them")
	case cfg.CAFile != "":
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("upstream: CA file: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("upstream: CA file %s holds no PEM certificate", cfg.CAFile)
		}
	case cfg.Pin != "":
		pin, err := parsePin(cfg.Pin)
		if err != nil {
			return nil, err
		}
		// The pin replaces chain and name, which a certificate that signed itself does not have.
		// VerifyConnection decides instead, also for resumed sessions.
		conf.InsecureSkipVerify = true
		conf.VerifyConnection = func(state tls.ConnectionState) error { return checkPin(state, pin) }
	}
	return conf, nil
}

func parsePin(text string) ([sha256.Size]byte, error) {
	var pin [sha256.Size]byte
	text = strings.TrimPrefix(text, "sha256:")
	for _, decode := range []func(string) ([]byte, error){
		func(s string) ([]byte, error) { return hex.DecodeString(strings.ReplaceAll(s, ":", "")) },
		base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if raw, err := decode(text); err == nil && len(raw) == len(pin) {
			copy(pin[:], raw)
			return pin, nil
		}
	}
	return pin, errors.New("upstream: the certificate pin must be a SHA-256: 64 hex digits, or its base64")
}

func checkPin(state tls.ConnectionState, pin [sha256.Size]byte) error {
	if len(state.PeerCertificates) == 0 {
		return ErrPin
	}
	sum := sha256.Sum256(state.PeerCertificates[0].Raw)
	if subtle.ConstantTimeCompare(sum[:], pin[:]) != 1 {
		return ErrPin
	}
	return nil
}

// URL gives MeshCentral's origin; the caller's own copy.
func (c *Client) URL() *url.URL {
	u := *c.url
	return &u
}

// Addr gives MeshCentral's host:port.
func (c *Client) Addr() string { return c.addr }

// HTTPTransport makes a transport that reaches MeshCentral and nothing else: whatever host a request names, this one is
// dialed, directly and without the environment's proxies. The caller closes its idle connections.
func (c *Client) HTTPTransport() *http.Transport {
	return &http.Transport{
		DialTLSContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return c.DialTLS(ctx) },
		DialContext:           func(context.Context, string, string) (net.Conn, error) { return nil, errPlain },
		DisableCompression:    true,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		ResponseHeaderTimeout: headerTimeout,
	}
}

var errPlain = errors.New("upstream: MeshCentral is spoken to over TLS only")

// DialTLS opens a verified connection to MeshCentral, HTTP/1.1.
func (c *Client) DialTLS(ctx context.Context) (net.Conn, error) {
	return c.DialTLSOver(ctx, func(raw net.Conn) net.Conn { return raw })
}

// DialTLSOver is DialTLS over what wrap makes of the connection below TLS.
func (c *Client) DialTLSOver(ctx context.Context, wrap func(net.Conn) net.Conn) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}
	raw, err := dialer.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return nil, fmt.Errorf("upstream: MeshCentral cannot be reached: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn := tls.Client(wrap(raw), c.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("upstream: TLS to MeshCentral: %w", err)
	}
	return conn, nil
}
