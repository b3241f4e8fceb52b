package authsvc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
)

func TestTokenIsNeverPrinted(t *testing.T) {
	const secret = "eyJhbGciOi.secret.part"
	tok := authsvc.NewToken(secret)
	type holder struct{ hidden authsvc.Token }
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%U", "%10.3s"} {
		fmt.Fprintf(&out, verb+"\n", tok)
		fmt.Fprintf(&out, verb+"\n", struct{ T authsvc.Token }{tok})
		fmt.Fprintf(&out, verb+"\n", holder{tok})
		fmt.Fprintf(&out, verb+"\n", []any{&holder{tok}})
		fmt.Fprintf(&out, verb+"\n", &tok)
	}
	fmt.Fprintln(&out, tok, tok.String(), tok.GoString(), tok.LogValue())
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "token", tok, "in", map[string]authsvc.Token{"t": tok})
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "token", tok, "in", []authsvc.Token{tok})
	if err := json.NewEncoder(&out).Encode(map[string]any{"t": tok}); err != nil {
		t.Fatal(err)
	}
	hexed := fmt.Sprintf("%x", secret)
	if s := out.String(); strings.Contains(s, "secret") || strings.Contains(strings.ToLower(s), hexed[:12]) {
		t.Errorf("the token shows:\n%s", s)
	}
}

func TestReasonOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want authsvc.Reason
	}{
		{authsvc.ErrUserUnknown, authsvc.UserUnknown},
		{fmt.Errorf("x: %w", authsvc.Deny(authsvc.TokenClaims, "why")), authsvc.TokenClaims},
		{context.Canceled, ""},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), ""},
		{errors.New("anything"), authsvc.Internal},
	} {
		if got := authsvc.ReasonOf(c.err); got != c.want {
			t.Errorf("%v has reason %q, want %q", c.err, got, c.want)
		}
	}
	if !errors.Is(authsvc.Deny(authsvc.UserUnknown, "detail"), authsvc.ErrUserUnknown) {
		t.Error("a detail hides the sentinel")
	}
}

func TestParseRole(t *testing.T) {
	for in, want := range map[string]authsvc.Role{
		"admin": authsvc.RoleAdmin, "ADMIN": authsvc.RoleAdmin, "Technician": authsvc.RoleTechnician, "viewer": authsvc.RoleViewer,
		"superadmin": authsvc.RoleSuperadmin, "none": authsvc.RoleNone, "": authsvc.RoleNone, " admin": authsvc.RoleNone,
		"admin ": authsvc.RoleNone, "root": authsvc.RoleNone, "adm\u0131n": authsvc.RoleNone, "technician\x00": authsvc.RoleNone,
	} {
		if got := authsvc.ParseRole(in); got != want {
			t.Errorf("%q is %s, want %s", in, got, want)
		}
	}
	if got := authsvc.Role(200).String(); got != "none" {
		t.Errorf("a role out of range is %s", got)
	}
}

// fakes for Service: one claim, fixed rows.
type fixed struct {
	claims authsvc.Claims
	rows   []authsvc.User
	err    error
	asked  []authsvc.Scope
}

func (f *fixed) Verify(context.Context, authsvc.Token) (authsvc.Claims, error) { return f.claims, nil }
func (f *fixed) FindUsers(context.Context, string) ([]authsvc.User, error) {
	return f.rows, f.err
}
func (f *fixed) Devices(_ context.Context, s authsvc.Scope) (*authsvc.DeviceSet, error) {
	f.asked = append(f.asked, s)
	return &authsvc.DeviceSet{Scope: s}, nil
}

func (f *fixed) FindTenant(_ context.Context, id string) (authsvc.Tenant, error) {
	return authsvc.Tenant{ID: id, Known: id != "gone"}, nil
}

type roleIs authsvc.Role

func (r roleIs) Decide(context.Context, authsvc.User, authsvc.Claims) (authsvc.Decision, error) {
	return authsvc.Decision{Role: authsvc.Role(r), MaxRole: authsvc.RoleAdmin}, nil
}

func TestServiceChecksTheRow(t *testing.T) {
	claims := authsvc.Claims{Email: "a@x.example", TenantID: "t1", UserID: 1, Key: authsvc.KeyDashboard}
	good := authsvc.User{ID: 1, Email: "A@x.example", TenantID: "t1"}
	with := func(f func(*authsvc.User)) []authsvc.User {
		u := good
		f(&u)
		return []authsvc.User{u}
	}
	for name, c := range map[string]struct {
		rows []authsvc.User
		err  error
		want authsvc.Reason
	}{
		"good":                          {rows: []authsvc.User{good}},
		"no row":                        {want: authsvc.UserUnknown},
		"two rows":                      {rows: []authsvc.User{good, good}, want: authsvc.UserAmbiguous},
		"three rows":                    {rows: []authsvc.User{good, good, good}, want: authsvc.UserAmbiguous},
		"disabled":                      {rows: with(func(u *authsvc.User) { u.Disabled = true }), want: authsvc.UserDisabled},
		"other id":                      {rows: with(func(u *authsvc.User) { u.ID = 2 }), want: authsvc.UserMismatch},
		"no id":                         {rows: with(func(u *authsvc.User) { u.ID = 0 }), want: authsvc.UserMismatch},
		"other tenant":                  {rows: with(func(u *authsvc.User) { u.TenantID = "t2" }), want: authsvc.TenantMismatch},
		"no tenant":                     {rows: with(func(u *authsvc.User) { u.TenantID = "" }), want: authsvc.TenantMismatch},
		"superadmin of another tenant":  {rows: with(func(u *authsvc.User) { u.TenantID, u.IsSuperadmin = "t2", true }), want: authsvc.TenantMismatch},
		"superadmin without a tenant":   {rows: with(func(u *authsvc.User) { u.TenantID, u.IsSuperadmin = "", true })},
		"row of another e-mail":         {rows: with(func(u *authsvc.User) { u.Email = "b@x.example" }), want: authsvc.UserUnknown},
		"row that is no e-mail":         {rows: with(func(u *authsvc.User) { u.Email = "\u212a@x.example" }), want: authsvc.UserUnknown},
		"the database is away":          {err: authsvc.ErrStoreUnavailable, want: authsvc.StoreUnavailable},
		"an error that nobody expected": {err: errors.New("x"), want: authsvc.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fixed{claims: claims, rows: c.rows, err: c.err}
			s := &authsvc.Service{Verifier: f, Users: f, Tenants: f, Devices: f, Roles: roleIs(authsvc.RoleTechnician)}
			id, subject, err := s.Authenticate(t.Context(), authsvc.NewToken("t"))
			if c.want == "" {
				if err != nil || id == nil {
					t.Fatal(err)
				}
				return
			}
			if id != nil || authsvc.ReasonOf(err) != c.want {
				t.Errorf("identity %v, error %v; want %s", id, err, c.want)
			}
			if !subject.Verified || subject.UserID != 1 {
				t.Errorf("the subject is %+v", subject)
			}
		})
	}
}

// A further issuer names nobody by our number: what is logged of a denial names the row and the issuer.
func TestDenialNamesTheRowOfAnIssuersPerson(t *testing.T) {
	issuer := &authsvc.Issuer{Name: "acme-sso", Tenants: map[string]bool{"t1": true}}
	f := &fixed{claims: authsvc.Claims{Email: "a@x.example", Key: authsvc.KeyIssuer, Mapped: &authsvc.Mapped{Issuer: issuer}}}
	s := &authsvc.Service{Verifier: f, Users: f, Tenants: f, Devices: f, Roles: roleIs(authsvc.RoleAdmin)}
	for id, rows := range map[int64][]authsvc.User{7: {{ID: 7, Email: "a@x.example", TenantID: "t2"}}, 0: nil} {
		f.rows = rows
		_, subject, err := s.Authenticate(t.Context(), authsvc.NewToken("t"))
		if want := (authsvc.Subject{Verified: true, UserID: id, Issuer: "acme-sso"}); err == nil || subject != want {
			t.Errorf("%+v, %v, want %+v", subject, err, want)
		}
	}
}

func TestServiceAsksForTheRightDevices(t *testing.T) {
	for _, c := range []struct {
		role authsvc.Role
		user authsvc.User
		want string
	}{
		{authsvc.RoleSuperadmin, authsvc.User{TenantID: "t1", IsSuperadmin: true}, "[*]"},
		{authsvc.RoleSuperadmin, authsvc.User{IsSuperadmin: true}, "[*]"},
		{authsvc.RoleAdmin, authsvc.User{IsSuperadmin: true}, "[]"}, // lowered, and of no tenant: nothing
		{authsvc.RoleViewer, authsvc.User{TenantID: "t1"}, "[t1]"},
		{authsvc.RoleNone, authsvc.User{TenantID: "t1"}, "[]"},
		{authsvc.RoleNone, authsvc.User{TenantID: "t1", Grants: []authsvc.Grant{{AgentID: 1}}}, "[t1]"},
	} {
		u := c.user
		u.ID, u.Email = 1, "a@x.example"
		f := &fixed{claims: authsvc.Claims{Email: "a@x.example", TenantID: "t1", UserID: 1, Key: authsvc.KeyDashboard}, rows: []authsvc.User{u}}
		s := &authsvc.Service{Verifier: f, Users: f, Tenants: f, Devices: f, Roles: roleIs(c.role)}
		if _, _, err := s.Authenticate(t.Context(), authsvc.NewToken("t")); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(f.asked); got != c.want {
			t.Errorf("%s %+v asked for %s, want %s", c.role, c.user, got, c.want)
		}
	}
}

func TestPeopleDoNotOutliveTheirTenant(t *testing.T) {
	f := &fixed{
		claims: authsvc.Claims{Email: "a@x.example", TenantID: "gone", UserID: 1},
		rows:   []authsvc.User{{ID: 1, Email: "a@x.example", TenantID: "gone", IsSuperadmin: true}},
	}
	s := &authsvc.Service{Verifier: f, Users: f, Tenants: f, Devices: f, Roles: roleIs(authsvc.RoleSuperadmin)}
	if id, _, err := s.Authenticate(t.Context(), authsvc.NewToken("t")); id != nil || authsvc.ReasonOf(err) != authsvc.TenantMismatch {
		t.Errorf("%v, %v", id, err)
	}
}

func TestNoToken(t *testing.T) {
	s := &authsvc.Service{}
	if _, _, err := s.Authenticate(t.Context(), authsvc.Token{}); authsvc.ReasonOf(err) != authsvc.TokenMissing {
		t.Error(err)
	}
}
