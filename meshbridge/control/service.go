package control

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/everydaytech/meshsso/meshbridge/upstream"
)

// Site rights (SITERIGHT_* in MeshCentral's meshuser.js).
const (
	siteManageUsers  = 2
	siteLocked       = 32
	siteNoNewGroups  = 64
	siteNoTools      = 128
	siteNoSettings   = 1024
	siteNoNewDevices = 4096
	siteFull         = 0xFFFFFFFF
)

// ServiceConfig says who the service account is.
type ServiceConfig struct {
	Upstream *upstream.Client
	Username string
	Password string // or name and password of a login token of the account, where it has a second factor
	Timing   Timing
	Log      *slog.Logger
}

// ServiceAccount is our account on a stock MeshCentral, with user administration. It keeps one connection, over which it
// holds a picture of the accounts of the reserved shape that is as new as MeshCentral's last event. Safe for concurrent use.
type ServiceAccount struct {
	cfg       ServiceConfig
	transport *http.Transport
	client    *http.Client
	line      *line
	picture   picture
}

var _ Credentials = (*ServiceAccount)(nil)

// NewServiceAccount connects to nothing yet.
func NewServiceAccount(cfg ServiceConfig) *ServiceAccount {
	cfg.Timing = cfg.Timing.orDefaults()
	s := &ServiceAccount{cfg: cfg}
	s.picture.init()
	s.transport, s.client = newClient(cfg.Upstream)
	s.line = &line{
		up: cfg.Upstream, client: s.client, creds: s, timing: cfg.Timing, forever: true, log: cfg.Log,
		onEvent: s.picture.heard, connected: s.begin,
	}
	return s
}

// Apply puts name and password into MeshCentral's own header for them: any tenant's connection is the service account's.
func (s *ServiceAccount) Apply(_ context.Context, _ string, r *http.Request) error {
	b64 := base64.StdEncoding.EncodeToString
	r.Header.Set("X-Meshauth", b64([]byte(s.cfg.Username))+","+b64([]byte(s.cfg.Password)))
	return nil
}

// Check says whether the account can do its work. Errors: ErrUnavailable passes; ErrCredentials and ErrRights need somebody
// to change something.
func (s *ServiceAccount) Check(ctx context.Context) error {
	c, err := s.line.get(ctx)
	if err != nil {
		return err
	}
	if c.user.SiteAdmin.V != siteFull {
		s.cfg.Log.Warn("MeshCentral's service account is no full administrator: session accounts do without the restricting site rights 1024 and 4096")
	}
	return nil
}

// begin checks a new connection's rights and lists the accounts that there are.
func (s *ServiceAccount) begin(ctx context.Context, c *conn) error {
	if rights := c.user.SiteAdmin.V; rights&siteManageUsers == 0 || rights != siteFull && rights&siteLocked != 0 {
		return fmt.Errorf("%w: give the account the site right \"manage users\"", ErrRights)
	}
	s.picture.clear()
	m, err := c.request(ctx, frame{"action": "users"})
	if err != nil {
		return err
	}
	if m.Users == nil {
		return refused("users", m.Result.V)
	}
	s.picture.fill(m.Users)
	return nil
}

// restrictions are the site rights of a session's account: all of them restrict. An account that is no full administrator
// may hand out the first two only.
func restrictions(service account) int64 {
	rights := int64(siteNoNewGroups | siteNoTools)
	if service.SiteAdmin.V == siteFull {
		rights |= siteNoSettings | siteNoNewDevices
	}
	return rights
}

// do sends a command whose answer is a result.
func (s *ServiceAccount) do(ctx context.Context, c *conn, f frame) (result string, err error) {
	ctx, stop := context.WithTimeout(ctx, s.cfg.Timing.Request)
	defer stop()
	m, err := c.request(ctx, f)
	return m.Result.V, err
}

// forget takes an account away. Its sockets end first, by a lock: MeshCentral saves an account when its last socket closes,
// and a deleted one that is saved again would be back after a restart.
func (s *ServiceAccount) forget(ctx context.Context, c *conn, id string) error {
	if _, err := s.do(ctx, c, frame{"action": "edituser", "userid": id, "siteadmin": siteLocked | restrictions(c.user)}); err != nil {
		return err
	}
	result, err := s.do(ctx, c, frame{"action": "deleteuser", "userid": id})
	if err != nil {
		return err
	}
	if result != "ok" && result != "User does not exists" { // MeshCentral's spelling
		return refused("deleteuser", result)
	}
	s.picture.remove(id)
	return nil
}

// Close ends the connection.
func (s *ServiceAccount) Close() {
	s.line.close()
	s.transport.CloseIdleConnections()
}
