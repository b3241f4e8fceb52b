package grpcapi

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// streamWorkers is how many calls are served at once without a new goroutine.
const streamWorkers = 32

// Health follows the database: SERVING only while it is there.
type Health struct{ server *health.Server }

// Set moves both the whole server ("") and AuthService.
func (h *Health) Set(serving bool) {
	st := healthpb.HealthCheckResponse_NOT_SERVING
	if serving {
		st = healthpb.HealthCheckResponse_SERVING
	}
	h.server.SetServingStatus("", st)
	h.server.SetServingStatus(pb.AuthService_ServiceDesc.ServiceName, st)
}

// RulesService is the name under which health says whether the newest claims mapping holds. NOT_SERVING: it is refused, and the
// former one goes on.
const RulesService = "meshsso.v1.Rules"

// SetRules moves RulesService alone.
func (h *Health) SetRules(good bool) {
	st := healthpb.HealthCheckResponse_NOT_SERVING
	if good {
		st = healthpb.HealthCheckResponse_SERVING
	}
	h.server.SetServingStatus(RulesService, st)
}

// Shutdown answers NOT_SERVING from now on, whatever Set says later.
func (h *Health) Shutdown() { h.server.Shutdown() }

// NewServer makes a gRPC server with health (NOT_SERVING at first), reflection, a bound on requests, and a fence against
// panics. Register services on it before it serves.
func NewServer(log *slog.Logger, opts ...grpc.ServerOption) (*grpc.Server, *Health) {
	opts = append([]grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxRecvBytes),
		grpc.UnaryInterceptor(recoverUnary(log)),
		// Goroutines that are kept need not grow their stack for each call; beyond them each call gets one of its own.
		grpc.NumStreamWorkers(streamWorkers),
		// A client may ask often whether we live, also while it has no call under way: it waits for a restart of ours.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	}, opts...)
	srv := grpc.NewServer(opts...)
	h := &Health{server: health.NewServer()}
	h.Set(false)
	h.SetRules(true)
	healthpb.RegisterHealthServer(srv, h.server)
	reflection.Register(srv)
	return srv, h
}

// recoverUnary answers a panic with INTERNAL; nothing is granted. The panic's value is not logged: it may quote a request.
func recoverUnary(log *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
		defer func() {
			if r := recover(); r != nil {
				log.ErrorContext(ctx, "panic", "method", info.FullMethod, "type", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
				resp, err = nil, toStatus(authsvc.Deny(authsvc.Internal, "panic"))
			}
		}()
		return handler(ctx, req)
	}
}
