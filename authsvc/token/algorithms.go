package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"math/big"
)

type family uint8

const (
	familyHMAC family = iota + 1
	familyPKCS1
	familyPSS
	familyECDSA
	familyEd25519
)

// algorithm says how a name of RFC 7518 3.1 or RFC 8037 3.1 verifies.
type algorithm struct {
	family family
	hash   crypto.Hash    // 0 for Ed25519, which hashes by itself
	curve  elliptic.Curve // of ECDSA: its algorithms are bound to one curve (RFC 7518 3.4)
}

// algorithms are all that there are, spelled as there: names are case-sensitive. "none" is not one.
var algorithms = map[string]algorithm{
	"HS256": {family: familyHMAC, hash: crypto.SHA256},
	"HS384": {family: familyHMAC, hash: crypto.SHA384},
	"HS512": {family: familyHMAC, hash: crypto.SHA512},
	"RS256": {family: familyPKCS1, hash: crypto.SHA256},
	"RS384": {family: familyPKCS1, hash: crypto.SHA384},
	"RS512": {family: familyPKCS1, hash: crypto.SHA512},
	"PS256": {family: familyPSS, hash: crypto.SHA256},
	"PS384": {family: familyPSS, hash: crypto.SHA384},
	"PS512": {family: familyPSS, hash: crypto.SHA512},
	"ES256": {family: familyECDSA, hash: crypto.SHA256, curve: elliptic.P256()},
	"ES384": {family: familyECDSA, hash: crypto.SHA384, curve: elliptic.P384()},
	"ES512": {family: familyECDSA, hash: crypto.SHA512, curve: elliptic.P521()},
	"EdDSA": {family: familyEd25519},
}

// Bounds of an RSA key: RFC 7518 3.3 wants 2048 bits; more than 8192 cost more than anybody needs.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// fits says whether the algorithm may use the key: a key of another kind or of less strength verifies nothing.
func (a algorithm) fits(key crypto.PublicKey) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return (a.family == familyPKCS1 || a.family == familyPSS) && k != nil && soundRSA(k)
	case *ecdsa.PublicKey:
		return a.family == familyECDSA && k != nil && k.Curve == a.curve
	case ed25519.PublicKey:
		return a.family == familyEd25519 && len(k) == ed25519.PublicKeySize
	}
	return false
}

func soundRSA(k *rsa.PublicKey) bool {
	if k.N == nil || k.N.Sign() <= 0 || k.N.Bit(0) == 0 {
		return false
	}
	bits := k.N.BitLen()
	return bits >= minRSABits && bits <= maxRSABits && k.E >= 3 && k.E <= 1<<31-1 && k.E%2 == 1
}

// verifies checks a signature by a public key that fits. HMAC is not among these: no public key is ever a secret.
func (a algorithm) verifies(key crypto.PublicKey, signed string, signature []byte) bool {
	if !a.fits(key) {
		return false
	}
	if k, ok := key.(ed25519.PublicKey); ok {
		return ed25519.Verify(k, []byte(signed), signature)
	}
	h := a.hash.New()
	h.Write([]byte(signed))
	digest := h.Sum(nil)
	switch k := key.(type) {
	case *rsa.PublicKey:
		if a.family == familyPKCS1 {
			return rsa.VerifyPKCS1v15(k, a.hash, digest, signature) == nil
		}
		// The salt is as long as the hash (RFC 7518 3.5), not whatever length happens to fit.
		return rsa.VerifyPSS(k, a.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	case *ecdsa.PublicKey:
		return verifiesECDSA(k, digest, signature)
	}
	return false
}

// verifiesECDSA reads R and S, each as long as the curve's order (RFC 7518 3.4), and never ASN.1.
func verifiesECDSA(k *ecdsa.PublicKey, digest, signature []byte) bool {
	size := (k.Params().N.BitLen() + 7) / 8
	if len(signature) != 2*size {
		return false
	}
	return ecdsa.Verify(k, digest, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:]))
}
