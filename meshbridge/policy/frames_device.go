package policy

import pb "github.com/everydaytech/meshsso/proto/meshsso/v1"

// message is one type of action `msg`, which MeshCentral hands to the device's agent with all its fields. MeshCentral asks
// for remote-control or view-only alone, the agent for little more: what a type needs is decided here.
func message(typ string, n need, fields ...*pb.Field) frame {
	return frame{action: "msg", need: n, fields: append([]*pb.Field{
		text("type", required, oneOf(typ)), device("nodeid", required),
	}, fields...)}
}

func messages() []frame {
	const longest = 65_535
	words := []*pb.Field{text("title", required, upTo(512)), text("msg", required, upTo(4096))}
	out := []frame{
		// TunnelRule has the need of each kind of tunnel; `usage` repeats its number. tcpport, udpport and their addresses are
		// not here: with them the agent opens a connection of its own to anywhere.
		message("tunnel", watch, typed("value", pb.FieldType_FIELD_TYPE_TUNNEL, required), integer("usage", upTo(255))),
		// One's own sessions only. `guestname` is dropped: people of ours have no guests, and the agent stumbles over it.
		message("endtunnel", watch, self("xuserid", required), text("protocol", required, oneOf("kvm", "terminal", "files"))),

		message("ps", control),
		message("psinfo", control, integer("pid", required)),
		message("pskill", system, text("value", required)), // "<pid>|<name>"
		message("services", control),
		message("service", system, text("serviceName", required)),
		message("serviceStart", system, text("serviceName", required)),
		message("serviceStop", system, text("serviceName", required)),
		message("serviceRestart", system, text("serviceName", required)),
		message("cpuinfo", control), // every two seconds while the graph of tab Details shows
		message("userSessions", control, tag("tag")),
		message("getclip", control, tag("tag")),
		message("setclip", control, text("data", required, upTo(longest))),
		message("deskBackground", control, integer("op", oneOf("1"))),

		message("messagebox", talk, append([]*pb.Field{integer("timeout", upTo(24*3600*1000))}, words...)...),
		message("alertbox", talk, words...),
		message("openUrl", talk, text("url", required, upTo(4096))),

		message("console", console, text("value", required, upTo(longest))),
	}
	return out
}

// deviceActions: what changes something on a device.
func deviceActions() []frame {
	nodes := devices("nodeids", required)
	cmds := text("cmds", required, upTo(65_535))
	user := integer("runAsUser", oneOf("0", "1", "2"))
	return []frame{
		{action: "wakedevices", fields: []*pb.Field{nodes}, need: wake},
		// 2 off, 3 reset, 4 sleep; from 300 on Intel AMT: 302 on, 308 off, 310 reset, 311-316 to BIOS and PXE.
		{action: "poweraction", need: power, fields: []*pb.Field{
			nodes, integer("actiontype", required, oneOf("2", "3", "4", "308", "310", "311", "312", "313", "314", "315", "316")),
		}},
		{action: "poweraction", need: wake, fields: []*pb.Field{nodes, integer("actiontype", required, oneOf("302"))}},
		// Flash and vibrate go through the agent's console.
		{action: "poweraction", need: console, fields: []*pb.Field{
			nodes, integer("actiontype", required, oneOf("400", "401")), integer("time", required, upTo(30_000)),
		}},
		// 1 Windows, 2 PowerShell, 3 shell; 4 is the agent's console. `cmdpath` would read a file of the server.
		{action: "runcommands", need: command, fields: []*pb.Field{nodes, integer("type", required, oneOf("1", "2", "3")), cmds, user}},
		{action: "runcommands", need: agent, fields: []*pb.Field{nodes, integer("type", required, oneOf("4")), cmds, user}},
		// A script that MeshCentral's operator wrote into its configuration; it may be one for the agent's console.
		{action: "runcommands", need: agent, fields: []*pb.Field{nodes, integer("presetcmd", required, upTo(10_000))}},
		{action: "toast", need: talk, fields: []*pb.Field{nodes, text("title", upTo(512)), text("msg", required, upTo(4096))}},
		// `userid` would call another person; the device opens MeshCentral's messenger in a browser.
		{action: "meshmessenger", need: talk, fields: []*pb.Field{device("nodeid", required)}},
		{action: "setNotes", need: notes, fields: []*pb.Field{device("id", required), text("notes", required, upTo(65_536))}},
		// The handler checks nothing: with another's xuserid it ends that person's desktop.
		{action: "endDesktopMultiplex", need: watch, fields: []*pb.Field{device("nodeid", required), self("xuserid", required)}},
	}
}
