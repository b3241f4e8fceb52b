package session_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

func TestCreate(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	c := r.create(t, w.tech(), "2")
	s := c.Session
	if s.Person != (session.Person{UserID: 1, Email: "tech@acme.example", Name: "Tess Tech", TenantID: tenantA, Role: authsvc.RoleTechnician}) ||
		s.Agent != (session.Agent{ID: 2, UUID: "22222222-2222-4222-8222-222222222222", Hostname: "bravo", Platform: "windows", TenantID: tenantA, NodeID: "node//" + strings.Repeat("B", 64)}) ||
		s.Rights != 1327304 || s.ViewMode != 11 || s.ExpiresAt.Sub(s.CreatedAt) != lifetime {
		t.Errorf("%+v", s)
	}
	if want := "/api/meshcentral/proxy/" + c.Token + "/?viewmode=11&gotonode=" + strings.Repeat("041041", 16) + "&hide=29"; c.ProxyURL != want {
		t.Errorf("%s, want %s", c.ProxyURL, want)
	}
	for name, path := range map[string]string{session.SessionCookie: "/api/meshcentral/proxy/" + c.Token, session.PersonCookie: "/api/meshcentral"} {
		text := cookieNamed(c.Cookies, name).String()
		allOf(t, text, "Path="+path+";", "HttpOnly", "Secure", "SameSite=Strict")
		if strings.Contains(text, "Partitioned") || strings.Contains(text, "Domain") {
			t.Error(text)
		}
	}
	// By the agent's UUID too, in any case.
	if by := r.create(t, w.tech(), strings.ToUpper(s.Agent.UUID)); by.Session.Agent.ID != 2 {
		t.Errorf("%+v", by.Session.Agent)
	}
	row := w.text(t, `select row_to_json(s)::text from public.meshcentral_sessions s where session_id = $1::uuid`, s.ID)
	for _, secret := range []string{c.Token, binding(c).SessionCookie, binding(c).PersonCookie, w.tech().Reveal()} {
		if strings.Contains(row, secret) {
			t.Errorf("a secret is stored: %s", row)
		}
	}
	if got := w.text(t, `select octet_length(session_token) || ' ' || coalesce(meshcentral_cookie, 'empty') from public.meshcentral_sessions where session_id = $1::uuid`, s.ID); got != "64 empty" {
		t.Error(got)
	}
	if got := w.text(t, `select concat_ws(' ', event, session_id, user_id, email, tenant_id, agent_id, hostname, view_mode, host(client_ip), user_agent) from meshsso.audit order by id limit 1`); got !=
		"session_created "+s.ID+" 1 tech@acme.example "+tenantA+" 2 bravo 11 192.0.2.7 Test/1" {
		t.Error(got)
	}
}

func TestCreateIsRefused(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	with := func(email string, id int, changes map[string]any) authsvc.Token {
		return w.jwt(dashboardKey, email, tenantA, id, changes)
	}
	for name, c := range map[string]struct {
		token authsvc.Token
		agent string
		mode  session.ViewMode
		want  *session.Error
	}{
		"no token":                   {authsvc.Token{}, "2", 10, session.ErrUnauthenticated},
		"a wrong key":                {w.jwt("other-other-other-other-other-32", "tech@acme.example", tenantA, 1, nil), "2", 10, session.ErrUnauthenticated},
		"expired":                    {with("tech@acme.example", 1, map[string]any{"exp": 1}), "2", 10, session.ErrUnauthenticated},
		"nobody":                     {with("nobody@acme.example", 1, nil), "2", 10, session.ErrAccessDenied},
		"another id":                 {with("tech@acme.example", 2, nil), "2", 10, session.ErrAccessDenied},
		"another tenant's token":     {w.jwt(dashboardKey, "tech@acme.example", tenantB, 1, nil), "2", 10, session.ErrAccessDenied},
		"a viewer":                   {w.viewer(), "2", 11, session.ErrRoleDenied},
		"lowered by the token":       {with("admin@acme.example", 2, map[string]any{"role": "viewer"}), "2", 11, session.ErrRoleDenied},
		"no role":                    {with("guest@acme.example", 6, nil), "2", 11, session.ErrRoleDenied},
		"no role, no such agent":     {with("guest@acme.example", 6, nil), "99", 11, session.ErrRoleDenied},
		"another tenant's":           {w.tech(), "7", 11, session.ErrAgentNotFound},
		"another tenant's, by UUID":  {w.tech(), "77777777-7777-4777-8777-777777777777", 11, session.ErrAgentNotFound},
		"a viewer, another tenant's": {w.viewer(), "7", 11, session.ErrAgentNotFound},
		"none":                       {w.tech(), "99", 11, session.ErrAgentNotFound},
		"no number":                  {w.tech(), "02", 11, session.ErrAgentNotFound},
		"negative":                   {w.tech(), "-2", 11, session.ErrAgentNotFound},
		"huge":                       {w.tech(), strings.Repeat("9", 4000), 11, session.ErrAgentNotFound},
		"empty":                      {w.tech(), "", 11, session.ErrAgentNotFound},
		"SQL":                        {w.tech(), "2' or '1'='1", 11, session.ErrAgentNotFound},
		"NUL":                        {w.tech(), "2\x00", 11, session.ErrAgentNotFound},
		"not enrolled":               {w.tech(), "3", 11, session.ErrNotEnrolled},
		"disputed":                   {w.tech(), "5", 11, session.ErrNotEnrolled},
		"view mode 9":                {w.tech(), "2", 9, session.ErrViewMode},
		"view mode 18":               {w.tech(), "2", 18, session.ErrViewMode},
		"view mode 20":               {w.tech(), "2", 20, session.ErrViewMode},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.Create(t.Context(), session.Request{Token: c.token, Agent: c.agent, ViewMode: c.mode, Client: here})
			wantErr(t, err, c.want)
		})
	}
	r.Round(t.Context())
	if got := w.text(t, `select count(*)::text from public.meshcentral_sessions`); got != "0" {
		t.Errorf("%s sessions", got)
	}
	audit := w.audited(t)
	allOf(t, audit, "denied:ROLE_DENIED", "denied:AGENT_NOT_FOUND", "denied:AGENT_NOT_ENROLLED", "denied:USER_UNKNOWN", "denied:TENANT_MISMATCH")
	if strings.Contains(audit, "TOKEN") { // anybody could fill it
		t.Errorf("an unverified token is in the audit: %s", audit)
	}
}

func TestViewersWhereTheyAreAllowed(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, func(c *session.Config) { c.MinRole = authsvc.RoleViewer })
	w.db.Exec(t, `create or replace view meshsso.device_links as select 3::bigint as user_id, 2::bigint as agent_id, 'admin'::text as role`)
	for restrict, want := range map[bool]uint32{false: 1800, true: 1800 | 2048} {
		req := r.request(w.viewer(), "2")
		req.Restrict = restrict
		c, err := r.Create(t.Context(), req)
		if err != nil || c.Session.Rights != want {
			t.Fatalf("%v %+v", err, c)
		}
	}
}

func TestGrantsAndSuperadmins(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	w.db.Exec(t, `create or replace view meshsso.device_links as select 6::bigint as user_id, 2::bigint as agent_id, 'technician'::text as role
	  union all select 6, 7, 'technician'`)
	guest := w.jwt(dashboardKey, "guest@acme.example", tenantA, 6, nil)
	if c := r.create(t, guest, "2"); c.Session.Rights != 1327304 || c.Session.Person.Role != authsvc.RoleTechnician {
		t.Errorf("%+v", c.Session)
	}
	_, err := r.Create(t.Context(), r.request(guest, "1"))
	wantErr(t, err, session.ErrRoleDenied)
	_, err = r.Create(t.Context(), r.request(guest, "7")) // the grant is on another tenant's device
	wantErr(t, err, session.ErrAgentNotFound)
	if c := r.create(t, w.root(), "7"); c.Session.Person.TenantID != "" || c.Session.Agent.TenantID != tenantB {
		t.Errorf("%+v", c.Session)
	}
	_, err = r.Create(t.Context(), r.request(w.jwt(agentKey, "root@everyday.example", tenantA, 4, nil), "7")) // that key makes no superadmin
	wantErr(t, err, session.ErrRoleDenied)
}

func TestRestrict(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	const noDesktop, noTerminal, noFiles, noAMT, details = 65536, 512, 1024, 2048, 1048576
	for mode, want := range map[session.ViewMode]uint32{
		10: 64 | 128 | 262144 | noDesktop | noTerminal | noFiles | noAMT, 11: 8 | noTerminal | noFiles | noAMT, 12: 8 | noDesktop | noFiles | noAMT,
		13: 8 | noDesktop | noTerminal | noAMT, 15: 8 | 16 | noDesktop | noTerminal | noFiles | noAMT, 17: details | noDesktop | noTerminal | noFiles | noAMT,
	} {
		c, err := r.Create(t.Context(), session.Request{Token: w.admin(), Agent: "2", ViewMode: mode, Restrict: true, Client: here})
		if err != nil || c.Session.Rights != want {
			t.Errorf("%d: %v, %+v", mode, err, c)
		}
	}
	_, err := r.Create(t.Context(), session.Request{Token: w.tech(), Agent: "2", ViewMode: 15, Restrict: true})
	wantErr(t, err, session.ErrRoleDenied) // a technician has no console: nothing would be left
}

func TestOnlyWhatNeedsTheDeviceAsksForIt(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	try := func(mode session.ViewMode) error {
		_, err := r.Create(t.Context(), session.Request{Token: w.admin(), Agent: "2", ViewMode: mode})
		return err
	}
	w.presence.offline.Store(true)
	for mode := session.ViewGeneral; mode <= session.ViewPlugins; mode++ {
		err := try(mode)
		switch mode {
		case 11, 12, 13, 15:
			wantErr(t, err, session.ErrAgentOffline)
		case 18:
			wantErr(t, err, session.ErrViewMode)
		default:
			if err != nil {
				t.Errorf("%d: %v", mode, err)
			}
		}
	}
	w.presence.away.Store(true)
	wantErr(t, try(11), session.ErrMeshCentral)
}

func TestNeverBeyondTheJWT(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	exp := w.clock.Now().Add(10 * time.Minute).Unix()
	short := w.jwt(dashboardKey, "tech@acme.example", tenantA, 1, map[string]any{"exp": exp})
	c := r.create(t, short, "2")
	if c.Session.ExpiresAt.Unix() != exp {
		t.Errorf("it ends at %s", c.Session.ExpiresAt)
	}
	l := r.enter(t, c)
	w.clock.advance(10*time.Minute + time.Second)
	_, err := r.Enter(t.Context(), c.Token, binding(c))
	wantErr(t, err, session.ErrExpired)
	r.Round(t.Context())
	if !ended(l) {
		t.Error("it is still live")
	}
	wantErr(t, l.Err(), session.ErrExpired)
	allOf(t, w.audited(t), "session_ended:expiry")
}

func TestASessionHoldsNoSecret(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	c := r.create(t, w.tech(), "2")
	l := r.enter(t, c)
	data, err := json.Marshal(l.Session())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(data), fmt.Sprintf("%+v", l.Session()), w.logged()} {
		for _, secret := range []string{c.Token, binding(c).SessionCookie, binding(c).PersonCookie} {
			if strings.Contains(text, secret) {
				t.Errorf("a secret in %s", text)
			}
		}
	}
}
