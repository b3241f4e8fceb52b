package program

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
)

// verifier makes the one that serve would have; nil without --verify. The caller ends it.
func (c explainCmd) verifier(e env) (v authsvc.Verifier, end func(), err error) {
	if !c.Verify {
		return nil, func() {}, nil
	}
	if c.Issuer != "" || c.Agent {
		return nil, nil, errors.New("--verify finds issuer and key by itself: leave --issuer and --agent out")
	}
	keys, errs := readSecrets(e.getenv)
	if len(errs) == 0 && len(keys.jwt) == 0 {
		errs = append(errs, errors.New("--verify needs JWT_SECRET (or JWT_SECRET_FILE), as serve has it"))
	}
	maker := &ruleMaker{path: c.Config, keys: keys, leeway: explainLeeway, getenv: e.getenv, log: slog.New(slog.DiscardHandler)}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, configError{err}
	}
	made, _, err := maker.make(nil)
	if err != nil {
		return nil, nil, configError{err}
	}
	return made.verifier, made.closeSources, nil
}

const explainLeeway = 30 * time.Second // serve's default

// verified gives the key that signed. What the mapping refuses, which the verifier calls, is no error here: the mapping's steps
// say more of it. Errors: the TOKEN_* reasons.
func verified(ctx context.Context, v authsvc.Verifier, policy *claims.Policy, token signedPayload) (authsvc.KeyID, error) {
	c, err := v.Verify(ctx, authsvc.NewToken(token.text))
	if err == nil {
		return c.Key, nil
	}
	if _, mapped := policy.Map(ctx, token.issuer, token.payload); mapped != nil && mapped.Error() == err.Error() {
		return token.key, nil
	}
	return authsvc.KeyNone, err
}
