package program

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/everydaytech/meshsso/meshbridge"
)

// printMoves writes a table for each device group, and what they add up to.
func printMoves(w io.Writer, list meshbridge.DeviceList, groups []meshbridge.GroupMoves) error {
	var out strings.Builder
	for _, g := range groups {
		heading := "tenant " + g.Tenant.ID
		switch {
		case g.ID == "":
			heading = "left alone"
		case g.Tenant.ID == "":
			heading = "reachable for nobody"
		}
		fmt.Fprintf(&out, "%s (%s)\n", cell(g.Name), heading)
		table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "  DEVICE\tFROM GROUP\tTO GROUP\tKIND\tWHY")
		for _, m := range g.Moves {
			to := g.Name
			if g.ID == "" {
				to = m.From
			}
			_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", cell(m.Name), cell(m.From), cell(to), m.Kind, cell(m.Why))
		}
		_ = table.Flush() // a Builder does not fail
		out.WriteByte('\n')
	}
	total := totals(groups)
	fmt.Fprintf(&out, "%d devices in the list: %d move, %d stay, %d to the lobby. %d rows of the database without a device in the list.\n",
		len(list.Devices), total[meshbridge.MoveMove], total[meshbridge.MoveStay], total[meshbridge.MoveLobby], total[meshbridge.MoveAbsent])
	fmt.Fprintln(&out, "Nothing was changed.")
	_, err := io.WriteString(w, out.String())
	return err
}

func totals(groups []meshbridge.GroupMoves) map[meshbridge.MoveKind]int {
	total := map[meshbridge.MoveKind]int{}
	for _, kind := range meshbridge.MoveKinds {
		total[kind] = 0
	}
	for _, g := range groups {
		for _, m := range g.Moves {
			total[m.Kind]++
		}
	}
	return total
}

// The JSON of --json; docs/device-rights.md describes it.
type (
	movesJSON struct {
		Domain string                      `json:"domain"`
		Groups []groupJSON                 `json:"groups"`
		Totals map[meshbridge.MoveKind]int `json:"totals"`
	}
	groupJSON struct {
		TenantID string     `json:"tenantId"` // empty for the lobby
		Name     string     `json:"name"`
		ID       string     `json:"deviceGroupId"`
		Devices  []moveJSON `json:"devices"`
	}
	moveJSON struct {
		Kind   meshbridge.MoveKind `json:"kind"`
		Name   string              `json:"name"`
		NodeID string              `json:"nodeId,omitempty"`
		From   string              `json:"from,omitempty"`
		FromID string              `json:"fromId,omitempty"`
		Why    string              `json:"why,omitempty"`
	}
)

func printMovesJSON(w io.Writer, list meshbridge.DeviceList, groups []meshbridge.GroupMoves) error {
	out := movesJSON{Domain: list.Domain, Groups: []groupJSON{}, Totals: totals(groups)}
	for _, g := range groups {
		group := groupJSON{TenantID: g.Tenant.ID, Name: printable(g.Name), ID: g.ID}
		for _, m := range g.Moves {
			group.Devices = append(group.Devices, moveJSON{
				Kind: m.Kind, Name: printable(m.Name), NodeID: m.NodeID, From: printable(m.From), FromID: m.FromID, Why: m.Why,
			})
		}
		out.Groups = append(out.Groups, group)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

// maxCell keeps one device's name from pushing the table apart.
const maxCell = 60

// cell gives a text for a table: printable and not too long; "-" for nothing.
func cell(s string) string {
	if s = strings.TrimSpace(printable(s)); s == "" {
		return "-"
	}
	if utf8.RuneCountInString(s) > maxCell {
		return string([]rune(s)[:maxCell-1]) + "…"
	}
	return s
}

// printable makes a space of everything that could steer a terminal or hide: names come from devices and people.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}
