package meshbridge_test

import (
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory/directorytest"
	"github.com/everydaytech/meshsso/meshbridge"
)

func TestAPoolPrincipalIsAViewerOfItsTenant(t *testing.T) {
	for _, way := range []meshbridge.Way{meshbridge.WayLinks, meshbridge.WayGroup} {
		t.Run(way.String(), func(t *testing.T) {
			w := &directorytest.Memory{World: wayWorld()}
			b := meshbridge.New(meshbridge.Config{Groups: 100, Rights: way, Log: slog.New(slog.DiscardHandler)}, w)
			set, err := w.Devices(t.Context(), authsvc.Scope{TenantID: directorytest.TenantA})
			if err != nil {
				t.Fatal(err)
			}
			expires := time.Unix(1700000000, 0)
			resp, err := b.MapPool(t.Context(), &authsvc.PoolIdentity{Tenant: authsvc.Tenant{ID: directorytest.TenantA, Name: "Acme"}, Devices: set, ExpiresAt: expires}, "")
			if err != nil {
				t.Fatal(err)
			}
			checkShape(t, way, resp)
			u := resp.GetUser()
			id, _ := meshbridge.PoolPrincipalID("", directorytest.TenantA)
			if u.GetId() != id || u.GetEmail() != "" || u.GetSiteadmin() != 64|128|1024|4096 || u.GetRole() != "viewer" || !resp.GetExpiresAt().AsTime().Equal(expires) || resp.GetSession().GetId() != "tenant:"+directorytest.TenantA {
				t.Errorf("got %v", resp)
			}
			got := map[string]uint32{}
			for _, l := range u.GetLinks() {
				if strings.HasPrefix(l.GetId(), "node//") {
					got[l.GetId()[len("node//"):][:1]] = l.GetRights()
					continue
				}
				for _, member := range links(t, b, l.GetId(), "") {
					got[member.GetId()[len("node//"):][:1]] = l.GetRights()
				}
			}
			if resp.GetUserGroup() != nil || !maps.Equal(got, masks(viewer, "A B")) {
				t.Errorf("sees %v, group %v", got, resp.GetUserGroup())
			}
		})
	}
}

func TestAPoolPrincipalIsOfOneTenant(t *testing.T) {
	w := &directorytest.Memory{World: wayWorld()}
	b := meshbridge.New(meshbridge.Config{Groups: 100, Log: slog.New(slog.DiscardHandler)}, w)
	set := func(s authsvc.Scope) *authsvc.DeviceSet {
		found, err := w.Devices(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	own := set(authsvc.Scope{TenantID: directorytest.TenantA})
	tenant := authsvc.Tenant{ID: directorytest.TenantA}
	for name, c := range map[string]struct {
		tenant authsvc.Tenant
		set    *authsvc.DeviceSet
		domain string
		want   error
	}{
		"another tenant's devices": {tenant, set(authsvc.Scope{TenantID: directorytest.TenantB}), "", authsvc.ErrGroupUnknown},
		"all devices":              {tenant, set(authsvc.Scope{All: true}), "", authsvc.ErrGroupUnknown},
		"no devices known":         {tenant, nil, "", authsvc.ErrGroupUnknown},
		"no tenant":                {authsvc.Tenant{}, own, "", authsvc.ErrGroupUnknown},
		"another domain":           {tenant, own, "other", authsvc.ErrDomainDenied},
	} {
		if resp, err := b.MapPool(t.Context(), &authsvc.PoolIdentity{Tenant: c.tenant, Devices: c.set, ExpiresAt: time.Now()}, c.domain); !errors.Is(err, c.want) || resp != nil {
			t.Errorf("%s: %v, %v", name, resp, err)
		}
	}
}

func TestPoolPrincipalID(t *testing.T) {
	id, ok := meshbridge.PoolPrincipalID("", directorytest.TenantA)
	if !ok || len(id) != len("user//~p:")+16 || !meshbridge.IsPoolPrincipalName(strings.TrimPrefix(id, "user//")) {
		t.Fatalf("got %q", id)
	}
	if other, _ := meshbridge.PoolPrincipalID("", directorytest.TenantB); other == id {
		t.Error("two tenants share it")
	}
	for _, tenant := range []string{"", strings.ToUpper("aaaaaaaa-0000-4000-8000-000000000001"), "aaaaaaaa-0000-4000-8000-00000000000g", "aaaaaaaa00000-4000-8000-000000000001", directorytest.TenantA + " "} {
		if id, ok := meshbridge.PoolPrincipalID("", tenant); ok {
			t.Errorf("%q became %q", tenant, id)
		}
	}
	if _, ok := meshbridge.FoldEmail("~p:0123456789abcdef@x.example"); ok {
		t.Error("an e-mail can be a pool principal")
	}
}
