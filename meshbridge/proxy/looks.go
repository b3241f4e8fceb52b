package proxy

import (
	"encoding/binary"
	"encoding/json"
	"regexp"

	"github.com/everydaytech/meshsso/meshbridge/policy"
)

// What js-shim/lib/guard/relay.js does at MeshCentral's end, at the browser's.
const (
	desktop  = 2
	viewOnly = 256
)

// looking are commands of MeshCentral's desktop protocol that change the picture and nothing on the device: compression,
// refresh, pause, list of displays, which display, whether it can be touched, display information.
var looking = map[uint16]bool{5: true, 6: true, 8: true, 11: true, 12: true, 14: true, 82: true}

// harmless are messages for the tunnel itself that do nothing to the device. An option could, and is cut down.
var harmless = map[string]bool{"options": true, "ping": true, "pong": true, "rtt": true, "close": true}

// detours would lead to a direct connection between browser and device, which goes on when the tunnel is closed.
var detours = map[string]bool{"offer": true, "answer": true, "candidate": true, "webrtc0": true, "webrtc1": true, "webrtc2": true}

var kindOfTunnel = regexp.MustCompile(`^[0-9]{1,4}$`)

// guard judges what a browser sends through one tunnel: one kind, and from a person who may only look, nothing but looking.
type guard struct {
	protocol string
	looks    func() bool // only
	begun    bool        // the device was told the kind of the tunnel
}

// judged is what becomes of a message: it passes, as it is or changed; or it is dropped; or the tunnel ends.
type judged struct {
	data   []byte // in its place
	kind   string
	reason string
	end    bool
}

// reads says whether binary messages have to be read.
func (g *guard) reads() bool { return !g.begun || g.looks() }

func (g *guard) judge(text bool, data []byte) judged {
	if !g.begun {
		return g.first(text, data)
	}
	if text && len(data) > 0 && data[0] == '{' {
		if m := controlOf(data); m != nil {
			return g.control(m)
		}
	}
	if !g.looks() || !text && isLooking(data) {
		return judged{}
	}
	return judged{kind: "input", reason: policy.ReasonRight}
}

// first: MeshCentral joins two sockets and looks no further; what the tunnel is, the device learns from its first message.
func (g *guard) first(text bool, data []byte) judged {
	if text && kindOfTunnel.Match(data) {
		if string(data) != g.protocol {
			return judged{kind: "kind", reason: policy.ReasonTunnel, end: true}
		}
		g.begun = true
		return judged{}
	}
	if text {
		m := controlOf(data)
		if m == nil {
			m = optionsOf(data)
		}
		if m != nil {
			return g.control(m)
		}
	}
	return judged{kind: "early", reason: policy.ReasonTunnel, end: true}
}

// control judges messages for the tunnel itself. The device does not look at rights before it locks its screen, or reads a
// file that an option names. What passes is written anew: of a name that comes twice one parser takes the first, another the
// last.
func (g *guard) control(m object) judged {
	kind, _ := m["type"].(string)
	if detours[kind] {
		return judged{kind: "webrtc", reason: policy.ReasonTunnel}
	}
	delete(m, "file")
	if g.looks() {
		if !harmless[kind] {
			return judged{kind: "input", reason: policy.ReasonRight}
		}
		delete(m, "autolock")
	}
	data, err := encode(m)
	if err != nil {
		return judged{kind: "early", reason: policy.ReasonTunnel, end: true}
	}
	return judged{data: data}
}

func controlOf(data []byte) object {
	m, ok := parseObject(data)
	if !ok {
		return nil
	}
	switch channel := m["ctrlChannel"].(type) {
	case string:
		if channel == "102938" {
			return m
		}
	case json.Number:
		if n, err := channel.Float64(); err == nil && n == 102938 {
			return m
		}
	case []any: // JavaScript's == makes a text of a list
		return m
	}
	return nil
}

// Before the kind is said, the device takes options in this form too.
func optionsOf(data []byte) object {
	if m, ok := parseObject(data); ok && m["type"] == "options" {
		return m
	}
	return nil
}

// isLooking says whether a frame of the desktop protocol, which may hold several commands, only looks.
func isLooking(data []byte) bool {
	for len(data) > 0 {
		if len(data) < 4 || !looking[binary.BigEndian.Uint16(data)] {
			return false
		}
		size := int(binary.BigEndian.Uint16(data[2:]))
		if size < 4 || size > len(data) {
			return false
		}
		data = data[size:]
	}
	return true
}
