package directory

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/everydaytech/meshsso/authsvc"
)

// memo is a bounded memory whose entries carry their own deadlines, with one shared fill a key. "Nobody" and "nothing" are
// kept shortly and in a store of their own, so that guessing cannot push what exists out of memory.
//
// The fill runs on the goroutine of the caller that began it: a fresh one would have to grow its stack for each query. That
// caller therefore waits for its end even if it is cancelled meanwhile; all others leave when they like.
//
// Who wants what was read since some moment (authsvc.Since) takes neither an entry nor a fill from before it. Such callers do
// not each begin a fill of their own: they wait for the one under way and share the next, which began after all of them came.
type memo[K comparable, V any] struct {
	cfg          CacheConfig
	negative     func(V) bool
	entries      *lru.Cache[K, entry[V]]
	absent       *lru.Cache[K, entry[V]]
	hits, misses atomic.Uint64

	mu         sync.Mutex // guards what follows, and storing against purging
	generation uint64
	flights    map[K]*flight[V]
}

type entry[V any] struct {
	value    V
	began    time.Time // when the fill did: what was read is as old as that
	deadline time.Time
}

// flight is a fill under way; value and err are set before done is closed.
type flight[V any] struct {
	generation uint64
	began      time.Time
	done       chan struct{}
	value      V
	err        error
}

// newMemo holds size entries, and a tenth of that for what negative says is nothing.
func newMemo[K comparable, V any](cfg CacheConfig, size int, negative func(V) bool) *memo[K, V] {
	// The only error is a size below one.
	entries, _ := lru.New[K, entry[V]](max(size, 1))
	absent, _ := lru.New[K, entry[V]](max(size/10, 1))
	return &memo[K, V]{cfg: cfg, negative: negative, entries: entries, absent: absent, flights: map[K]*flight[V]{}}
}

// peek gives a live entry that was read at since or later. The deadline itself is too late.
func (m *memo[K, V]) peek(key K, since time.Time) (V, bool) {
	for _, store := range []*lru.Cache[K, entry[V]]{m.entries, m.absent} {
		if e, ok := store.Get(key); ok && m.cfg.Now().Before(e.deadline) && !e.began.Before(since) {
			return e.value, true
		}
	}
	var zero V
	return zero, false
}

// get gives the value from memory, from a fill that is under way, or from one of its own.
func (m *memo[K, V]) get(ctx context.Context, key K, fill func(context.Context, K) (V, error)) (V, error) {
	var zero V
	since := authsvc.Since(ctx)
	if v, ok := m.peek(key, since); ok {
		m.hits.Add(1)
		return v, nil
	}
	// Nobody can have read in the future: who asks for that would wait for ever.
	if now := m.cfg.Now(); since.After(now) {
		since = now
	}
	m.misses.Add(1)
	for {
		if err := ctx.Err(); err != nil {
			return zero, err
		}
		f, ours, stored := m.join(key, since)
		switch {
		case stored != nil:
			return stored.value, nil
		case ours:
			m.run(ctx, key, f, fill)
		default:
			select {
			case <-ctx.Done():
			case <-f.done:
			}
		}
		if err := ctx.Err(); err != nil {
			return zero, err
		}
		if !f.began.Before(since) {
			return f.value, f.err
		}
	}
}

// join finds the fill of this generation that is under way or begins one; a fill that ended since the miss has stored its
// value. Who comes after a purge does not join a fill from before it. The fill that is found may have begun before since.
func (m *memo[K, V]) join(key K, since time.Time) (f *flight[V], ours bool, stored *entry[V]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.peek(key, since); ok {
		return nil, false, &entry[V]{value: v}
	}
	if f := m.flights[key]; f != nil && f.generation == m.generation {
		return f, false, nil
	}
	f = &flight[V]{generation: m.generation, began: m.cfg.Now(), done: make(chan struct{})}
	m.flights[key] = f
	return f, true, nil
}

// run fills for everybody who waits: it keeps the values of the first caller's context and not its end.
func (m *memo[K, V]) run(ctx context.Context, key K, f *flight[V], fill func(context.Context, K) (V, error)) {
	defer func() {
		if r := recover(); r != nil {
			f.err = fmt.Errorf("panic of type %T in a look-up", r)
		}
		m.land(key, f)
		close(f.done)
	}()
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), m.cfg.FillTimeout, errFillTimeout)
	defer cancel()
	value, err := fill(ctx, key)
	if err != nil && ctx.Err() != nil {
		err = authsvc.Deny(authsvc.StoreUnavailable, context.Cause(ctx).Error())
	}
	if f.err = err; err == nil {
		f.value = value
	}
}

// land ends a flight and stores its value in place of an older one, unless it failed or the memo was purged since it began.
func (m *memo[K, V]) land(key K, f *flight[V]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.flights[key] == f {
		delete(m.flights, key)
	}
	switch {
	case f.err != nil || f.generation != m.generation:
	case m.negative(f.value):
		m.entries.Remove(key) // it may have been somebody before
		m.absent.Add(key, entry[V]{f.value, f.began, f.began.Add(m.cfg.NegativeTTL)})
	default:
		m.absent.Remove(key)
		m.entries.Add(key, entry[V]{f.value, f.began, f.began.Add(m.cfg.TTL)})
	}
}

func (m *memo[K, V]) purge() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.generation++
	m.entries.Purge()
	m.absent.Purge()
}

func (m *memo[K, V]) stats() CacheStats {
	return CacheStats{Hits: m.hits.Load(), Misses: m.misses.Load(), Entries: m.entries.Len() + m.absent.Len()}
}
