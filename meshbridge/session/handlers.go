package session

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"time"

	"github.com/go-json-experiment/json"
)

const maxBody = 4096

// createBody is what POST takes. A member that is null counts as absent.
type createBody struct {
	ViewMode *int  `json:"viewMode"`
	Restrict *bool `json:"restrict"`
}

// readBody is strict: one JSON object of known members, each once; an empty body is an empty object.
func readBody(r *http.Request, into any) error {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return errTooLarge
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return &Error{http.StatusRequestTimeout, "REQUEST_TIMEOUT", "The request took too long.", 0}
		}
		return ErrRequest
	}
	if data = bytes.TrimSpace(data); len(data) == 0 {
		return nil
	}
	if t := r.Header.Get("Content-Type"); t != "" {
		if media, _, err := mime.ParseMediaType(t); err != nil || media != "application/json" {
			return errMediaType
		}
	}
	if data[0] == 'n' { // null is no object
		return ErrRequest
	}
	if json.Unmarshal(data, into, json.RejectUnknownMembers(true)) != nil {
		return ErrRequest
	}
	return nil
}

type agentJSON struct {
	ID       int64  `json:"id"`
	UUID     string `json:"uuid"`
	Hostname string `json:"hostname"`
	Platform string `json:"platform"`
	NodeID   string `json:"nodeId"`
}

type createdJSON struct {
	Success      bool      `json:"success"`
	SessionID    string    `json:"sessionId"` // names it in this API without being a secret
	SessionToken string    `json:"sessionToken"`
	ExpiresAt    string    `json:"expiresAt"`
	Agent        agentJSON `json:"agent"`
	ProxyURL     string    `json:"proxyUrl"`
	ViewMode     ViewMode  `json:"viewMode"`
	IframeURL    string    `json:"iframeUrl,omitempty"`
}

// timeText is what JavaScript's toISOString gives.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (a *API) client(r *http.Request) Client { return ClientOf(r, a.Trusted) }

func (a *API) make(r *http.Request) (*createdJSON, *Created, error) {
	var body createBody
	if err := readBody(r, &body); err != nil {
		return nil, nil, err
	}
	req := Request{Token: bearer(r), Agent: r.PathValue("agentId"), ViewMode: ViewGeneral, Client: a.client(r)}
	if body.ViewMode != nil {
		req.ViewMode = ViewMode(*body.ViewMode)
	}
	req.Restrict = body.Restrict != nil && *body.Restrict
	c, err := a.Service.Create(r.Context(), req)
	if err != nil {
		return nil, nil, err
	}
	s := c.Session
	return &createdJSON{
		Success: true, SessionID: s.ID, SessionToken: c.Token, ExpiresAt: timeText(s.ExpiresAt), ProxyURL: c.ProxyURL, ViewMode: s.ViewMode,
		Agent: agentJSON{s.Agent.ID, s.Agent.UUID, s.Agent.Hostname, s.Agent.Platform, s.Agent.NodeID},
	}, c, nil
}

func (a *API) create(r *http.Request) (*answer, error) {
	body, c, err := a.make(r)
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusOK, body: body, cookies: c.Cookies}, nil
}

func (a *API) createOld(r *http.Request) (*answer, error) {
	body, c, err := a.make(r)
	if err != nil {
		return nil, err
	}
	body.IframeURL = body.ProxyURL
	if a.DirectEmbed != "" {
		body.IframeURL = DirectURL(a.DirectEmbed, bearer(r), c)
	}
	return &answer{status: http.StatusOK, body: body, cookies: c.Cookies}, nil
}

func (a *API) delete(r *http.Request) (*answer, error) {
	if err := a.Service.Delete(r.Context(), bearer(r), r.PathValue("id"), a.client(r)); err != nil {
		return nil, err
	}
	return &answer{status: http.StatusNoContent}, nil
}

func (a *API) renew(r *http.Request) (*answer, error) {
	if err := readBody(r, &struct{}{}); err != nil {
		return nil, err
	}
	until, err := a.Service.Renew(r.Context(), bearer(r), r.PathValue("id"), a.client(r))
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusOK, body: map[string]any{"success": true, "expiresAt": timeText(until)}}, nil
}

func (a *API) logout(r *http.Request) (*answer, error) {
	if err := readBody(r, &struct{}{}); err != nil {
		return nil, err
	}
	n, cookie, err := a.Service.Logout(r.Context(), bearer(r), a.client(r))
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusOK, body: map[string]any{"success": true, "ended": n}, cookies: []*http.Cookie{cookie}}, nil
}

type userJSON struct {
	ID    int64  `json:"id"`
	Email string `json:"email"`
}

type listedJSON struct {
	ID         string    `json:"id"`
	User       userJSON  `json:"user"`
	Agent      agentJSON `json:"agent"`
	ViewMode   ViewMode  `json:"viewMode"`
	Restrict   bool      `json:"restrict"`
	CreatedAt  string    `json:"createdAt"`
	LastUsedAt string    `json:"lastUsedAt"`
	ExpiresAt  string    `json:"expiresAt"`
	ClientIP   string    `json:"clientIp"`
	UserAgent  string    `json:"userAgent"`
	Own        bool      `json:"own"`
}

func (a *API) list(r *http.Request) (*answer, error) {
	sessions, err := a.Service.List(r.Context(), bearer(r), a.client(r))
	if err != nil {
		return nil, err
	}
	out := make([]listedJSON, len(sessions))
	for i, s := range sessions {
		out[i] = listedJSON{
			ID: s.ID, User: userJSON{s.UserID, s.Email}, ViewMode: s.ViewMode, Restrict: s.Restrict, CreatedAt: timeText(s.CreatedAt),
			Agent:      agentJSON{s.AgentID, s.Device.UUID, s.Device.Hostname, s.Device.Platform, s.NodeID},
			LastUsedAt: timeText(s.LastUsedAt), ExpiresAt: timeText(s.ExpiresAt), ClientIP: s.ClientIP, UserAgent: s.UserAgent, Own: s.Own,
		}
	}
	return &answer{status: http.StatusOK, body: map[string]any{"success": true, "sessions": out}}, nil
}

type deviceJSON struct {
	agentJSON
	Enrolled bool  `json:"enrolled"`
	Online   *bool `json:"online"` // null: not known
}

func (a *API) agents(r *http.Request) (*answer, error) {
	devices, err := a.Service.Agents(r.Context(), bearer(r), a.client(r))
	if err != nil {
		return nil, err
	}
	out := make([]deviceJSON, len(devices))
	for i, d := range devices {
		out[i] = deviceJSON{agentJSON{d.Device.AgentID, d.Device.UUID, d.Device.Hostname, d.Device.Platform, d.NodeID}, d.NodeID != "", d.Online}
	}
	return &answer{status: http.StatusOK, body: map[string]any{"success": true, "agents": out}}, nil
}
