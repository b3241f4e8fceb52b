package authsvc

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxEmailBytes is the longest e-mail that is accepted (RFC 5321 4.5.3.1.3: a path of 256 less its brackets).
const MaxEmailBytes = 254

// FoldEmail gives the one form under which an e-mail is looked up and compared, and whether it is acceptable at all.
//
// The folding is ASCII A-Z to a-z and nothing else: in SQL it is lower(email collate "C"), in JavaScript a replace of
// /[A-Z]/g. Refused is what another part of the system could fold, split or show differently:
//   - longer than MaxEmailBytes, invalid UTF-8, or nothing before or after the last "@";
//   - a leading "~" (reserved for ids that no e-mail may produce);
//   - any of / \ < > " ` , and every control, format, separator or white space character, and U+FFFD;
//   - a non-ASCII letter that lower-casing changes, or that folds to ASCII (U+212A KELVIN SIGN, U+017F LONG S).
//
// Vectors for all languages: authsvc/testdata/emails.json.
func FoldEmail(email string) (folded string, ok bool) {
	at := strings.LastIndexByte(email, '@')
	if len(email) > MaxEmailBytes || at <= 0 || at == len(email)-1 || email[0] == '~' || !utf8.ValidString(email) {
		return "", false
	}
	upper := false
	for _, r := range email {
		if !acceptableInEmail(r) {
			return "", false
		}
		upper = upper || ('A' <= r && r <= 'Z')
	}
	if !upper {
		return email, true
	}
	return strings.Map(foldASCII, email), true
}

func acceptableInEmail(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r > ' ' && r != 0x7f && !strings.ContainsRune("/\\<>\"`,", r)
	case r == utf8.RuneError, unicode.IsSpace(r), unicode.In(r, unicode.Cc, unicode.Cf, unicode.Z):
		return false
	}
	return unicode.ToLower(r) == r && !foldsToASCII(r)
}

// foldsToASCII walks the orbit of characters that are equal under Unicode's simple case folding.
func foldsToASCII(r rune) bool {
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		if f < utf8.RuneSelf {
			return true
		}
	}
	return false
}

func foldASCII(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + ('a' - 'A')
	}
	return r
}
