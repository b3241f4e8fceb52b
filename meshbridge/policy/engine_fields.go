package policy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

const (
	defaultText = 256  // characters, where the table names no other limit
	defaultMost = 1000 // elements
)

var (
	deviceKey = regexp.MustCompile(`^[A-Za-z0-9@$]{64}$`)
	relayID   = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)
	chatName  = regexp.MustCompile(`^meshmessenger/(node/[^/]*/[A-Za-z0-9@$]{64})/(user/[^/]*/[^/]+)$`)
)

func wrong(reason string) reading { return reading{reason: reason} }

// readers has one reader a type. A type that is not here, of a newer table, fits nothing.
var readers map[pb.FieldType]reader

func init() {
	readers = map[pb.FieldType]reader{
		pb.FieldType_FIELD_TYPE_STRING:     readText,
		pb.FieldType_FIELD_TYPE_STRINGS:    readTexts,
		pb.FieldType_FIELD_TYPE_INTEGER:    readInteger,
		pb.FieldType_FIELD_TYPE_BOOLEAN:    readBoolean,
		pb.FieldType_FIELD_TYPE_TAG:        readTag,
		pb.FieldType_FIELD_TYPE_SELF:       readSelf,
		pb.FieldType_FIELD_TYPE_DEVICE:     readDevice,
		pb.FieldType_FIELD_TYPE_DEVICES:    readDevices,
		pb.FieldType_FIELD_TYPE_DEVICE_KEY: readDeviceKey,
		pb.FieldType_FIELD_TYPE_RELAY_ID:   readRelayID,
		pb.FieldType_FIELD_TYPE_PROTOCOL:   readProtocol,
		pb.FieldType_FIELD_TYPE_TUNNEL:     readTunnel,
		pb.FieldType_FIELD_TYPE_COOKIE:     readCookie,
		pb.FieldType_FIELD_TYPE_CHAT_ID:    readChat,
	}
}

// readField reads one field of a frame.
func readField(f *pb.Field, v value, p *Person, all []named) reading {
	read := readers[f.GetType()]
	if read == nil || len(f.GetValues()) > 0 && !slices.Contains(f.GetValues(), plain(v)) {
		return wrong(ReasonField)
	}
	return read(f, v, p, all)
}

// plain is what a value is compared with a field's values as.
func plain(v value) string {
	if text, ok := v.text(); ok {
		return text
	}
	if n, ok := v.integer(); ok {
		return strconv.FormatInt(n, 10)
	}
	return string(v)
}

func fitsText(f *pb.Field, text string) bool {
	most := int(f.GetMax())
	if most == 0 {
		most = defaultText
	}
	return units(text) <= most
}

func readText(f *pb.Field, v value, _ *Person, _ []named) reading {
	text, ok := v.text()
	if !ok || !fitsText(f, text) || !v.wellFormed() {
		return wrong(ReasonField)
	}
	return reading{built: quote(text)}
}

func readList(f *pb.Field, v value) ([]value, bool) {
	most := int(f.GetMost())
	if most == 0 {
		most = defaultMost
	}
	list, ok := v.list()
	return list, ok && len(list) <= most
}

func readTexts(f *pb.Field, v value, p *Person, all []named) reading {
	list, ok := readList(f, v)
	if !ok {
		return wrong(ReasonField)
	}
	return readEach(list, func(one value) reading { return readText(f, one, p, all) })
}

func readEach(list []value, read func(value) reading) reading {
	var all reading
	all.built = append(all.built, '[')
	for i, one := range list {
		got := read(one)
		if got.reason != "" {
			return got
		}
		if i > 0 {
			all.built = append(all.built, ',')
		}
		all.built = append(all.built, got.built...)
		all.devices = append(all.devices, got.devices...)
	}
	all.built = append(all.built, ']')
	return all
}

func readInteger(f *pb.Field, v value, _ *Person, _ []named) reading {
	n, ok := v.integer()
	if !ok || f.GetMax() != 0 && n > f.GetMax() {
		return wrong(ReasonField)
	}
	return reading{built: strconv.AppendInt(nil, n, 10)}
}

func readBoolean(_ *pb.Field, v value, _ *Person, _ []named) reading {
	if k := v.kind(); k != 't' && k != 'f' {
		return wrong(ReasonField)
	}
	return reading{built: v}
}

func readTag(f *pb.Field, v value, p *Person, all []named) reading {
	switch v.kind() {
	case '"':
		return readText(f, v, p, all)
	case 't', 'f', 'n':
		return reading{built: v}
	}
	if _, ok := v.number(); !ok {
		return wrong(ReasonField)
	}
	return reading{built: v.scalar()}
}

func readSelf(_ *pb.Field, v value, p *Person, _ []named) reading {
	if text, ok := v.text(); !ok || text != p.ID {
		return wrong(ReasonRight)
	}
	return reading{built: quote(p.ID)}
}

func readDevice(_ *pb.Field, v value, p *Person, _ []named) reading {
	id, ok := v.text()
	if !ok {
		return wrong(ReasonField)
	}
	return ownDevice(id, p)
}

func ownDevice(id string, p *Person) reading {
	parts := strings.Split(id, "/")
	if len(parts) != 3 || parts[0] != "node" || !deviceKey.MatchString(parts[2]) {
		return wrong(ReasonField)
	}
	if parts[1] != p.Domain || p.Mask(id) == 0 {
		return wrong(ReasonDevice)
	}
	return reading{built: quote(id), devices: []string{id}}
}

func readDevices(f *pb.Field, v value, p *Person, all []named) reading {
	list, ok := readList(f, v)
	if !ok || len(list) == 0 { // of no device every need would be met
		return wrong(ReasonField)
	}
	return readEach(list, func(one value) reading { return readDevice(f, one, p, all) })
}

func readDeviceKey(_ *pb.Field, v value, p *Person, _ []named) reading {
	key, ok := v.text()
	if !ok {
		return wrong(ReasonField)
	}
	got := ownDevice("node/"+p.Domain+"/"+key, p)
	got.built = quote(key)
	return got
}

func readRelayID(_ *pb.Field, v value, _ *Person, _ []named) reading {
	id, ok := v.text()
	if !ok || !relayID.MatchString(id) {
		return wrong(ReasonTunnel)
	}
	return reading{built: quote(id)}
}

func readProtocol(_ *pb.Field, v value, _ *Person, _ []named) reading {
	n, ok := v.integer()
	if !ok || n == 0 || n > maxProtocol {
		return wrong(ReasonTunnel)
	}
	return reading{built: strconv.AppendInt(nil, n, 10), protocol: uint32(n)} //nolint:gosec // at most maxProtocol
}

func readCookie(_ *pb.Field, v value, p *Person, _ []named) reading {
	text, ok := v.text()
	if !ok {
		return wrong(ReasonSessionEnded)
	}
	cookie, ours := p.Cookie(text)
	if !ours {
		return wrong(ReasonSessionEnded)
	}
	return reading{built: quote(cookie), cookie: true}
}

func readChat(_ *pb.Field, v value, p *Person, _ []named) reading {
	text, _ := v.text()
	parts := chatName.FindStringSubmatch(text)
	if parts == nil || parts[2] != p.ID {
		return wrong(ReasonTunnel)
	}
	got := ownDevice(parts[1], p)
	got.built = quote(text)
	return got
}
