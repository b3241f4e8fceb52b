package meshbridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ListedDevice is one device as MeshCentral lists it. The names come from outside: anything may be in them.
type ListedDevice struct {
	NodeID    string // "node/<domain>/<64 characters>"
	GroupID   string // "mesh/<domain>/<64 characters>", the same domain
	Name      string
	GroupName string // empty if the list does not say
}

// DeviceList is what `meshctrl.js ListDevices --json` prints for one domain.
type DeviceList struct {
	Domain  string // "" also for a list without devices
	Devices []ListedDevice
}

// Bounds of ParseDeviceList. A device of MeshCentral's takes some 2 KB in such a list.
const (
	MaxListBytes   = 256 << 20
	MaxListDevices = 100_000
)

var errListShape = errors.New("this is not a JSON array, and nothing else, of MeshCentral's devices")

// ParseDeviceList reads the JSON array that MeshCentral's meshctrl.js prints (meshctrl.js, case 'nodes', args.json): objects
// with _id and meshid, mostly name and groupname too, and much else that is not looked at. It is strict about these four:
// a list that is not what it seems would show moves that do not happen. No error quotes the list.
func ParseDeviceList(r io.Reader) (DeviceList, error) {
	return parseWithin(r, MaxListBytes, MaxListDevices)
}

func parseWithin(r io.Reader, maxBytes int64, maxDevices int) (DeviceList, error) {
	limited := &io.LimitedReader{R: r, N: maxBytes + 1}
	list, err := parseDeviceList(json.NewDecoder(limited), maxDevices)
	if limited.N <= 0 {
		err = fmt.Errorf("the list is larger than %d MB", maxBytes>>20)
	}
	if err != nil {
		return DeviceList{}, err
	}
	return list, nil
}

func parseDeviceList(dec *json.Decoder, most int) (list DeviceList, err error) {
	if token, err := dec.Token(); err != nil || token != json.Delim('[') {
		return list, errListShape
	}
	seen := map[string]bool{}
	for dec.More() {
		n := len(list.Devices) + 1
		if n > most {
			return list, fmt.Errorf("the list has more than %d devices", most)
		}
		d, domain, err := parseDevice(dec)
		switch {
		case err != nil:
			return list, fmt.Errorf("device %d: %w", n, err)
		case n > 1 && domain != list.Domain:
			return list, fmt.Errorf("device %d is of another domain than those before it: list one domain at a time", n)
		case seen[d.NodeID]:
			return list, fmt.Errorf("device %d is in the list twice", n)
		}
		seen[d.NodeID], list.Domain = true, domain
		list.Devices = append(list.Devices, d)
	}
	if _, err := dec.Token(); err != nil { // the closing bracket
		return list, errListShape
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return list, errListShape
	}
	return list, nil
}

func parseDevice(dec *json.Decoder) (d ListedDevice, domain string, err error) {
	var fields map[string]json.RawMessage // not a struct: its names would match in any case
	if err := dec.Decode(&fields); err != nil {
		return d, "", errors.New("not a JSON object, or cut off")
	}
	for _, f := range []struct {
		name string
		into *string
	}{{"_id", &d.NodeID}, {"meshid", &d.GroupID}, {"name", &d.Name}, {"groupname", &d.GroupName}} {
		raw, ok := fields[f.name]
		if !ok {
			continue
		}
		if err := json.Unmarshal(raw, f.into); err != nil {
			return d, "", fmt.Errorf("%s is not a text", f.name)
		}
	}
	domain, _, ok := parseID("node", d.NodeID)
	if !ok {
		return d, "", errors.New("_id is not a node id (node/DOMAIN/ and 64 characters)")
	}
	if group, _, ok := parseID("mesh", d.GroupID); !ok || group != domain {
		return d, "", errors.New("meshid is not a device group id of the same domain (mesh/DOMAIN/ and 64 characters)")
	}
	return d, domain, nil
}
