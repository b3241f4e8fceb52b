package grpcapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/grpcapi"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is now, for every server of these tests.
var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

const secretToken = "eyJhbGciOi.very-secret.part"

// fake answers whatever a test wants.
type fake struct {
	pool    *authsvc.PoolIdentity
	err     error
	panics  bool
	subject authsvc.Subject
	readAt  time.Time
	since   time.Time // what was asked for last
	mapErr  error
	rules   string
}

func (f *fake) Authenticate(ctx context.Context, token authsvc.Token) (*authsvc.Identity, authsvc.Subject, error) {
	f.since = authsvc.Since(ctx)
	if f.panics {
		panic("with " + token.Reveal())
	}
	if f.err != nil {
		return nil, f.subject, f.err
	}
	return &authsvc.Identity{Email: "a@x.example", User: authsvc.User{ReadAt: f.readAt}, RulesVersion: f.rules}, f.subject, nil
}

func (f *fake) CheckDomain(domain string) error {
	if domain != "" {
		return authsvc.ErrDomainDenied
	}
	return nil
}

func (f *fake) MapUser(_ context.Context, id *authsvc.Identity, _ string) (*pb.ValidateTokenResponse, error) {
	return &pb.ValidateTokenResponse{User: &pb.User{Email: id.Email}}, nil
}

func (f *fake) GroupLinks(ctx context.Context, _, _ string) (*pb.GetGroupLinksResponse, error) {
	f.since = authsvc.Since(ctx)
	return &pb.GetGroupLinksResponse{}, f.err
}

// Policy is a policy of version "v1" that knows two kinds.
func (f *fake) Policy() *pb.Policy {
	return &pb.Policy{Version: "v1", ReviewedVersions: []string{"1.1.51", "1.1.55"}, Frames: []*pb.FrameRule{{Action: "ping"}}}
}

func (f *fake) KnownKind(kind string) bool { return kind == "ping" || kind == "meshrelay.ashx" }

func (f *fake) DeviceGroups(ctx context.Context, _ string) (*pb.ListDeviceGroupsResponse, error) {
	f.since = authsvc.Since(ctx)
	if f.err != nil {
		return nil, f.err
	}
	return &pb.ListDeviceGroupsResponse{Lobby: &pb.Tenant{Name: "lobby"}}, nil
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

type bench struct {
	fake   *fake
	keeper *keeper
	api    *grpcapi.Server
	log    *safeBuffer
	reg    *prometheus.Registry
	health *grpcapi.Health
	conn   *grpc.ClientConn
	client pb.AuthServiceClient
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{fake: &fake{}, log: &safeBuffer{}, reg: prometheus.NewRegistry()}
	log := slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	srv, health := grpcapi.NewServer(log)
	b.health, b.keeper = health, &keeper{fake: b.fake}
	b.api = &grpcapi.Server{
		Auth: b.fake, Sessions: b.keeper, Mapper: b.fake, Groups: b.fake, Policy: b.fake, Metrics: grpcapi.NewMetrics(b.reg), Log: log,
		Lifetime: 5 * time.Minute, Now: func() time.Time { return noon },
	}
	b.api.Register(srv)
	l := bufconn.Listen(1 << 20)
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///b", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); srv.Stop(); <-done })
	b.conn, b.client = conn, pb.NewAuthServiceClient(conn)
	return b
}

func info(t *testing.T, err error) (codes.Code, string) {
	t.Helper()
	for _, d := range status.Convert(err).Details() {
		if i, ok := d.(*errdetails.ErrorInfo); ok && i.GetDomain() == grpcapi.ErrorDomain {
			return status.Code(err), i.GetReason()
		}
	}
	return status.Code(err), ""
}

// Every reason of the domain is in the proto, has a status and reaches the client; the proto's others are the shim's.
func TestEveryReasonHasAStatus(t *testing.T) {
	b := newBench(t)
	shims := map[string]bool{"UNSPECIFIED": true, "TOKEN_AMBIGUOUS": true, "ACCOUNT_CONFLICT": true, "SERVICE_UNAVAILABLE": true}
	for number, name := range pb.Reason_name {
		reason := strings.TrimPrefix(name, "REASON_")
		if shims[reason] || number >= int32(pb.Reason_REASON_FRAME_MALFORMED) {
			continue
		}
		b.fake.err = fmt.Errorf("wrapped: %w", authsvc.Deny(authsvc.Reason(reason), "detail"))
		resp, err := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken})
		want := codes.PermissionDenied
		switch {
		case strings.HasPrefix(reason, "TOKEN_"):
			want = codes.Unauthenticated
		case reason == "DOMAIN_DENIED", reason == "REQUEST_INVALID":
			want = codes.InvalidArgument
		case reason == "GROUP_UNKNOWN":
			want = codes.NotFound
		case reason == "STORE_UNAVAILABLE":
			want = codes.Unavailable
		case reason == "INTERNAL":
			want = codes.Internal
		}
		if code, got := info(t, err); code != want || got != reason || resp != nil {
			t.Errorf("%s: %s %s", reason, code, got)
		}
		if strings.Contains(err.Error(), "detail") {
			t.Errorf("%s: the detail reaches the client: %v", reason, err)
		}
	}
}

func TestPublicMessagesDoNotTellPeopleApart(t *testing.T) {
	b := newBench(t)
	message := func(err error) string {
		b.fake.err = err
		_, got := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken})
		return status.Convert(got).Message()
	}
	want := message(authsvc.ErrUserUnknown)
	for _, err := range []error{authsvc.ErrUserAmbiguous, authsvc.ErrUserDisabled, authsvc.ErrUserMismatch, authsvc.ErrTenantMismatch} {
		if got := message(err); got != want {
			t.Errorf("%v: %q, another than %q", err, got, want)
		}
	}
}

func TestUnexpectedErrorsAndPanicsAreInternal(t *testing.T) {
	b := newBench(t)
	for name, f := range map[string]fake{"error": {err: errors.New("anything")}, "foreign reason": {err: authsvc.Deny("NEW", "")}, "panic": {panics: true}} {
		*b.fake = f
		resp, err := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken})
		if code, reason := info(t, err); code != codes.Internal || reason != "INTERNAL" || resp != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	*b.fake = fake{}
	if _, err := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken}); err != nil {
		t.Errorf("after a panic: %v", err)
	}
	if log := b.log.String(); strings.Contains(log, "very-secret") || !strings.Contains(log, `"panic"`) {
		t.Errorf("the log is %s", log)
	}
}

func TestDenialIsLoggedWithoutTheToken(t *testing.T) {
	b := newBench(t)
	b.fake.err, b.fake.subject = authsvc.ErrUserDisabled, authsvc.Subject{Verified: true, UserID: 42, Issuer: "acme-sso"}
	for _, c := range []struct{ ip, want string }{
		{"192.0.2.7", `"client_ip":"192.0.2.7"`}, {"::ffff:192.0.2.7", `"client_ip":"192.0.2.7"`}, {"[2001:db8::1]:443", `"client_ip":"2001:db8::1"`},
		{"fe80::1%eth0\nfake", `"client_ip":"fe80::1"`}, {"x\n{\"msg\":\"validation ok\"}", `"client_ip":"invalid"`}, {strings.Repeat("1", 1000), `"client_ip":"invalid"`}, {"", `"client_ip":""`},
	} {
		b.log.b.Reset()
		_, err := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken, ClientIp: c.ip, Hook: pb.Hook_HOOK_WEBSOCKET})
		if err == nil {
			t.Fatal("no denial")
		}
		log := b.log.String()
		for _, s := range []string{c.want, `"reason":"USER_DISABLED"`, `"hook":"websocket"`, `"user_id":42`, `"issuer":"acme-sso"`, `"level":"INFO"`} {
			if !strings.Contains(log, s) {
				t.Errorf("%s is not in %s", s, log)
			}
		}
		if strings.Contains(log, "very-secret") || strings.Contains(log, "fake") || strings.Count(log, "\n") != 1 {
			t.Errorf("the log is %s", log)
		}
	}
}

func TestGroupLinksDenial(t *testing.T) {
	b := newBench(t)
	b.fake.err = authsvc.ErrGroupUnknown
	_, err := b.client.GetGroupLinks(t.Context(), &pb.GetGroupLinksRequest{Group: "ugrp//x"})
	if code, reason := info(t, err); code != codes.NotFound || reason != "GROUP_UNKNOWN" {
		t.Error(err)
	}
}

func TestRequestOfAMegabyteIsReadAndALargerOneIsNot(t *testing.T) {
	b := newBench(t)
	if _, err := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: strings.Repeat("A", 1<<20)}); err != nil {
		t.Error(err)
	}
	_, err := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: strings.Repeat("A", 3<<20)})
	if status.Code(err) != codes.ResourceExhausted {
		t.Error(err)
	}
}
