package session

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge"
)

// hide: of MeshCentral's page the header, the footer, the title and the left bar; the tabs stay.
const hide = 29

func (s *Service) proxyURL(token, nodeID string, mode ViewMode) string {
	return s.cfg.ProxyOrigin + ProxyPath + token + "/?viewmode=" + strconv.Itoa(int(mode)) + "&gotonode=" + GotoNode(nodeID) + "&hide=" + strconv.Itoa(hide)
}

// GotoNode gives the value of `gotonode` that names a device in a URL of MeshCentral's page.
func GotoNode(nodeID string) string {
	n, ok := meshbridge.ParseNodeID(nodeID)
	if !ok {
		return ""
	}
	return n.Hex()
}

// DirectURL gives the address of MeshCentral's own page, by which an old dashboard embeds it: with the JWT, by design.
func DirectURL(meshCentral string, token authsvc.Token, c *Created) string {
	return fmt.Sprintf("%s/?token=%s&gotonode=%s&viewmode=%d", meshCentral, url.QueryEscape(token.Reveal()), GotoNode(c.Session.Agent.NodeID), c.Session.ViewMode)
}
