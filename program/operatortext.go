package program

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/everydaytech/meshsso/meshbridge/session"
)

func printJSON[T any](w io.Writer, items []T) error {
	enc := json.NewEncoder(w)
	for _, item := range items {
		if err := enc.Encode(item); err != nil {
			return err
		}
	}
	return nil
}

func printSessions(w io.Writer, sessions []session.Listed) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "SESSION\tPERSON\tAGENT\tVIEW\tFROM\tCREATED\tLAST USED\tEXPIRES")
	for _, s := range sessions {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\n", s.ID, shown(s.Email), s.AgentID, s.ViewMode, shown(s.ClientIP),
			when(s.CreatedAt), when(s.LastUsedAt), when(s.ExpiresAt))
	}
	return t.Flush()
}

func when(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// auditText is one line of key=value; what came from outside is quoted where it could be mistaken for more.
func auditText(l session.Line) string {
	var b strings.Builder
	b.WriteString(when(l.At) + " " + l.Event)
	add := func(key, value string) { b.WriteString(" " + key + "=" + shown(value)) }
	texts := []struct {
		key   string
		value *string
	}{
		{"user", l.Email}, {"tenant", l.TenantID}, {"host", l.Hostname}, {"ip", l.ClientIP}, {"session", l.SessionID}, {"reason", l.Reason},
		{"by", l.Actor}, {"kind", l.Kind}, {"agent_string", l.UserAgent},
	}
	if l.Email == nil && l.UserID != nil {
		add("user_id", strconv.FormatInt(*l.UserID, 10))
	}
	if l.AgentID != nil {
		add("agent", strconv.FormatInt(*l.AgentID, 10))
	}
	if l.ViewMode != nil {
		add("view", strconv.Itoa(*l.ViewMode))
	}
	for _, t := range texts {
		if t.value != nil && *t.value != "" {
			add(t.key, *t.value)
		}
	}
	if l.BytesUp != nil && l.BytesDown != nil {
		add("up", strconv.FormatInt(*l.BytesUp, 10))
		add("down", strconv.FormatInt(*l.BytesDown, 10))
	}
	if l.Seconds != nil {
		add("seconds", strconv.FormatFloat(*l.Seconds, 'f', 1, 64))
	}
	return b.String()
}

// printable quotes a text that a terminal or a reader could take for something else.
func shown(s string) string {
	if q := strconv.Quote(s); q != `"`+s+`"` || s == "" || strings.ContainsAny(s, " =") {
		return q
	}
	return s
}
