package meshbridge

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/everydaytech/meshsso/authsvc"
)

// ignored counts devices that are nobody's because of their node id, and says so once a scope.
type ignored struct {
	log    *slog.Logger
	total  atomic.Uint64
	warned sync.Map // authsvc.Scope → struct{}: said once

	mu     sync.Mutex
	faulty map[string]bool // digests of profiles, of which a mapper may make any number
}

// maxFaulty is how many profiles' faults are said.
const maxFaulty = 100

// fault says once a profile that its expression for devices fails.
func (i *ignored) fault(p *authsvc.Profile, err error) {
	if p == nil || err == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.faulty[p.Digest] || len(i.faulty) >= maxFaulty {
		return
	}
	if i.faulty == nil {
		i.faulty = map[string]bool{}
	}
	i.faulty[p.Digest] = true
	i.log.Warn("devices left out: the role's expression for devices fails on them", "role", p.Name, "error", err.Error())
}

func (i *ignored) add(scope authsvc.Scope, devices int) {
	if devices == 0 {
		return
	}
	i.total.Add(uint64(devices)) //nolint:gosec // a length
	if _, said := i.warned.LoadOrStore(scope, struct{}{}); !said {
		i.log.Warn("devices ignored: their node id is not one of MeshCentral's or belongs to rows of several tenants",
			"scope", scope.String(), "devices", devices)
	}
}
