package program

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	conf "github.com/everydaytech/meshsso/authsvc/config"
	"github.com/everydaytech/meshsso/meshbridge"
)

type configCmd struct {
	Check  configCheckCmd  `cmd:"" help:"Read meshsso.yaml as serve does, and say what was understood. Exit code 1 with everything that is wrong."`
	Schema configSchemaCmd `cmd:"" help:"Print the JSON Schema of meshsso.yaml."`
}

type configSchemaCmd struct{}

// Help teaches; kong prints it.
func (configSchemaCmd) Help() string {
	return `An editor that knows YAML schemas completes and checks meshsso.yaml with it:

  meshsso config schema > meshsso.schema.json

and this as the first line of meshsso.yaml:

  # yaml-language-server: $schema=meshsso.schema.json`
}

// Run prints it.
func (configSchemaCmd) Run(e env) error {
	_, err := e.stdout.Write(conf.Schema())
	return err
}

type configCheckCmd struct {
	File string `arg:"" optional:"" env:"MESHSSO_CONFIG" placeholder:"FILE" help:"Default: what MESHSSO_CONFIG names."`
}

// Run checks a file; nothing is fetched and no database is asked.
func (c configCheckCmd) Run(ctx context.Context, e env) error {
	path := firstOf(c.File, e.getenv("MESHSSO_CONFIG"))
	if path == "" {
		return errors.New("name a file, or set MESHSSO_CONFIG")
	}
	file, err := conf.Load(path)
	if err != nil {
		return configError{err}
	}
	_, err = newPolicy(file)
	if err := errors.Join(placed(file, path, err), checkKeyFiles(file, e.getenv)); err != nil {
		return configError{err}
	}
	if err := checkGeneration(ctx, path, file, e.getenv); err != nil {
		return configError{err}
	}
	return summarize(e.stdout, path, file)
}

// checkGeneration makes of the file what serve makes of it, and reads the key files that it names. Where JWT_SECRET is not set, a
// random one stands in for it.
func checkGeneration(ctx context.Context, path string, file *conf.File, getenv func(string) string) error {
	keys, errs := readSecrets(getenv)
	if len(keys.jwt) == 0 {
		keys.jwt = []byte(rand.Text() + rand.Text())
	}
	way, known := meshbridge.ParseWay(firstOf(getenv("MESHSSO_DEVICE_RIGHTS"), "links"))
	if !known {
		errs = append(errs, errors.New("MESHSSO_DEVICE_RIGHTS must be links or group"))
	}
	maker := &ruleMaker{path: path, keys: keys, way: way, getenv: getenv, log: slog.New(slog.DiscardHandler)}
	made, _, err := maker.make(nil)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	defer made.closeSources()
	for i := range file.Issuers {
		for _, s := range made.sources {
			if is := &file.Issuers[i]; s.issuer == is.Name && is.Keys.JWKSFile != "" {
				errs = append(errs, named(fmt.Sprintf("issuers[%d].keys.jwksFile", i), s.Refresh(ctx)))
			}
		}
	}
	return errors.Join(errs...)
}

func named(what string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return err
}

// closeSources ends sources that nothing runs.
func (r *rules) closeSources() {
	ended, end := context.WithCancel(context.Background())
	end()
	for _, s := range r.sources {
		s.Run(ended)
	}
}

// placed gives each line of a policy's faults, which begin with the path in the file, its place there.
func placed(file *conf.File, name string, err error) error {
	if err == nil {
		return nil
	}
	var faults conf.Faults
	for line := range strings.SplitSeq(err.Error(), "\n") {
		path, message, ok := strings.Cut(line, ": ")
		if !ok {
			path, message = "", line
		}
		fault := file.At(path, message)
		fault.File = name
		faults = append(faults, fault)
	}
	return faults
}

// checkKeyFiles says which secrets and key files are missing here. No error holds any of their content.
func checkKeyFiles(file *conf.File, getenv func(string) string) error {
	var errs []error
	present := func(at, path string) {
		info, err := os.Stat(path)
		switch {
		case path == "":
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		case !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > maxSecretFile:
			errs = append(errs, fmt.Errorf("%s: %s is not a file of 1 byte to 1 MiB", at, path))
		}
	}
	for i := range file.Issuers {
		at, k := fmt.Sprintf("issuers[%d].keys", i), &file.Issuers[i].Keys
		present(at+".jwksFile", k.JWKSFile)
		present(at+".caFile", k.CAFile)
		for j, s := range k.Secrets {
			at := fmt.Sprintf("%s.secrets[%d]", at, j)
			present(at+".file", s.File)
			if s.Env != "" && getenv(s.Env) == "" {
				errs = append(errs, fmt.Errorf("%s.env: %s is not set here", at, s.Env))
			}
		}
	}
	return errors.Join(errs...)
}

func summarize(w io.Writer, path string, f *conf.File) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is sound.\n", path)
	fmt.Fprintf(&b, "built-in issuer: %s\n", mappingText(f.ClaimMappings, f.ClaimValidationRules))
	for i := range f.Issuers {
		is := &f.Issuers[i]
		fmt.Fprintf(&b, "issuer %s: %s for %d tenants, %s\n", is.Name, strings.Join(is.Algorithms, " "), len(is.Tenants), keysText(&is.Keys))
		own := "those of the built-in issuer"
		if is.ClaimMappings != nil || is.ClaimValidationRules != nil {
			own = mappingText(is.ClaimMappings, is.ClaimValidationRules)
		}
		fmt.Fprintf(&b, "  mappings: %s\n", own)
		if is.AllowSuperadmin {
			b.WriteString("  may name superadmins\n")
		}
	}
	fmt.Fprintf(&b, "rules for users: %d\n", len(f.UserValidationRules))
	fmt.Fprintf(&b, "roles: %s\n", rolesText(f.Roles))
	for _, id := range slices.Sorted(maps.Keys(f.Tenants)) {
		fmt.Fprintf(&b, "  tenant %s: %s\n", id, rolesText(f.Tenants[id].Roles))
	}
	for _, m := range f.Mappers {
		fmt.Fprintf(&b, "mapper: %s\n", m.Name)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func rolesText(roles map[string]conf.Role) string {
	return firstOf(strings.Join(slices.Sorted(maps.Keys(roles)), ", "), "the built-in ones")
}

func keysText(k *conf.Keys) string {
	switch {
	case len(k.Secrets) > 0:
		return fmt.Sprintf("%d secrets", len(k.Secrets))
	case k.JWKSFile != "":
		return "keys from " + k.JWKSFile
	case k.JWKSURL != "":
		return "keys from " + k.JWKSURL
	}
	return "keys by OpenID Connect discovery"
}

// mappingText names the targets that a file maps.
func mappingText(m *conf.ClaimMappings, rules []conf.Rule) string {
	var targets []string
	if m != nil {
		for _, t := range []struct {
			name string
			m    *conf.Mapping
		}{{"subject", m.Subject}, {"email", m.Email}, {"tenant", m.Tenant}, {"roles", m.Roles}, {"name", m.Name}, {"groups", m.Groups}} {
			if t.m != nil {
				targets = append(targets, t.name)
			}
		}
	}
	return fmt.Sprintf("%s mapped, %d rules for claims", firstOf(strings.Join(targets, ", "), "nothing"), len(rules))
}
