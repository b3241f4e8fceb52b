package program

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge/keys"
	"github.com/everydaytech/meshsso/meshbridge/upstream"
)

// proxyFlags are the session proxy's. Nothing of them counts without MESHCENTRAL_URL.
type proxyFlags struct {
	MeshCentralURL string `group:"proxy" name:"meshcentral-url" env:"MESHCENTRAL_URL" placeholder:"URL" help:"MeshCentral's origin, https://HOST[:PORT]. Without it the session proxy is off."`
	CAFile         string `group:"proxy" name:"meshcentral-ca-file" env:"MESHCENTRAL_CA_FILE" placeholder:"FILE" help:"The CA of MeshCentral's certificate, PEM; else the system's."`
	CertPin        string `group:"proxy" name:"meshcentral-cert-pin" env:"MESHCENTRAL_CERT_PIN" placeholder:"SHA256" help:"SHA-256 of MeshCentral's own certificate (DER), hex or base64: that one and no other."`
	Username       string `group:"proxy" name:"meshcentral-username" env:"MESHCENTRAL_USERNAME" placeholder:"NAME" help:"Service account of a MeshCentral without the shim; its password is MESHCENTRAL_PASSWORD(_FILE)."`
	HTTPListen     string `group:"proxy" name:"http-listen" env:"MESHSSO_HTTP_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where the session API and proxy listen, plain HTTP behind your TLS, or off (${default})."`
	Dashboards     string `group:"proxy" name:"dashboard-origins" env:"MESHSSO_DASHBOARD_ORIGINS" placeholder:"A,B" help:"Origins of dashboards that show sessions, comma-separated, such as https://dashboard.example."`
	Origin         string `group:"proxy" name:"proxy-origin" env:"MESHSSO_PROXY_ORIGIN" placeholder:"ORIGIN" help:"An origin of its own for sessions (recommended), such as https://remote.example; else they are shown on the dashboard's."`
	TrustedProxies string `group:"proxy" env:"MESHSSO_TRUSTED_PROXIES" placeholder:"A,B" help:"Addresses or networks of proxies in front whose X-Forwarded-For counts, comma-separated."`
	SessionExpiry  string `group:"proxy" env:"MESHCENTRAL_SESSION_EXPIRY" default:"14400" placeholder:"SECONDS" help:"A session's life; never beyond its JWT (${default})."`
	SessionIdle    string `group:"proxy" env:"MESHSSO_SESSION_IDLE" default:"30m" help:"A session without traffic ends after this (${default})."`
	SessionMinRole string `group:"proxy" env:"MESHSSO_SESSION_MIN_ROLE" default:"technician" placeholder:"ROLE" help:"The least role that gets sessions: viewer, technician, admin or superadmin (${default})."`
	DirectEmbed    string `group:"proxy" env:"MESHSSO_DIRECT_EMBED" default:"false" placeholder:"true|false" help:"The old path's iframeUrl is MeshCentral's own page: shows its address to browsers, by design (${default})."`
}

// proxyConfig is what they say, read.
type proxyConfig struct {
	on         bool
	meshURL    string // origin
	upstream   *upstream.Client
	username   string // "" is a MeshCentral with the shim
	password   string
	listen     string // "" is off
	dashboards []string
	origin     string
	trusted    []netip.Prefix
	expiry     time.Duration
	idle       time.Duration
	minRole    authsvc.Role
	direct     bool
	keys       keys.Ring
}

func (f proxyFlags) readProxy(getenv func(string) string, jwtSecret []byte) (proxyConfig, error) {
	if f.MeshCentralURL == "" || f.HTTPListen == "off" {
		return proxyConfig{}, nil
	}
	c := proxyConfig{on: true, listen: f.HTTPListen, username: f.Username}
	var errs []error
	var err error
	c.meshURL, err = readOrigin("--meshcentral-url", strings.TrimSuffix(f.MeshCentralURL, "/"), false)
	if errs = append(errs, err, c.readSecrets(f, getenv, jwtSecret), c.readLimits(f)); err == nil {
		if c.upstream, err = upstream.New(upstream.Config{URL: c.meshURL, CAFile: f.CAFile, Pin: f.CertPin}); err != nil {
			errs = append(errs, fmt.Errorf("--meshcentral-url, --meshcentral-ca-file or --meshcentral-cert-pin: %w", err))
		}
	}
	if _, port, err := net.SplitHostPort(f.HTTPListen); err != nil || port == "" {
		errs = append(errs, fmt.Errorf("--http-listen is %q and must be HOST:PORT such as 127.0.0.1:8080, or off", f.HTTPListen))
	}
	for text := range fields(f.Dashboards) {
		o, err := readOrigin("--dashboard-origins", text, true)
		c.dashboards, errs = append(c.dashboards, o), append(errs, err)
		if o != "" && o == f.Origin {
			errs = append(errs, errors.New("--proxy-origin is also in --dashboard-origins: an origin of its own is what it is for; leave it out to share the dashboard's"))
		}
	}
	if len(c.dashboards) == 0 {
		errs = append(errs, errors.New("--dashboard-origins is not set: name the dashboards that show sessions, such as https://dashboard.example"))
	}
	if f.Origin != "" {
		c.origin, err = readOrigin("--proxy-origin", f.Origin, true)
		errs = append(errs, err)
	}
	for text := range fields(f.TrustedProxies) {
		p, err := readPrefix(text)
		c.trusted, errs = append(c.trusted, p), append(errs, err)
	}
	return c, errors.Join(errs...)
}

func fields(list string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for text := range strings.SplitSeq(list, ",") {
			if text = strings.TrimSpace(text); text != "" && !yield(text) {
				return
			}
		}
	}
}

// readOrigin takes an origin as browsers write it. Plain http is for this machine only: Secure cookies need no more there.
func readOrigin(flag, text string, local bool) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(text, "?") || strings.HasSuffix(text, "#") {
		return "", fmt.Errorf("%s must be an origin such as https://host.example, without a path, and is not", flag)
	}
	plain := u.Scheme == "http" && local && isLoopback(u.Hostname())
	if u.Scheme != "https" && !plain {
		return "", fmt.Errorf("%s: %s must begin with https://", flag, u.Redacted())
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

func readPrefix(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("--trusted-proxies: %q is neither an address nor a network such as 10.0.0.0/8", text)
	}
	return p.Masked(), nil
}

func (c *proxyConfig) readSecrets(f proxyFlags, getenv func(string) string, jwtSecret []byte) error {
	var errs []error
	var err error
	c.password, err = readSecret(getenv, "MESHCENTRAL_PASSWORD")
	if errs = append(errs, err); err == nil && (c.password == "") != (f.Username == "") {
		errs = append(errs, errors.New("MESHCENTRAL_USERNAME and MESHCENTRAL_PASSWORD (or MESHCENTRAL_PASSWORD_FILE) belong together: give both, or neither for a MeshCentral with the shim"))
	}
	primary, err := readSecret(getenv, "MESHSSO_SESSION_KEY")
	errs = append(errs, err)
	if primary == "" {
		c.keys, _ = keys.NewRing(jwtSecret) // a short one is refused as JWT_SECRET
	} else if c.keys, err = keys.NewRing([]byte(primary)); err != nil {
		errs = append(errs, fmt.Errorf("MESHSSO_SESSION_KEY %w", err))
	}
	return errors.Join(errs...)
}

const maxExpiry = 7 * 24 * time.Hour

func (c *proxyConfig) readLimits(f proxyFlags) error {
	var errs []error
	seconds, err := strconv.Atoi(f.SessionExpiry)
	if c.expiry = time.Duration(seconds) * time.Second; err != nil || seconds < 1 || seconds > int(maxExpiry/time.Second) {
		errs = append(errs, fmt.Errorf("--session-expiry is %q and must be seconds from 1 to %d", f.SessionExpiry, int(maxExpiry/time.Second)))
	}
	errs = append(errs, readDuration("--session-idle", f.SessionIdle, time.Second, 24*time.Hour, &c.idle))
	if c.minRole = authsvc.ParseRole(f.SessionMinRole); c.minRole == authsvc.RoleNone {
		errs = append(errs, fmt.Errorf("--session-min-role is %q and must be viewer, technician, admin or superadmin", f.SessionMinRole))
	}
	if c.direct, err = strconv.ParseBool(f.DirectEmbed); err != nil {
		errs = append(errs, fmt.Errorf("--direct-embed is %q and must be true or false", f.DirectEmbed))
	}
	return errors.Join(errs...)
}
