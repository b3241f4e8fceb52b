package session

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge"
	"github.com/everydaytech/meshsso/meshbridge/keys"
)

// Authenticator says who bears a token, and who it is that claims name which were verified before; authsvc.Service does.
type Authenticator interface {
	Authenticate(ctx context.Context, token authsvc.Token) (*authsvc.Identity, authsvc.Subject, error)
	Identify(ctx context.Context, claims authsvc.Claims) (*authsvc.Identity, error)
}

// Presence says whether a device's agent is connected.
type Presence interface {
	Online(ctx context.Context, tenantID, nodeID string) (bool, error)
}

// Config says what a Service allows and whom it asks.
type Config struct {
	Auth     Authenticator
	Presence Presence // nil: not known, nothing is refused for it
	DB       DB
	Keys     keys.Ring

	Lifetime    time.Duration // of a session; never beyond its JWT
	Idle        time.Duration // without traffic
	Recheck     time.Duration // the directory's cache lifetime: every right is read anew at least this often
	MinRole     authsvc.Role
	ProxyOrigin string        // "https://host" if the proxy has an origin of its own, else ""
	Timeout     time.Duration // of a database query
	PerPerson   int           // most live sessions of a person; 0: DefaultPerPerson

	// Restore makes the claims anew of somebody whose session was made with these (HasRole and the rest as stored): the issuer's name
	// ("" is the built-in one) and the verified claims as JSON (nil if none were kept, because no mapping needed them then). Its
	// errors end the session. nil: stored claims count as they are, and a session of a further issuer or mapping ends.
	Restore func(issuer string, payload []byte, stored authsvc.Claims) (authsvc.Claims, error)
	// RulesVersion names the policy that Auth judges by now: whoever was judged by another is judged anew. nil: it never changes.
	RulesVersion func() string

	// Ended is told of every session that ends, on the replica that served or ended it; it must not block for long. May be nil.
	Ended func(ctx context.Context, sessionID string)

	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // nil: crypto/rand
	Log  *slog.Logger
}

// DefaultPerPerson is how many live sessions a person may have.
const DefaultPerPerson = 20

// Times that nobody needs to change.
const (
	ticketLifetime = 30 * time.Second
	pollEvery      = time.Second
	cleanEvery     = 15 * time.Second
	keepEnded      = 5 * time.Minute // so that every replica and whoever asks again learns why it ended
	tunnelsFor     = 6 * time.Second // a crashed replica's tunnels count that long
	trustPolled    = 3 * time.Second // a row that was read longer ago is read again before it lets a request in
	presenceWait   = 3 * time.Second
)

// Service makes, checks and ends sessions. Safe for concurrent use; any number of them may share a database.
type Service struct {
	cfg       Config
	store     *store
	personKey [32]byte
	live      registry
	pending   pending
	wake      chan struct{}
	ticking   sync.Mutex
	told      sync.WaitGroup // calls of Ended under way
	metrics   metrics
}

// New makes a service; Run must run for as long as it serves.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.PerPerson == 0 {
		cfg.PerPerson = DefaultPerPerson
	}
	return &Service{
		cfg: cfg, store: &store{db: cfg.DB, timeout: cfg.Timeout, log: cfg.Log}, personKey: cfg.Keys.Key("person cookie"),
		live: newRegistry(), wake: make(chan struct{}, 1), metrics: newMetrics(),
	}
}

// now is cut to what Postgres holds, so that what is read back equals what was written.
func (s *Service) now() time.Time { return s.cfg.Now().Truncate(time.Microsecond) }

// Request asks for a session.
type Request struct {
	Token    authsvc.Token
	Agent    string // the agent's number or UUID
	ViewMode ViewMode
	Restrict bool
	Client   Client
}

// Created is a new session with what its person's browser gets.
type Created struct {
	Session  Session
	Token    string // the only copy
	ProxyURL string
	Cookies  []*http.Cookie // empty where ProxyURL carries a ticket
}

// Create makes a session. Errors: *Error.
func (s *Service) Create(ctx context.Context, r Request) (*Created, error) {
	began := s.cfg.Now()
	c, err := s.create(ctx, r)
	s.metrics.created(err, s.cfg.Now().Sub(began))
	return c, err
}

func (s *Service) create(ctx context.Context, r Request) (*Created, error) {
	if !r.ViewMode.Valid() {
		return nil, ErrViewMode
	}
	id, err := s.authenticate(ctx, r.Token, r.Client)
	if err != nil {
		return nil, err
	}
	access, rights, err := s.accessTo(id, r.Agent, r.ViewMode, r.Restrict)
	if err == nil {
		err = s.online(ctx, access, r.ViewMode)
	}
	if err != nil {
		s.deniedCreate(id, access, r, err)
		return nil, err
	}
	c, err := s.insert(ctx, id, access, rights, r)
	if err != nil {
		s.deniedCreate(id, access, r, err)
	}
	return c, err
}

// authenticate audits denials of people whom a verified token names; others could fill the audit with nothing.
func (s *Service) authenticate(ctx context.Context, token authsvc.Token, c Client) (*authsvc.Identity, error) {
	id, subject, err := s.cfg.Auth.Authenticate(ctx, token)
	if err == nil {
		return id, nil
	}
	refusal := refusalOf(err)
	if subject.Verified && refusal != ErrStore {
		s.pending.add(Event{At: s.now(), Name: EventDenied, UserID: subject.UserID, TenantID: subject.TenantID, Client: c, Reason: string(authsvc.ReasonOf(err))})
	}
	return nil, refusal
}

func (s *Service) deniedCreate(id *authsvc.Identity, a meshbridge.Access, r Request, err error) {
	s.pending.add(Event{
		At: s.now(), Name: EventDenied, UserID: id.User.ID, Email: id.Email, TenantID: id.User.TenantID, AgentID: a.Device.AgentID,
		Hostname: a.Device.Hostname, ViewMode: r.ViewMode, Client: r.Client, Reason: AsError(err).Code,
	})
}

// accessTo judges a person's right on a device. Of a device that is not in the person's scope nothing is told but that.
func (s *Service) accessTo(id *authsvc.Identity, agent string, mode ViewMode, restrict bool) (meshbridge.Access, uint32, error) {
	if id.Devices == nil {
		return meshbridge.Access{}, 0, ErrRoleDenied
	}
	a, ok := meshbridge.AccessTo(id, agent)
	if !ok {
		return meshbridge.Access{}, 0, ErrAgentNotFound
	}
	rights := meshbridge.SessionRights(a.Rights, int(mode), restrict)
	switch {
	case a.Role < s.cfg.MinRole || a.Role == authsvc.RoleNone || rights == 0:
		return a, 0, ErrRoleDenied
	case a.NodeID == "":
		return a, 0, ErrNotEnrolled
	}
	return a, rights, nil
}

func (s *Service) online(ctx context.Context, a meshbridge.Access, mode ViewMode) error {
	if s.cfg.Presence == nil || !mode.NeedsDevice() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, presenceWait)
	defer cancel()
	online, err := s.cfg.Presence.Online(ctx, a.Device.TenantID, a.NodeID)
	if err != nil {
		return ErrMeshCentral
	}
	if !online {
		return ErrAgentOffline
	}
	return nil
}

func (s *Service) insert(ctx context.Context, id *authsvc.Identity, a meshbridge.Access, rights uint32, r Request) (*Created, error) {
	var token, secret, uuid string
	for _, f := range []struct {
		into *string
		make func(io.Reader) (string, error)
	}{{&token, newSecret}, {&secret, newSecret}, {&uuid, newID}} {
		var err error
		if *f.into, err = f.make(s.cfg.Rand); err != nil {
			s.cfg.Log.ErrorContext(ctx, "sessions: no randomness", "error", err)
			return nil, ErrInternal
		}
	}
	now := s.now()
	v := row{
		id: uuid, userID: id.User.ID, agentID: a.Device.AgentID, nodeID: a.NodeID, viewMode: r.ViewMode, restrict: r.Restrict, email: id.Email,
		agentTenant: a.Device.TenantID, createdAt: now, usedAt: now, clientIP: r.Client.ip(), userAgent: r.Client.UserAgent,
	}
	if err := v.setClaims(id.Claims); err != nil {
		return nil, err
	}
	v.expiresAt = s.expiry(now, id.Claims)
	v.hash, _ = hashSecret(token)
	var t ticket
	if own, _ := hashSecret(secret); s.cfg.ProxyOrigin == "" {
		v.cookieHash = own
	} else {
		until := now.Add(ticketLifetime)
		t = ticket{own, &until}
	}
	if err := s.put(ctx, v, t, a.Device.Hostname); err != nil {
		return nil, err
	}
	c := &Created{Session: sessionOf(&v, id, a, rights), Token: token}
	c.ProxyURL = s.proxyURL(token, a.NodeID, r.ViewMode)
	if s.cfg.ProxyOrigin == "" {
		c.Cookies = s.cookies(token, secret, personMark(s.personKey, v.userID, v.email))
	} else {
		c.ProxyURL += "&ticket=" + secret
	}
	return c, nil
}

// put stores a session; at the limit, which is rare, it makes room first.
func (s *Service) put(ctx context.Context, v row, t ticket, hostname string) error {
	for _, makeRoom := range []bool{false, true} {
		made, ended, err := s.store.create(ctx, v, t, hostname, v.createdAt.Add(-s.cfg.Idle), s.cfg.PerPerson, makeRoom)
		if err != nil {
			return err
		}
		s.endedHere(ended, EndLimit)
		if made {
			return nil
		}
	}
	return ErrLimit
}

func (s *Service) expiry(now time.Time, c authsvc.Claims) time.Time {
	end := now.Add(s.cfg.Lifetime)
	if c.ExpiresAt.Before(end) {
		end = c.ExpiresAt
	}
	return end.Truncate(time.Microsecond)
}

func sessionOf(r *row, id *authsvc.Identity, a meshbridge.Access, rights uint32) Session {
	d := a.Device
	return Session{
		ID: r.id,
		Person: Person{
			UserID: id.User.ID, Email: id.Email, Name: meshbridge.PersonName(id), TenantID: id.User.TenantID, Role: a.Role,
			SiteRestrictions: meshbridge.SiteRestrictions(id),
		},
		Agent:    Agent{ID: d.AgentID, UUID: d.UUID, Hostname: d.Hostname, Platform: d.Platform, TenantID: d.TenantID, NodeID: a.NodeID},
		ViewMode: r.viewMode, Restrict: r.restrict, Rights: rights, CreatedAt: r.createdAt.UTC(), LastUsedAt: r.usedAt.UTC(), ExpiresAt: r.expiresAt.UTC(),
	}
}
