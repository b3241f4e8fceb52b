package meshbridge

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNameRunes bounds what MeshCentral shows of a person; spec: never shortened below it.
const maxNameRunes = 512

// DisplayName gives what MeshCentral shows: the full name with controls made spaces, or the part of the e-mail before "@"
// where there is none. A full name with "<" or ">" is refused and counts as none: MeshCentral's page puts names into its
// HTML as they are ("Welcome …"), and a name that is markup there would run in the browser of whoever looks at it.
func DisplayName(fullName, email string) string {
	name := strings.TrimSpace(strings.Map(printable, strings.ToValidUTF8(fullName, "\uFFFD")))
	if name == "" || strings.ContainsAny(name, "<>") {
		name = email[:max(strings.LastIndexByte(email, '@'), 0)]
	}
	if utf8.RuneCountInString(name) > maxNameRunes {
		name = string([]rune(name)[:maxNameRunes])
	}
	return name
}

// printable makes controls spaces, and drops what reorders the text around it (bidirectional overrides).
func printable(r rune) rune {
	switch {
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return -1
	case unicode.IsControl(r), r == 0x2028, r == 0x2029:
		return ' '
	}
	return r
}
