package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// secretBytes is what every token, cookie and ticket is: 256 random bits, 43 characters of base64url.
const (
	secretBytes = 32
	secretChars = 43
)

var base64url = base64.RawURLEncoding.Strict()

func newSecret(random io.Reader) (string, error) {
	var raw [secretBytes]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("reading random bytes: %w", err)
	}
	return base64url.EncodeToString(raw[:]), nil
}

// newID makes a version 4 UUID (RFC 9562 5.4).
func newID(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("reading random bytes: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// hashSecret gives what is stored of a secret, SHA-256 in hex; false if it is not one in shape. A salt would add nothing to
// 256 random bits.
func hashSecret(secret string) (string, bool) {
	if len(secret) != secretChars {
		return "", false
	}
	for i := range len(secret) { // the decoder would skip line breaks
		if c := secret[i]; c == '\n' || c == '\r' {
			return "", false
		}
	}
	if _, err := base64url.DecodeString(secret); err != nil {
		return "", false
	}
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:]), true
}

// matches compares a secret with a stored hash in constant time; an empty hash matches nothing.
func matches(secret, hash string) bool {
	got, ok := hashSecret(secret)
	return ok && hash != "" && subtle.ConstantTimeCompare([]byte(got), []byte(hash)) == 1
}

// personMark is the value of the browser-wide cookie: it names a person to us and nothing to anybody else.
func personMark(key [32]byte, userID int64, foldedEmail string) string {
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(strconv.FormatInt(userID, 10) + ":" + foldedEmail))
	return base64url.EncodeToString(mac.Sum(nil))
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// isUUID takes the canonical form in lower case only.
func isUUID(s string) bool { return uuidShape.MatchString(s) }

var uuidShape = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

var secretInText = regexp.MustCompile(`(/(?:proxy|session)/|ticket=|token=)[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_-]+)*`)

// Redact takes session tokens, tickets and JWTs out of a path or URL, for logs.
func Redact(text string) string { return secretInText.ReplaceAllString(text, "${1}[redacted]") }
