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
