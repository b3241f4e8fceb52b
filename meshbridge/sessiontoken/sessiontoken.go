// Package sessiontoken makes and checks internal tokens: how the session proxy tells the shim, request by request, in whose
// session it asks. One is a JWS of its own type under a key of its own, so that neither a dashboard's token passes for one nor
// one for a dashboard's; it names a session and nothing else, and is good for one request within half a minute.
package sessiontoken

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/everydaytech/meshsso/authsvc"
)

// Header is the request header that carries the token; js-shim reads the same.
const Header = "x-meshsso-session"

// Lifetime is how long a token is good, at most.
const Lifetime = 30 * time.Second

const (
	issuer   = "meshsso"
	audience = "meshcentral"
	typ      = "meshsso-session+jwt"
)

// header is the only one that a token may have: what varies cannot be mistaken.
var header = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"` + typ + `"}`))

// claims of a token. Times are whole seconds since 1970.
type claims struct {
	Issuer    string `json:"iss"`
	Audience  string `json:"aud"`
	Subject   string `json:"sub"` // the session's id, or a tenant's pool (authsvc.PoolSubject)
	ID        string `json:"jti"` // 128 random bits, base64url
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
}

// Minter makes tokens. Safe for concurrent use if Rand is.
type Minter struct {
	Key  [32]byte
	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // nil: crypto/rand
}

// Mint makes a token for one request in a session or a tenant's pool. Errors: subject names neither, or Rand's own.
func (m *Minter) Mint(subject string) (string, error) {
	if !authsvc.ValidSubject(subject) {
		return "", errors.New("minting an internal token: neither a session's id nor a tenant's pool")
	}
	source := m.Rand
	if source == nil {
		source = rand.Reader
	}
	var id [16]byte
	if _, err := io.ReadFull(source, id[:]); err != nil {
		return "", fmt.Errorf("minting an internal token: %w", err)
	}
	at := clock(m.Now)().Unix()
	payload, err := encode(claims{
		Issuer: issuer, Audience: audience, Subject: subject, ID: base64.RawURLEncoding.EncodeToString(id[:]),
		IssuedAt: at, ExpiresAt: at + int64(Lifetime/time.Second),
	})
	if err != nil {
		return "", err
	}
	signed := header + "." + payload
	signature, err := jwt.SigningMethodHS256.Sign(signed, m.Key[:])
	if err != nil {
		return "", fmt.Errorf("signing an internal token: %w", err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func clock(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return now
}
