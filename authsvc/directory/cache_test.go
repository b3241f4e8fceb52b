package directory_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory"
)

// store counts what it is asked; a call waits for gate if there is one, then fails with err if there is one.
type store struct {
	mu    sync.Mutex
	calls map[string]int
	gate  chan struct{}
	err   error
	panic bool
	name  string // what users are called now
	gone  bool   // there are no users now
}

func newStore() *store { return &store{calls: map[string]int{}, name: "old"} }

func (s *store) ask(ctx context.Context, what string) (string, error) {
	s.mu.Lock()
	s.calls[what]++
	gate, err, name, p := s.gate, s.err, s.name, s.panic
	if s.gone {
		name = ""
	}
	s.mu.Unlock()
	if p {
		panic("store")
	}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return name, err
}

func (s *store) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *store) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[what]
}

func (s *store) FindUsers(ctx context.Context, email string) ([]authsvc.User, error) {
	name, err := s.ask(ctx, email)
	if err != nil || name == "" || strings.HasPrefix(email, "nobody") {
		return nil, err
	}
	return []authsvc.User{{Email: email, FullName: name}}, nil
}

func (s *store) Devices(ctx context.Context, scope authsvc.Scope) (*authsvc.DeviceSet, error) {
	_, err := s.ask(ctx, scope.String())
	return &authsvc.DeviceSet{Scope: scope}, err
}

func (s *store) FindTenant(ctx context.Context, id string) (authsvc.Tenant, error) {
	_, err := s.ask(ctx, id)
	return authsvc.Tenant{ID: id, Known: true}, err
}

func (s *store) TenantIDs(ctx context.Context) ([]string, error) {
	_, err := s.ask(ctx, "tenants")
	return []string{"t"}, err
}

func cached(s *store) *directory.Cached {
	return directory.NewCached(s, directory.CacheConfig{
		TTL: 5 * time.Minute, NegativeTTL: 5 * time.Second, Users: 20, Scopes: 2, FillTimeout: 10 * time.Second,
	})
}

func find(t *testing.T, c *directory.Cached, email string) string {
	t.Helper()
	rows, err := c.FindUsers(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) == 0 {
		return ""
	}
	return rows[0].FullName
}

func TestEntryEndsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		c := cached(s)
		find(t, c, "a")
		s.set(func() { s.name = "new" })
		time.Sleep(5*time.Minute - time.Nanosecond)
		if got := find(t, c, "a"); got != "old" {
			t.Errorf("just before the deadline: %s", got)
		}
		time.Sleep(time.Nanosecond)
		if got := find(t, c, "a"); got != "new" {
			t.Errorf("at the deadline: %s", got)
		}
		if n := s.count("a"); n != 2 {
			t.Errorf("%d queries", n)
		}
	})
}

// A deadline counts from when the query began: what it read is at least that old.
func TestDeadlineCountsFromTheQuerysBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.gate = make(chan struct{})
		c := cached(s)
		go func() {
			time.Sleep(9 * time.Second)
			close(s.gate)
		}()
		find(t, c, "a")
		time.Sleep(5*time.Minute - 9*time.Second)
		find(t, c, "a")
		if n := s.count("a"); n != 2 {
			t.Errorf("%d queries", n)
		}
	})
}

func TestNobodyIsRememberedShortlyAndApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		c := cached(s)
		find(t, c, "a")
		find(t, c, "nobody")
		find(t, c, "nobody")
		if n := s.count("nobody"); n != 1 {
			t.Errorf("%d queries", n)
		}
		time.Sleep(5 * time.Second)
		find(t, c, "nobody")
		if n := s.count("nobody"); n != 2 {
			t.Errorf("%d queries", n)
		}
		for i := range 100 { // guesses push out one another and nobody else
			if _, err := c.FindUsers(t.Context(), fmt.Sprint("nobody", i)); err != nil {
				t.Fatal(err)
			}
		}
		if stats := c.Stats(); stats["users"].Entries != 3 {
			t.Errorf("entries: %+v", stats)
		}
		find(t, c, "a")
		if n := s.count("a"); n != 1 {
			t.Errorf("%d queries", n)
		}
	})
}

func TestSizeIsBounded(t *testing.T) {
	c := cached(newStore())
	for i := range 100 {
		find(t, c, fmt.Sprint("user", i))
		if _, err := c.Devices(t.Context(), authsvc.Scope{TenantID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if s := c.Stats(); s["users"].Entries != 20 || s["devices"].Entries != 2 {
		t.Errorf("entries: %+v", s)
	}
}

func TestErrorsAreNotRemembered(t *testing.T) {
	s := newStore()
	s.err = authsvc.ErrStoreUnavailable
	c := cached(s)
	if _, err := c.FindUsers(t.Context(), "a"); authsvc.ReasonOf(err) != authsvc.StoreUnavailable {
		t.Error(err)
	}
	s.set(func() { s.err = nil })
	if got := find(t, c, "a"); got != "old" {
		t.Errorf("got %q", got)
	}
}

func TestPanicInALookUpIsAnError(t *testing.T) {
	s := newStore()
	s.panic = true
	c := cached(s)
	if rows, err := c.FindUsers(t.Context(), "a"); rows != nil || authsvc.ReasonOf(err) != authsvc.Internal {
		t.Errorf("%v %v", rows, err)
	}
}

// A fill that was under way when Purge came must not be believed later, and whoever comes after Purge must not join it.
func TestPurgeDropsAFillUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		old := make(chan struct{})
		s.gate = old
		c := cached(s)
		before := make(chan string, 1)
		go func() { before <- find(t, c, "a") }()
		synctest.Wait()
		c.Purge()
		s.set(func() { s.gate, s.name = nil, "new" })
		if got := find(t, c, "a"); got != "new" {
			t.Errorf("after the purge: %s", got)
		}
		close(old)
		if got := <-before; got != "old" {
			t.Errorf("the waiting caller got %s", got)
		}
		if got := find(t, c, "a"); got != "new" {
			t.Errorf("the old fill was kept: %s", got)
		}
	})
}

func TestPurgeForgetsEverything(t *testing.T) {
	s := newStore()
	c := cached(s)
	all := func() {
		find(t, c, "a")
		find(t, c, "nobody")
		_, _ = c.Devices(t.Context(), authsvc.Scope{All: true})
		_, _ = c.FindTenant(t.Context(), "t")
		_, _ = c.TenantIDs(t.Context())
	}
	all()
	all()
	c.Purge()
	all()
	for _, what := range []string{"a", "nobody", "*", "t", "tenants"} {
		if n := s.count(what); n != 2 {
			t.Errorf("%s: %d queries", what, n)
		}
	}
}
