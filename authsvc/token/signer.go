package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"

	"github.com/everydaytech/meshsso/authsvc"
)

// signer is one HS256 key (RFC 7518 3.2). It keeps keyed hashes for reuse: making one costs as much as using it.
type signer struct {
	id     authsvc.KeyID
	hashes sync.Pool // of hash.Hash
}

func newSigner(id authsvc.KeyID, key []byte) *signer {
	s := &signer{id: id}
	s.hashes.New = func() any { return hmac.New(sha256.New, key) }
	return s
}

// verifies compares in constant time.
func (s *signer) verifies(c compact) bool {
	h := s.hashes.Get().(hash.Hash)
	defer s.hashes.Put(h)
	h.Reset()
	h.Write([]byte(c.signed))
	var sum [sha256.Size]byte
	return hmac.Equal(c.signature, h.Sum(sum[:0]))
}
