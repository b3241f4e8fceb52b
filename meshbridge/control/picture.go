package control

import (
	"context"
	"sync"
)

// picture is what MeshCentral says of the accounts of the reserved shape: one listing when the connection began, and every
// event since. Each replica has one, so that two that make the same session's account see each other's work.
type picture struct {
	mu       sync.Mutex
	accounts map[string]account
	heardOf  map[string]bool // since clear, until fill: an event counts more than the listing that it overtook
	relink   map[string]bool // device came back as a new document: its side of the link is gone
	epoch    uint64          // connections so far: with a restart of MeshCentral its page sessions end
	full     uint64          // the last of them whose accounts are listed
	changed  chan struct{}
}

func (p *picture) init() {
	p.accounts, p.heardOf, p.relink = map[string]account{}, map[string]bool{}, map[string]bool{}
	p.changed = make(chan struct{})
}

// wake is called with the lock held.
func (p *picture) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *picture) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accounts, p.heardOf, p.relink = map[string]account{}, map[string]bool{}, map[string]bool{}
	p.epoch++
	p.wake()
}

func (p *picture) fill(listed accounts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, a := range listed {
		if !p.heardOf[id] {
			p.accounts[id] = a
		}
		p.relink[id] = true // devices may have come back while nobody listened
	}
	p.heardOf, p.full = nil, p.epoch
	p.wake()
}

// heard takes an event in, in the order in which MeshCentral sent it.
func (p *picture) heard(e event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := e.Account.V.ID
	switch {
	case e.Action.V == "accountremove" && sessionOf(e.UserID.V) != "":
		id = e.UserID.V
		delete(p.accounts, id)
		delete(p.relink, id)
	case sessionOf(id) != "" && len(p.accounts) < maxAccounts:
		p.accounts[id] = e.Account.V
	case e.Action.V == "addnode":
		for id, a := range p.accounts {
			if _, linked := a.Links.V[e.node()]; linked {
				p.relink[id] = true
			}
		}
		return
	default:
		return
	}
	if p.heardOf != nil {
		p.heardOf[id] = true
	}
	p.wake()
}

// get gives an account, whether its device's side must be linked anew, and the connection that says so.
func (p *picture) get(id string) (a account, known, relink bool, epoch uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, known = p.accounts[id]
	return a, known, p.relink[id], p.epoch
}

func (p *picture) linked(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.relink, id)
}

func (p *picture) remove(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.accounts, id)
	delete(p.relink, id)
	p.wake()
}

// listed gives the last connection whose accounts are listed, and what is closed at the next change.
func (p *picture) listed() (epoch uint64, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.full, p.changed
}

// ids lists the accounts of exactly the reserved shape: session id → account id.
func (p *picture) ids() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[string]string, len(p.accounts))
	for id := range p.accounts {
		if s := sessionOf(id); s != "" {
			all[s] = id
		}
	}
	return all
}

// await waits until an account is as it should be.
func (p *picture) await(ctx context.Context, id string, right func(a account, known bool) bool) error {
	for {
		p.mu.Lock()
		a, known := p.accounts[id]
		changed := p.changed
		p.mu.Unlock()
		if right(a, known) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return unavailable(ctx.Err())
		}
	}
}
