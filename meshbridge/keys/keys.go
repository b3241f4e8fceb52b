// Package keys derives every key of the session proxy from one secret, each for one purpose.
package keys

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// MinPrimaryBytes is the shortest primary secret: what is derived from less is not worth 256 bits.
const MinPrimaryBytes = 32

// The labels, one a purpose. A key of one is of no use for another.
const (
	SessionToken      = "session token"      // HMAC of the internal token
	Seal              = "seal"               // AES-GCM of what the browser carries of MeshCentral's cookies
	PersonCookie      = "person cookie"      // HMAC of the browser-wide cookie
	PrincipalPassword = "principal password" // of short-lived accounts
)

// Ring gives keys by label. Replicas that share the primary secret have the same ones.
type Ring struct{ primary []byte }

// NewRing makes a ring of a secret, MESHSSO_SESSION_KEY or else JWT_SECRET. Errors: it is shorter than MinPrimaryBytes; put the
// name of the secret before the text.
func NewRing(primary []byte) (Ring, error) {
	if len(primary) < MinPrimaryBytes {
		return Ring{}, fmt.Errorf("has %d bytes and must have at least %d", len(primary), MinPrimaryBytes)
	}
	return Ring{primary: append([]byte(nil), primary...)}, nil
}

// Key gives the key of a label (RFC 5869 with SHA-256, no salt). It panics on the zero Ring, whose keys anybody could make.
func (r Ring) Key(label string) [32]byte {
	if len(r.primary) == 0 {
		panic("keys: a ring without a secret")
	}
	// The only error is a key longer than 255 hashes.
	key, err := hkdf.Key(sha256.New, r.primary, nil, "meshsso "+label+" v1", 32)
	if err != nil {
		panic(err)
	}
	return [32]byte(key)
}

// String is redacted.
func (Ring) String() string { return "[redacted keys]" }

// GoString is redacted.
func (Ring) GoString() string { return "[redacted keys]" }
