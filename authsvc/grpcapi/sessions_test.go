package grpcapi_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

const sessionID = "0f8fad5b-d9cb-469f-a165-70867728950e"

// keeper keeps one session.
type keeper struct {
	fake  *fake
	asked []string
}

func (k *keeper) one() (authsvc.Principal, error) {
	if k.fake.err != nil {
		return authsvc.Principal{}, k.fake.err
	}
	if k.fake.pool != nil {
		return authsvc.Principal{Pool: k.fake.pool}, nil
	}
	return authsvc.Principal{Session: authsvc.SessionIdentity{ID: sessionID, Email: "a@x.example", UserID: 7, ReadAt: k.fake.readAt, RulesVersion: k.fake.rules}}, nil
}

func (k *keeper) Authenticate(ctx context.Context, token authsvc.Token) (authsvc.Principal, error) {
	k.fake.since = authsvc.Since(ctx)
	k.asked = append(k.asked, "token "+token.Reveal())
	return k.one()
}

func (k *keeper) Find(ctx context.Context, id string) (authsvc.Principal, error) {
	k.fake.since = authsvc.Since(ctx)
	k.asked = append(k.asked, "id "+id)
	return k.one()
}

func (k *keeper) Ended(_ context.Context, ids []string) ([]string, error) {
	k.asked = append(k.asked, ids...)
	return ids[1:], k.fake.err
}

func (f *fake) MapSession(s authsvc.SessionIdentity, _ string) (*pb.ValidateTokenResponse, error) {
	return &pb.ValidateTokenResponse{User: &pb.User{Email: s.Email}, Session: &pb.Session{Id: s.ID}}, f.mapErr
}

func (f *fake) MapPool(_ context.Context, p *authsvc.PoolIdentity, _ string) (*pb.ValidateTokenResponse, error) {
	return &pb.ValidateTokenResponse{User: &pb.User{TenantId: p.Tenant.ID}, Session: &pb.Session{Id: authsvc.PoolSubject(p.Tenant.ID)}}, f.mapErr
}

func TestAPoolIsAsFreshAsTheOlderOfItsParts(t *testing.T) {
	b := newBench(t)
	b.fake.pool = &authsvc.PoolIdentity{Tenant: authsvc.Tenant{ID: "t", ReadAt: noon}, Devices: &authsvc.DeviceSet{ReadAt: noon.Add(-time.Minute)}}
	resp, err := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken, SessionToken: true})
	if err != nil || resp.GetSession().GetId() != "tenant:t" || resp.GetFreshFor().AsDuration() != 4*time.Minute {
		t.Fatalf("%v %v", resp, err)
	}
	b.fake.mapErr = authsvc.ErrDomainDenied
	if resp, err := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken, SessionToken: true}); err == nil || resp != nil {
		t.Errorf("%v %v", resp, err)
	}
}

func TestASessionByItsTokenThenByItsID(t *testing.T) {
	b := newBench(t)
	b.fake.readAt = noon.Add(-time.Minute)
	resp, err := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken, SessionToken: true, Hook: pb.Hook_HOOK_ROOT})
	if err != nil || resp.GetSession().GetId() != sessionID || resp.GetFreshFor().AsDuration() != 4*time.Minute || resp.GetPolicyVersion() != "v1" {
		t.Fatalf("%v %v", resp, err)
	}
	resp, err = b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Session: sessionID, Hook: pb.Hook_HOOK_REVALIDATE, MaxAge: durationpb.New(10 * time.Second)})
	if err != nil || resp.GetSession().GetId() != sessionID || !b.fake.since.Equal(noon.Add(-10*time.Second)) {
		t.Fatalf("%v %v, since %s", resp, err, b.fake.since)
	}
	if want := []string{"token " + secretToken, "id " + sessionID}; !slices.Equal(b.keeper.asked, want) {
		t.Errorf("asked %q", b.keeper.asked)
	}
}

func TestRepliesNameTheRules(t *testing.T) {
	b := newBench(t)
	for _, version := range []string{"", "0123456789ab"} {
		b.fake.rules = version
		for _, req := range []*pb.ValidateTokenRequest{{Token: secretToken}, {Token: secretToken, SessionToken: true}, {Session: sessionID, Hook: pb.Hook_HOOK_REVALIDATE}} {
			if resp, err := b.client.ValidateToken(t.Context(), req); err != nil || resp.GetRulesVersion() != version {
				t.Errorf("%v: %q, want %q (%v)", req, resp.GetRulesVersion(), version, err)
			}
		}
	}
}

func TestAPersonsTokenAsksNoSessionAndASessionsNoPerson(t *testing.T) {
	b := newBench(t)
	if resp, err := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken}); err != nil || resp.GetSession() != nil || len(b.keeper.asked) > 0 {
		t.Errorf("%v %v, sessions were asked %q", resp, err, b.keeper.asked)
	}
	b.fake.panics = true // whoever asks for a person now is found out
	if _, err := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken, SessionToken: true}); err != nil {
		t.Error(err)
	}
}

func TestASessionsIDStandsAloneAndOnlyForRevalidation(t *testing.T) {
	b := newBench(t)
	for name, req := range map[string]*pb.ValidateTokenRequest{
		"root hook":          {Session: sessionID, Hook: pb.Hook_HOOK_ROOT},
		"no hook":            {Session: sessionID},
		"with a token":       {Session: sessionID, Token: secretToken, Hook: pb.Hook_HOOK_REVALIDATE},
		"as a session token": {Session: sessionID, SessionToken: true, Hook: pb.Hook_HOOK_REVALIDATE},
	} {
		_, err := b.client.ValidateToken(t.Context(), req)
		if code, reason := info(t, err); code != codes.InvalidArgument || reason != "REQUEST_INVALID" || len(b.keeper.asked) > 0 {
			t.Errorf("%s: %v, asked %q", name, err, b.keeper.asked)
		}
	}
}

func TestADeniedSessionGivesNoUserAndIsLoggedWithoutItsToken(t *testing.T) {
	b := newBench(t)
	b.fake.err = authsvc.ErrTokenReplayed
	resp, err := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken, SessionToken: true})
	if code, reason := info(t, err); code != codes.Unauthenticated || reason != "TOKEN_REPLAYED" || resp != nil {
		t.Errorf("%v", err)
	}
	b.fake.err, b.fake.mapErr = nil, authsvc.ErrDomainDenied
	_, err = b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken, SessionToken: true})
	if _, reason := info(t, err); reason != "DOMAIN_DENIED" {
		t.Errorf("%v", err)
	}
	_, err = b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken, SessionToken: true, Domain: "elsewhere"})
	if _, reason := info(t, err); reason != "DOMAIN_DENIED" {
		t.Errorf("%v", err)
	}
	if log := b.log.String(); !strings.Contains(log, "TOKEN_REPLAYED") || !strings.Contains(log, `"user_id":7`) || strings.Contains(log, secretToken) {
		t.Errorf("the log says %s", log)
	}
}

func TestEndedSessions(t *testing.T) {
	b := newBench(t)
	resp, err := b.client.EndedSessions(t.Context(), &pb.EndedSessionsRequest{Ids: []string{"a", "b"}})
	if err != nil || !slices.Equal(resp.GetEnded(), []string{"b"}) || !slices.Equal(b.keeper.asked, []string{"a", "b"}) {
		t.Errorf("%v %v", resp, err)
	}
	b.fake.err = authsvc.ErrStoreUnavailable
	_, err = b.client.EndedSessions(t.Context(), &pb.EndedSessionsRequest{Ids: []string{"a"}})
	if code, reason := info(t, err); code != codes.Unavailable || reason != "STORE_UNAVAILABLE" {
		t.Errorf("%v", err)
	}
}

func TestWithoutASessionProxyEverySessionIsUnknown(t *testing.T) {
	b := newBench(t)
	b.api.Sessions = nil
	for _, req := range []*pb.ValidateTokenRequest{{Token: secretToken, SessionToken: true}, {Session: sessionID, Hook: pb.Hook_HOOK_REVALIDATE}} {
		_, err := b.client.ValidateToken(t.Context(), req)
		if code, reason := info(t, err); code != codes.PermissionDenied || reason != "SESSION_UNKNOWN" {
			t.Errorf("%v", err)
		}
	}
	if resp, err := b.client.EndedSessions(t.Context(), &pb.EndedSessionsRequest{Ids: []string{sessionID}}); err != nil || len(resp.GetEnded()) != 1 {
		t.Errorf("%v %v", resp, err)
	}
}
