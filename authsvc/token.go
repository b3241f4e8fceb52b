package authsvc

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted token]"

// Token is a bearer token as it came. Every way of printing it is redacted; Reveal is the only way to its text. The text
// hangs on a pointer, because fmt reads unexported fields of whatever holds a Token without asking any method.
type Token struct{ text *string }

// NewToken wraps a token's text.
func NewToken(text string) Token { return Token{&text} }

// Reveal gives the text, for verifying it.
func (t Token) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// String is redacted.
func (Token) String() string { return redacted }

// GoString is redacted.
func (Token) GoString() string { return redacted }

// LogValue is redacted.
func (Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is redacted: it serves encoding/json and everything like it.
func (Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format is redacted for every verb.
func (Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }
