package program

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/everydaytech/meshsso/internal/testpg"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// A live session that is looked at again: what the cache holds is believed as long as the caller says and no longer.
func TestWhoWantsItFreshSeesTheChange(t *testing.T) {
	i := start(t, seeded(t, testpg.New(t)), map[string]string{"MESHSSO_CACHE_TTL": "10m"})
	token := dashboardToken("tech@acme.example", tenantA, 1, nil)
	validate := func(maxAge *durationpb.Duration) *pb.ValidateTokenResponse {
		t.Helper()
		resp, err := i.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: token, Hook: pb.Hook_HOOK_REVALIDATE, MaxAge: maxAge})
		if err != nil {
			t.Fatal(err)
		}
		if f := resp.GetFreshFor().AsDuration(); f <= 9*time.Minute || f > 10*time.Minute {
			t.Errorf("fresh for %s", f)
		}
		return resp
	}
	first := validate(nil)
	i.db.Exec(t, `delete from public.agents where agent_id = 2; update public.tenants set name = 'Acme2' where tenant_id = '`+tenantA+`'`)
	if got := validate(durationpb.New(time.Hour)); got.GetUserGroup().GetVersion() != first.GetUserGroup().GetVersion() {
		t.Error("an hour would have done, and yet the devices were read anew")
	}
	if got := validate(nil); got.GetFreshFor().AsDuration() > first.GetFreshFor().AsDuration() {
		t.Error("an answer from memory says that it is younger than before")
	}
	got := validate(durationpb.New(0))
	if got.GetUserGroup().GetVersion() == first.GetUserGroup().GetVersion() || got.GetTenant().GetName() != "Acme2" {
		t.Errorf("nothing old was wanted, and yet %v", got)
	}
	if again := validate(nil); again.GetUserGroup().GetVersion() != got.GetUserGroup().GetVersion() {
		t.Error("the fresh answer was not kept")
	}
	i.db.Exec(t, `update public.users set disabled = true where user_id = 1`)
	_, err := i.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: token, MaxAge: durationpb.New(0)})
	if reason := reasonOf(t, err); reason != "USER_DISABLED" {
		t.Errorf("a person who was disabled: %q", reason)
	}
	if _, reason := i.validate(t, token); reason != "USER_DISABLED" {
		t.Errorf("and then: %q", reason)
	}
}

func TestThePolicyIsServed(t *testing.T) {
	i := start(t, seeded(t, testpg.New(t)), nil)
	resp, err := i.client.GetPolicy(t.Context(), &pb.GetPolicyRequest{MeshcentralVersion: "1.1.55"})
	if err != nil || len(resp.GetPolicy().GetFrames()) == 0 || len(resp.GetPolicy().GetTunnels()) == 0 || len(resp.GetPolicy().GetRequests()) == 0 {
		t.Fatalf("%v, %v", resp, err)
	}
	version := resp.GetPolicy().GetVersion()
	person, reason := i.validate(t, dashboardToken("tech@acme.example", tenantA, 1, nil))
	if reason != "" || version == "" || person.GetPolicyVersion() != version {
		t.Errorf("the policy is %q, a person's answer says %q (%s)", version, person.GetPolicyVersion(), reason)
	}
	if resp, err := i.client.GetPolicy(t.Context(), &pb.GetPolicyRequest{Version: version}); err != nil || !resp.GetUnchanged() || resp.GetPolicy() != nil {
		t.Errorf("who holds it gets %v, %v", resp, err)
	}
	_, err = i.client.ReportRefusals(t.Context(), &pb.ReportRefusalsRequest{Refusals: []*pb.Refusal{
		{Surface: "control", Kind: "createLoginToken", Reason: pb.Reason_REASON_FRAME_UNKNOWN, UserId: "user//tech@acme.example", Count: 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	i.log.await(t, `"kind":"createLoginToken"`)
}
