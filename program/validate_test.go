package program

import (
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/everydaytech/meshsso/internal/testpg"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

const (
	serving    = healthpb.HealthCheckResponse_SERVING
	notServing = healthpb.HealthCheckResponse_NOT_SERVING
)

// The whole path, from the socket to a real database and back.

func TestPeopleAndTheirRights(t *testing.T) {
	i := start(t, seeded(t, testpg.New(t)), nil)
	const base = 64 | 1024 | 4096
	for name, c := range map[string]struct {
		token  string
		id     string
		name   string
		role   string
		site   uint32
		tenant string
		nodes  string
		rights uint32
	}{
		"technician":                     {dashboardToken("TECH@acme.example", strings.ToUpper(tenantA), 1, nil), "user//tech@acme.example", "Tess Tech", "technician", base, tenantA, "A B", 1327304},
		"admin":                          {dashboardToken("admin@acme.example", tenantA, 2, nil), "user//admin@acme.example", "admin", "admin", base, tenantA, "A B", 1458392},
		"viewer":                         {dashboardToken("viewer@acme.example", tenantA, 3, nil), "user//viewer@acme.example", "Vi", "viewer", base | 128, tenantA, "A B", 1800},
		"superadmin":                     {dashboardToken("root@everyday.example", tenantB, 4, nil), "user//root@everyday.example", "Root", "superadmin", 0xFFFFFFFF, "", "A B C", 1458392},
		"other tenant's own":             {dashboardToken("tech@beta.example", tenantB, 8, nil), "user//tech@beta.example", "Ben", "technician", base, tenantB, "C", 1327304},
		"unknown role":                   {dashboardToken("odd@acme.example", tenantA, 10, nil), "user//odd@acme.example", "Odd", "none", base | 128, tenantA, "", 0},
		"superadmin by text only":        {dashboardToken("textual@acme.example", tenantA, 11, nil), "user//textual@acme.example", "Text", "admin", base, tenantA, "A B", 1458392},
		"token lowers":                   {dashboardToken("admin@acme.example", tenantA, 2, map[string]any{"role": "viewer"}), "user//admin@acme.example", "admin", "viewer", base | 128, tenantA, "A B", 1800},
		"token cannot raise":             {dashboardToken("viewer@acme.example", tenantA, 3, map[string]any{"role": "superadmin"}), "user//viewer@acme.example", "Vi", "viewer", base | 128, tenantA, "A B", 1800},
		"unknown role in the token":      {dashboardToken("admin@acme.example", tenantA, 2, map[string]any{"role": "owner"}), "user//admin@acme.example", "admin", "none", base | 128, tenantA, "", 0},
		"lowered superadmin, no tenant":  {dashboardToken("root@everyday.example", tenantA, 4, map[string]any{"role": "admin"}), "user//root@everyday.example", "Root", "admin", base, "", "", 0},
		"user_id":                        {dashboardToken("tech@acme.example", tenantA, 1, map[string]any{"userId": nil, "user_id": 1}), "user//tech@acme.example", "Tess Tech", "technician", base, tenantA, "A B", 1327304},
		"agent key":                      {sign(agentSecret, hs256, claimsOf("tech@acme.example", tenantA, 1, nil)), "user//tech@acme.example", "Tess Tech", "technician", base, tenantA, "A B", 1327304},
		"agent key of a superadmin":      {sign(agentSecret, hs256, claimsOf("root@everyday.example", tenantA, 4, nil)), "user//root@everyday.example", "Root", "admin", base, "", "", 0},
		"agent key claiming superadmin":  {sign(agentSecret, hs256, claimsOf("root@everyday.example", tenantA, 4, map[string]any{"role": "superadmin"})), "user//root@everyday.example", "Root", "admin", base, "", "", 0},
		"iat a little ahead of our time": {dashboardToken("tech@acme.example", tenantA, 1, map[string]any{"iat": time.Now().Unix() + 10}), "user//tech@acme.example", "Tess Tech", "technician", base, tenantA, "A B", 1327304},
	} {
		t.Run(name, func(t *testing.T) {
			resp, reason := i.validate(t, c.token)
			if reason != "" {
				t.Fatal(reason)
			}
			u := resp.GetUser()
			if u.GetId() != c.id || u.GetName() != c.name || u.GetRole() != c.role || u.GetSiteadmin() != c.site || u.GetTenantId() != c.tenant {
				t.Errorf("the user is %v", u)
			}
			if (resp.GetTenant() == nil) != (c.tenant == "") || (resp.GetVerifiedBy() == pb.VerifiedBy_VERIFIED_BY_AGENT) != strings.HasPrefix(name, "agent key") {
				t.Errorf("the reply is %v", resp)
			}
			i.checkLinks(t, resp.GetUserGroup(), c.nodes, c.rights)
		})
	}
	if log := i.log.String(); strings.Contains(log, "eyJ") || strings.Contains(log, "acme.example") {
		t.Errorf("a token or a claim is in the log:\n%s", log)
	}
}

// checkLinks compares a group's links with letters of node ids; "" is no group.
func (i *instance) checkLinks(t *testing.T, group *pb.UserGroup, letters string, rights uint32) {
	t.Helper()
	if letters == "" {
		if group != nil {
			t.Errorf("a group: %v", group)
		}
		return
	}
	got, err := i.client.GetGroupLinks(t.Context(), &pb.GetGroupLinksRequest{Group: group.GetId()})
	if err != nil || got.GetGroup().GetVersion() != group.GetVersion() {
		t.Fatalf("%v, %v; the version was %s", got, err, group.GetVersion())
	}
	var ids, want []string
	for _, l := range got.GetLinks() {
		ids = append(ids, l.GetId())
		if l.GetRights() != rights {
			t.Errorf("rights %d, want %d", l.GetRights(), rights)
		}
	}
	for letter := range strings.FieldsSeq(letters) {
		want = append(want, nodeID(letter))
	}
	if !slices.Equal(ids, want) {
		t.Errorf("links %v, want %v", ids, want)
	}
}

func TestDenials(t *testing.T) {
	i := start(t, seeded(t, testpg.New(t)), nil)
	good := dashboardToken("tech@acme.example", tenantA, 1, nil)
	with := func(changes map[string]any) string { return dashboardToken("tech@acme.example", tenantA, 1, changes) }
	parts := strings.Split(good, ".")
	h512 := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS512"}`)) + "." + parts[1]
	m := hmac.New(sha512.New, []byte(dashboardSecret))
	m.Write([]byte(h512))
	now := time.Now().Unix()
	for name, c := range map[string]struct{ token, want string }{
		"no token":            {"", "TOKEN_MISSING"},
		"a word":              {"token", "TOKEN_MALFORMED"},
		"a megabyte":          {strings.Repeat("A", 1<<20), "TOKEN_MALFORMED"},
		"12 KB":               {with(map[string]any{"x": strings.Repeat("y", 12<<10)}), "TOKEN_MALFORMED"},
		"expired":             {with(map[string]any{"exp": now - 1}), "TOKEN_EXPIRED"},
		"not yet valid":       {with(map[string]any{"nbf": now + 3600}), "TOKEN_NOT_YET_VALID"},
		"issued in future":    {with(map[string]any{"iat": now + 3600}), "TOKEN_NOT_YET_VALID"},
		"wrong secret":        {sign("wrong-secret-wrong-secret-wrong-secret", hs256, claimsOf("tech@acme.example", tenantA, 1, nil)), "TOKEN_SIGNATURE"},
		"tampered":            {parts[0] + "." + strings.Split(with(map[string]any{"role": "admin"}), ".")[1] + "." + parts[2], "TOKEN_SIGNATURE"},
		"alg none":            {base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".", "TOKEN_ALGORITHM"},
		"HS512":               {h512 + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil)), "TOKEN_ALGORITHM"},
		"RS256":               {sign(dashboardSecret, map[string]any{"alg": "RS256"}, claimsOf("tech@acme.example", tenantA, 1, nil)), "TOKEN_ALGORITHM"},
		"crit":                {sign(dashboardSecret, map[string]any{"alg": "HS256", "crit": []string{"exp"}}, claimsOf("tech@acme.example", tenantA, 1, nil)), "TOKEN_MALFORMED"},
		"no email":            {with(map[string]any{"email": nil}), "TOKEN_CLAIMS"},
		"no exp":              {with(map[string]any{"exp": nil}), "TOKEN_CLAIMS"},
		"user id a string":    {with(map[string]any{"userId": "1"}), "TOKEN_CLAIMS"},
		"ids differ":          {with(map[string]any{"user_id": 2}), "TOKEN_CLAIMS"},
		"tenant no UUID":      {with(map[string]any{"tenantId": "acme"}), "TOKEN_CLAIMS"},
		"Kelvin sign":         {with(map[string]any{"email": "\u212aelvin@acme.example"}), "TOKEN_CLAIMS"},
		"e-mail with a slash": {with(map[string]any{"email": "a/../b@acme.example"}), "TOKEN_CLAIMS"},
		"unknown":             {dashboardToken("nobody@acme.example", tenantA, 1, nil), "USER_UNKNOWN"},
		"ambiguous":           {dashboardToken("twice@acme.example", tenantA, 6, nil), "USER_AMBIGUOUS"},
		"disabled":            {dashboardToken("gone@acme.example", tenantA, 5, nil), "USER_DISABLED"},
		"other user id":       {dashboardToken("tech@acme.example", tenantA, 2, nil), "USER_MISMATCH"},
		"other tenant":        {dashboardToken("tech@acme.example", tenantB, 1, nil), "TENANT_MISMATCH"},
		"row without tenant":  {dashboardToken("nowhere@acme.example", tenantA, 9, nil), "TENANT_MISMATCH"},
		"tenant gone":         {dashboardToken("lost@acme.example", "cccccccc-cccc-4ccc-8ccc-cccccccccccc", 12, nil), "TENANT_MISMATCH"},
	} {
		if resp, reason := i.validate(t, c.token); reason != c.want || resp != nil {
			t.Errorf("%s: %q, want %s", name, reason, c.want)
		}
	}
	_, err := i.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: good, Domain: "customer1"})
	if got := reasonOf(t, err); got != "DOMAIN_DENIED" {
		t.Errorf("a foreign domain: %s", got)
	}
	if log := i.log.String(); strings.Contains(log, "eyJ") || strings.Contains(log, "acme.example") || !strings.Contains(log, `"reason":"USER_DISABLED","hook":"root","client_ip":"192.0.2.7"`) {
		t.Errorf("the log is\n%s", log)
	}
}

// What is remembered is people, never tokens: one that was good a moment ago is refused from the second of its end.
func TestExpiryIsLookedAtOnEveryHit(t *testing.T) {
	i := start(t, seeded(t, testpg.New(t)), nil)
	exp := time.Now().Unix() + 2
	token := dashboardToken("tech@acme.example", tenantA, 1, map[string]any{"exp": exp})
	hits := 0
	for {
		asked := time.Now()
		_, reason := i.validate(t, token)
		if reason == "TOKEN_EXPIRED" {
			break
		}
		if reason != "" || asked.Unix() >= exp {
			t.Fatalf("at %v, with the end at %d: reason %q", asked, exp, reason)
		}
		hits++
	}
	if time.Now().Unix() < exp || hits == 0 {
		t.Errorf("refused before its end, after %d answers", hits)
	}
	if _, reason := i.validate(t, dashboardToken("tech@acme.example", tenantA, 1, nil)); reason != "" {
		t.Errorf("the person with a fresh token: %s", reason)
	}
}

func TestConfiguredDomain(t *testing.T) {
	i := start(t, seeded(t, testpg.New(t)), map[string]string{"MESHSSO_DOMAINS": "customer1, customer2"})
	for domain, want := range map[string]string{"": "user//tech@acme.example", "customer2": "user/customer2/tech@acme.example"} {
		resp, err := i.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: dashboardToken("tech@acme.example", tenantA, 1, nil), Domain: domain})
		if err != nil || resp.GetUser().GetId() != want || !strings.HasPrefix(resp.GetUserGroup().GetId(), "ugrp/"+domain+"/") {
			t.Errorf("%q: %v, %v", domain, resp, err)
		}
	}
}

// Deny while the database is away, also people who are cached; recover by itself; health follows.
func TestDatabaseStopsAndComesBack(t *testing.T) {
	server := testpg.StartServer(t)
	db := seeded(t, server.NewDatabase(t))
	i := start(t, db, nil)
	good := dashboardToken("tech@acme.example", tenantA, 1, nil)
	resp, reason := i.validate(t, good)
	if reason != "" {
		t.Fatal(reason)
	}
	group := resp.GetUserGroup().GetId()
	db.Exec(t, `update public.users set role = 'viewer' where user_id = 1`)
	if resp, _ := i.validate(t, good); resp.GetUser().GetRole() != "technician" {
		t.Error("the person is not cached, so the test shows nothing")
	}
	server.Stop()
	i.awaitHealth(t, notServing)
	if _, reason := i.validate(t, good); reason != "STORE_UNAVAILABLE" {
		t.Errorf("while away: %q", reason)
	}
	if _, reason := i.validate(t, "bad"); reason != "TOKEN_MALFORMED" {
		t.Errorf("a bad token while away: %q", reason)
	}
	_, err := i.client.GetGroupLinks(t.Context(), &pb.GetGroupLinksRequest{Group: group})
	if got := reasonOf(t, err); got != "STORE_UNAVAILABLE" {
		t.Errorf("links while away: %q", got)
	}
	if code := i.healthcheck(t); code != 1 {
		t.Errorf("healthcheck while away: %d", code)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	i.awaitHealth(t, serving)
	if resp, reason := i.validate(t, good); reason != "" || resp.GetUser().GetRole() != "viewer" {
		t.Errorf("afterwards: %q, role %s: what was cached before the outage is believed", reason, resp.GetUser().GetRole())
	}
	if code := i.healthcheck(t); code != 0 {
		t.Errorf("healthcheck afterwards: %d", code)
	}
}

func (i *instance) healthcheck(t *testing.T) int {
	t.Helper()
	return run(t.Context(), []string{"healthcheck"}, testEnv(i.vars, &syncBuffer{}))
}

// Serve starts without a database, denies, and serves once it is there.
func TestStartsBeforeTheDatabase(t *testing.T) {
	server := testpg.StartServer(t)
	db := seeded(t, server.NewDatabase(t))
	server.Stop()
	vars := varsFor(t, db)
	i := startWith(t, vars)
	i.connect(t)
	i.awaitHealth(t, notServing)
	if _, reason := i.validate(t, dashboardToken("tech@acme.example", tenantA, 1, nil)); reason != "STORE_UNAVAILABLE" {
		t.Errorf("before: %q", reason)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	i.awaitHealth(t, serving)
	if _, reason := i.validate(t, dashboardToken("tech@acme.example", tenantA, 1, nil)); reason != "" {
		t.Errorf("after: %q", reason)
	}
	if c := i.stop(); c != 0 {
		t.Errorf("exit code %d\n%s", c, i.log)
	}
}

// A thousand at once for a cold person: Postgres itself is asked how often it was asked.
func TestThousandValidationsOfOneColdPerson(t *testing.T) {
	db := testpg.New(t)
	db.Migrate(t)
	db.Exec(t, seedSQL)
	db.Exec(t, `create sequence public.asked; create function public.ask() returns bigint language sql volatile as 'select nextval(''public.asked'')';
		create or replace view meshsso.users as select user_id::bigint, email::text, full_name, tenant_id, role::text, coalesce(is_superadmin, false) as is_superadmin,
		  (disabled or public.ask() < 0) as disabled from public.users where user_id in (1, 2)`)
	i := start(t, db, nil)
	if _, reason := i.validate(t, dashboardToken("admin@acme.example", tenantA, 2, nil)); reason != "" { // warms the tenant
		t.Fatal(reason)
	}
	var before, after int
	scan := func(into *int) {
		if err := db.Conn.QueryRow(t.Context(), `select last_value from public.asked`).Scan(into); err != nil {
			t.Fatal(err)
		}
	}
	scan(&before)
	token := dashboardToken("tech@acme.example", tenantA, 1, nil)
	var wg sync.WaitGroup
	var good atomic.Int64
	for n := range 1000 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if n%10 == 9 {
				cancel()
			}
			if resp, err := i.client.ValidateToken(ctx, &pb.ValidateTokenRequest{Token: token}); err == nil && resp.GetUser().GetUserId() == 1 {
				good.Add(1)
			}
		})
	}
	wg.Wait()
	scan(&after)
	if good.Load() != 900 || after-before != 1 {
		t.Errorf("%d good of 900, %d queries", good.Load(), after-before)
	}
}

func TestSlowDatabaseIsUnavailable(t *testing.T) {
	db := testpg.New(t)
	db.Migrate(t)
	db.Exec(t, `create or replace view meshsso.users as select 1::bigint as user_id, 'tech@acme.example'::text as email, ''::text as full_name,
		null::uuid as tenant_id, ''::text as role, pg_sleep(60) is null as is_superadmin, false as disabled`)
	i := start(t, db, map[string]string{"MESHSSO_QUERY_TIMEOUT": "50ms"})
	if _, reason := i.validate(t, dashboardToken("tech@acme.example", tenantA, 1, nil)); reason != "STORE_UNAVAILABLE" {
		t.Error(reason)
	}
}
