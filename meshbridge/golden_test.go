package meshbridge_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
	"github.com/everydaytech/meshsso/authsvc/directory/directorytest"
	"github.com/everydaytech/meshsso/authsvc/token"
	"github.com/everydaytech/meshsso/meshbridge"
)

// What the built-in policy answers, bit for bit: from a signed token to the reply and its group's links. testdata/builtin.golden
// was written by the release before there was any other policy.
func TestBuiltInAnswers(t *testing.T) {
	now := time.Unix(1700000000, 0)
	w := goldenWorld()
	keys := map[string]string{"dashboard": strings.Repeat("d", 32), "agent": strings.Repeat("a", 32)}
	verifier, err := token.New(token.Config{DashboardKey: []byte(keys["dashboard"]), AgentKey: []byte(keys["agent"]), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	dir := directorytest.Memory{World: w, Now: func() time.Time { return now }}
	service := &authsvc.Service{Verifier: verifier, Users: dir, Tenants: dir, Devices: dir, Roles: claims.RoleRule{}}
	var out strings.Builder
	for _, way := range []meshbridge.Way{meshbridge.WayLinks, meshbridge.WayGroup} {
		b := meshbridge.New(meshbridge.Config{Domains: []string{"other"}, Groups: 100, Rights: way, Log: slog.New(slog.DiscardHandler)}, dir)
		for _, u := range w.Users {
			for _, key := range []string{"dashboard", "agent"} {
				for _, role := range []string{"", "viewer", "admin", "superadmin", "guest", "nobody"} {
					text := goldenToken(u, role, keys[key], now)
					for _, domain := range []string{"", "other"} {
						fmt.Fprintf(&out, "%s %s %s %q %q: %s\n", way, u.Email, key, role, domain, answer(t.Context(), service, b, text, domain))
					}
				}
			}
		}
	}
	path := filepath.Join("testdata", "builtin.golden")
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, wanted := strings.Split(out.String(), "\n"), strings.Split(string(want), "\n")
	if len(got) != len(wanted) {
		t.Fatalf("%d answers, want %d", len(got), len(wanted))
	}
	for i := range got {
		if got[i] != wanted[i] {
			t.Fatalf("got  %s\nwant %s", got[i], wanted[i])
		}
	}
}

func goldenWorld() directorytest.World {
	const a = directorytest.TenantA
	w := directorytest.Standard()
	w.Users = []authsvc.User{w.Users[0], w.Users[1]}
	grants := []authsvc.Grant{{AgentID: 2, Role: "admin"}, {AgentID: 2, Role: "viewer"}, {AgentID: 1, Role: "Technician"}, {AgentID: 3, Role: "none"}, {AgentID: 11, Role: "admin"}}
	for i, role := range []string{"admin", "Technician", "viewer", "guest", "", "superadmin"} {
		u := authsvc.User{ID: int64(20 + 2*i), Email: fmt.Sprintf("u%d@acme.example", i), FullName: "User " + role, TenantID: a, Role: role}
		w.Users = append(w.Users, u)
		u.ID, u.Email, u.FullName, u.Grants = u.ID+1, "g"+u.Email, "", grants
		w.Users = append(w.Users, u)
	}
	w.Users = append(w.Users, authsvc.User{ID: 50, Email: "root@acme.example", FullName: "<b>Root", TenantID: a, Role: "viewer", IsSuperadmin: true, Grants: grants})
	return w
}

func goldenToken(u authsvc.User, role, key string, now time.Time) authsvc.Token {
	tenant := u.TenantID
	if tenant == "" {
		tenant = directorytest.TenantA
	}
	payload := fmt.Sprintf(`{"email":%q,"tenantId":%q,"userId":%d,"exp":%d`, u.Email, tenant, u.ID, now.Unix()+3600)
	if role != "" {
		payload += fmt.Sprintf(`,"role":%q`, role)
	}
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString([]byte(payload+"}"))
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(signed))
	return authsvc.NewToken(signed + "." + enc.EncodeToString(mac.Sum(nil)))
}

// answer gives the reply and, of its user group or device group, the links, in protobuf's wire format.
func answer(ctx context.Context, service *authsvc.Service, b *meshbridge.Bridge, text authsvc.Token, domain string) string {
	id, _, err := service.Authenticate(ctx, text)
	if err != nil {
		return err.Error()
	}
	resp, err := b.MapUser(ctx, id, domain)
	if err != nil {
		return err.Error()
	}
	parts := []proto.Message{resp}
	group := resp.GetUserGroup().GetId()
	if resp.GetTenant().GetVersion() != "" {
		group = resp.GetTenant().GetDeviceGroupId()
	}
	if group != "" {
		links, err := b.GroupLinks(ctx, group, "")
		if err != nil {
			return err.Error()
		}
		parts = append(parts, links)
	}
	h, size := sha256.New(), 0
	for _, part := range parts {
		bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(part)
		if err != nil {
			return err.Error()
		}
		h.Write(bytes)
		size += len(bytes)
	}
	return fmt.Sprintf("role %s, siteadmin %d, %d links, %d bytes, SHA-256 %s", resp.GetUser().GetRole(), resp.GetUser().GetSiteadmin(), len(resp.GetUser().GetLinks()), size, base64.RawURLEncoding.EncodeToString(h.Sum(nil)))
}
