package session

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode"
)

// Client is where a request comes from.
type Client struct {
	IP        netip.Addr // the zero value if unknown
	UserAgent string
}

const maxUserAgent = 256

// ClientOf reads who sent a request. X-Forwarded-For counts only as far as trusted proxies wrote it: from the right, the first
// address that is not one of theirs.
func ClientOf(r *http.Request, trusted []netip.Prefix) Client {
	c := Client{UserAgent: clean(r.UserAgent())}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return c
	}
	c.IP = plain(at.Addr())
	if !within(c.IP, trusted) {
		return c
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		ip, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break // what stands left of it cannot be trusted either
		}
		c.IP = plain(ip)
		if !within(c.IP, trusted) {
			break
		}
	}
	return c
}

func plain(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }

func within(ip netip.Addr, nets []netip.Prefix) bool {
	return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// clean makes a header's text fit for a log and a terminal.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	for i := range text {
		if i > maxUserAgent {
			return text[:i]
		}
	}
	return text
}

func (c Client) ip() string {
	if !c.IP.IsValid() {
		return ""
	}
	return c.IP.String()
}
