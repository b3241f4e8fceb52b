// Package session keeps secure sessions: one person's use of one device through the proxy, in Postgres, so that any replica
// serves any session and whatever ends one ends it everywhere.
package session

import (
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

// Session is one person's session with one device as it stands now. It holds no secret.
type Session struct {
	ID     string // UUID, lower case: names it in the API, the audit and logs
	Person Person
	Agent  Agent
	// ViewMode is the tab of MeshCentral's page that was asked for.
	ViewMode ViewMode
	// Restrict narrows Rights to that tab.
	Restrict bool
	// Rights is the MeshCentral mesh rights mask on the device now; never 0 in a session that may be used.
	Rights     uint32
	CreatedAt  time.Time
	LastUsedAt time.Time
	ExpiresAt  time.Time // never after the end of the JWT that made or renewed it
}

// Person is whose session it is, as the platform's row says now.
type Person struct {
	UserID   int64
	Email    string // folded
	Name     string // what MeshCentral shows
	TenantID string // UUID; empty for a superadmin without one
	Role     authsvc.Role
	// SiteRestrictions are what a policy's role takes away on MeshCentral's site besides.
	SiteRestrictions uint32
}

// Agent is the device, as the platform's row says now.
type Agent struct {
	ID       int64
	UUID     string
	Hostname string
	Platform string
	TenantID string // UUID
	NodeID   string // "node/<domain>/<64 characters>"
}

// ViewMode is the number of a tab of MeshCentral's page (`viewmode` of its URL).
type ViewMode int

// The view modes that a session can ask for.
const (
	ViewGeneral  ViewMode = 10
	ViewDesktop  ViewMode = 11
	ViewTerminal ViewMode = 12
	ViewFiles    ViewMode = 13
	ViewAMT      ViewMode = 14
	ViewConsole  ViewMode = 15
	ViewEvents   ViewMode = 16
	ViewDetails  ViewMode = 17
	ViewPlugins  ViewMode = 19
)

// Valid says whether v is one of them.
func (v ViewMode) Valid() bool { return (v >= ViewGeneral && v <= ViewDetails) || v == ViewPlugins }

// NeedsDevice says whether the view shows nothing of a device that is offline.
func (v ViewMode) NeedsDevice() bool {
	return v == ViewDesktop || v == ViewTerminal || v == ViewFiles || v == ViewConsole
}
