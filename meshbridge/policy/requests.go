package policy

import (
	"slices"
	"strconv"

	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

var (
	get    = []string{"GET"}
	socket = []string{"WS"}
)

// cookie is a cookie of MeshCentral's in a URL: the page puts them there, so that it works in a frame that has none.
func cookie(name string, opts ...option) *pb.Field {
	return typed(name, pb.FieldType_FIELD_TYPE_COOKIE, opts...)
}

// key is MeshCentral's `loginKey`, an obstacle before its pages that an operator may have set up. The page repeats it.
func key() *pb.Field { return text("key") }

// requests gives every path that answers by who asks. Scripts, styles, pictures, fonts and what else everybody gets are not
// here; credentials (token, login, user, pass, and auth where it is not listed) are looked at before.
func requests() []request {
	// Of a path with two rules the stricter comes first: the other one would drop the argument that makes the difference.
	return slices.Concat(siteAdminRequests(), pages(), sockets(), deviceRequests())
}

func pages() []request {
	return []request{
		{path: "", methods: get, args: pageArguments()},
		{path: "login", methods: get, args: pageArguments()},
		{path: "logout", methods: get, args: []*pb.Field{key()}},
		{path: "refresh.ashx", methods: get},
		// A file, the same for everybody. The page loads it into a frame and calls its functions at every device: without it
		// the device's tabs stay half-built. Intel AMT itself goes through webrelay.ashx, which is not here.
		{path: "commander.ashx", methods: get},
		{path: "pluginHandler.js", methods: get},
		// One's own picture: with `id` MeshCentral gives everybody's to everybody.
		{path: "userimage.ashx", methods: get, args: []*pb.Field{text("rnd")}},
	}
}

// pageArguments are looks, and where the page goes; what a person may see does not depend on them.
func pageArguments() []*pb.Field {
	flags := []string{"hide", "viewmode", "webrtc", "xterm", "trace", "debug", "push", "join"}
	places := []string{"gotonode", "gotomesh", "gotouser", "gotougrp", "gotodevicename", "gotodevicername", "gotodeviceip", "filter"}
	out := []*pb.Field{
		key(), text("lang", upTo(16)), text("locale", upTo(16)),
		integer("sitestyle", oneOf("1", "2", "3")), integer("mobile", oneOf("0", "1")), integer("minify", oneOf("0", "1")),
	}
	for _, name := range flags {
		out = append(out, integer(name, upTo(255)))
	}
	for _, name := range places {
		out = append(out, text(name))
	}
	return out
}

func sockets() []request {
	return []request{
		{path: "control.ashx", methods: socket, args: []*pb.Field{integer("moreargs", oneOf("1")), cookie("auth"), key()}},
		// The need is that of the tunnel's kind besides. tcpport, udpport and their addresses are not here: a port of the device,
		// or of anything that it reaches.
		{path: "meshrelay.ashx", methods: socket, need: watch, args: []*pb.Field{
			integer("browser", oneOf("1")), typed("p", pb.FieldType_FIELD_TYPE_PROTOCOL, required), device("nodeid", required),
			typed("id", pb.FieldType_FIELD_TYPE_RELAY_ID, required), cookie("auth"),
		}},
		{path: "meshrelay.ashx", methods: socket, need: talk, args: []*pb.Field{chatID(), cookie("auth"), key()}},
	}
}

func chatID() *pb.Field {
	return typed("id", pb.FieldType_FIELD_TYPE_CHAT_ID, required)
}

func deviceRequests() []request {
	return []request{
		{path: "messenger", methods: get, need: talk, args: []*pb.Field{
			chatID(), text("title", upTo(1024)), cookie("auth"), integer("pmt", oneOf("1")), key(),
		}},
		{path: "xterm", methods: get, need: system, args: []*pb.Field{
			device("nodeid", required), integer("auto", oneOf("1")), integer("fixsize", oneOf("0", "1")), integer("trace", upTo(2)), text("os", upTo(16)), key(),
		}},
		// `m` is the device group, which nobody looks at.
		{path: "devicefile.ashx", methods: get, need: files, args: []*pb.Field{
			cookie("c", required), text("m", upTo(64)), typed("n", pb.FieldType_FIELD_TYPE_DEVICE_KEY, required), text("f", required, upTo(4096)),
		}},
		// `l` and `tz` (language and time zone) are dropped: an unknown one throws and ends the server. With `tf`, minutes to UTC,
		// so does one that is no time on earth.
		{path: "devicepowerevents.ashx", methods: get, see: true, args: []*pb.Field{device("id", required), text("tf", oneOf(timeOffsets()...)), key()}},
		// Settings for MeshCmd, without a credential. MeshCentral itself gives `route`, with the device's name, for every device.
		{path: "meshagents", methods: get, need: system, args: []*pb.Field{
			text("meshaction", required, oneOf("route")), device("nodeid", required), cookie("auth"), key(),
		}},
		{path: "meshagents", methods: get, need: system, everywhere: true, args: []*pb.Field{
			text("meshaction", required, oneOf("generic")), cookie("auth"), key(),
		}},
	}
}

// timeOffsets are all that a clock on earth shows against UTC, as JavaScript counts: minutes, behind is positive.
func timeOffsets() []string {
	var out []string
	for minutes := -14 * 60; minutes <= 12*60; minutes += 15 {
		out = append(out, strconv.Itoa(minutes))
	}
	return out
}

func siteAdminRequests() []request {
	return []request{
		{path: "userimage.ashx", methods: get, siteAdmin: true, args: []*pb.Field{text("id", required), text("rnd")}},
		// The page hands a recording out, the player streams it.
		{path: "recordings.ashx", methods: []string{"GET", "WS"}, siteAdmin: true, args: []*pb.Field{text("file", required), key()}},
		{path: "player.htm", methods: get, siteAdmin: true, args: []*pb.Field{text("stream"), key()}},
	}
}
