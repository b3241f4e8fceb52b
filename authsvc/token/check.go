package token

import (
	"crypto"
	"crypto/hmac"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

const maxLeeway = 5 * time.Minute

func checkConfig(cfg Config) error {
	var errs []error
	if len(cfg.DashboardKey) < MinSecretBytes {
		errs = append(errs, fmt.Errorf("JWT_SECRET has %d bytes and must have at least %d", len(cfg.DashboardKey), MinSecretBytes))
	}
	if n := len(cfg.AgentKey); n > 0 && n < MinSecretBytes {
		errs = append(errs, fmt.Errorf("AGENT_SIGN_KEY has %d bytes and must have at least %d", n, MinSecretBytes))
	}
	if len(cfg.AgentKey) > 0 && string(cfg.AgentKey) == string(cfg.DashboardKey) {
		errs = append(errs, errors.New("AGENT_SIGN_KEY must differ from JWT_SECRET: agents would sign as the dashboard"))
	}
	if cfg.Leeway < 0 || cfg.Leeway > maxLeeway {
		errs = append(errs, fmt.Errorf("the leeway is %s and must lie between 0s and 5m", cfg.Leeway))
	}
	return errors.Join(append(errs, checkIssuers(cfg)...)...)
}

// checkIssuers says all that is wrong with the further issuers; no error holds a key.
func checkIssuers(cfg Config) (errs []error) {
	names, issuers := map[string]bool{}, map[string]bool{}
	secrets := map[string][]byte{"JWT_SECRET": cfg.DashboardKey, "AGENT_SIGN_KEY": cfg.AgentKey}
	for n, i := range cfg.Issuers {
		say := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("issuers[%d] (%q): %w", n, i.Name, fmt.Errorf(format, args...)))
		}
		if i.Name == "" || names[i.Name] {
			say("it must have a name of its own")
		}
		if i.Issuer == "" || issuers[i.Issuer] {
			say("it must have an iss of its own")
		}
		names[i.Name], issuers[i.Issuer] = true, true
		checkIssuer(i, say)
		for m, s := range i.Secrets {
			for other, key := range secrets {
				if sameSecret(s.Key, key) {
					say("secrets[%d] must differ from %s: one would sign as the other", m, other)
				}
			}
			secrets[fmt.Sprintf("secrets[%d] of issuers[%d]", m, n)] = s.Key
		}
	}
	return errs
}

func checkIssuer(i Issuer, say func(string, ...any)) {
	if len(i.Audiences) == 0 || setOf(i.Audiences)[""] {
		say("it needs audiences, none of them empty")
	}
	if (len(i.Secrets) > 0) == (i.Keys != nil) {
		say("it needs either secrets or public keys")
	}
	if i.Leeway < 0 || i.Leeway > maxLeeway {
		say("the leeway is %s and must lie between 0s and 5m", i.Leeway)
	}
	if i.MaxLifetime < 0 {
		say("the maximum lifetime is negative")
	}
	if i.Map == nil {
		say("it has no mapping")
	}
	longest := checkAlgorithms(i, say)
	for m, s := range i.Secrets {
		if len(s.Key) < longest {
			say("secrets[%d] has %d bytes and must have at least %d", m, len(s.Key), longest)
		}
		if looksPublic(s.Key) {
			say("secrets[%d] looks like a public key or certificate, which anybody may know", m)
		}
	}
}

// checkAlgorithms gives how long a secret must be: as the longest hash (RFC 7518 3.2).
func checkAlgorithms(i Issuer, say func(string, ...any)) (longest int) {
	if len(i.Algorithms) == 0 {
		say("it needs algorithms")
	}
	for _, name := range i.Algorithms {
		alg, ok := algorithms[name]
		switch {
		case !ok:
			say("there is no algorithm %q", name)
		case alg.family == familyHMAC && i.Keys != nil:
			say("%s needs a secret, and the issuer has public keys", name)
		case alg.family != familyHMAC && len(i.Secrets) > 0:
			say("%s needs public keys, and the issuer has secrets", name)
		case alg.family == familyHMAC:
			longest = max(longest, alg.hash.Size())
		}
	}
	return max(longest, MinSecretBytes)
}

// sameSecret says whether two secrets sign alike with any hash: HMAC fills a short one up with zeros and hashes a long one.
func sameSecret(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		if hmac.Equal(hmac.New(h.New, a).Sum(nil), hmac.New(h.New, b).Sum(nil)) {
			return true
		}
	}
	return false
}

// looksPublic finds the mistake that key confusion lives on: a public key where a secret should be.
func looksPublic(key []byte) bool {
	if block, _ := pem.Decode(key); block != nil {
		return true
	}
	if _, err := x509.ParsePKIXPublicKey(key); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PublicKey(key); err == nil {
		return true
	}
	if _, err := x509.ParseCertificate(key); err == nil {
		return true
	}
	o, err := parseObject(key)
	return err == nil && o["kty"] != nil
}
