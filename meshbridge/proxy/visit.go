package proxy

import (
	"context"
	"errors"
	"strings"

	"github.com/everydaytech/meshsso/meshbridge/policy"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

// visit is one request of a session that was let in.
type visit struct {
	p       *Proxy
	site    site
	target  target
	live    Live
	session session.Session
	person  *policy.Person
}

// prefix is the session's path without the trailing "/".
func (v *visit) prefix() string { return Prefix + v.target.token }

// newPerson is the session's principal as the policy sees it: one device, and cookies that only this session can open.
func (v *visit) newPerson() *policy.Person {
	id := v.session.ID
	domain := domainOf(v.session.Agent.NodeID)
	return &policy.Person{
		ID: v.p.cfg.Identity.PrincipalID(v.session), Domain: domain, DomainURL: domainURL(domain),
		Mask:        v.mask,
		Every:       func() []uint32 { return []uint32{v.rights()} },
		Cookie:      func(text string) (string, bool) { return v.p.seal.open(id, sealPage, text) },
		RelayCookie: func(text string) (string, bool) { return v.p.seal.open(id, sealRelay, text) },
	}
}

// rights are asked anew each time: a session outlives a demotion.
func (v *visit) rights() uint32 { return v.live.Session().Rights }

func (v *visit) mask(node string) uint32 {
	if node != v.session.Agent.NodeID {
		return 0
	}
	return v.rights()
}

func domainOf(nodeID string) string {
	if parts := strings.Split(nodeID, "/"); len(parts) == 3 {
		return parts[1]
	}
	return ""
}

func domainURL(domain string) string {
	if domain == "" {
		return "/"
	}
	return "/" + domain + "/"
}

// over says whether the session ended. MeshCentral may hear of that sooner, and hangs up first.
func (v *visit) over(ctx context.Context) bool {
	v.live.Check(ctx)
	return v.live.Err() != nil
}

// because gives what a request fails by: an answer of MeshCentral's that is none may be its way to say that the session ended.
func (v *visit) because(ctx context.Context, err error) error {
	if errors.Is(err, errUnexpected) && v.over(ctx) {
		return v.live.Err()
	}
	return err
}
