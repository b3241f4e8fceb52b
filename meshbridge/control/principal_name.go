package control

import (
	"encoding/hex"
	"strings"
)

// The name of a session's account on a stock MeshCentral: "`~s-" + the session's UUID as 32 hex digits + "@session.invalid".
//
// MeshCentral's adduser refuses names that begin with "~" or hold a space, a quote, "," or "/", and where the domain has
// userNameIsEmail it wants the form of an e-mail. The backtick passes both and is in no e-mail of ours (authsvc.FoldEmail);
// nothing can be mailed to .invalid (RFC 2606).
const (
	principalLead   = "`~s-"
	principalTail   = "@session.invalid"
	principalPrefix = "user//" + principalLead
)

// principalName gives the account's name, false if the session's id is no UUID.
func principalName(sessionID string) (string, bool) {
	digits := strings.ReplaceAll(sessionID, "-", "")
	if len(sessionID) != 36 || len(digits) != 32 || sessionOf(principalPrefix+digits+principalTail) != sessionID {
		return "", false
	}
	return principalLead + digits + principalTail, true
}

// sessionOf gives the UUID of the session whose account this is, "" if the id has not exactly the reserved shape.
func sessionOf(userID string) string {
	rest, ok := strings.CutPrefix(userID, principalPrefix)
	d, ok2 := strings.CutSuffix(rest, principalTail)
	if !ok || !ok2 || len(d) != 32 || strings.ToLower(d) != d {
		return ""
	}
	if _, err := hex.DecodeString(d); err != nil {
		return ""
	}
	return d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:]
}
