package policy

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

const (
	tunnelMark  = "*" // "the server that I am connected to"
	tunnelPath  = "meshrelay.ashx?"
	maxTunnel   = 2048 // characters
	maxProtocol = 9999
)

var (
	tunnelKind = regexp.MustCompile(`^[1-9][0-9]{0,3}$`)
	// MeshCentral's decoder stops at the padding and would ignore what follows; the device would not.
	relayCookie = regexp.MustCompile(`^[A-Za-z0-9@$]+={0,2}$`)
)

// readTunnel reads where a device is told to connect for a tunnel. The page writes a URL; the device gets one that was built
// anew: this server, this device, one kind, one name, and a relay cookie of this very person.
func readTunnel(_ *pb.Field, v value, p *Person, all []named) reading {
	head := tunnelMark + p.DomainURL + tunnelPath
	text, ok := v.text()
	if !ok || units(text) > maxTunnel || !strings.HasPrefix(text, head) {
		return wrong(ReasonTunnel)
	}
	parts, ok := tunnelParts(text[len(head):])
	if !ok {
		return wrong(ReasonTunnel)
	}
	node := siblingText(all, "nodeid")
	if named, there := parts["nodeid"]; there && named != node {
		return wrong(ReasonTunnel)
	}
	kind, id := parts["p"], parts["id"]
	if !tunnelKind.MatchString(kind) || !relayID.MatchString(id) {
		return wrong(ReasonTunnel)
	}
	rauth, ok := parts["rauth"]
	if !ok {
		return wrong(ReasonSessionEnded)
	}
	cookie, ours := p.RelayCookie(rauth)
	if !ours || !relayCookie.MatchString(cookie) {
		return wrong(ReasonSessionEnded)
	}
	n, err := strconv.ParseUint(kind, 10, 32)
	if err != nil {
		return wrong(ReasonTunnel)
	}
	// MeshCentral and its agents read these without decoding: a cookie's "@" and "$" stay as they are.
	return reading{built: quote(head + "p=" + kind + "&nodeid=" + node + "&id=" + id + "&rauth=" + cookie), protocol: uint32(n)}
}

// tunnelParts reads a query whose names come once each. What cannot be decoded is as if it were not there. Names that are of
// no use to the device are left out by whoever reads.
func tunnelParts(query string) (map[string]string, bool) {
	parts, seen := map[string]string{}, map[string]bool{}
	for pair := range strings.SplitSeq(query, "&") {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || seen[name] {
			return nil, false
		}
		seen[name] = true
		if decoded, err := url.PathUnescape(text); err == nil && utf8.ValidString(decoded) {
			parts[name] = decoded
		}
	}
	return parts, true
}

func siblingText(all []named, name string) string {
	for _, v := range all {
		if v.name == name {
			text, _ := v.value.text()
			return text
		}
	}
	return ""
}
