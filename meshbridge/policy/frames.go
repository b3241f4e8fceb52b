package policy

import (
	"slices"

	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// frames gives every rule of the control channel.
func frames() []frame {
	return slices.Concat(alone(), reads(), messages(), deviceActions(), siteAdminReads())
}

// alone: actions whose handler looks at no field of theirs.
func alone() []frame {
	var out []frame
	for _, action := range []string{
		"ping", "pong",
		"authcookie",   // every 30 minutes; the cookies end with the session
		"usergroups",   // names only, which are opaque
		"meshes",       // those that the person has a right on
		"files",        // the person's own of the server: none without a site right
		"plugins",      // full administrators only, by the handler
		"loginTokens",  // lists; `remove` is dropped
		"lastconnects", // of the devices that the person has
	} {
		out = append(out, frame{action: action})
	}
	return out
}

// Filters and limits that the page's lists have. No limit ("null") is refused: it reads the whole table of events.
func eventFields() []*pb.Field {
	return []*pb.Field{
		integer("limit", required, upTo(1000)),
		text("filter", oneOf("", "agentlog", "batchupload", "changenode", "manual", "relaylog", "removenode", "runcommands")),
	}
}

// reads: what the page asks for by itself and on its tabs, and that only reads.
func reads() []frame {
	const skip = "skip" // paging
	return []frame{
		// The page's own request: `id` is '' unless its address names a device.
		{action: "nodes", fields: []*pb.Field{text("id", oneOf("")), integer(skip)}},
		{action: "nodes", fields: []*pb.Field{device("id", required), integer(skip)}, see: true},
		// A foreign nodeid would give that device's events, a nodeid that is no string ends the server.
		{action: "events", fields: append(eventFields(), device("nodeid"), self("userid")), see: true},
		{action: "powertimeline", fields: []*pb.Field{device("nodeid", required)}, see: true},
		{action: "lastconnect", fields: []*pb.Field{device("nodeid", required)}, see: true},
		// `nodeinfo` would add the device's whole document.
		{action: "getsysinfo", fields: []*pb.Field{device("nodeid", required)}, see: true},
		{action: "getnetworkinfo", fields: []*pb.Field{device("nodeid", required)}, see: true},
		{action: "deviceShares", fields: []*pb.Field{device("nodeid", required)}, see: true},
		// Not of groups or people: those notes stay in MeshCentral's database.
		{action: "getNotes", fields: []*pb.Field{device("id", required)}, see: true},
		{action: "previousLogins", fields: []*pb.Field{self("userid")}},
		// How the page looks. The handler keeps a list of names and, for accounts with locked settings, nothing.
		{action: "userWebState", fields: []*pb.Field{text("state", required, upTo(30_000))}},
		// A notification that was closed in one window closes in the person's others.
		{action: "intersession", fields: []*pb.Field{text("subaction", required, oneOf("removeNotify")), tag("id", required)}},
	}
}

// siteAdminReads: what the pages "My Server" and "My Users" show a full administrator; at load the page asks for `users`,
// `wssessioncount` and `serverstats` by itself. Nothing that writes: an administrator who signs in with a token administers
// the platform, and MeshCentral with an account of its own.
func siteAdminReads() []frame {
	out := []frame{
		{action: "users"},
		{action: "wssessioncount"},
		{action: "servererrors"},
		{action: "serverversion"},
		{action: "serverstats", fields: []*pb.Field{integer("interval", required, oneOf("10000"))}},
		{action: "servertimelinestats", fields: []*pb.Field{integer("hours", required, upTo(24*30))}},
		{action: "recordings", fields: []*pb.Field{integer("limit", required, upTo(1000))}},
		{action: "previousLogins", fields: []*pb.Field{text("userid")}},
		{action: "events", fields: append(eventFields(), text("nodeid", upTo(128)), text("userid"))},
	}
	for i := range out {
		out[i].siteAdmin = true
	}
	return out
}
