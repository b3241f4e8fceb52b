package session

import "sync"

// registry holds what this replica serves: at most one Live a session. It is bounded by the sessions that live in the database.
type registry struct {
	mu     *sync.RWMutex
	byHash map[string]*Live
	byID   map[string]*Live
}

func newRegistry() registry {
	return registry{mu: &sync.RWMutex{}, byHash: map[string]*Live{}, byID: map[string]*Live{}}
}

func (r registry) get(hash string) *Live {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byHash[hash]
}

func (r registry) named(id string) *Live {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byID[id]
}

// add gives the one that is there already, if any.
func (r registry) add(l *Live) *Live {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.byID[l.id]; old != nil {
		return old
	}
	r.byHash[l.hash], r.byID[l.id] = l, l
	return l
}

func (r registry) remove(l *Live) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID[l.id] == l {
		delete(r.byHash, l.hash)
		delete(r.byID, l.id)
	}
}

func (r registry) all() []*Live {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := make([]*Live, 0, len(r.byID))
	for _, l := range r.byID {
		out = append(out, l)
	}
	return out
}
