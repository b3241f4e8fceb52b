package session

import (
	"net/netip"
	"time"
)

// Binding is what a browser shows to prove that a session is its person's.
type Binding struct {
	SessionCookie, PersonCookie string
	Client                      Client
}

// Client is where a request comes from.
type Client struct {
	IP        netip.Addr
	UserAgent string
}

// Error is a refusal as an HTTP client gets it.
type Error struct {
	Status     int
	Code       string // stable, for programs
	Message    string // for a person
	RetryAfter time.Duration
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }
