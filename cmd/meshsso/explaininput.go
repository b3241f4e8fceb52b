package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	strict "github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	"github.com/everydaytech/meshsso/authsvc"
	conf "github.com/everydaytech/meshsso/authsvc/config"
	"github.com/everydaytech/meshsso/authsvc/directory"
	"github.com/everydaytech/meshsso/authsvc/token"
)

// readPayload takes it from the token or from a file; what is in it is the mapping's to judge.
func (c explainCmd) readPayload(e env) ([]byte, error) {
	switch {
	case c.Claims != "" && c.Token != "":
		return nil, errors.New("give a token or --claims, not both")
	case c.Claims != "":
		data, err := readInput(e, c.Claims)
		if err != nil {
			return nil, fmt.Errorf("--claims: %w", err)
		}
		if len(data) > token.MaxBytes {
			return nil, fmt.Errorf("--claims: longer than %d bytes, as no token's payload is", token.MaxBytes)
		}
		return data, nil
	case c.Token == "":
		return nil, errors.New("give a token, - for one on standard input, or --claims FILE")
	}
	text := c.Token
	if text == "-" {
		data, err := readInput(e, "-")
		if err != nil {
			return nil, fmt.Errorf("the token: %w", err)
		}
		text = string(data)
	}
	parts := strings.Split(strings.TrimSpace(text), ".")
	if len(parts) != 3 || len(text) > token.MaxBytes+2 {
		return nil, fmt.Errorf("the token: not three parts of at most %d bytes", token.MaxBytes)
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		return nil, errors.New("the token: its payload is not base64url")
	}
	return payload, nil
}

// chosen is whose token it is.
type chosen struct {
	name string
	key  authsvc.KeyID
}

func (c chosen) signed(payload []byte) signedPayload {
	return signedPayload{issuer: c.name, key: c.key, payload: payload}
}

// chooseIssuer goes by iss as the verifier does: a configured one, else the built-in one.
func (c explainCmd) chooseIssuer(file *conf.File, payload []byte) (chosen, error) {
	var said struct {
		Issuer any `json:"iss"`
	}
	_ = strict.Unmarshal(payload, &said) // what is wrong is said by the mapping
	if file != nil {
		for i := range file.Issuers {
			is := &file.Issuers[i]
			if c.Issuer != is.Name && (c.Issuer != "" || said.Issuer != is.Issuer) {
				continue
			}
			if c.Agent {
				return chosen{}, errors.New("--agent is for tokens of the built-in issuer")
			}
			if is.SignsForUsers() {
				return chosen{is.Name, authsvc.KeyIssuer}, nil
			}
			return chosen{is.Name, authsvc.KeyAgent}, nil
		}
	}
	if c.Issuer != "" && c.Issuer != builtInIssuer {
		return chosen{}, fmt.Errorf("--issuer: there is none of the name %q", c.Issuer)
	}
	if c.Agent {
		return chosen{"", authsvc.KeyAgent}, nil
	}
	return chosen{"", authsvc.KeyDashboard}, nil
}

const explainTimeout = 10 * time.Second

// withDirectory lends what people and devices are read from: a file, or the database over a connection of its own.
func (c explainCmd) withDirectory(ctx context.Context, e env, f func(authsvc.Directory) error) error {
	if c.User != "" {
		data, err := readInput(e, c.User)
		if err != nil {
			return fmt.Errorf("--user: %w", err)
		}
		dir, err := readRow(data)
		if err != nil {
			return fmt.Errorf("--user: %w", err)
		}
		return f(dir)
	}
	db, err := readDatabase(e.getenv)
	if err != nil {
		return fmt.Errorf("name a row with --user FILE, or give the database: %w", configError{err})
	}
	cfg, err := db.connConfig()
	if err != nil {
		return configError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("cannot reach PostgreSQL at %s: %w", db.address(), err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := checkSchema(ctx, conn); err != nil {
		return err
	}
	return f(directory.NewPostgres(conn, explainTimeout, nil))
}

// oneRow is a directory of one person and some devices.
type oneRow struct {
	user    authsvc.User
	devices []authsvc.Device
}

var _ authsvc.Directory = (*oneRow)(nil)

// readRow reads what --user names.
func readRow(data []byte) (*oneRow, error) {
	var row struct {
		ID           int64  `json:"id"`
		Email        string `json:"email"`
		FullName     string `json:"fullName"`
		TenantID     string `json:"tenantId"`
		Role         string `json:"role"`
		IsSuperadmin bool   `json:"isSuperadmin"`
		Disabled     bool   `json:"disabled"`
		Grants       []struct {
			AgentID int64  `json:"agentId"`
			Role    string `json:"role"`
		} `json:"grants"`
		Devices []struct {
			ID       int64   `json:"id"`
			UUID     string  `json:"uuid"`
			Hostname string  `json:"hostname"`
			Platform string  `json:"platform"`
			NodeID   string  `json:"nodeId"`
			TenantID *string `json:"tenantId"` // default: the person's
		} `json:"devices"`
	}
	if err := strict.Unmarshal(data, &row, strict.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("is not a row as `meshsso claims explain --help` shows: %w", err)
	}
	if row.ID < 1 || row.Email == "" {
		return nil, errors.New("lacks id or email")
	}
	r := &oneRow{user: authsvc.User{
		ID: row.ID, Email: row.Email, FullName: row.FullName, TenantID: row.TenantID, Role: row.Role, IsSuperadmin: row.IsSuperadmin, Disabled: row.Disabled,
	}}
	for _, g := range row.Grants {
		r.user.Grants = append(r.user.Grants, authsvc.Grant{AgentID: g.AgentID, Role: g.Role})
	}
	for _, d := range row.Devices {
		device := authsvc.Device{AgentID: d.ID, UUID: d.UUID, Hostname: d.Hostname, Platform: d.Platform, NodeID: d.NodeID, TenantID: row.TenantID}
		if d.TenantID != nil {
			device.TenantID = *d.TenantID
		}
		r.devices = append(r.devices, device)
	}
	return r, nil
}

func (r *oneRow) FindUsers(_ context.Context, email string) ([]authsvc.User, error) {
	if folded, ok := authsvc.FoldEmail(r.user.Email); !ok || folded != email {
		return nil, nil
	}
	return []authsvc.User{r.user}, nil
}

func (r *oneRow) Devices(_ context.Context, scope authsvc.Scope) (*authsvc.DeviceSet, error) {
	set := &authsvc.DeviceSet{Scope: scope}
	for _, d := range r.devices {
		if scope.All || d.TenantID == scope.TenantID {
			set.Devices = append(set.Devices, d)
		}
	}
	return set, nil
}

func (*oneRow) FindTenant(_ context.Context, id string) (authsvc.Tenant, error) {
	return authsvc.Tenant{ID: id, Known: true}, nil
}

func (r *oneRow) TenantIDs(context.Context) ([]string, error) { return []string{r.user.TenantID}, nil }

func (r *oneRow) Tenants(context.Context) ([]authsvc.Tenant, error) {
	return []authsvc.Tenant{{ID: r.user.TenantID, Known: true}}, nil
}
