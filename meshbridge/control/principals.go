package control

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/everydaytech/meshsso/meshbridge"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

// LiveSessions says which of these sessions (UUIDs) are alive now, in the database, not in a cache.
type LiveSessions interface {
	LiveSessions(ctx context.Context, ids []string) (map[string]bool, error)
}

// PrincipalConfig is what Principals need.
type PrincipalConfig struct {
	Service *ServiceAccount
	Live    LiveSessions
	Key     [32]byte      // "principal password": every replica derives the same password of a session's account
	Sweep   time.Duration // how often accounts are looked for whose session is not alive; 1 min
	Log     *slog.Logger
}

const (
	defaultSweep = time.Minute
	makeTimeout  = 20 * time.Second
	afterFailure = 15 * time.Second // a login that failed is not tried again before: MeshCentral bans addresses
)

// Principals makes the session principals of a stock MeshCentral: an account a session, with one device link, made and
// deleted by the service account. Safe for concurrent use, and by several replicas at once.
type Principals struct {
	cfg     PrincipalConfig
	mu      sync.Mutex
	entries map[string]*entry // by session id
}

// entry is one session's principal as this replica knows it. The turn guards everything in it.
type entry struct {
	turn    chan struct{}    // holds one token
	logins  map[string]login // by the client address that is forwarded with the request
	failure error            // of the last login
	until   time.Time        // the failure counts until then
}

// NewPrincipals asks nobody anything yet.
func NewPrincipals(cfg PrincipalConfig) *Principals {
	if cfg.Sweep <= 0 {
		cfg.Sweep = defaultSweep
	}
	return &Principals{cfg: cfg, entries: map[string]*entry{}}
}

// PrincipalID gives the account id of a session's principal, "" if the session's id is no UUID.
func (p *Principals) PrincipalID(s session.Session) string {
	name, ok := principalName(s.ID)
	if !ok {
		return ""
	}
	return "user//" + name
}

// Identify puts the principal's session cookie on a request to MeshCentral, having made the account and logged in where need
// be. Whatever cookies the request has are replaced. The login carries the request's X-Forwarded-For: MeshCentral binds its
// sessions to the client's address. Errors: ErrUnavailable, ErrCredentials, ErrRights, ErrRefused, ErrEnded, ErrBusy.
func (p *Principals) Identify(ctx context.Context, s session.Session, out *http.Request) error {
	w, err := p.wish(s)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, makeTimeout)
	defer stop()
	e := p.entry(s.ID)
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	cookie, err := p.enter(ctx, e, w, out.Header.Values("X-Forwarded-For"))
	if err != nil {
		return err
	}
	out.Header.Set("Cookie", cookie)
	return nil
}

// enter gives a session cookie of an account that is exactly as wished.
func (p *Principals) enter(ctx context.Context, e *entry, w wish, forwarded []string) (string, error) {
	epoch, err := p.conform(ctx, &w)
	if err != nil {
		return "", err
	}
	from := fmt.Sprintf("%q", forwarded)
	if l := e.logins[from]; l.epoch == epoch && l.cookie != "" {
		return l.cookie, nil
	}
	if e.failure != nil && time.Now().Before(e.until) {
		return "", e.failure
	}
	cookie, err := p.login(ctx, &w, forwarded)
	if err != nil {
		if errors.Is(err, ErrRefused) {
			e.failure, e.until = err, time.Now().Add(afterFailure)
		}
		return "", err
	}
	if len(e.logins) >= maxLogins {
		clear(e.logins)
	}
	e.failure, e.logins[from] = nil, login{cookie: cookie, epoch: epoch}
	return cookie, nil
}

// login logs in. An account whose password is another one, because the key changed, is made anew once.
func (p *Principals) login(ctx context.Context, w *wish, forwarded []string) (string, error) {
	cookie, err := p.cfg.Service.login(ctx, w.name, w.password, forwarded)
	if !errors.Is(err, errPassword) {
		return cookie, err
	}
	c, err := p.cfg.Service.line.get(ctx)
	if err != nil {
		return "", err
	}
	if err := p.cfg.Service.forget(ctx, c, w.id); err != nil {
		return "", err
	}
	if _, err := p.conform(ctx, w); err != nil {
		return "", err
	}
	return p.cfg.Service.login(ctx, w.name, w.password, forwarded)
}

func (p *Principals) entry(sessionID string) *entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.entries[sessionID]
	if !ok {
		e = &entry{turn: make(chan struct{}, 1), logins: map[string]login{}}
		p.entries[sessionID] = e
	}
	return e
}

// wish is how a session's account must be.
type wish struct {
	session  string
	id, name string
	password string
	realName string
	node     string
	rights   int64
}

const nodeRightsMask = 7 // edit group, manage users, manage computers: MeshCentral refuses them on a device link

func (p *Principals) wish(s session.Session) (wish, error) {
	name, ok := principalName(s.ID)
	node, nodeOK := meshbridge.ParseNodeID(s.Agent.NodeID)
	if !ok || !nodeOK {
		return wish{}, fmt.Errorf("%w: the session's or the device's id is not usable", ErrRefused)
	}
	full, ok := node.In("")
	if !ok {
		return wish{}, fmt.Errorf("%w: the device is in another MeshCentral domain", ErrRefused)
	}
	if s.Rights == 0 || s.Rights&nodeRightsMask != 0 {
		return wish{}, fmt.Errorf("%w: rights %d on one device", ErrRefused, s.Rights)
	}
	return wish{
		session: s.ID, id: "user//" + name, name: name, password: p.password(s.ID),
		realName: meshRealName(s.Person), node: full, rights: int64(s.Rights),
	}, nil
}

// meshRealName is shown to whoever sits at the device; MeshCentral takes 1-256 UTF-16 units.
func meshRealName(person session.Person) string {
	name := []rune(meshbridge.DisplayName(person.Name, person.Email))
	const most = 128 // a rune may be two units
	if len(name) > most {
		name = name[:most]
	}
	if len(name) == 0 {
		return "?"
	}
	return string(name)
}

// password is derived, so that each replica can log in. Four more characters meet a domain's rules of composition; 31 in
// all stay below a domain's longest.
func (p *Principals) password(sessionID string) string {
	mac := hmac.New(sha256.New, p.cfg.Key[:])
	mac.Write([]byte(sessionID))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:20]) + "-Aa0"
}
