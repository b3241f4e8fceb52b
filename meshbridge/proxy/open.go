package proxy

import "sync"

// maxSockets is how many sockets one session may have open. A page has two; what a person opens beside it are few.
const maxSockets = 512

// openSockets counts by session. The zero value is ready.
type openSockets struct {
	mu sync.Mutex
	n  map[string]int
}

// take says whether a session may open another socket; then giveBack must follow.
func (p *Proxy) take(sessionID string) bool {
	p.open.mu.Lock()
	defer p.open.mu.Unlock()
	if p.open.n == nil {
		p.open.n = map[string]int{}
	}
	if p.open.n[sessionID] >= maxSockets {
		return false
	}
	p.open.n[sessionID]++
	return true
}

func (p *Proxy) giveBack(sessionID string) {
	p.open.mu.Lock()
	defer p.open.mu.Unlock()
	if p.open.n[sessionID]--; p.open.n[sessionID] <= 0 {
		delete(p.open.n, sessionID)
	}
}
