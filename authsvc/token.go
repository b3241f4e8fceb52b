package authsvc

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted token]"

// Token is a bearer token as it came. Every way of printing it is redacted; string(t) is the only way to its text.
type Token string

// String is redacted.
func (Token) String() string { return redacted }

// GoString is redacted.
func (Token) GoString() string { return redacted }

// LogValue is redacted.
func (Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is redacted: it serves encoding/json and everything like it.
func (Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format is redacted for every verb; without it fmt's "bad verb" notice would print the text.
func (Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }
