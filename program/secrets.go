package program

import (
	"fmt"
	"os"
	"strings"
)

const maxSecretFile = 1 << 20

// readSecret gives NAME, or the content of the file that NAME_FILE names without one trailing newline; "" if neither is
// set. NAME is taken as it stands. No error holds any of the content.
func readSecret(getenv func(string) string, name string) (string, error) {
	value, path := getenv(name), getenv(name+"_FILE")
	switch {
	case path == "":
		return value, nil
	case value != "":
		return "", fmt.Errorf("%s and %s_FILE are both set: unset one", name, name)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecretFile {
		return "", fmt.Errorf("%s_FILE: %s is not a file of at most 1 MiB", name, path)
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	text := strings.TrimSuffix(string(data), "\n")
	if text == "" {
		return "", fmt.Errorf("%s_FILE: %s is empty", name, path)
	}
	return text, nil
}

// secrets are the signing keys.
type secrets struct{ jwt, agent []byte }

// readSecrets reads both keys; token.New judges them.
func readSecrets(getenv func(string) string) (s secrets, errs []error) {
	for _, f := range []struct {
		name string
		into *[]byte
	}{{"JWT_SECRET", &s.jwt}, {"AGENT_SIGN_KEY", &s.agent}} {
		text, err := readSecret(getenv, f.name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		*f.into = []byte(text)
	}
	return s, errs
}
