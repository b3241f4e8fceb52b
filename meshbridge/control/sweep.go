package control

import (
	"context"
	"errors"
	"slices"
	"time"
)

// sweepBatch is how many sessions one question to the database names.
const sweepBatch = 1000

// Ended takes a session's account away at once: its control sockets, cookies and login tokens end with it. Tunnels that are
// open stay open in MeshCentral; whoever proxies them ends them. What fails here the sweep does later.
func (p *Principals) Ended(ctx context.Context, sessionID string) {
	p.drop(sessionID)
	name, ok := principalName(sessionID)
	if !ok {
		return
	}
	ctx, stop := context.WithTimeout(ctx, makeTimeout)
	defer stop()
	c, err := p.cfg.Service.line.get(ctx)
	if err == nil {
		err = p.cfg.Service.forget(ctx, c, "user//"+name)
	}
	if err != nil {
		p.cfg.Log.Warn("a session's account stays until the next sweep", "session", sessionID, "err", err)
	}
}

// Run sweeps at start, whenever MeshCentral was away, and at every interval, until the context ends. It is what makes an
// account end with its session on whatever replica, after whatever crash.
func (p *Principals) Run(ctx context.Context) {
	tick := time.NewTicker(p.cfg.Sweep)
	defer tick.Stop()
	for ctx.Err() == nil {
		epoch, err := p.Sweep(ctx)
		if err != nil && !errors.Is(err, context.Canceled) {
			p.cfg.Log.Warn("accounts of ended sessions were not looked for", "err", err)
		}
		p.pause(ctx, tick, epoch)
	}
}

// pause ends at the next tick or when another connection has listed MeshCentral's accounts anew.
func (p *Principals) pause(ctx context.Context, tick *time.Ticker, epoch uint64) {
	for {
		listed, changed := p.cfg.Service.picture.listed()
		if listed > epoch {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			return
		case <-changed:
		}
	}
}

// Sweep deletes every account of the reserved shape whose session is not alive, and forgets what else there is of such
// sessions. It gives the number of the connection that it looked over at most.
func (p *Principals) Sweep(ctx context.Context) (epoch uint64, err error) {
	ctx, stop := context.WithTimeout(ctx, p.cfg.Sweep)
	defer stop()
	svc := p.cfg.Service
	epoch, _ = svc.picture.listed()
	c, err := svc.line.get(ctx)
	if err != nil {
		return epoch, err
	}
	accounts := svc.picture.ids()
	dead, err := p.dead(ctx, p.sessions(accounts))
	if err != nil {
		return epoch, err
	}
	var errs []error
	for _, session := range dead {
		p.drop(session)
		id, exists := accounts[session]
		if !exists {
			continue
		}
		if err := svc.forget(ctx, c, id); err != nil {
			errs = append(errs, err)
			continue
		}
		p.cfg.Log.Info("the account of an ended session is deleted", "session", session)
	}
	return epoch, errors.Join(errs...)
}

// sessions names every session that has an account or an entry.
func (p *Principals) sessions(accounts map[string]string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]string, 0, len(accounts)+len(p.entries))
	for s := range accounts {
		all = append(all, s)
	}
	for s := range p.entries {
		if _, listed := accounts[s]; !listed {
			all = append(all, s)
		}
	}
	return all
}

func (p *Principals) drop(sessionID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.entries, sessionID)
}

// dead gives those sessions that are not alive. Without the database's word none is.
func (p *Principals) dead(ctx context.Context, all []string) ([]string, error) {
	var dead []string
	for batch := range slices.Chunk(all, sweepBatch) {
		live, err := p.cfg.Live.LiveSessions(ctx, batch)
		if err != nil {
			return nil, err
		}
		for _, s := range batch {
			if !live[s] {
				dead = append(dead, s)
			}
		}
	}
	return dead, nil
}
