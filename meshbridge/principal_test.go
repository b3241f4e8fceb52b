package meshbridge_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory/directorytest"
	"github.com/everydaytech/meshsso/meshbridge"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

const sessionID = "0f8fad5b-d9cb-469f-a165-70867728950e"

func sessionOf(changes func(*authsvc.SessionIdentity)) authsvc.SessionIdentity {
	s := authsvc.SessionIdentity{
		ID: sessionID, UserID: 7, Email: "tess@acme.example", Name: "Tess Tech", TenantID: directorytest.TenantA, Role: authsvc.RoleTechnician,
		NodeID: "node//" + keyA, Rights: meshbridge.DeviceRights(authsvc.RoleTechnician), ExpiresAt: time.Unix(1800000000, 0),
	}
	if changes != nil {
		changes(&s)
	}
	return s
}

func TestAPrincipalIsOnePersonOnOneDevice(t *testing.T) {
	b := bridge(directorytest.World{}, &bytes.Buffer{}, "second")
	got, err := b.MapSession(sessionOf(nil), "")
	if err != nil {
		t.Fatal(err)
	}
	want := &pb.ValidateTokenResponse{
		User: &pb.User{
			Id: "user//~s:0f8fad5bd9cb:tess@acme.example", Name: "Tess Tech", RealName: "Tess Tech", Email: "tess@acme.example", Siteadmin: 64 | 1024 | 4096,
			Links:    []*pb.Link{{Id: "node//" + keyA, Rights: meshbridge.DeviceRights(authsvc.RoleTechnician)}},
			TenantId: directorytest.TenantA, Role: "technician", UserId: 7,
		},
		ExpiresAt: timestamppb.New(time.Unix(1800000000, 0)), VerifiedBy: pb.VerifiedBy_VERIFIED_BY_SESSION, Session: &pb.Session{Id: sessionID},
	}
	if !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	got, err = b.MapSession(sessionOf(func(s *authsvc.SessionIdentity) { s.NodeID = keyA; s.Name = "<b>" }), "second")
	if err != nil || got.GetUser().GetId() != "user/second/~s:0f8fad5bd9cb:tess@acme.example" || got.GetUser().GetLinks()[0].GetId() != "node/second/"+keyA || got.GetUser().GetName() != "tess" {
		t.Errorf("in another domain: %v %v", got, err)
	}
}

func TestNoRoleMakesAPrincipalAnAdministrator(t *testing.T) {
	b := bridge(directorytest.World{}, &bytes.Buffer{})
	for role, want := range map[authsvc.Role]uint32{
		authsvc.RoleViewer: 64 | 128 | 1024 | 4096, authsvc.RoleTechnician: 64 | 1024 | 4096, authsvc.RoleAdmin: 64 | 1024 | 4096, authsvc.RoleSuperadmin: 64 | 1024 | 4096,
		authsvc.Role(200): 64 | 1024 | 4096,
	} {
		got, err := b.MapSession(sessionOf(func(s *authsvc.SessionIdentity) { s.Role = role }), "")
		if err != nil || got.GetUser().GetSiteadmin() != want || len(got.GetUser().GetLinks()) != 1 || got.GetUserGroup() != nil || got.GetTenant() != nil {
			t.Errorf("%s: %v %v", role, got, err)
		}
	}
}

func TestASessionThatIsNoneMakesNoPrincipal(t *testing.T) {
	b := bridge(directorytest.World{}, &bytes.Buffer{}, "second")
	for name, c := range map[string]struct {
		change func(*authsvc.SessionIdentity)
		domain string
		want   authsvc.Reason
	}{
		"no id":                   {func(s *authsvc.SessionIdentity) { s.ID = "" }, "", authsvc.SessionUnknown},
		"no e-mail":               {func(s *authsvc.SessionIdentity) { s.Email = "" }, "", authsvc.SessionUnknown},
		"an e-mail not folded":    {func(s *authsvc.SessionIdentity) { s.Email = "Tess@acme.example" }, "", authsvc.SessionUnknown},
		"an e-mail with a slash":  {func(s *authsvc.SessionIdentity) { s.Email = "a/b@acme.example" }, "", authsvc.SessionUnknown},
		"a principal's e-mail":    {func(s *authsvc.SessionIdentity) { s.Email = "~s:0f8fad5bd9cb:tess@acme.example" }, "", authsvc.SessionUnknown},
		"no device":               {func(s *authsvc.SessionIdentity) { s.NodeID = "" }, "", authsvc.SessionUnknown},
		"a device group":          {func(s *authsvc.SessionIdentity) { s.NodeID = "mesh//" + keyA }, "", authsvc.SessionUnknown},
		"no right":                {func(s *authsvc.SessionIdentity) { s.Rights = 0 }, "", authsvc.SessionUnknown},
		"manage computers":        {func(s *authsvc.SessionIdentity) { s.Rights = 12 }, "", authsvc.SessionUnknown},
		"every right":             {func(s *authsvc.SessionIdentity) { s.Rights = 0xFFFFFFFF }, "", authsvc.SessionUnknown},
		"another domain's device": {nil, "second", authsvc.DomainDenied},
		"a domain not served":     {nil, "third", authsvc.DomainDenied},
	} {
		got, err := b.MapSession(sessionOf(c.change), c.domain)
		if err == nil || got != nil || authsvc.ReasonOf(err) != c.want {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestNamesOfPrincipalsAreNobodyElses(t *testing.T) {
	id, ok := meshbridge.PrincipalID("", sessionID, "tess@acme.example")
	name := strings.TrimPrefix(id, "user//")
	if !ok || !meshbridge.IsPrincipalName(name) {
		t.Fatalf("%q is not reserved", id)
	}
	if folded, ok := meshbridge.FoldEmail(name); ok {
		t.Errorf("an e-mail folds to %q", folded)
	}
	for name, want := range map[string]bool{"~s": true, "~s:": true, "~s0f8fad5bd9cb": true, "~stina": true, "`~s-0f8fad5bd9cb469fa16570867728950e@session.invalid": true, "``~s": false, "~saml:tess@acme.example": false, "~github:5": false, "~": false, "s:x": false, "tess@acme.example": false, "": false} {
		if got := meshbridge.IsPrincipalName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestSessionRights(t *testing.T) {
	const (
		wake, notes, chat, reset, command, agent, details = 64, 128, 16384, 262144, 131072, 16, 1048576
		looks, noTerminal, noFiles, noAMT, noDesk         = 256, 512, 1024, 2048, 65536
	)
	for name, c := range map[string]struct {
		role     authsvc.Role
		viewMode int
		restrict bool
		want     uint32
	}{
		"technician, unrestricted": {authsvc.RoleTechnician, 12, false, 8 | wake | notes | chat | reset | details},
		"admin, unrestricted":      {authsvc.RoleAdmin, 10, false, 8 | wake | notes | chat | reset | command | agent | details},
		"superadmin":               {authsvc.RoleSuperadmin, 10, false, 8 | wake | notes | chat | reset | command | agent | details},
		"viewer, whatever he asks": {authsvc.RoleViewer, 12, false, 8 | looks | noTerminal | noFiles},
		"nobody":                   {authsvc.RoleNone, 11, false, 0},
		"nobody, restricted":       {authsvc.RoleNone, 10, true, 0},
		"general":                  {authsvc.RoleAdmin, 10, true, wake | notes | reset | noDesk | noTerminal | noFiles | noAMT},
		"desktop":                  {authsvc.RoleAdmin, 11, true, 8 | noTerminal | noFiles | noAMT},
		"terminal":                 {authsvc.RoleTechnician, 12, true, 8 | noDesk | noFiles | noAMT},
		"files":                    {authsvc.RoleTechnician, 13, true, 8 | noDesk | noTerminal | noAMT},
		"Intel AMT":                {authsvc.RoleAdmin, 14, true, noDesk | noTerminal | noFiles},
		"console":                  {authsvc.RoleAdmin, 15, true, 8 | agent | noDesk | noTerminal | noFiles | noAMT},
		"console of a technician":  {authsvc.RoleTechnician, 15, true, 0},
		"events":                   {authsvc.RoleAdmin, 16, true, noDesk | noTerminal | noFiles | noAMT},
		"details":                  {authsvc.RoleAdmin, 17, true, details | noDesk | noTerminal | noFiles | noAMT},
		"plugins":                  {authsvc.RoleAdmin, 19, true, noDesk | noTerminal | noFiles | noAMT},
		"a viewer's desktop":       {authsvc.RoleViewer, 11, true, 8 | looks | noTerminal | noFiles | noAMT},
		"a viewer's terminal":      {authsvc.RoleViewer, 12, true, 0},
		"a viewer's files":         {authsvc.RoleViewer, 13, true, 0},
		"a viewer's console":       {authsvc.RoleViewer, 15, true, 0},
		"a viewer's general":       {authsvc.RoleViewer, 10, true, looks | noDesk | noTerminal | noFiles | noAMT},
		"a tab that is none":       {authsvc.RoleAdmin, 18, true, 0},
	} {
		if got := meshbridge.SessionRights(meshbridge.DeviceRights(c.role), c.viewMode, c.restrict); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
