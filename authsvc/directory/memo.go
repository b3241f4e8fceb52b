package directory

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/everydaytech/meshsso/authsvc"
)

// memo is a bounded memory whose entries carry their own deadlines, with one shared fill a key.
type memo[K comparable, V any] struct {
	ttl, fillTimeout time.Duration
	now              func() time.Time
	flight           singleflight.Group
	hits, misses     atomic.Uint64

	mu         sync.Mutex // guards generation against a fill that is about to be stored
	generation uint64
	entries    *lru.Cache[K, entry[V]]
}

type entry[V any] struct {
	value    V
	deadline time.Time
}

func newMemo[K comparable, V any](size int, ttl, fillTimeout time.Duration, now func() time.Time) *memo[K, V] {
	// The only error is a size below one.
	entries, _ := lru.New[K, entry[V]](max(size, 1))
	return &memo[K, V]{ttl: ttl, fillTimeout: fillTimeout, now: now, entries: entries}
}

// peek gives a live entry. The deadline itself is too late.
func (m *memo[K, V]) peek(key K) (V, bool) {
	e, ok := m.entries.Get(key)
	if !ok || !m.now().Before(e.deadline) {
		var zero V
		return zero, false
	}
	return e.value, true
}

// hit is peek, counted.
func (m *memo[K, V]) hit(key K) (V, bool) {
	v, ok := m.peek(key)
	if ok {
		m.hits.Add(1)
	}
	return v, ok
}

// fill reads a value afresh and says which memo is to keep it.
type fill[K comparable, V any] func(context.Context) (V, *memo[K, V], error)

func (m *memo[K, V]) get(ctx context.Context, key K, f fill[K, V]) (V, error) {
	var zero V
	if v, ok := m.hit(key); ok {
		return v, nil
	}
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	m.misses.Add(1)
	generation := m.currentGeneration()
	// The generation is part of the key: who comes after a purge does not join a fill from before it.
	ch := m.flight.DoChan(fmt.Sprintf("%d %v", generation, key), func() (any, error) {
		return m.run(ctx, key, generation, f)
	})
	select {
	case <-ctx.Done():
		return zero, ctx.Err()
	case r := <-ch:
		if r.Err != nil {
			return zero, r.Err
		}
		return r.Val.(V), nil
	}
}

// run fills for everybody who waits: it keeps the values of the first caller's context and not its end.
func (m *memo[K, V]) run(ctx context.Context, key K, generation uint64, f fill[K, V]) (v any, err error) {
	defer func() {
		// singleflight would re-panic in a goroutine of its own and end the process.
		if r := recover(); r != nil {
			v, err = nil, fmt.Errorf("panic in a look-up: %v", r)
		}
	}()
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), m.fillTimeout, errFillTimeout)
	defer cancel()
	// A caller that met a miss may come here after another's fill has just ended.
	if value, ok := m.peek(key); ok {
		return value, nil
	}
	started := m.now()
	value, keeper, err := f(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, authsvc.Deny(authsvc.StoreUnavailable, context.Cause(ctx).Error())
		}
		return nil, err
	}
	m.keep(keeper, key, entry[V]{value: value, deadline: started.Add(keeper.ttl)}, generation)
	return value, nil
}

// keep stores in another memo of the same cache or in m itself, unless m was purged since the fill began.
func (m *memo[K, V]) keep(keeper *memo[K, V], key K, e entry[V], generation uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.generation == generation {
		keeper.entries.Add(key, e)
	}
}

func (m *memo[K, V]) currentGeneration() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.generation
}

func (m *memo[K, V]) purge() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.generation++
	m.entries.Purge()
}

func (m *memo[K, V]) stats() CacheStats {
	return CacheStats{Hits: m.hits.Load(), Misses: m.misses.Load(), Entries: m.entries.Len()}
}
