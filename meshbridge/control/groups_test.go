package control_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/everydaytech/meshsso/internal/testpg"
	"github.com/everydaytech/meshsso/meshbridge/control"
)

const tenantID = "7b0f2f7e-0d6a-4a57-9a3c-1f0f4b6f2c11"

func TestPostgresKeepsTheFirstGroup(t *testing.T) {
	db := testpg.New(t)
	db.Migrate(t)
	store := control.PostgresGroups{DB: db.Conn}
	if id, err := store.Get(t.Context(), tenantID); err != nil || id != "" {
		t.Fatalf("got %q, %v", id, err)
	}
	first, second := "mesh//"+strings.Repeat("A", 64), "mesh//"+strings.Repeat("B", 64)
	for _, id := range []string{first, second} {
		if kept, err := store.Put(t.Context(), tenantID, id); err != nil || kept != first {
			t.Fatalf("kept %q, %v", kept, err)
		}
	}
	if id, err := store.Get(t.Context(), tenantID); err != nil || id != first {
		t.Fatalf("got %q, %v", id, err)
	}
	if _, err := store.Put(t.Context(), "8b0f2f7e-0d6a-4a57-9a3c-1f0f4b6f2c11", "mesh//not an id"); err == nil {
		t.Fatal("an id of no group was kept")
	}
	if _, err := store.Get(t.Context(), "not a tenant"); err == nil {
		t.Fatal("an id of no tenant was looked up")
	}
}

// groups is a store that loses races on demand.
type groups struct {
	mu     sync.Mutex
	made   map[string]string
	winner string // of the next Put
	err    error
}

func (g *groups) Get(_ context.Context, tenant string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.made[tenant], g.err
}

func (g *groups) Put(_ context.Context, tenant, id string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.winner != "" {
		id = g.winner
	}
	g.made[tenant] = id
	return id, nil
}

func TestADeviceGroupIsMadeOnce(t *testing.T) {
	f := newFakeMesh(t)
	store := &groups{made: map[string]string{}}
	g := control.DeviceGroups{Service: newService(t, f, soon), Store: store}
	var names []string
	f.answer = func(frame object) (any, bool) {
		if frame["action"] == "createmesh" {
			names = append(names, frame["meshname"].(string))
		}
		return nil, false
	}
	first, err := g.EnsureDeviceGroup(t.Context(), "acme", "Acme")
	if err != nil || !strings.HasPrefix(first, "mesh//") {
		t.Fatalf("got %q, %v", first, err)
	}
	if again, err := g.EnsureDeviceGroup(t.Context(), "acme", "Acme"); err != nil || again != first {
		t.Fatalf("got %q, %v", again, err)
	}
	store.winner = "mesh//another replica's"
	if id, err := g.EnsureDeviceGroup(t.Context(), "borealis", "<b>"+strings.Repeat("x", 500)); err != nil || id != store.winner {
		t.Fatalf("got %q, %v", id, err)
	}
	eventually(t, "the group too many is removed", func() bool { return f.count("deletemesh") == 1 })
	if len(names) != 2 || names[0] != "Acme" || names[1] != "meshsso-borealis" {
		t.Errorf("named %q", names)
	}
	store.err = errNoDatabase
	if _, err := g.EnsureDeviceGroup(t.Context(), "acme", "Acme"); !errors.Is(err, errNoDatabase) {
		t.Errorf("got %v", err)
	}
	store.err = nil
	f.answer = func(frame object) (any, bool) {
		return object{"action": "createmesh", "responseid": frame["responseid"], "result": "Permission denied"}, true
	}
	if _, err := g.EnsureDeviceGroup(t.Context(), "third", "Third"); !errors.Is(err, control.ErrRefused) {
		t.Errorf("got %v", err)
	}
}
