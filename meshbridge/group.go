package meshbridge

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// group is one user group with its links, made from one DeviceSet. Shared: never changed.
type group struct {
	set   *authsvc.DeviceSet
	proto *pb.UserGroup
	links []*pb.Link
}

// buildGroup links every usable device of the set that the role reaches. ignored counts devices that got no link although this
// domain may own them: no or an unreadable node id, or one that more than one tenant claims. err is one of those that the role's
// own expression gave; their devices are left out.
func buildGroup(set *authsvc.DeviceSet, domain string, role given) (g *group, ignored int, err error) {
	devices, err := reached(set.Devices, role)
	ids, ignored := usableIDs(devices, domain)
	key, name := givenKey(set.Scope.String(), role)
	return &group{
		set:   set,
		links: linksTo(ids, role.mask),
		proto: &pb.UserGroup{Id: "ugrp/" + domain + "/" + key, Name: name, Version: versionOf(ids, role.mask)},
	}, ignored, err
}

// reached leaves out what a role does not reach.
func reached(devices []authsvc.Device, role given) (in []authsvc.Device, err error) {
	if role.profile == nil || role.profile.Devices == nil {
		return devices, nil
	}
	for _, d := range devices {
		ok, fault := role.reaches(d)
		err = cmp.Or(err, fault)
		if ok {
			in = append(in, d)
		}
	}
	return in, err
}

// usableIDs gives the node ids of what is usable in a domain, sorted, each once.
func usableIDs(devices []authsvc.Device, domain string) (ids []string, ignored int) {
	ids = make([]string, 0, len(devices))
	for _, d := range devices {
		id, state := linkable(d, domain)
		switch state {
		case deviceUsable:
			ids = append(ids, id)
		case deviceIgnored:
			ignored++
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), ignored
}

func linksTo(ids []string, rights uint32) []*pb.Link {
	links := make([]*pb.Link, len(ids))
	for i, id := range ids {
		links[i] = &pb.Link{Id: id, Rights: rights}
	}
	return links
}

type deviceState uint8

const (
	deviceIgnored deviceState = iota
	deviceUsable
	deviceElsewhere // another domain's: nothing is wrong with it
	deviceUnbound   // the platform has not met it in MeshCentral yet
)

func linkable(d authsvc.Device, domain string) (string, deviceState) {
	if d.NodeID == "" {
		return "", deviceUnbound
	}
	node, ok := ParseNodeID(d.NodeID)
	if !ok || d.Disputed {
		return "", deviceIgnored
	}
	id, ok := node.In(domain)
	if !ok {
		return "", deviceElsewhere
	}
	return id, deviceUsable
}

// versionOf hashes what a group's links are: sorted ids and the mask they share.
func versionOf(sortedIDs []string, rights uint32) string {
	h := sha256.New()
	var word [4]byte
	binary.BigEndian.PutUint32(word[:], rights)
	h.Write(word[:])
	for _, id := range sortedIDs {
		h.Write([]byte(id))
		h.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}

// grantLinks gives a person's individual grants on devices of his own tenant. Where two grants name one device, the greater
// counts; none exceeds limit.
func grantLinks(id *authsvc.Identity, domain string) []*pb.Link {
	if len(id.User.Grants) == 0 || id.Devices == nil {
		return nil
	}
	best := map[string]given{}
	for _, g := range id.User.Grants {
		d, ok := deviceByID(id.Devices.Devices, g.AgentID)
		if !ok {
			continue
		}
		nodeID, state := linkable(d, domain)
		if role := granted(id, g, d); role.mask != 0 && state == deviceUsable {
			best[nodeID] = best[nodeID].plus(role)
		}
	}
	links := make([]*pb.Link, 0, len(best))
	for nodeID, role := range best {
		links = append(links, &pb.Link{Id: nodeID, Rights: role.mask})
	}
	slices.SortFunc(links, func(a, b *pb.Link) int { return cmp.Compare(a.GetId(), b.GetId()) })
	return links
}

// granted is what one individual grant gives on a device, which must be the one that it names and of the person's own tenant.
func granted(id *authsvc.Identity, g authsvc.Grant, d authsvc.Device) given {
	if g.AgentID != d.AgentID || d.TenantID != id.User.TenantID {
		return given{}
	}
	role := grantOf(id, g.Role)
	if ok, _ := role.reaches(d); !ok { // an error is told of where the role's group is made, if anybody has it
		return given{}
	}
	return role
}

func deviceByID(sorted []authsvc.Device, agentID int64) (authsvc.Device, bool) {
	i, ok := slices.BinarySearchFunc(sorted, agentID, func(d authsvc.Device, id int64) int { return cmp.Compare(d.AgentID, id) })
	if !ok {
		return authsvc.Device{}, false
	}
	return sorted[i], true
}
