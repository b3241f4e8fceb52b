package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
)

// Forms of signatures that other libraries take and RFC 7518 does not have.
func TestSignaturesOfOtherForms(t *testing.T) {
	v := verifierOf(t, byKeys("acme", acmeISS, allKeys()))
	try := func(name, alg string, of func(digest []byte) ([]byte, error), want authsvc.Reason) {
		t.Helper()
		signed := b64(head(alg, `,"kid":"key of `+alg+`"`)) + "." + b64(issued(acmeISS, ""))
		digest := sha256.Sum256([]byte(signed))
		sig, err := of(digest[:])
		if err != nil {
			t.Fatal(err)
		}
		expect(t, v, name, signed+"."+base64.RawURLEncoding.EncodeToString(sig), want)
	}
	rsaKey, ecKey := private()["RSA"].(*rsa.PrivateKey), private()["ES256"].(*ecdsa.PrivateKey)
	pss := func(salt int) func([]byte) ([]byte, error) {
		return func(d []byte) ([]byte, error) {
			return rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, d, &rsa.PSSOptions{SaltLength: salt})
		}
	}
	try("a salt of the hash's length", "PS256", pss(32), "")
	try("the longest salt", "PS256", pss(rsa.PSSSaltLengthAuto), authsvc.TokenSignature)
	try("a short salt", "PS256", pss(20), authsvc.TokenSignature)
	try("a long salt", "PS256", pss(64), authsvc.TokenSignature)
	try("PKCS #1 under the name of PSS", "PS256", func(d []byte) ([]byte, error) {
		return rsa.SignPKCS1v15(rand.Reader, rsaKey, crypto.SHA256, d)
	}, authsvc.TokenSignature)
	try("PSS under the name of PKCS #1", "RS256", pss(32), authsvc.TokenSignature)
	try("ASN.1", "ES256", func(d []byte) ([]byte, error) { return ecdsa.SignASN1(rand.Reader, ecKey, d) }, authsvc.TokenSignature)
	raw := func(width int, by int64) func([]byte) ([]byte, error) {
		return func(d []byte) ([]byte, error) {
			r, s, err := ecdsa.Sign(rand.Reader, ecKey, d)
			if err != nil {
				return nil, err
			}
			s.Add(s, new(big.Int).Mul(big.NewInt(by), ecKey.Params().N))
			out := make([]byte, 2*width)
			r.FillBytes(out[:width])
			s.FillBytes(out[width:])
			return out, nil
		}
	}
	try("R and S", "ES256", raw(32, 0), "")
	try("R and S of 33 bytes", "ES256", raw(33, 0), authsvc.TokenSignature)
	try("S past the order", "ES256", raw(33, 1), authsvc.TokenSignature)
	try("R and R", "ES256", func(d []byte) ([]byte, error) {
		sig, err := raw(32, 0)(d)
		return append(sig[:32:32], sig[:32]...), err
	}, authsvc.TokenSignature)
}
