package control

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
)

const maxLogins = 16 // addresses of one session, remembered on one replica

// login is a page session of MeshCentral's. It is worth nothing after a restart of MeshCentral, which the service account's
// connection does not survive either.
type login struct {
	cookie string
	epoch  uint64
}

// errPassword: MeshCentral does not know this name with this password.
var errPassword = fmt.Errorf("%w: the session's account could not log in", ErrRefused)

// login logs an account in at MeshCentral's form and gives the Cookie header of its session. MeshCentral honours its header
// for name and password (x-meshauth) on sockets only: pages need the cookie.
func (s *ServiceAccount) login(ctx context.Context, name, password string, forwarded []string) (string, error) {
	ctx, stop := context.WithTimeout(ctx, s.cfg.Timing.Request)
	defer stop()
	u := s.cfg.Upstream.URL()
	u.Path = "/login"
	form := url.Values{"action": {"login"}, "username": {name}, "password": {password}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(form))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header["X-Forwarded-For"] = forwarded
	resp, err := s.client.Do(req)
	if err != nil {
		return "", unavailable(err)
	}
	_ = resp.Body.Close() // the page is of no use, and another connection cheaper than its 1.4 MB
	if resp.StatusCode >= http.StatusInternalServerError {
		return "", unavailable(fmt.Errorf("the login page answered %d", resp.StatusCode))
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return "", refused("login", http.StatusText(resp.StatusCode))
	}
	return sessionCookie(resp.Cookies(), "user//"+name)
}

// sessionCookie picks MeshCentral's session out of an answer, if it is this account's: "xid" is a signed base64 of JSON
// (cookie-session), which a login that failed sets as well.
func sessionCookie(cookies []*http.Cookie, userID string) (string, error) {
	var parts []string
	var owner string
	for _, c := range cookies {
		switch c.Name {
		case "xid":
			owner = ownerOf(c.Value)
		case "xid.sig":
		default:
			continue
		}
		parts = append(parts, c.Name+"="+c.Value)
	}
	switch {
	case len(parts) != 2:
		return "", unavailable(errors.New("the login page gave no session"))
	case owner == "":
		return "", errPassword
	case owner != userID:
		return "", refused("login", "the session is another account's")
	}
	return strings.Join(parts, "; "), nil
}

func ownerOf(xid string) string {
	raw, err := base64.StdEncoding.DecodeString(xid)
	if err != nil {
		return ""
	}
	var s struct {
		UserID loose[string] `json:"userid"`
	}
	if json.Unmarshal(raw, &s, lenient) != nil {
		return ""
	}
	return s.UserID.V
}
