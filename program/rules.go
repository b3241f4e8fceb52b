package program

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
	conf "github.com/everydaytech/meshsso/authsvc/config"
	"github.com/everydaytech/meshsso/authsvc/jwks"
	"github.com/everydaytech/meshsso/authsvc/token"
	"github.com/everydaytech/meshsso/meshbridge"
)

// rules is one generation of who may sign on and what roles give: the built-in policy, or that of one meshsso.yaml. Never changed.
type rules struct {
	verifier authsvc.Verifier
	roles    authsvc.RoleRule
	policy   *claims.Policy        // nil: the built-in one
	sources  map[string]*keySource // by what they are made from
	stamp    string                // see version
}

// version is the policy's and that of the keys which it came with; "" is the built-in one. What is answered under another one is
// asked about anew, so that a secret that is taken away is taken from whoever came in by it.
func (r *rules) version() string { return r.stamp }

// restore makes the claims of a session's row again, by the mapping of now. Errors: TOKEN_CLAIMS, RULE_DENIED.
func (r *rules) restore(issuer string, payload []byte, stored authsvc.Claims) (authsvc.Claims, error) {
	var mapper func([]byte) (authsvc.Claims, error)
	if r.policy != nil {
		mapper = r.policy.Mapper(issuer)
	}
	switch {
	case mapper == nil && issuer == "" && payload == nil:
		return stored, nil
	case mapper == nil:
		return authsvc.Claims{}, authsvc.Deny(authsvc.RuleDenied, "the mapping or issuer of the session's token is not configured any more")
	case payload == nil:
		return authsvc.Claims{}, authsvc.Deny(authsvc.RuleDenied, "the session is older than the claims mapping")
	}
	c, err := mapper(payload)
	if err != nil {
		return authsvc.Claims{}, err
	}
	c.Key, c.ExpiresAt = stored.Key, stored.ExpiresAt
	return c, nil
}

// ruleMaker makes generations.
type ruleMaker struct {
	path   string // of meshsso.yaml; "" is the built-in policy
	keys   secrets
	leeway time.Duration
	way    meshbridge.Way
	memo   int // most tokens whose verdicts are remembered
	getenv func(string) string
	log    *slog.Logger
}

// make reads everything and makes a generation; sources of former that are made from the same are taken over, with the keys
// that they know. All faults are in the error. What was read is returned in both cases.
func (m *ruleMaker) make(former *rules) (*rules, *reading, error) {
	r := &rules{roles: claims.RoleRule{}, sources: map[string]*keySource{}}
	cfg := token.Config{DashboardKey: m.keys.jwt, AgentKey: m.keys.agent, Leeway: m.leeway}
	read := &reading{}
	if m.path != "" {
		if err := m.apply(r, &cfg, former, read); err != nil {
			return nil, read, fmt.Errorf("%s: %w", m.path, err)
		}
	}
	var err error
	if r.verifier, err = token.New(cfg); err != nil {
		return nil, read, err
	}
	if r.policy != nil {
		r.stamp = read.stamp(r.policy.Version())
	}
	return r, read, nil
}

// apply adds what meshsso.yaml says.
func (m *ruleMaker) apply(r *rules, cfg *token.Config, former *rules, read *reading) error {
	data, err := read.file(m.path)
	if err != nil {
		return err
	}
	file, err := conf.Parse(data)
	if err != nil {
		return err
	}
	if r.policy, err = newPolicy(file, claims.WithMemo(m.memo)); err != nil {
		return placed(file, m.path, err)
	}
	if err := m.checkProfiles(file, r.policy); err != nil {
		return err
	}
	r.roles, cfg.Map = r.policy, r.policy.Mapper("")
	var errs []error
	for i := range file.Issuers {
		issuer, err := m.issuer(r, &file.Issuers[i], former, read)
		if err != nil {
			errs = append(errs, fmt.Errorf("issuers[%d] (%s): %w", i, file.Issuers[i].Name, err))
			continue
		}
		cfg.Issuers = append(cfg.Issuers, issuer)
	}
	return errors.Join(errs...)
}

// checkProfiles refuses roles that this way of device rights cannot give.
func (m *ruleMaker) checkProfiles(file *conf.File, policy *claims.Policy) error {
	profiles := policy.Profiles("")
	for tenant := range file.Tenants {
		profiles = append(profiles, policy.Profiles(tenant)...)
	}
	return meshbridge.CheckProfiles(m.way, profiles)
}

func (m *ruleMaker) issuer(r *rules, c *conf.Issuer, former *rules, read *reading) (token.Issuer, error) {
	issuer := token.Issuer{
		Name: c.Name, Issuer: c.Issuer, Audiences: c.Audiences, Algorithms: c.Algorithms, Leeway: time.Duration(c.Leeway), MaxLifetime: time.Duration(c.MaxLifetime),
		Agent: !c.SignsForUsers(), Map: r.policy.Mapper(c.Name),
	}
	if issuer.Leeway == 0 {
		issuer.Leeway = m.leeway
	}
	if len(c.Keys.Secrets) == 0 {
		source, err := m.source(r, c, former, read)
		issuer.Keys = source
		return issuer, err
	}
	for i, s := range c.Keys.Secrets {
		key, err := m.secret(s, read)
		if err != nil {
			return token.Issuer{}, fmt.Errorf("keys.secrets[%d]: %w", i, err)
		}
		issuer.Secrets = append(issuer.Secrets, token.Secret{ID: s.KID, Key: key})
	}
	return issuer, nil
}

// secret reads one; token.New judges it. No error holds any of it.
func (m *ruleMaker) secret(s conf.Secret, read *reading) ([]byte, error) {
	if s.File == "" {
		text := m.getenv(s.Env)
		if text == "" {
			return nil, fmt.Errorf("the environment variable %s is not set", s.Env)
		}
		return []byte(text), nil
	}
	data, err := read.file(m.resolve(s.File))
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(data, []byte("\n")), nil
}

// resolve takes paths in meshsso.yaml as relative to its folder.
func (m *ruleMaker) resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(m.path), path)
}

// reading is which files were read, and what was in them.
type reading struct {
	paths []string
	sums  [][sha256.Size]byte
}

// file reads a regular file of at most 1 MiB.
func (r *reading) file(path string) ([]byte, error) {
	data, err := readFile(path)
	r.paths = append(r.paths, path)
	r.sums = append(r.sums, sumOf(data, err))
	return data, err
}

// again reads the same files.
func (r *reading) again() *reading {
	now := &reading{}
	for _, path := range r.paths {
		_, _ = now.file(path) // what cannot be read has a sum too
	}
	return now
}

// same says whether both found the same in the same files.
func (r *reading) same(other *reading) bool {
	return other != nil && slices.Equal(r.paths, other.paths) && slices.Equal(r.sums, other.sums)
}

// stamp names a policy together with what was read.
func (r *reading) stamp(version string) string {
	h := sha256.New()
	h.Write([]byte(version))
	for _, sum := range r.sums {
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

func sumOf(data []byte, err error) [sha256.Size]byte {
	if err != nil {
		return [sha256.Size]byte{} // of no content
	}
	return sha256.Sum256(data)
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecretFile {
		return nil, fmt.Errorf("%s is not a file of at most 1 MiB", path)
	}
	return os.ReadFile(path) //nolint:gosec // the operator names the file
}

// keySource is a source of public keys that runs until the generation that no longer has it.
type keySource struct {
	*jwks.Source
	issuer string
	stop   context.CancelFunc
	done   chan struct{}
}

// source takes over one that is made from the same, or makes one, which knows what a former one of the same place knows; it runs once
// the generation is taken.
func (m *ruleMaker) source(r *rules, c *conf.Issuer, former *rules, read *reading) (*keySource, error) {
	k := c.Keys
	var ca []byte
	if k.CAFile != "" {
		var err error
		if ca, err = read.file(m.resolve(k.CAFile)); err != nil {
			return nil, fmt.Errorf("keys.caFile: %w", err)
		}
	}
	made := fmt.Sprintf("%q %q %q %q %x %t %s %s %q", c.Name, c.Issuer, m.resolve(k.JWKSFile), k.JWKSURL, sha256.Sum256(ca), k.Discovery, time.Duration(k.Refresh), time.Duration(k.KeepFor), c.Algorithms)
	if former != nil && former.sources[made] != nil {
		r.sources[made] = former.sources[made]
		return r.sources[made], nil
	}
	cfg := jwks.Config{Name: c.Name, File: m.resolve(k.JWKSFile), URL: k.JWKSURL, CAFile: m.resolve(k.CAFile), Refresh: time.Duration(k.Refresh), KeepFor: time.Duration(k.KeepFor), Algorithms: c.Algorithms, Log: m.log}
	if k.Discovery {
		cfg.DiscoveryIssuer = c.Issuer
	}
	source, err := jwks.New(cfg)
	if err != nil {
		return nil, err
	}
	if former != nil {
		for _, old := range former.sources {
			source.Inherit(old.Source) // of another place it takes nothing
		}
	}
	r.sources[made] = &keySource{Source: source, issuer: c.Name}
	return r.sources[made], nil
}
