package keys_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/meshbridge/keys"
)

func ring(t *testing.T, secret string) keys.Ring {
	t.Helper()
	r, err := keys.NewRing([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestKeysAreFixedByLabelAndSecret(t *testing.T) {
	secret := strings.Repeat("s", 32)
	// Computed with another implementation (Node's crypto.hkdfSync): other programs derive the same ones.
	const want = "b7ccae9bf0b3d01672e5915446528b42c2d10f9ed40798acc9aae6acbecd27be"
	key := ring(t, secret).Key(keys.SessionToken)
	if got := hex.EncodeToString(key[:]); got != want {
		t.Errorf("session token: %s", got)
	}
	seen := map[[32]byte]string{}
	for _, s := range []string{secret, strings.Repeat("t", 32)} {
		for _, label := range []string{keys.SessionToken, keys.Seal, keys.PersonCookie, keys.PrincipalPassword} {
			k := ring(t, s).Key(label)
			if other, dup := seen[k]; dup {
				t.Errorf("%q has the key of %q", label, other)
			}
			seen[k] = label
		}
	}
}

func TestAShortOrMissingSecretMakesNoKeys(t *testing.T) {
	for _, n := range []int{0, 1, 31} {
		if _, err := keys.NewRing(make([]byte, n)); err == nil {
			t.Errorf("%d bytes were accepted", n)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("the zero ring gave a key")
		}
	}()
	keys.Ring{}.Key(keys.Seal)
}

func TestARingIsNeverPrinted(t *testing.T) {
	const secret = "a very secret secret of 32 bytes"
	r := ring(t, secret)
	for _, text := range []string{fmt.Sprint(r), fmt.Sprintf("%v %+v %#v %s", r, r, r, r)} {
		if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%d", []byte(secret))) {
			t.Error("printed")
		}
	}
}

func TestTheCallersSecretMayBeWipedLater(t *testing.T) {
	secret := []byte(strings.Repeat("s", 32))
	r, _ := keys.NewRing(secret)
	before := r.Key(keys.Seal)
	clear(secret)
	if r.Key(keys.Seal) != before {
		t.Error("the ring follows the caller's bytes")
	}
}
