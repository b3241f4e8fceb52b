package program

import (
	"context"
	"errors"
	"fmt"

	strict "github.com/go-json-experiment/json"

	"github.com/everydaytech/meshsso/authsvc"
)

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
