package keys_test

import (
	"encoding/hex"
	"testing"

	"github.com/everydaytech/meshsso/meshbridge/keys"
)

// What was sealed with a key must open after an update: the derivation never changes.
func TestKeysStayTheSame(t *testing.T) {
	r := keys.NewRing([]byte("primary-primary-primary-primary-32"))
	for label, want := range map[string]string{
		"session token": "76bd7043bdba05c0f409dde7762f9e26d8507c61017396d3fb6756e1673c99c3",
		"person cookie": "a522a17e29c8fb02b0a28f15e54514fda068267c5d0242fe29f5ac4168c6b0d4",
		"seal":          "fe252911b85027b924b934fae7d7fec672daa2560375316122db6dfe32a91ebf",
	} {
		k := r.Key(label)
		if got := hex.EncodeToString(k[:]); got != want {
			t.Errorf("%s: %s", label, got)
		}
	}
	if keys.NewRing([]byte("another-another-another-another-32")).Key("seal") == r.Key("seal") {
		t.Error("two primaries give one key")
	}
}
