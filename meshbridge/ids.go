// Package meshbridge says what a person is in MeshCentral: ids, rights by name, user groups and device links. It never
// opens a token.
package meshbridge

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/everydaytech/meshsso/authsvc"
)

// keyLen is the length of the part of a node, mesh or user group id after the domain: base64 of 48 bytes.
const keyLen = 64

// meshBase64 is MeshCentral's base64: '@' for '+' and '$' for '/', so that an id can stand in a path.
var meshBase64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@$").WithPadding(base64.NoPadding)

// FoldEmail is authsvc.FoldEmail: the one folding of e-mails in Go, SQL and JavaScript.
func FoldEmail(email string) (folded string, ok bool) { return authsvc.FoldEmail(email) }

// UserID gives the account id "user/<domain>/<folded e-mail>"; false if the e-mail is not acceptable.
func UserID(domain, email string) (string, bool) {
	folded, ok := FoldEmail(email)
	if !ok {
		return "", false
	}
	return "user/" + domain + "/" + folded, true
}

// DeviceGroupID gives the deterministic id "mesh/<domain>/<64 characters>" of a tenant's device group.
func DeviceGroupID(domain, tenantID string) string {
	sum := sha512.Sum384([]byte("meshsso:mesh:v1:" + tenantID))
	return "mesh/" + domain + "/" + meshBase64.EncodeToString(sum[:])
}

// groupKey gives the part of a user group's id after the domain, and the group's opaque name. Scope is a tenant's UUID or
// "*".
func groupKey(scope string, role authsvc.Role) (key, name string) {
	sum := sha512.Sum384([]byte("meshsso:ugrp:v1:" + scope + ":" + role.String()))
	return meshBase64.EncodeToString(sum[:]), "meshsso-" + hex.EncodeToString(sum[:6])
}

// UserGroupID gives the deterministic id "ugrp/<domain>/<64 characters>" of one scope's and role's user group.
func UserGroupID(domain string, scope authsvc.Scope, role authsvc.Role) string {
	key, _ := groupKey(scope.String(), role)
	return "ugrp/" + domain + "/" + key
}

// givenKey is groupKey of whatever a role gives; a policy's profiles have keys of their own.
func givenKey(scope string, g given) (key, name string) {
	if g.profile == nil {
		return groupKey(scope, g.rank)
	}
	sum := sha512.Sum384([]byte("meshsso:ugrp:v2:" + scope + ":" + g.digest()))
	return meshBase64.EncodeToString(sum[:]), "meshsso-" + hex.EncodeToString(sum[:6])
}

// ProfileGroupID gives the deterministic id "ugrp/<domain>/<64 characters>" of one scope's and profile's user group.
func ProfileGroupID(domain string, scope authsvc.Scope, p *authsvc.Profile) string {
	key, _ := givenKey(scope.String(), profiled(p))
	return "ugrp/" + domain + "/" + key
}

// lobbyLabel cannot be a tenant's: DeviceGroupID hashes another prefix.
const lobbyLabel = "meshsso:lobby:v1"

// LobbyID gives the deterministic id "mesh/<domain>/<64 characters>" of the device group where devices wait that belong to
// no tenant.
func LobbyID(domain string) string {
	sum := sha512.Sum384([]byte(lobbyLabel))
	return "mesh/" + domain + "/" + meshBase64.EncodeToString(sum[:])
}

const (
	kindUserGroup   = "ugrp"
	kindDeviceGroup = "mesh"
)

// parseGroupID takes "ugrp/<domain>/<64 characters>" or "mesh/<domain>/<64 characters>" apart.
func parseGroupID(id string) (kind, domain, key string, ok bool) {
	kind, _, _ = strings.Cut(id, "/")
	if kind != kindUserGroup && kind != kindDeviceGroup {
		return "", "", "", false
	}
	domain, key, ok = parseID(kind, id)
	return kind, domain, key, ok
}

// NodeID is a device's id. Domain is meaningful only if HasDomain: a bare key belongs to whichever domain asks.
type NodeID struct {
	Key       string // 64 characters of A-Z a-z 0-9 @ $
	Domain    string
	HasDomain bool
}

// ParseNodeID reads a node id the way platforms store it: "node/<domain>/" and 64 characters, the 64 characters alone, or
// 96 hex digits. SQL function meshsso.node_key is the same rule. False for anything else.
func ParseNodeID(s string) (NodeID, bool) {
	switch {
	case len(s) == keyLen && isKey(s):
		return NodeID{Key: s}, true
	case len(s) == 2*sha512.Size384:
		raw, err := hex.DecodeString(s)
		if err == nil {
			return NodeID{Key: meshBase64.EncodeToString(raw)}, true
		}
	}
	domain, key, ok := parseID("node", s)
	return NodeID{Key: key, Domain: domain, HasDomain: ok}, ok
}

// In gives the full id in a domain; false if the device is another domain's.
func (n NodeID) In(domain string) (string, bool) {
	if n.HasDomain && n.Domain != domain {
		return "", false
	}
	return "node/" + domain + "/" + n.Key, true
}

func parseID(kind, id string) (domain, key string, ok bool) {
	rest, ok := strings.CutPrefix(id, kind+"/")
	if !ok {
		return "", "", false
	}
	domain, key, ok = strings.Cut(rest, "/")
	if !ok || !isKey(key) || (domain != "" && !ValidDomain(domain)) {
		return "", "", false
	}
	return domain, key, true
}

func isKey(s string) bool {
	if len(s) != keyLen {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '@' && c != '$' {
			return false
		}
	}
	return true
}

// ValidDomain says whether s can name a MeshCentral domain other than the default one: 1-64 of a-z 0-9 - _.
func ValidDomain(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
