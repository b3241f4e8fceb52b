package program

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

const shownDevices = 20

// print is for people: a line a step, then what MeshCentral gets to see.
func (x *explanation) print(w io.Writer) error {
	var b strings.Builder
	checked := "Its signature and times are not checked here (--verify)."
	if x.Verified {
		checked = "Its signature and times are sound."
	} else if len(x.Steps) > 0 && x.Steps[0].Stage == stageToken {
		checked = "It is not sound."
	}
	fmt.Fprintf(&b, "A token of the issuer %s. %s\n\n", lineOf(x.Issuer), checked)
	for _, s := range x.Steps {
		s.print(&b)
	}
	b.WriteByte('\n')
	if !x.Allowed {
		fmt.Fprintf(&b, "Denied: %s %s\n", x.Reason, lineOf(x.Detail))
		_, err := io.WriteString(w, b.String())
		return err
	}
	u := x.User
	fmt.Fprintf(&b, "Let in as %s (%s), user %d of tenant %s\n", lineOf(u.ID), lineOf(u.Name), u.UserID, dash(u.TenantID))
	fmt.Fprintf(&b, "  role           %s (rank %s)\n", lineOf(u.Role), u.Rank)
	fmt.Fprintf(&b, "  device rights  %s\n  site rights    %s\n", dash(strings.Join(u.DeviceRights, ", ")), dash(strings.Join(u.SiteRights, ", ")))
	fmt.Fprintf(&b, "  devices        %d\n", len(x.Devices))
	for i, d := range x.Devices {
		if i == shownDevices {
			fmt.Fprintf(&b, "    and %d more: --json has all\n", len(x.Devices)-i)
			break
		}
		fmt.Fprintf(&b, "    %d %s: %s\n", d.ID, lineOf(d.Hostname), strings.Join(d.Rights, ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// print gives a step's line, and below it what it read, what came of it and, if it must be true or failed, what is said then.
func (s explainedStep) print(b *strings.Builder) {
	mark := " ok "
	if !s.OK {
		mark = " NO "
	}
	b.WriteString(strings.TrimRight(fmt.Sprintf("%s %-10s %s", mark, s.Stage, lineOf(s.Rule)), " ") + "\n")
	for _, below := range []struct{ what, text string }{{"of", oneLine(s.Source)}, {"is", valueText(s.Value)}, {"says", oneLine(s.Message)}} {
		if below.text != "" {
			fmt.Fprintf(b, "                  %-4s %s\n", below.what, below.text)
		}
	}
}

// lineOf quotes what could steer a terminal.
func lineOf(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.QuoteToASCII(s)
	}
	return s
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return oneLine(s)
}

func oneLine(s string) string { return lineOf(strings.Join(strings.Fields(s), " ")) }

func valueText(v any) string {
	if v == nil {
		return ""
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return ""
	}
	return lineOf(strings.TrimSuffix(b.String(), "\n"))
}

func userOf(id *authsvc.Identity, u *pb.User) *explainedUser {
	out := &explainedUser{
		ID: u.GetId(), Name: u.GetName(), Email: u.GetEmail(), TenantID: u.GetTenantId(), UserID: u.GetUserId(),
		Role: id.Role.String(), Rank: id.Role.String(),
		SiteRights: meshbridge.SiteRightsOf(u.GetSiteadmin()), DeviceRights: meshbridge.RightsOf(meshbridge.DeviceRights(id.Role)),
	}
	if p := id.Profile; p != nil {
		out.Role, out.DeviceRights = p.Name, meshbridge.RightsOf(meshbridge.ProfileRights(p))
	}
	return out
}
