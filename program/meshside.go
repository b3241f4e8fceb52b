package program

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge"
	"github.com/everydaytech/meshsso/meshbridge/control"
	"github.com/everydaytech/meshsso/meshbridge/keys"
	"github.com/everydaytech/meshsso/meshbridge/policy"
	"github.com/everydaytech/meshsso/meshbridge/proxy"
	"github.com/everydaytech/meshsso/meshbridge/session"
	"github.com/everydaytech/meshsso/meshbridge/sessiontoken"
)

// surroundings is what the session proxy takes from the sign-on side.
type surroundings struct {
	auth   session.Authenticator
	rules  *liveRules
	people authsvc.Directory
	policy *policy.Table
}

// meshSide is what stands between sessions and MeshCentral. With the shim, internal tokens do all of it; on a stock MeshCentral
// the service account makes an account a session.
type meshSide struct {
	pool       *control.Pool
	presence   session.Presence
	identity   proxy.Identity
	service    *control.ServiceAccount // nil with the shim
	principals *control.Principals     // nil with the shim
	sessions   aliveSessions
}

func newMeshSide(p proxyConfig, db *pgxpool.Pool, around surroundings, log *slog.Logger) *meshSide {
	m := &meshSide{}
	minter := &sessiontoken.Minter{Key: p.keys.Key(keys.SessionToken)}
	m.identity = tokenIdentity{minter}
	var credentials control.Credentials = tokenCredentials{minter}
	if p.username != "" {
		m.service = control.NewServiceAccount(control.ServiceConfig{Upstream: p.upstream, Username: p.username, Password: p.password, Log: log})
		m.principals = control.NewPrincipals(control.PrincipalConfig{Service: m.service, Live: &m.sessions, Key: p.keys.Key(keys.PrincipalPassword), Log: log})
		m.identity, credentials = m.principals, m.service
	}
	m.pool = control.NewPool(control.PoolConfig{Upstream: p.upstream, Credentials: credentials, Devices: tenantDevices{around.people}, Log: log})
	m.presence = m.pool
	if m.service != nil {
		groups := control.DeviceGroups{Service: m.service, Store: control.PostgresGroups{DB: db}}
		m.presence = &groupMaker{Pool: m.pool, groups: groups, tenants: around.people, log: log}
	}
	return m
}

// meet makes the sessions known, which are made after this.
func (m *meshSide) meet(s *session.Service) { m.sessions.service = s }

// ended has MeshCentral forget a session's principal at once. The shim asks for itself.
func (m *meshSide) ended(ctx context.Context, id string) {
	if m.principals != nil {
		m.principals.Ended(ctx, id)
	}
}

const checkTimeout = 10 * time.Second

// check says at the start what no waiting will mend.
func (m *meshSide) check(ctx context.Context, log *slog.Logger) error {
	if m.service == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err := m.service.Check(ctx)
	if errors.Is(err, control.ErrCredentials) || errors.Is(err, control.ErrRights) {
		return fmt.Errorf("MESHCENTRAL_USERNAME: %w", err)
	}
	if err != nil {
		log.Warn("MeshCentral cannot be reached yet: sessions are refused until it can", "error", err.Error())
	}
	return nil
}

func (m *meshSide) run(ctx context.Context) {
	if m.principals != nil {
		m.principals.Run(ctx)
	}
}

func (m *meshSide) close() {
	m.pool.Close()
	if m.service != nil {
		m.service.Close()
	}
}

// tokenIdentity acts as a session's principal by an internal token, a fresh one a request.
type tokenIdentity struct{ minter *sessiontoken.Minter }

func (i tokenIdentity) Identify(_ context.Context, s session.Session, out *http.Request) error {
	return bear(i.minter, s.ID, out)
}

func (tokenIdentity) PrincipalID(s session.Session) string {
	id, _ := meshbridge.PrincipalID("", s.ID, s.Person.Email)
	return id
}

// tokenCredentials lets a tenant's pooled connection in by an internal token of its own kind.
type tokenCredentials struct{ minter *sessiontoken.Minter }

func (c tokenCredentials) Apply(_ context.Context, tenantID string, out *http.Request) error {
	return bear(c.minter, authsvc.PoolSubject(tenantID), out)
}

func bear(minter *sessiontoken.Minter, subject string, out *http.Request) error {
	token, err := minter.Mint(subject)
	if err != nil {
		return err
	}
	out.Header.Del("Cookie")
	out.Header.Set(sessiontoken.Header, token)
	return nil
}

// tenantDevices reads a tenant's devices from the platform.
type tenantDevices struct{ people authsvc.DeviceLister }

func (t tenantDevices) TenantDevices(ctx context.Context, tenantID string) ([]string, error) {
	set, err := t.people.Devices(ctx, authsvc.Scope{TenantID: tenantID})
	if err != nil {
		return nil, err
	}
	return meshbridge.NodeIDs(set, ""), nil
}

// aliveSessions says which sessions are alive, as the database has it.
type aliveSessions struct{ service *session.Service }

func (a *aliveSessions) LiveSessions(ctx context.Context, ids []string) (map[string]bool, error) {
	ended, err := a.service.EndedAmong(ctx, ids)
	if err != nil {
		return nil, err
	}
	alive := make(map[string]bool, len(ids))
	for _, id := range ids {
		alive[id] = true
	}
	for _, id := range ended {
		delete(alive, id)
	}
	return alive, nil
}

// proxySessions hands sessions to the proxy. A typed nil must not pass for a session.
type proxySessions struct{ *session.Service }

func (p proxySessions) Enter(ctx context.Context, token string, b session.Binding) (proxy.Live, error) {
	l, err := p.Service.Enter(ctx, token, b)
	if err != nil {
		return nil, err
	}
	return liveSession{l}, nil
}

func (p proxySessions) Redeem(ctx context.Context, token, ticket string, c session.Client) ([]*http.Cookie, proxy.Live, error) {
	cookies, l, err := p.Service.Redeem(ctx, token, ticket, c)
	if err != nil {
		return nil, nil, err
	}
	return cookies, liveSession{l}, nil
}

type liveSession struct{ *session.Live }

func (l liveSession) Tunnel(kind string) proxy.Tunnel { return l.Live.Tunnel(kind) }
