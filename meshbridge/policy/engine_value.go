package policy

import (
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// value is one JSON value as it came, checked for syntax by whoever cut it out; nil where there is none.
type value []byte

func (v value) kind() byte {
	if len(v) == 0 {
		return 0
	}
	return v[0]
}

func (v value) text() (string, bool) {
	if v.kind() != '"' {
		return "", false
	}
	out, err := jsontext.AppendUnquote(nil, v)
	if err != nil && len(out) == 0 && len(v) > 2 {
		return "", false
	}
	return string(out), true // half of a surrogate pair, or bytes that are no UTF-8, became U+FFFD
}

// wellFormed says that a text has no half of a surrogate pair: no UTF-8 has one, and a device that sends it back loses its
// connection. Bytes that are no UTF-8 are another matter: what is built of them is.
func (v value) wellFormed() bool {
	_, err := jsontext.AppendUnquote(nil, v)
	return err == nil || !utf8.Valid(v)
}

// number gives a number that is finite in JavaScript.
func (v value) number() (float64, bool) {
	if k := v.kind(); k != '-' && (k < '0' || k > '9') {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(v), 64)
	return n, err == nil && !math.IsInf(n, 0)
}

const maxSafeInteger = 1<<53 - 1

// integer gives a whole number from 0 up to 2^53-1.
func (v value) integer() (int64, bool) {
	n, ok := v.number()
	if !ok || n < 0 || n > maxSafeInteger || n != math.Trunc(n) {
		return 0, false
	}
	return int64(n), true
}

// list gives an array's elements.
func (v value) list() ([]value, bool) {
	if v.kind() != '[' {
		return nil, false
	}
	var raw []json.RawMessage
	if json.Unmarshal(v, &raw) != nil {
		return nil, false
	}
	out := make([]value, len(raw))
	for i, r := range raw {
		out[i] = value(r)
	}
	return out, true
}

// scalar writes a string, number, boolean or null anew.
func (v value) scalar() []byte {
	if text, ok := v.text(); ok {
		return quote(text)
	}
	if n, ok := v.number(); ok {
		return writeNumber(n)
	}
	return v
}

func writeNumber(n float64) []byte {
	out, err := json.Marshal(n + 0) // -0 is 0
	if err != nil {
		return []byte("null")
	}
	return out
}

func quote(text string) []byte {
	out, err := jsontext.AppendQuote(nil, text)
	if err != nil { // not UTF-8: what was wrong is U+FFFD in out
		return out
	}
	return out
}

// units counts as JavaScript does: UTF-16.
func units(text string) int {
	n := 0
	for _, r := range text {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}
