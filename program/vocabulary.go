package program

import (
	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
	conf "github.com/everydaytech/meshsso/authsvc/config"
	"github.com/everydaytech/meshsso/meshbridge"
)

// newPolicy compiles meshsso.yaml; nil is the built-in policy.
func newPolicy(file *conf.File, more ...claims.Option) (*claims.Policy, error) {
	return claims.New(file, Vocabulary(), more...)
}

// Vocabulary gives the names that MeshCentral's rights have here: what meshsso.yaml and mappers use, and what claimstest needs.
func Vocabulary() claims.Vocabulary {
	return claims.Vocabulary{
		DeviceRights: meshbridge.RightNames(),
		Restricting:  meshbridge.RestrictingRights(),
		Reserved:     meshbridge.ReservedRights(),
		SiteRights:   meshbridge.SiteRightNames(),
		SiteGranting: meshbridge.SiteGrantingNames(),
		Defaults: func(role authsvc.Role) (device, site []string) {
			return meshbridge.DefaultDeviceRights(role), meshbridge.DefaultSiteRights(role)
		},
	}
}
