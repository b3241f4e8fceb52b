package token

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha512"
	"hash"
	"sync"

	"github.com/everydaytech/meshsso/authsvc"
)

// signer is one secret and one HMAC algorithm (RFC 7518 3.2). It keeps keyed hashes for reuse: making one costs as much as using it.
type signer struct {
	id     authsvc.KeyID
	kid    string    // if not empty, only tokens with this `kid`
	hashes sync.Pool // of hash.Hash
}

func newSigner(id authsvc.KeyID, key []byte, h crypto.Hash) *signer {
	s := &signer{id: id}
	s.hashes.New = func() any { return hmac.New(h.New, key) }
	return s
}

// verifies compares in constant time.
func (s *signer) verifies(c compact) bool {
	h := s.hashes.Get().(hash.Hash)
	defer s.hashes.Put(h)
	h.Reset()
	h.Write([]byte(c.signed))
	var sum [sha512.Size]byte // the longest
	return hmac.Equal(c.signature, h.Sum(sum[:0]))
}
