// Package keys derives every key that the session proxy uses from one primary secret, each under a label of its own, so that
// what is signed for one purpose is nothing for another.
package keys

import (
	"crypto/hkdf"
	"crypto/sha256"
)

// Ring gives keys by label. The zero value is not a ring.
type Ring struct{ primary []byte }

// NewRing makes a ring over a primary secret of at least 32 bytes.
func NewRing(primary []byte) Ring { return Ring{append([]byte(nil), primary...)} }

// Key gives the key of a label: HKDF-SHA-256 (RFC 5869) without salt, info "meshsso <label> v1". The same for ever.
func (r Ring) Key(label string) [32]byte {
	out, err := hkdf.Key(sha256.New, r.primary, nil, "meshsso "+label+" v1", 32)
	if err != nil { // only a length that HKDF does not have
		panic(err)
	}
	return [32]byte(out)
}
