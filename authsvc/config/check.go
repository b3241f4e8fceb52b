package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// report takes a fault.
type report func(path, message string)

// check says what a schema cannot.
func (f *File) check(fault report) {
	names, issuers := map[string]string{}, map[string]string{}
	for i := range f.Issuers {
		is, path := &f.Issuers[i], item("issuers", i)
		unique(names, is.Name, path+".name", fault)
		unique(issuers, is.Issuer, path+".issuer", fault)
		is.check(path, fault)
	}
	mappers := map[string]string{}
	for i, m := range f.Mappers {
		unique(mappers, m.Name, item("mappers", i)+".name", fault)
	}
	for name, role := range f.Roles {
		role.check(child("roles", name), name, false, fault)
	}
	for id, tenant := range f.Tenants {
		for name, role := range tenant.Roles {
			_, known := f.Roles[name]
			role.check(child(child("tenants", id)+".roles", name), name, known, fault)
		}
	}
}

func unique(seen map[string]string, value, path string, fault report) {
	if first, twice := seen[value]; twice && value != "" {
		fault(path, "is that of "+first+" already")
		return
	}
	seen[value] = path
}

func (is *Issuer) check(path string, fault report) {
	hmac := func(alg string) bool { return strings.HasPrefix(alg, "HS") }
	switch secrets := len(is.Keys.Secrets) > 0; {
	case secrets && !allOf(is.Algorithms, hmac):
		fault(path+".algorithms", "must be HS256, HS384 or HS512 with secrets: public keys are no secrets")
	case !secrets && slices.ContainsFunc(is.Algorithms, hmac):
		fault(path+".algorithms", "must not be HS… with public keys: whoever has the public key could sign")
	}
	inRange(is.Leeway, 0, 5*time.Minute, path+".leeway", fault)
	inRange(is.MaxLifetime, time.Minute, 30*24*time.Hour, path+".maxLifetime", fault)
	if is.AllowSuperadmin && slices.Contains(is.Tokens, "agent") {
		fault(path+".allowSuperadmin", "cannot be with tokens of agents, which yield admin at most")
	}
	if is.Subjects != nil && is.ClaimMappings != nil && is.ClaimMappings.Email != nil {
		fault(path+".claimMappings.email", "is never read: subjects names the e-mails")
	}
	is.Keys.check(is.Issuer, path+".keys", fault)
}

func allOf(list []string, f func(string) bool) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !f(s) })
}

func (k *Keys) check(issuer, path string, fault report) {
	for i, s := range k.Secrets {
		if s.Env == "JWT_SECRET" || s.Env == "AGENT_SIGN_KEY" {
			fault(item(path+".secrets", i)+".env", "is the built-in issuer's: two issuers with one key cannot be told apart")
		}
	}
	if k.JWKSURL != "" {
		checkURL(k.JWKSURL, path+".jwksURL", fault)
	}
	if k.Discovery {
		checkURL(issuer, path+".discovery", fault)
		if strings.ContainsAny(issuer, "?#") {
			fault(path+".discovery", "needs an issuer without query and fragment")
		}
	}
	if k.CAFile != "" && k.JWKSURL == "" && !k.Discovery {
		fault(path+".caFile", "has a meaning with jwksURL and discovery only")
	}
	if len(k.Secrets) > 0 && (k.Refresh != 0 || k.KeepFor != 0) {
		fault(path, "has refresh or keepFor, which have no meaning for secrets")
	}
	inRange(k.Refresh, 10*time.Second, 24*time.Hour, path+".refresh", fault)
	inRange(k.KeepFor, max(time.Duration(k.Refresh), 10*time.Second), 30*24*time.Hour, path+".keepFor", fault)
}

// checkURL lets http go no further than this machine: whoever can change a JWKS under way signs what he likes.
func checkURL(text, path string, fault report) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		fault(path, "needs a URL with a host and without user or fragment")
	case u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()):
	default:
		fault(path, "needs https (http goes to loopback addresses only)")
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// inRange leaves 0 alone: it is what a file that says nothing has.
func inRange(d Duration, low, high time.Duration, path string, fault report) {
	if d != 0 && (time.Duration(d) < low || time.Duration(d) > high) {
		fault(path, fmt.Sprintf("must be from %s to %s", short(low), short(high)))
	}
}

// short is a duration without the zeros that String puts behind it.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

var builtIn = []string{"viewer", "technician", "admin"}

// check holds a new name to what nothing else says of it; known is set if the file defines the name for all tenants.
func (r Role) check(path, name string, known bool, fault report) {
	if slices.Contains(builtIn, name) {
		if r.Rank != "" && r.Rank != name {
			fault(path+".rank", "is that of a built-in role, which has its own")
		}
		return
	}
	if known {
		return
	}
	switch {
	case r.Rank == "" && r.DeviceRights == nil:
		fault(path, "is not a built-in role and needs rank (viewer, technician or admin) and deviceRights")
	case r.Rank == "":
		fault(path, "is not a built-in role and needs rank: viewer, technician or admin")
	case r.DeviceRights == nil:
		fault(path, "is not a built-in role and needs deviceRights")
	}
}
