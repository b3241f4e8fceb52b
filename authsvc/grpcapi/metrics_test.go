package grpcapi_test

import (
	"context"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

func TestMetrics(t *testing.T) {
	b := newBench(t)
	call := func(err error, hook pb.Hook, domain string) {
		b.fake.err = err
		_, _ = b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken, Hook: hook, Domain: domain})
	}
	call(nil, pb.Hook_HOOK_ROOT, "")
	call(nil, pb.Hook_HOOK_ROOT, "")
	call(nil, pb.Hook_HOOK_REVALIDATE, "")
	call(authsvc.ErrTokenExpired, pb.Hook_HOOK_HTTP, "")
	call(authsvc.ErrStoreUnavailable, pb.Hook_HOOK_MESHACTION, "")
	call(context.Canceled, pb.Hook_HOOK_WEBSOCKET, "")
	call(nil, pb.Hook(9999), "elsewhere")
	want := `
# HELP meshsso_validations_total Token validations by result, reason of denial and asking hook.
# TYPE meshsso_validations_total counter
meshsso_validations_total{hook="http",reason="",result="ok"} 0
meshsso_validations_total{hook="http",reason="TOKEN_EXPIRED",result="denied"} 1
meshsso_validations_total{hook="meshaction",reason="",result="ok"} 0
meshsso_validations_total{hook="meshaction",reason="STORE_UNAVAILABLE",result="error"} 1
meshsso_validations_total{hook="revalidate",reason="",result="ok"} 1
meshsso_validations_total{hook="root",reason="",result="ok"} 2
meshsso_validations_total{hook="unspecified",reason="",result="ok"} 0
meshsso_validations_total{hook="unspecified",reason="DOMAIN_DENIED",result="denied"} 1
meshsso_validations_total{hook="websocket",reason="",result="ok"} 0
meshsso_validations_total{hook="websocket",reason="CANCELED",result="canceled"} 1
`
	if err := testutil.GatherAndCompare(b.reg, strings.NewReader(want), "meshsso_validations_total"); err != nil {
		t.Error(err)
	}
}

func TestHealth(t *testing.T) {
	b := newBench(t)
	for _, service := range []string{"", "meshsso.v1.AuthService"} {
		check := func() healthpb.HealthCheckResponse_ServingStatus {
			resp, err := healthpb.NewHealthClient(b.conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
			if err != nil {
				t.Fatal(err)
			}
			return resp.GetStatus()
		}
		b.health.Set(false)
		if got := check(); got != healthpb.HealthCheckResponse_NOT_SERVING {
			t.Error(got)
		}
		b.health.Set(true)
		if got := check(); got != healthpb.HealthCheckResponse_SERVING {
			t.Error(got)
		}
	}
	b.health.Shutdown()
	b.health.Set(true)
	if resp, err := healthpb.NewHealthClient(b.conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil || resp.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Error(resp, err)
	}
}

func TestReflectionNamesTheService(t *testing.T) {
	b := newBench(t)
	stream, err := reflectionpb.NewServerReflectionClient(b.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stream.Recv()
	if err != nil || !strings.Contains(resp.String(), "meshsso.v1.AuthService") {
		t.Error(resp, err)
	}
	_ = stream.CloseSend()
}
