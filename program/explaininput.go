package program

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

// input is a payload and, if it came in one, its token.
type input struct {
	payload []byte
	text    string
}

// readPayload takes it from the token or from a file; what is in it is the mapping's to judge.
func (c explainCmd) readPayload(e env) (input, error) {
	switch {
	case c.Claims != "" && (c.Token != "" || c.Verify):
		return input{}, errors.New("give a token, or --claims and neither a token nor --verify")
	case c.Claims != "":
		data, err := readInput(e, c.Claims)
		if err == nil && len(data) > token.MaxBytes {
			err = fmt.Errorf("longer than %d bytes, as no token's payload is", token.MaxBytes)
		}
		return input{payload: data}, named("--claims", err)
	case c.Token == "":
		return input{}, errors.New("give a token, - for one on standard input, or --claims FILE")
	}
	text := c.Token
	if text == "-" {
		data, err := readInput(e, "-")
		if err != nil {
			return input{}, named("the token", err)
		}
		text = string(data)
	}
	text = strings.TrimSpace(text)
	parts := strings.Split(text, ".")
	if len(parts) != 3 || len(text) > token.MaxBytes {
		return input{}, fmt.Errorf("the token: not three parts of at most %d bytes", token.MaxBytes)
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		return input{}, errors.New("the token: its payload is not base64url")
	}
	return input{payload, text}, nil
}

// chosen is whose token it is.
type chosen struct {
	name string
	key  authsvc.KeyID
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
