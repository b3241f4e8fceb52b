// Package directorytest is the conformance suite of authsvc.Directory: every implementation must pass it.
package directorytest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

// The tenants of the world below.
const (
	TenantA = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	TenantB = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
	Lost    = "cccccccc-cccc-4ccc-8ccc-cccccccccccc" // a user has it, the tenants do not
)

// World is what a directory under test must hold.
type World struct {
	Tenants map[string]string // id → name
	Users   []authsvc.User
	Devices []authsvc.Device // without Disputed, which follows from the rest
}

// Standard is the world of the suite.
func Standard() World {
	key := func(letter string) string { return strings.Repeat(letter, 64) }
	return World{
		Tenants: map[string]string{TenantA: "Acme", TenantB: "Beta"},
		Users: []authsvc.User{
			{ID: 1, Email: "Tech@Acme.example", FullName: "Tess", TenantID: TenantA, Role: "technician", Grants: []authsvc.Grant{
				{AgentID: 1, Role: "admin"}, {AgentID: 2, Role: "viewer"},
			}},
			{ID: 2, Email: "root@x.example", Role: "superadmin", IsSuperadmin: true},
			{ID: 3, Email: "twice@x.example", TenantID: TenantA, Role: "viewer"},
			{ID: 4, Email: "TWICE@x.example", TenantID: TenantB, Role: "viewer"},
			{ID: 5, Email: "off@x.example", TenantID: TenantA, Role: "admin", Disabled: true},
			{ID: 6, Email: "lost@x.example", TenantID: Lost, Role: "admin"},
			{ID: 7, Email: "É@x.example", TenantID: TenantA, Role: "admin"},
			{ID: 10, Email: "four@x.example"}, {ID: 11, Email: "Four@x.example"}, {ID: 12, Email: "fOur@x.example"}, {ID: 13, Email: "foUr@x.example"},
		},
		Devices: []authsvc.Device{
			{AgentID: 1, UUID: "u1", Hostname: "alpha", Platform: "linux", TenantID: TenantA, NodeID: "node//" + key("A")},
			{AgentID: 2, UUID: "u2", Hostname: "bravo", Platform: "mac", TenantID: TenantA, NodeID: key("B")},
			{AgentID: 3, UUID: "u3", TenantID: TenantA},
			{AgentID: 4, UUID: "u4", TenantID: TenantA, NodeID: "garbage"},
			{AgentID: 5, UUID: "u5", TenantID: TenantB, NodeID: "garbage"},                  // not an id, so nothing is shared
			{AgentID: 6, UUID: "u6", TenantID: TenantA, NodeID: "node//" + key("S")},        // shared with 7, written otherwise
			{AgentID: 7, UUID: "u7", TenantID: TenantB, NodeID: key("S")},                   //
			{AgentID: 8, UUID: "u8", TenantID: TenantB, NodeID: strings.Repeat("00", 48)},   // the hex form of 64 "A"s: shared with 1
			{AgentID: 9, UUID: "u9", NodeID: "node//" + key("N")},                           // nobody's
			{AgentID: 10, UUID: "u10", TenantID: TenantB, NodeID: "node/other/" + key("N")}, // and so not B's either
			{AgentID: 11, UUID: "u11", TenantID: TenantB, NodeID: "node//" + key("C")},
			{AgentID: 12, UUID: "u12", TenantID: TenantB, NodeID: key("C")}, // twice in one tenant is no dispute
		},
	}
}

// Run runs the suite against directories that newDirectory fills with the world.
func Run(t *testing.T, newDirectory func(*testing.T, World) authsvc.Directory) {
	t.Helper()
	dir := newDirectory(t, Standard())
	for round := range 2 { // again, so that a cache answers from memory
		t.Run(fmt.Sprintf("round %d", round), func(t *testing.T) {
			t.Run("users", func(t *testing.T) { users(t, dir) })
			t.Run("devices", func(t *testing.T) { devices(t, dir) })
			t.Run("tenants", func(t *testing.T) { tenants(t, dir) })
		})
	}
	t.Run("freshness", func(t *testing.T) { freshness(t, dir) })
	t.Run("a cancelled caller", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if rows, err := dir.FindUsers(ctx, "cold@x.example"); err == nil || rows != nil {
			t.Errorf("got %v, %v", rows, err)
		}
	})
}

func users(t *testing.T, dir authsvc.Directory) {
	for email, want := range map[string]int{
		"tech@acme.example": 1, "Tech@Acme.example": 0, "root@x.example": 1, "twice@x.example": 2, "four@x.example": 3, "é@x.example": 0,
		"nobody@x.example": 0, "": 0, "tech@acme.example' or '1'='1": 0, "%": 0, "te_h@acme.example": 0,
	} {
		rows, err := dir.FindUsers(t.Context(), email)
		if err != nil || len(rows) != want {
			t.Errorf("%q has %d rows, %v; want %d", email, len(rows), err, want)
		}
	}
	one := func(email string) authsvc.User {
		rows, err := dir.FindUsers(t.Context(), email)
		if err != nil || len(rows) != 1 {
			t.Fatalf("%s: %v, %v", email, rows, err)
		}
		return rows[0]
	}
	u := one("tech@acme.example")
	if u.ID != 1 || u.Email != "Tech@Acme.example" || u.FullName != "Tess" || u.TenantID != TenantA ||
		u.Role != "technician" || u.IsSuperadmin || u.Disabled {
		t.Errorf("the row is %+v", u)
	}
	if !slices.Equal(u.Grants, []authsvc.Grant{{AgentID: 1, Role: "admin"}, {AgentID: 2, Role: "viewer"}}) {
		t.Errorf("the grants are %+v", u.Grants)
	}
	if u := one("root@x.example"); u.TenantID != "" || !u.IsSuperadmin || len(u.Grants) != 0 {
		t.Errorf("the superadmin is %+v", u)
	}
	if u := one("off@x.example"); !u.Disabled {
		t.Error("disabled is lost")
	}
}

func devices(t *testing.T, dir authsvc.Directory) {
	for _, c := range []struct {
		scope    authsvc.Scope
		ids      []int64
		disputed []int64
	}{
		{authsvc.Scope{TenantID: TenantA}, []int64{1, 2, 3, 4, 6}, []int64{1, 6}},
		{authsvc.Scope{TenantID: TenantB}, []int64{5, 7, 8, 10, 11, 12}, []int64{7, 8, 10}},
		{authsvc.Scope{TenantID: Lost}, nil, nil},
		{authsvc.Scope{All: true}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12}, []int64{1, 6, 7, 8, 10}},
	} {
		set, err := dir.Devices(t.Context(), c.scope)
		if err != nil || set == nil || set.Scope != c.scope {
			t.Fatalf("%s: %+v, %v", c.scope, set, err)
		}
		var ids, disputed []int64
		for _, d := range set.Devices {
			ids = append(ids, d.AgentID)
			if d.Disputed {
				disputed = append(disputed, d.AgentID)
			}
			if !c.scope.All && d.TenantID != c.scope.TenantID || d.TenantID == "" {
				t.Errorf("%s has device %d of tenant %q", c.scope, d.AgentID, d.TenantID)
			}
		}
		if !slices.Equal(ids, c.ids) || !slices.Equal(disputed, c.disputed) {
			t.Errorf("%s: devices %v disputed %v; want %v and %v", c.scope, ids, disputed, c.ids, c.disputed)
		}
	}
	set, err := dir.Devices(t.Context(), authsvc.Scope{TenantID: TenantA})
	if err != nil || set.Devices[1] != Standard().Devices[1] {
		t.Errorf("the device is %+v, %v", set.Devices[1], err)
	}
}

func tenants(t *testing.T, dir authsvc.Directory) {
	for id, want := range map[string]authsvc.Tenant{TenantA: {ID: TenantA, Name: "Acme", Known: true}, Lost: {ID: Lost}} {
		got, err := dir.FindTenant(t.Context(), id)
		if got.ReadAt = (time.Time{}); err != nil || got != want {
			t.Errorf("the tenant is %+v, %v; want %+v", got, err, want)
		}
	}
	all, err := dir.Tenants(t.Context())
	if want := []authsvc.Tenant{{ID: TenantA, Name: "Acme", Known: true}, {ID: TenantB, Name: "Beta", Known: true}}; err != nil || !slices.Equal(all, want) {
		t.Errorf("tenants with names are %v, %v", all, err)
	}
	ids, err := dir.TenantIDs(t.Context())
	ids = slices.Sorted(slices.Values(ids))
	if err != nil || !slices.Equal(ids, []string{TenantA, TenantB}) {
		t.Errorf("tenants are %v, %v", ids, err)
	}
}

// freshness: everything that is answered says when it was read, and who asks for what was read since a moment gets nothing
// older; an answer from memory tells its age and not the caller's.
func freshness(t *testing.T, dir authsvc.Directory) {
	for name, read := range map[string]func(context.Context) (time.Time, error){
		"user": func(ctx context.Context) (time.Time, error) {
			rows, err := dir.FindUsers(ctx, "root@x.example")
			if err != nil || len(rows) != 1 {
				return time.Time{}, fmt.Errorf("%d rows, %w", len(rows), err)
			}
			return rows[0].ReadAt, nil
		},
		"devices": func(ctx context.Context) (time.Time, error) {
			set, err := dir.Devices(ctx, authsvc.Scope{TenantID: TenantB})
			if err != nil {
				return time.Time{}, err
			}
			return set.ReadAt, nil
		},
		"tenant": func(ctx context.Context) (time.Time, error) {
			tenant, err := dir.FindTenant(ctx, TenantB)
			return tenant.ReadAt, err
		},
		"no such tenant": func(ctx context.Context) (time.Time, error) {
			tenant, err := dir.FindTenant(ctx, Lost)
			return tenant.ReadAt, err
		},
	} {
		before := time.Now()
		first, err := read(authsvc.ReadSince(t.Context(), before))
		if err != nil || first.Before(before) || first.After(time.Now()) {
			t.Errorf("%s: read at %s, %v; asked at %s", name, first, err, before)
		}
		if again, err := read(authsvc.ReadSince(t.Context(), before)); err != nil || again.Before(first) {
			t.Errorf("%s: read at %s after %s, %v", name, again, first, err)
		}
		later := time.Now()
		if again, err := read(authsvc.ReadSince(t.Context(), later)); err != nil || again.Before(later) {
			t.Errorf("%s: read at %s, %v; what was read since %s was asked for", name, again, err, later)
		}
	}
}
