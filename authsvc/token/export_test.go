package token

import (
	"context"

	"github.com/everydaytech/meshsso/authsvc"
)

// VerifySignature checks a compact JWS of whatever payload: as an issuer's, whose only key it is.
func VerifySignature(text string, secret []byte, keys authsvc.KeySource) error {
	i := &issuer{algorithms: algorithms, secrets: map[string][]*signer{}, keys: keys}
	known := &headers{algorithms: map[string]bool{}}
	for name, alg := range algorithms {
		if (alg.family == familyHMAC) == (secret != nil) {
			known.algorithms[name] = true
		}
		if alg.family == familyHMAC && secret != nil {
			i.secrets[name] = []*signer{newSigner(authsvc.KeyIssuer, secret, alg.hash)}
		}
	}
	raw, err := parse(text, known)
	if err != nil {
		return err
	}
	return i.vouch(context.Background(), raw)
}
