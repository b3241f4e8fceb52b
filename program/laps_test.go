package program

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// rate gives calls a second over all connections.
func rate(b *testing.B, conns []*grpc.ClientConn, during time.Duration, call func(context.Context, *grpc.ClientConn) error) float64 {
	b.Helper()
	var calls, failed atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for _, conn := range conns {
		wg.Go(func() {
			for time.Since(begin) < during {
				if call(b.Context(), conn) != nil {
					failed.Add(1)
				}
				calls.Add(1)
			}
		})
	}
	wg.Wait()
	if failed.Load() > 0 {
		b.Fatalf("%d of %d calls failed", failed.Load(), calls.Load())
	}
	return float64(calls.Load()) / time.Since(begin).Seconds()
}

// kind is one kind of call; prepare makes the next one, outside the time that is taken.
type kind struct {
	name    string
	prepare func() func() error
}

// laps gives each kind's median in microseconds over n calls, the kinds alternating.
func laps(b *testing.B, kinds []kind, n int) map[string]float64 {
	b.Helper()
	all := map[string][]float64{}
	for range n {
		for _, k := range kinds {
			call := k.prepare()
			begin := time.Now()
			err := call()
			took := time.Since(begin)
			if err != nil {
				b.Fatal(k.name, err)
			}
			all[k.name] = append(all[k.name], float64(took.Nanoseconds())/1000)
		}
	}
	out := map[string]float64{}
	for name, v := range all {
		out[name] = median(v)
	}
	return out
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

func spread(v []float64) [2]float64 { return [2]float64{slices.Min(v), slices.Max(v)} }
