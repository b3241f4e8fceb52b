// Package control speaks MeshCentral's control channel (control.ashx): pooled connections that say which devices are online,
// and the service account that makes session principals and device groups where MeshCentral has no shim.
package control

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"github.com/everydaytech/meshsso/meshbridge/upstream"
)

const defaultMaxTenants = 1000

// TenantDevices gives the node ids ("node/<domain>/<64 characters>") of a tenant's devices, as the platform says now.
type TenantDevices interface {
	TenantDevices(ctx context.Context, tenantID string) ([]string, error)
}

// PoolConfig says what a Pool connects to.
type PoolConfig struct {
	Upstream    *upstream.Client
	Credentials Credentials
	Devices     TenantDevices
	Timing      Timing
	MaxTenants  int // most connections at a time; 1000
	Log         *slog.Logger
}

// Pool keeps one connection a tenant, shared by the tenant's people, and answers from what MeshCentral said last. Safe for
// concurrent use.
type Pool struct {
	cfg       PoolConfig
	transport *http.Transport
	client    *http.Client

	mu      sync.Mutex
	tenants map[string]*tenant
	closed  bool
}

// NewPool makes a pool without any connection.
func NewPool(cfg PoolConfig) *Pool {
	cfg.Timing = cfg.Timing.orDefaults()
	if cfg.MaxTenants <= 0 {
		cfg.MaxTenants = defaultMaxTenants
	}
	transport, client := newClient(cfg.Upstream)
	return &Pool{cfg: cfg, transport: transport, client: client, tenants: map[string]*tenant{}}
}

// newClient follows no redirect: what a request carries is for MeshCentral's own paths.
func newClient(up *upstream.Client) (*http.Transport, *http.Client) {
	transport := up.HTTPTransport()
	return transport, &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// OnlineAll says of each of a tenant's devices whether its agent is connected. A device that MeshCentral does not know is
// offline. Errors: ErrUnavailable, ErrCredentials, ErrClosed, and what Credentials and TenantDevices return.
func (p *Pool) OnlineAll(ctx context.Context, tenantID string) (map[string]bool, error) {
	if tenantID == "" {
		return nil, errors.New("control: no tenant")
	}
	ids, err := p.cfg.Devices.TenantDevices(ctx, tenantID)
	if err != nil || len(ids) == 0 {
		return map[string]bool{}, err
	}
	for {
		t, err := p.tenant(tenantID)
		if err != nil {
			return nil, err
		}
		online, err := t.online(ctx, ids)
		if !errors.Is(err, errRetired) { // went idle between the two lines above
			return online, err
		}
	}
}

// Online says whether one device's agent is connected. Another tenant's device is offline. Errors: as OnlineAll.
func (p *Pool) Online(ctx context.Context, tenantID, nodeID string) (bool, error) {
	all, err := p.OnlineAll(ctx, tenantID)
	return all[nodeID], err
}

func (p *Pool) tenant(id string) (*tenant, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	if t, ok := p.tenants[id]; ok {
		return t, nil
	}
	if len(p.tenants) >= p.cfg.MaxTenants {
		return nil, ErrBusy
	}
	t := newTenant(id, p)
	p.tenants[id] = t
	return t, nil
}

// drop forgets a tenant whose connection went idle.
func (p *Pool) drop(t *tenant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tenants[t.id] == t {
		delete(p.tenants, t.id)
	}
}

// Close ends every connection and waits until nothing of the pool runs.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	all := p.tenants
	p.tenants = map[string]*tenant{}
	p.mu.Unlock()
	for _, t := range all {
		t.close()
	}
	p.transport.CloseIdleConnections()
}
