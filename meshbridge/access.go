package meshbridge

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/everydaytech/meshsso/authsvc"
)

// Access is what a person may do on one device.
type Access struct {
	Device authsvc.Device
	// NodeID is "node//" and 64 characters; empty if MeshCentral does not know the device, or it is not only its tenant's.
	NodeID string
	Role   authsvc.Role // on this device, individual grants included
	Rights uint32       // mesh rights mask; 0 is none
}

// AccessTo gives a person's access to a device of the own scope, named by the number of its agent or by its agent's UUID; false
// if there is none of that name, or more than one.
func AccessTo(id *authsvc.Identity, agent string) (Access, bool) {
	if id.Devices == nil {
		return Access{}, false
	}
	d, ok := findDevice(id.Devices.Devices, agent)
	if !ok {
		return Access{}, false
	}
	return accessOf(id, d), true
}

// AllAccess gives a person's access to every device of the own scope where there is any.
func AllAccess(id *authsvc.Identity) []Access {
	if id.Devices == nil {
		return nil
	}
	var all []Access
	for _, d := range id.Devices.Devices {
		if a := accessOf(id, d); a.Rights != 0 {
			all = append(all, a)
		}
	}
	return all
}

// accessOf adds up what the links of MapUser add up to in MeshCentral: the role's mask and that of individual grants. Masks add
// restrictions too, and so whoever may only look on stays at that.
func accessOf(id *authsvc.Identity, d authsvc.Device) Access {
	role := roleOf(id)
	if ok, _ := role.reaches(d); !ok {
		role = given{}
	}
	a := Access{Device: d, Role: role.rank, Rights: role.mask}
	if a.Rights&viewOnly == 0 {
		best := grantOn(id, d)
		a.Role, a.Rights = max(a.Role, best.rank), a.Rights|best.mask
	}
	if node, state := linkable(d, ""); state == deviceUsable {
		a.NodeID = node
	}
	return a
}

// grantOn adds up the person's individual grants on a device of the own tenant.
func grantOn(id *authsvc.Identity, d authsvc.Device) (best given) {
	for _, g := range id.User.Grants {
		if role := granted(id, g, d); role.mask != 0 {
			best = best.plus(role)
		}
	}
	return best
}

const maxAgentUUID = 64

func findDevice(sorted []authsvc.Device, agent string) (found authsvc.Device, ok bool) {
	if n, err := strconv.ParseInt(agent, 10, 64); err == nil && strconv.FormatInt(n, 10) == agent {
		if d, ok := deviceByID(sorted, n); ok {
			return d, true
		}
	}
	if agent == "" || len(agent) > maxAgentUUID {
		return found, false
	}
	for _, d := range sorted {
		if strings.EqualFold(d.UUID, agent) {
			if ok {
				return authsvc.Device{}, false
			}
			found, ok = d, true
		}
	}
	return found, ok
}

// Hex gives the 96 hex digits that `gotonode` of MeshCentral's page takes in any URL.
func (n NodeID) Hex() string {
	raw, err := meshBase64.DecodeString(n.Key)
	if err != nil { // not of ParseNodeID
		return ""
	}
	return hex.EncodeToString(raw)
}

// NodeIDs gives the ids of a set's devices that MeshCentral can have in a domain: those whose node id is readable and not
// disputed.
func NodeIDs(set *authsvc.DeviceSet, domain string) []string {
	if set == nil {
		return nil
	}
	ids, _ := usableIDs(set.Devices, domain)
	return ids
}
