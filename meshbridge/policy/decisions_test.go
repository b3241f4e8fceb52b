package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

func met(n *pb.Need, role authsvc.Role) bool {
	mask := meshbridge.DeviceRights(role)
	return mask&n.GetAll() == n.GetAll() && mask&n.GetNone() == 0
}

// may lists, sorted, what a role may send about a device of its own: "msg.ps", "poweraction.302", "tunnel.2",
// "GET devicefile.ashx". What names no device, or one that only need be seen, is in `everybody` below.
func may(t *testing.T, role authsvc.Role) []string {
	t.Helper()
	p := build(t).Policy()
	var out []string
	for _, r := range p.GetFrames() {
		if r.GetNeed() == nil || !met(r.GetNeed(), role) {
			continue
		}
		out = append(out, kinds(r)...)
	}
	for _, r := range p.GetTunnels() {
		if met(r.GetNeed(), role) {
			out = append(out, fmt.Sprintf("tunnel.%d", r.GetProtocol()))
		}
	}
	for _, r := range p.GetRequests() {
		if r.GetNeed() != nil && met(r.GetNeed(), role) {
			out = append(out, strings.Join(r.GetMethods(), "|")+" "+r.GetPath())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// kinds names what a rule's first field with values tells apart.
func kinds(r *pb.FrameRule) []string {
	for _, f := range r.GetFields() {
		if f.GetRequired() && len(f.GetValues()) > 0 {
			var out []string
			for _, v := range f.GetValues() {
				out = append(out, r.GetAction()+"."+v)
			}
			return out
		}
	}
	return []string{r.GetAction()}
}

func TestAViewerHasTheDesktopAndNothingElse(t *testing.T) {
	want := []string{
		"WS meshrelay.ashx", "endDesktopMultiplex", // of his own session
		"msg.endtunnel", // of his own session
		"msg.tunnel", "tunnel.2",
	}
	if got := may(t, authsvc.RoleViewer); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("a viewer may %q", got)
	}
}

func TestATechnicianHasNoConsoleAndNoRemoteCommand(t *testing.T) {
	technician := may(t, authsvc.RoleTechnician)
	for _, want := range []string{
		"tunnel.1", "tunnel.2", "tunnel.5", "tunnel.6", "tunnel.8", "tunnel.9", "msg.ps", "msg.pskill", "msg.getclip", "msg.setclip", "msg.messagebox",
		"msg.alertbox", "msg.openUrl", "msg.deskBackground", "msg.userSessions", "toast", "wakedevices", "poweraction.2", "poweraction.302", "setNotes",
		"meshmessenger", "GET messenger", "GET devicefile.ashx", "GET xterm", "GET meshagents",
	} {
		if !slices.Contains(technician, want) {
			t.Errorf("a technician may not %s", want)
		}
	}
	var more []string
	for _, what := range may(t, authsvc.RoleAdmin) {
		if !slices.Contains(technician, what) {
			more = append(more, what)
		}
	}
	want := []string{"msg.console", "poweraction.400", "poweraction.401", "runcommands", "runcommands.1", "runcommands.2", "runcommands.3", "runcommands.4"}
	if !slices.Equal(more, want) {
		t.Errorf("an admin may more than a technician: %q", more)
	}
}

func TestASuperadminIsAnAdminOnADevice(t *testing.T) {
	if a, s := may(t, authsvc.RoleAdmin), may(t, authsvc.RoleSuperadmin); !slices.Equal(a, s) {
		t.Errorf("%q and %q", a, s)
	}
}

func TestNobodyWithoutARightHasAnything(t *testing.T) {
	if got := may(t, authsvc.RoleNone); len(got) != 0 {
		t.Errorf("may %q", got)
	}
}

// What everybody may send who is signed in: it reads, and what it reads is the person's own.
func TestWhatEverybodyMaySend(t *testing.T) {
	var frames, site, requests []string
	p := build(t).Policy()
	for _, r := range p.GetFrames() {
		switch {
		case r.GetSiteAdmin():
			site = append(site, r.GetAction())
		case r.GetNeed() == nil:
			frames = append(frames, r.GetAction())
		}
	}
	for _, r := range p.GetRequests() {
		if r.GetNeed() == nil {
			requests = append(requests, r.GetPath())
			if r.GetSiteAdmin() {
				requests[len(requests)-1] += " (site)"
			}
		}
	}
	for _, c := range []struct {
		what string
		got  []string
		want string
	}{
		{"frames", frames, "authcookie deviceShares events files getNotes getnetworkinfo getsysinfo intersession lastconnect lastconnects loginTokens " +
			"meshes nodes nodes ping plugins pong powertimeline previousLogins userWebState usergroups"},
		{"frames of site administrators", site, "events previousLogins recordings servererrors serverstats servertimelinestats serverversion users wssessioncount"},
		{"requests", requests, " commander.ashx control.ashx devicepowerevents.ashx login logout player.htm (site) pluginHandler.js " +
			"recordings.ashx (site) refresh.ashx userimage.ashx userimage.ashx (site)"},
	} {
		slices.Sort(c.got)
		if got := strings.Join(c.got, " "); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, c.want)
		}
	}
}

// The fields by which MeshCentral would do more than the page asks for.
func TestWhatNoRuleNames(t *testing.T) {
	for _, o := range owners(build(t).Policy()) {
		for _, f := range o.fields {
			name := o.name + "." + f.GetName()
			switch f.GetName() {
			case "tcpport", "tcpaddr", "udpport", "udpaddr", "rauth", "remove", "cmdpath", "nodeinfo", "routeToNode", "guestname", "tz", "l", "token", "user", "pass":
				t.Errorf("%s is named", name)
			case "nodeid", "nodeids":
				if !o.site && f.GetType() != pb.FieldType_FIELD_TYPE_DEVICE && f.GetType() != pb.FieldType_FIELD_TYPE_DEVICES {
					t.Errorf("%s need not be the person's own", name)
				}
			case "userid", "xuserid":
				if !o.site && f.GetType() != pb.FieldType_FIELD_TYPE_SELF {
					t.Errorf("%s need not be the person himself", name)
				}
			case "auth", "c":
				if f.GetType() != pb.FieldType_FIELD_TYPE_COOKIE {
					t.Errorf("%s need not be a live session's", name)
				}
			}
		}
	}
}

func TestWhatIsRefusedToSuperadminsToo(t *testing.T) {
	p := build(t).Policy()
	for _, action := range []string{
		"createLoginToken", "logincookie", "twoFactorCookie", "createDeviceShareLink", "getcookie", "webrelay", "getmqttlogin", "changepassword", "changelang",
		"createmesh", "adddeviceuser", "edituser", "uploadagentcore", "serverconsole", "serverconfig", "serverBackup", "print", "urlargs", "meshToolInfo",
		"interuser", "trafficstats", "setDeviceEvent", "getDeviceDetails", "report",
	} {
		if slices.ContainsFunc(p.GetFrames(), func(r *pb.FrameRule) bool { return r.GetAction() == action }) {
			t.Errorf("%s is allowed", action)
		}
	}
	for _, r := range p.GetRequests() {
		if r.GetPath() == "uploadfilebatch.ashx" || r.GetPath() == "webrelay.ashx" || strings.HasPrefix(r.GetPath(), "uploadfile") {
			t.Errorf("%s is allowed", r.GetPath())
		}
		if slices.Contains(r.GetMethods(), "POST") {
			t.Errorf("%s takes a body, which nobody reads", r.GetPath())
		}
	}
}
