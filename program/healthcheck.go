package program

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/everydaytech/meshsso/authsvc/grpcapi"
)

type healthcheckCmd struct {
	listenFlags
	Timeout time.Duration `group:"listen" default:"3s" help:"How long to wait for the answer (${default})."`
}

// Run asks over the address that serve listens on. Unhealthy is an error: exit code 1.
func (c healthcheckCmd) Run(ctx context.Context, e env) error {
	a, err := c.readListen()
	if err != nil {
		return configError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	target, creds := a.dial()
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(creds))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	resp, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		return fmt.Errorf("no answer from %s: %w", c.Listen, err)
	}
	_, _ = fmt.Fprintln(e.stdout, resp.GetStatus())
	if resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return errors.New("not serving: PostgreSQL cannot be reached or does not fit, see the log of serve")
	}
	// It serves by the former one: unhealthy would have it restarted, and then it would not.
	rules, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: grpcapi.RulesService})
	if err == nil && rules.GetStatus() == healthpb.HealthCheckResponse_NOT_SERVING {
		_, _ = fmt.Fprintln(e.stderr, "meshsso.yaml was changed and is refused: the former one goes on; see the log of serve, or: meshsso config check")
	}
	return nil
}

// dial gives the target and credentials for our own server. With mutual TLS the server must show exactly the certificate
// of --tls-cert, and we show it too: its CA must be the clients' CA for that.
func (a listenAddr) dial() (string, credentials.TransportCredentials) {
	if a.network == "unix" {
		return "unix://" + a.address, insecure.NewCredentials()
	}
	target := "passthrough:///" + ownAddress(a.address)
	if a.tls == nil {
		return target, insecure.NewCredentials()
	}
	own := a.tls.Certificates[0]
	return target, credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{own},
		MinVersion:   tls.VersionTLS13,
		// The name in the certificate is other machines' name for us; identity is checked by the certificate itself.
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection pins the leaf
		VerifyConnection: func(s tls.ConnectionState) error {
			leaf, err := x509.ParseCertificate(own.Certificate[0])
			if err != nil || len(s.PeerCertificates) == 0 || !s.PeerCertificates[0].Equal(leaf) {
				return errors.New("the server shows another certificate than --tls-cert")
			}
			return nil
		},
	})
}

// ownAddress replaces "every address" by loopback.
func ownAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || (ip != nil && ip.IsUnspecified())) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}
