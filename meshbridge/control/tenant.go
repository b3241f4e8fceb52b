package control

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// agentConnected is the bit of a node's `conn` that means its agent (MeshCentral's connectivity types; the others are
// Intel AMT and MQTT).
const agentConnected = 1

// tenant is one tenant's connection and its last answer.
type tenant struct {
	id     string
	timing Timing
	line   *line
	flight singleflight.Group
	ctx    context.Context //nolint:containedctx // a question outlives the caller who asked it first, not the tenant
	cancel context.CancelFunc

	mu     sync.Mutex
	gen    uint64 // moves on at every change that MeshCentral tells of
	answer *answer
}

// answer is what MeshCentral said of the devices that were asked for.
type answer struct {
	online map[string]bool
	until  time.Time
}

// covers says whether the answer was about all of these devices.
func (a *answer) covers(ids []string) bool {
	for _, id := range ids {
		if _, ok := a.online[id]; !ok {
			return false
		}
	}
	return true
}

func newTenant(id string, p *Pool) *tenant {
	t := &tenant{id: id, timing: p.cfg.Timing}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.line = &line{
		up: p.cfg.Upstream, client: p.client, creds: p.cfg.Credentials, tenant: id, timing: p.cfg.Timing, log: p.cfg.Log,
		onEvent: t.heard,
		lost:    t.forget, // nobody tells of changes any more
		retired: func() { p.drop(t) },
	}
	return t
}

// online gives the state of these devices and of no others.
func (t *tenant) online(ctx context.Context, ids []string) (map[string]bool, error) {
	a := t.cached(ids)
	for a == nil || !a.covers(ids) { // somebody else's question may have been about fewer devices
		found := t.flight.DoChan("nodes", func() (any, error) { return t.ask(ids) })
		select {
		case r := <-found:
			if r.Err != nil {
				return nil, r.Err
			}
			a, _ = r.Val.(*answer)
		case <-ctx.Done():
			return nil, unavailable(ctx.Err())
		}
	}
	online := make(map[string]bool, len(ids))
	for _, id := range ids {
		online[id] = a.online[id]
	}
	return online, nil
}

func (t *tenant) cached(ids []string) *answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.answer == nil || !time.Now().Before(t.answer.until) || !t.answer.covers(ids) {
		return nil
	}
	return t.answer
}

// ask fetches an answer. One that a change overtook is given to whoever waits for it and not kept.
func (t *tenant) ask(ids []string) (*answer, error) {
	c, err := t.line.get(t.ctx)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(t.ctx, t.timing.Request)
	defer stop()
	t.mu.Lock()
	gen := t.gen
	t.mu.Unlock()
	all, err := listDevices(ctx, c)
	if err != nil {
		return nil, err
	}
	a := &answer{online: make(map[string]bool, len(ids)), until: time.Now().Add(t.timing.Cache)}
	for _, id := range ids {
		a.online[id] = all[id]&agentConnected != 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gen == gen {
		t.answer = a
	}
	return a, nil
}

// maxPages bounds a listing whose pages never end.
const maxPages = 1000

var errPages = errors.New("a list of devices without an end")

// listDevices asks for all devices that the connection may see, page by page where MeshCentral pages (maxDeviceView).
func listDevices(ctx context.Context, c *conn) (devices, error) {
	all := devices{}
	for skip, page := 0, 0; page < maxPages && len(all) <= maxDevices; page++ {
		m, err := c.request(ctx, frame{"action": "nodes", "skip": skip})
		if err != nil {
			return nil, err
		}
		if m.Nodes == nil {
			return nil, refused("nodes", m.Result.V)
		}
		maps.Copy(all, m.Nodes)
		if m.Limit.V <= 0 || m.Total.V <= skip+m.Limit.V {
			return all, nil
		}
		skip += m.Limit.V
	}
	return nil, unavailable(errPages)
}

// heard drops the answer when MeshCentral says that a device changed.
func (t *tenant) heard(e event) {
	switch e.Action.V {
	case "nodeconnect", "addnode", "removenode", "changenode", "nodemeshchange", "deletemesh", "meshchange":
	default:
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if node := e.node(); t.answer != nil && node != "" {
		if _, ours := t.answer.online[node]; !ours {
			return // a pool connection may hear of other tenants' devices
		}
	}
	t.gen++
	t.answer = nil
}

func (t *tenant) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gen++
	t.answer = nil
}

func (t *tenant) close() {
	t.cancel()
	t.line.close()
}
