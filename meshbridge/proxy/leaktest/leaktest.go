// Package leaktest searches what a browser got for what it must never get: plain, and URL-, base64-, hex- and UTF-16-encoded.
package leaktest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"sync"
	"unicode/utf16"
)

// Scanner collects bytes and says which of its secrets are in them. Safe for concurrent use. Make it with New.
type Scanner struct {
	forms []form
	mu    sync.Mutex
	found map[string]string // secret's name → how it was encoded
	bytes int64
}

type form struct {
	name, how string
	needle    []byte // lower case where the encoding has no case of its own
	fold      bool
}

// minNeedle is the shortest piece of an encoding that is searched for: shorter ones are found everywhere.
const minNeedle = 6

// New makes a scanner of secrets by name.
func New(secrets map[string]string) *Scanner {
	s := &Scanner{found: map[string]string{}}
	for name, secret := range secrets {
		for how, needles := range encodings(secret) {
			for _, n := range needles {
				fold := !strings.HasPrefix(how, "base64")
				if fold {
					n = strings.ToLower(n)
				}
				if len(n) >= minNeedle {
					s.forms = append(s.forms, form{name, how, []byte(n), fold})
				}
			}
		}
	}
	return s
}

// encodings gives what a secret looks like in each. In base64 a text looks different in each of three places, and its edges
// depend on what is beside it.
func encodings(secret string) map[string][]string {
	var percent strings.Builder
	for i := range len(secret) {
		percent.WriteString("%" + hex.EncodeToString([]byte{secret[i]}))
	}
	return map[string][]string{
		"plain": {secret}, "URL": {url.QueryEscape(secret), url.PathEscape(secret), percent.String()}, "hex": {hex.EncodeToString([]byte(secret))},
		"base64": base64Forms(base64.RawStdEncoding, secret), "base64url": base64Forms(base64.RawURLEncoding, secret),
		"UTF-16": {utf16Form(secret, 0), utf16Form(secret, 1)},
	}
}

func base64Forms(enc *base64.Encoding, secret string) []string {
	var out []string
	for shift := range 3 {
		padded := append(make([]byte, shift), secret...)
		text := enc.EncodeToString(padded)
		from := (shift*8 + 5) / 6 // characters that hold bits of what is before
		to := len(padded) * 8 / 6 // and of what is behind
		out = append(out, text[min(from, to):to])
	}
	return out
}

// utf16Form writes a text with its low bytes first (0) or last (1), without what the edges share.
func utf16Form(secret string, low int) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(secret)) {
		pair := []byte{byte(u & 0xff), byte(u >> 8)}
		out = append(out, pair[low], pair[1-low])
	}
	return string(out)
}

// Search looks through b, which is one body, message or header.
func (s *Scanner) Search(b []byte) {
	low := bytes.ToLower(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += int64(len(b))
	for _, f := range s.forms {
		in := b
		if f.fold {
			in = low
		}
		if bytes.Contains(in, f.needle) {
			s.found[f.name] = f.how
		}
	}
}

// Found gives the names of secrets that were found, and how they were encoded.
func (s *Scanner) Found() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]string{}
	for name, how := range s.found {
		out[name] = how
	}
	return out
}

// Bytes says how much was searched.
func (s *Scanner) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}
