package program

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

type tokenCmd struct {
	Mint mintCmd `cmd:"" help:"Sign a token with a key of your own, to try things out."`
}

type mintCmd struct {
	KeyFile   string        `required:"" placeholder:"FILE" help:"The key, readable by you alone: a shared secret as it stands (one trailing newline is dropped), or a private key in PEM (RSA, EC, Ed25519)."`
	Alg       string        `placeholder:"NAME" help:"Default: HS256 for a secret, RS256, ES256/ES384/ES512 by the curve, or EdDSA."`
	KID       string        `name:"kid" placeholder:"ID" help:"The header's kid."`
	Claims    string        `placeholder:"FILE" help:"The payload, one JSON object; - is standard input. iat and exp are added where they are missing."`
	ExpiresIn time.Duration `default:"1h" help:"exp, from now, unless the payload has one (${default})."`
}

// Help teaches; kong prints it.
func (mintCmd) Help() string {
	return `For development: whoever can sign tokens is everybody. The key comes from a file alone, because a command line and an environment can be read by others.

  openssl genpkey -algorithm ed25519 -out key.pem
  echo '{"iss":"https://id.example","aud":"meshcentral","sub":"1","email":"ann@acme.example","email_verified":true}' |
    meshsso token mint --key-file key.pem --kid dev-1 --claims -`
}

const maxMintLifetime = 30 * 24 * time.Hour

// Run prints a token.
func (c mintCmd) Run(e env) error {
	if c.ExpiresIn < time.Second || c.ExpiresIn > maxMintLifetime {
		return errors.New("--expires-in must be from 1s to 720h")
	}
	key, err := readSigningKey(c.KeyFile)
	if err != nil {
		return fmt.Errorf("--key-file: %w", err)
	}
	method, err := signingMethod(key, c.Alg)
	if err != nil {
		return err
	}
	payload, err := c.payload(e, time.Now())
	if err != nil {
		return fmt.Errorf("--claims: %w", err)
	}
	t := jwt.NewWithClaims(method, payload)
	if c.KID != "" {
		t.Header["kid"] = c.KID
	}
	text, err := t.SignedString(key)
	if err != nil {
		return errors.New("the key cannot sign with " + method.Alg())
	}
	_, err = fmt.Fprintln(e.stdout, text)
	return err
}

// payload keeps every value as it is written: a number that went through a float could be another.
func (c mintCmd) payload(e env, now time.Time) (jwt.MapClaims, error) {
	var object map[string]jsontext.Value
	if c.Claims != "" {
		data, err := readInput(e, c.Claims)
		if err != nil {
			return nil, err
		}
		if err := strict.Unmarshal(data, &object); err != nil || object == nil {
			return nil, errors.New("is not one JSON object with distinct members")
		}
	}
	payload := jwt.MapClaims{"iat": now.Unix(), "exp": now.Add(c.ExpiresIn).Unix()}
	for name, value := range object {
		payload[name] = json.RawMessage(value)
	}
	return payload, nil
}

const maxInput = 1 << 20

// readInput reads a file, or standard input for "-".
func readInput(e env, path string) ([]byte, error) {
	in := e.stdin
	if path != "-" {
		f, err := os.Open(path) //nolint:gosec // whoever runs the program names the file
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err == nil && len(data) > maxInput {
		err = errors.New("is larger than 1 MiB")
	}
	return data, err
}

// readSigningKey gives a secret ([]byte) or a private key. No error holds any of it.
func readSigningKey(path string) (crypto.PrivateKey, error) {
	f, err := os.Open(path) //nolint:gosec // whoever runs the program names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecretFile {
		return nil, fmt.Errorf("%s is not a file of at most 1 MiB", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others can read or change %s: chmod 600 it", path)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(data), "-----BEGIN ") {
		return parsePEM(data, path)
	}
	if strings.HasPrefix(strings.TrimSpace(string(data)), "{") {
		return nil, fmt.Errorf("%s is JSON: a private key is read as PEM", path)
	}
	return []byte(strings.TrimSuffix(string(data), "\n")), nil
}

func parsePEM(data []byte, path string) (crypto.PrivateKey, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var key crypto.PrivateKey
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s holds a private key that cannot be read", path)
		}
		return key, nil
	}
	return nil, fmt.Errorf("%s holds no private key: encrypted ones and public ones do not sign here", path)
}

// signingMethod gives the method of a name, if the key fits it; of no name the usual one.
func signingMethod(key crypto.PrivateKey, name string) (jwt.SigningMethod, error) {
	var fitting []string
	switch k := key.(type) {
	case []byte:
		fitting = []string{"HS256", "HS384", "HS512"}
		if need := secretSize(name); len(k) < need {
			return nil, fmt.Errorf("--key-file has %d bytes: %s needs at least %d", len(k), firstOf(name, "HS256"), need)
		}
	case *rsa.PrivateKey:
		if fitting = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}; k.N.BitLen() < 2048 {
			return nil, errors.New("--key-file holds an RSA key of less than 2048 bits")
		}
	case *ecdsa.PrivateKey:
		curves := map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
		if alg := curves[k.Curve.Params().Name]; alg != "" {
			fitting = []string{alg}
		}
	case ed25519.PrivateKey:
		fitting = []string{"EdDSA"}
	}
	if len(fitting) == 0 {
		return nil, errors.New("--key-file holds a key of a kind that signs no token")
	}
	if name == "" {
		name = fitting[0]
	}
	if !slices.Contains(fitting, name) {
		return nil, fmt.Errorf("--alg: the key signs %s", strings.Join(fitting, ", "))
	}
	return jwt.GetSigningMethod(name), nil
}

// secretSize is that of the algorithm's hash (RFC 7518 3.2).
func secretSize(alg string) int {
	switch alg {
	case "HS384":
		return 48
	case "HS512":
		return 64
	}
	return 32
}
