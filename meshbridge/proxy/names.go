package proxy

import (
	"bytes"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
)

const (
	maxNames = 64
	minName  = 6 // shorter ones are in too much else
	// withheld stands where a name of MeshCentral's was.
	withheld = "-"
)

// names are what MeshCentral is called: its host, addresses, certificate's hashes, and whatever else was found where it names
// itself. They are taken out of everything else that is rewritten. Safe for concurrent use.
type names struct {
	public []string // hosts of our own, which a browser knows
	mu     sync.RWMutex
	exact  [][]byte // lower case, longest first
	addrs  [][]byte // must not touch digits or dots
}

func newNames(u *url.URL, sites []site) *names {
	n := &names{}
	for _, s := range sites {
		n.public = append(n.public, s.host, strings.Trim(hostOf(s.host), "[]"))
	}
	if host := u.Hostname(); net.ParseIP(host) == nil {
		n.learn(host)
	} else {
		n.addIP(host)
	}
	return n
}

// learn adds a name that MeshCentral gave itself.
func (n *names) learn(name string) {
	if len(name) < minName || name == "localhost" || net.ParseIP(name) != nil {
		if net.ParseIP(name) != nil {
			n.addIP(name)
		}
		return
	}
	n.add(&n.exact, name)
}

func (n *names) add(list *[][]byte, name string) {
	low := lower([]byte(name))
	if slices.Contains(n.public, string(low)) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(*list) >= maxNames || slices.ContainsFunc(*list, func(b []byte) bool { return bytes.Equal(b, low) }) {
		return
	}
	next := append(slices.Clone(*list), low)
	slices.SortFunc(next, func(a, b []byte) int { return len(b) - len(a) })
	*list = next
}

func (n *names) addIP(text string) {
	if ip := net.ParseIP(text); ip != nil {
		n.add(&n.addrs, ip.String())
	}
}

func (n *names) address(a net.Addr) {
	if tcp, ok := a.(*net.TCPAddr); ok {
		n.addIP(tcp.IP.String())
	}
}

func (n *names) lists() (exact, addrs [][]byte) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.exact, n.addrs
}

// redact replaces every name. It gives text itself if there is none.
func (n *names) redact(text []byte) []byte {
	exact, addrs := n.lists()
	low := lower(text)
	for _, name := range exact {
		text, low = replaceFold(text, low, name, nil)
	}
	for _, ip := range addrs {
		text, low = replaceFold(text, low, ip, partOfAddress)
	}
	return text
}

func (n *names) redactText(text string) string { return string(n.redact([]byte(text))) }

func partOfAddress(c byte) bool { return c == '.' || c >= '0' && c <= '9' }

// replaceFold replaces name where no neighbour is part of a longer one. low is text in lower case, as name is.
func replaceFold(text, low, name []byte, part func(byte) bool) (clean, lowered []byte) {
	var out []byte
	from := 0
	for at := 0; ; {
		i := bytes.Index(low[at:], name)
		if i < 0 {
			break
		}
		i += at
		end := i + len(name)
		at = end
		if part != nil && (i > 0 && part(low[i-1]) || end < len(low) && part(low[end]) && !endsSentence(low, end)) {
			continue
		}
		out = append(append(out, text[from:i]...), withheld...)
		from = end
	}
	if from == 0 {
		return text, low
	}
	out = append(out, text[from:]...)
	return out, lower(out)
}

// A dot behind an address that no digit follows is a full stop.
func endsSentence(text []byte, at int) bool {
	return text[at] == '.' && (at+1 >= len(text) || text[at+1] < '0' || text[at+1] > '9')
}

// lower folds ASCII only: every byte stays where it is.
func lower(b []byte) []byte {
	if !slices.ContainsFunc(b, func(c byte) bool { return c >= 'A' && c <= 'Z' }) {
		return b
	}
	out := slices.Clone(b)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return out
}

// hostOf gives the host of "host:port", as MeshCentral writes them.
func hostOf(text string) string {
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		return text[:i]
	}
	return text
}
