package proxy

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"strings"
)

// The purposes of MeshCentral's two cookies. One is of no use for the other.
const (
	sealPage  = "page"  // authCookie
	sealRelay = "relay" // authRelayCookie
)

// sealMark begins what the browser carries in place of a cookie of MeshCentral's: letters and digits of base64url only, so
// that the page may put it into a URL as it is.
const sealMark = "meshsso1-"

const maxSealed = 4096

// sealer hides MeshCentral's cookies from the browser that has to carry them. It keeps nothing: any replica opens what
// another one sealed, and nobody can open it for another session.
type sealer struct{ aead cipher.AEAD }

func newSealer(key [32]byte) (sealer, error) {
	if key == [32]byte{} {
		return sealer{}, fmt.Errorf("the session proxy has no key to seal with")
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

func sealedFor(sessionID, purpose string) []byte { return []byte(purpose + "\x00" + sessionID) }

// seal gives what the browser gets for a cookie; "" stays "".
func (s sealer) seal(sessionID, purpose, cookie string) string {
	if cookie == "" {
		return ""
	}
	sealed := s.aead.Seal(nil, nil, []byte(cookie), sealedFor(sessionID, purpose)) //nolint:gosec // the cipher makes a random nonce itself
	return sealMark + base64.RawURLEncoding.EncodeToString(sealed)
}

// open gives the cookie back, if it was sealed for this session and purpose.
func (s sealer) open(sessionID, purpose, text string) (string, bool) {
	body, ok := strings.CutPrefix(text, sealMark)
	if !ok || len(text) > maxSealed {
		return "", false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return "", false
	}
	cookie, err := s.aead.Open(nil, nil, raw, sealedFor(sessionID, purpose))
	return string(cookie), err == nil
}
