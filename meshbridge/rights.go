package meshbridge

import (
	"maps"
	"slices"

	"github.com/everydaytech/meshsso/authsvc"
)

// deviceRights are MeshCentral's mesh rights by name (MESHRIGHT_* in meshcentral's meshuser.js).
var deviceRights = map[string]uint32{
	"edit-group":       1,
	"manage-users":     2,
	"manage-computers": 4,
	"remote-control":   8,
	"agent-console":    16,
	"server-files":     32,
	"wake":             64,
	"notes":            128,
	"view-only":        256,
	"no-terminal":      512,
	"no-files":         1024,
	"no-amt":           2048,
	"limited-input":    4096,
	"limited-events":   8192,
	"chat":             16384,
	"uninstall":        32768,
	"no-desktop":       65536,
	"remote-command":   131072,
	"reset-off":        262144,
	"guest-sharing":    524288,
	"device-details":   1048576,
}

// MeshCentral's page throws half-built over a node link with this bit.
const manageComputers = 4

const viewOnly = 256

// roleRights is the whole policy of what a role may do on a device. A role that is not here has no link at all.
var roleRights = map[authsvc.Role][]string{
	authsvc.RoleSuperadmin: adminRights,
	authsvc.RoleAdmin:      adminRights,
	authsvc.RoleTechnician: {"remote-control", "wake", "notes", "chat", "reset-off", "device-details"},
	// The desktop without input: only the no-* bits close terminal and files.
	authsvc.RoleViewer: {"remote-control", "view-only", "no-terminal", "no-files"},
}

var adminRights = []string{"remote-control", "agent-console", "wake", "notes", "chat", "remote-command", "reset-off", "device-details"}

// RightNames lists every device right that has a name, sorted.
func RightNames() []string { return slices.Sorted(maps.Keys(deviceRights)) }

// DeviceRights gives a role's mask on a device, 0 if the role has none. The mask never breaks MeshCentral's page: it never
// holds bit 4 and so is never 0xFFFFFFFF.
func DeviceRights(role authsvc.Role) uint32 {
	return maskOf(roleRights[role]) &^ manageComputers
}

// reserved are the device rights that no role has: whoever edits groups or their members gives rights away, and bit 4 breaks
// MeshCentral's page.
var reserved = []string{"edit-group", "manage-users", "manage-computers", "server-files", "uninstall", "guest-sharing"}

// Site rights (SITERIGHT_* in meshcentral's meshuser.js).
const (
	siteFull         uint32 = 0xFFFFFFFF
	siteNoNewGroups  uint32 = 64
	siteNoTools      uint32 = 128
	siteLocked       uint32 = 1024 // settings locked: no password change, which crashes a server for an account without one
	siteNoNewDevices uint32 = 4096

	// siteAlways is what everybody has but a full administrator.
	siteAlways = siteNoNewGroups | siteLocked | siteNoNewDevices

	siteRestrictions = siteAlways | siteNoTools
)

const siteFullName = "full"

var (
	siteRestricting = map[string]uint32{
		"no-new-groups": siteNoNewGroups, "no-tools": siteNoTools, "lock-settings": siteLocked, "no-new-devices": siteNoNewDevices,
	}
	siteGranting = map[string]uint32{
		siteFullName: siteFull, "server-backup": 1, "manage-users": 2, "server-restore": 4, "file-access": 8, "server-update": 16,
		"user-groups": 256, "recordings": 512, "all-events": 2048,
	}
)

// defaultSite is what a role has by itself, unless it is a superadmin's.
func defaultSite(role authsvc.Role) uint32 {
	if role <= authsvc.RoleViewer {
		return siteAlways | siteNoTools
	}
	return siteAlways
}

// tab is what one tab of MeshCentral's page takes of a role's rights.
type tab struct {
	needs []string // without one of them the tab is not there
	takes []string // where the role has them
	close string   // the right that closes the tab
}

// tabs by view mode (`viewmode` of the page's URL). Those that only show take nothing.
var tabs = map[int]tab{
	10: {takes: []string{"wake", "notes", "reset-off"}}, // general
	11: {needs: []string{"remote-control"}, close: "no-desktop"},
	12: {needs: []string{"remote-control"}, close: "no-terminal"},
	13: {needs: []string{"remote-control"}, close: "no-files"},
	14: {close: "no-amt"},                                    // Intel AMT
	15: {needs: []string{"remote-control", "agent-console"}}, // console
	16: {},                                                   // events
	17: {takes: []string{"device-details"}},                  // details
	19: {},                                                   // plugins
}

// closing are the rights that close tabs; restricting are all that take something away.
var (
	closing     = []string{"no-desktop", "no-terminal", "no-files", "no-amt"}
	restricting = append([]string{"view-only", "limited-input", "limited-events"}, closing...)
)

// SessionRights gives the mask of a session of a person who has this mask on the device: all of it or, if restrict, only what the
// tab of the view mode takes of it. It never gives a bit that the mask has not, save those that close something. 0 is no session:
// the person has nothing there, or not this tab.
func SessionRights(mask uint32, viewMode int, restrict bool) uint32 {
	if !restrict || mask == 0 {
		return mask
	}
	t, ok := tabs[viewMode]
	needs, closed := maskOf(t.needs), maskOf(closing)
	own := deviceRights[t.close]
	if !ok || mask&needs != needs || mask&own != 0 {
		return 0
	}
	return mask&(needs|maskOf(t.takes)|maskOf(restricting)) | closed&^own
}

func maskOf(names []string) uint32 {
	var mask uint32
	for _, name := range names {
		mask |= deviceRights[name]
	}
	return mask
}
