package program

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// serveOutput runs serve with a configuration that must be refused.
func serveOutput(t *testing.T, vars map[string]string, args ...string) string {
	t.Helper()
	out := &syncBuffer{}
	if code := run(t.Context(), append([]string{"serve"}, args...), testEnv(vars, out)); code != 1 {
		t.Errorf("exit code %d", code)
	}
	return out.String()
}

func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAllConfigurationErrorsAtOnce(t *testing.T) {
	const hush = "hush-hush"
	out := serveOutput(t, map[string]string{
		"JWT_SECRET": hush, "AGENT_SIGN_KEY": hush, "MESHSSO_LISTEN": "tcp://0.0.0.0:7443", "MESHSSO_DOMAINS": "ok,Not OK", "MESHSSO_LEEWAY": "soon",
		"MESHSSO_CACHE_TTL": "48h", "MESHSSO_QUERY_TIMEOUT": "0s", "MESHSSO_CACHE_SIZE": "many", "MESHSSO_METRICS": "0.0.0.0:9464", "MESHSSO_LOG_LEVEL": "loud", "MESHSSO_DEVICE_RIGHTS": "Group",
		"POSTGRES_HOST": "a.example", "DB_HOST": "b.example", "POSTGRES_PORT": "99999", "POSTGRES_PASSWORD": hush, "POSTGRES_PASSWORD_FILE": "/nowhere",
	})
	for _, s := range []string{
		"JWT_SECRET has 9 bytes", "AGENT_SIGN_KEY has 9 bytes", "must differ", "--tls-cert", `"Not OK"`, `--leeway is "soon"`, `--cache-ttl is "48h"`,
		`--query-timeout is "0s"`, `--cache-size is "many"`, "--metrics-listen", "--log-level", `--device-rights is "Group" and must be links or group`, "POSTGRES_HOST and DB_HOST are both set", "POSTGRES_PORT",
		"POSTGRES_USER is not set", "POSTGRES_DB is not set", "POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are both set", "DB_USER is not set",
	} {
		if !strings.Contains(out, s) {
			t.Errorf("no word of: %s", s)
		}
	}
	if strings.Contains(out, hush) {
		t.Error("a secret is printed")
	}
	if t.Failed() {
		t.Log(out)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	get := func(vars map[string]string) func(string) string { return func(k string) string { return vars[k] } }
	for name, c := range map[string]struct {
		vars       map[string]string
		want, says string
	}{
		"as it stands":            {map[string]string{"S": " x\n"}, " x\n", ""},
		"unset":                   {nil, "", ""},
		"one newline is dropped":  {map[string]string{"S_FILE": secretFile(t, "abc\n")}, "abc", ""},
		"only one":                {map[string]string{"S_FILE": secretFile(t, " abc\n\n")}, " abc\n", ""},
		"no newline":              {map[string]string{"S_FILE": secretFile(t, "abc")}, "abc", ""},
		"both":                    {map[string]string{"S": "x", "S_FILE": secretFile(t, "abc")}, "", "both set"},
		"empty file":              {map[string]string{"S_FILE": secretFile(t, "\n")}, "", "is empty"},
		"missing file":            {map[string]string{"S_FILE": "/nowhere/s"}, "", "no such file"},
		"a directory is no file":  {map[string]string{"S_FILE": t.TempDir()}, "", "not a file"},
		"a device is no file":     {map[string]string{"S_FILE": "/dev/zero"}, "", "not a file"},
		"an empty value is unset": {map[string]string{"S": "", "S_FILE": secretFile(t, "abc")}, "abc", ""},
	} {
		got, err := readSecret(get(c.vars), "S")
		if got != c.want || (err == nil) != (c.says == "") || (err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "abc"))) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestDatabaseFromEnvironment(t *testing.T) {
	pg := map[string]string{"POSTGRES_HOST": "/run/pg", "POSTGRES_USER": "u", "POSTGRES_PASSWORD": "p", "POSTGRES_DB": "d"}
	db := map[string]string{"DB_HOST": "127.0.0.1", "DB_PORT": "25060", "DB_USER": "u2", "DB_PASSWORD": "p2", "DB_NAME": "d2"}
	join := func(sets ...map[string]string) map[string]string {
		out := map[string]string{}
		for _, s := range sets {
			maps.Copy(out, s)
		}
		return out
	}
	url := func(s string) map[string]string { return map[string]string{"DATABASE_URL": s} }
	for name, c := range map[string]struct {
		vars      map[string]string
		want      string // host port user password database
		says      string
		tls, note bool
	}{
		"POSTGRES_*":                  {vars: pg, want: "/run/pg 5432 u p d"},
		"DB_*":                        {vars: db, want: "127.0.0.1 25060 u2 p2 d2"},
		"both, one host":              {vars: join(db, pg, map[string]string{"DB_HOST": "/run/pg"}), want: "/run/pg 5432 u p d"},
		"both, two hosts":             {vars: join(db, pg), says: "POSTGRES_HOST and DB_HOST"},
		"no database":                 {says: "no database is configured"},
		"remote is verified TLS":      {vars: join(pg, map[string]string{"POSTGRES_HOST": "db.example"}), want: "db.example 5432 u p d", tls: true},
		"localhost":                   {vars: join(pg, map[string]string{"POSTGRES_HOST": "localhost"}), want: "localhost 5432 u p d"},
		"bad CA":                      {vars: join(pg, map[string]string{"POSTGRES_HOST": "db.example", "POSTGRES_CA_FILE": secretFile(t, "x")}), says: "no PEM certificate"},
		"URL":                         {vars: url("postgres://u:p%40%2F@127.0.0.1:6000/d"), want: "127.0.0.1 6000 u p@/ d"},
		"URL, remote":                 {vars: url("postgresql://u:p@db.example/d"), want: "db.example 5432 u p d", tls: true},
		"URL, socket":                 {vars: url("postgres://u@/d?host=/run/pg&port=7000"), want: "/run/pg 7000 u  d"},
		"URL, disable, remote":        {vars: url("postgres://u:p@db.example/d?sslmode=disable"), says: "sslmode=disable"},
		"URL, prefer, remote":         {vars: url("postgres://u:p@db.example/d?sslmode=prefer"), says: "sslmode=prefer"},
		"URL, disable, loopback":      {vars: url("postgres://u:p@[::1]/d?sslmode=disable"), want: "::1 5432 u p d"},
		"URL, require":                {vars: url("postgres://u:p@db.example/d?sslmode=require"), want: "db.example 5432 u p d", tls: true, note: true},
		"URL, require, loopback":      {vars: url("postgres://u:p@127.0.0.1/d?sslmode=require"), want: "127.0.0.1 5432 u p d", tls: true, note: true},
		"URL, unknown mode":           {vars: url("postgres://u:p@db.example/d?sslmode=maybe"), says: "sslmode"},
		"URL, unknown parameter":      {vars: url("postgres://u:p@db.example/d?options=-c"), says: `"options"`},
		"URL of another kind":         {vars: url("mysql://u:p@db.example/d"), says: "not of the form"},
		"URL that does not parse":     {vars: url("postgres://u:hush%zz@db.example/d"), says: "percent-encode"},
		"URL, two hosts":              {vars: url("postgres://u:p@a,b/d"), says: "one host"},
		"URL and equal variables":     {vars: join(pg, url("postgres://u:p@/d?host=/run/pg")), want: "/run/pg 5432 u p d"},
		"URL and different variables": {vars: join(pg, url("postgres://u:p@/other?host=/run/pg")), says: "different databases"},
		"PG* variables count nothing": {vars: join(pg, map[string]string{"PGHOST": "evil.example", "PGPASSWORD": "x"}), want: "/run/pg 5432 u p d"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := readDatabase(func(k string) string { return c.vars[k] })
			var got string
			if err == nil {
				cfg, cfgErr := d.connConfig()
				if err = cfgErr; err == nil {
					got = strings.Join([]string{cfg.Host, text(cfg.Port), cfg.User, cfg.Password, cfg.Database}, " ")
					if (cfg.TLSConfig != nil) != c.tls || (c.tls && (cfg.TLSConfig.InsecureSkipVerify || cfg.TLSConfig.ServerName != cfg.Host)) || len(cfg.Fallbacks) != 0 {
						t.Errorf("TLS is %+v, fallbacks %v", cfg.TLSConfig, cfg.Fallbacks)
					}
				}
			}
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hush")) {
				t.Fatalf("error %v, want %q", err, c.says)
			}
			if c.says == "" && (got != c.want || (len(d.notes) > 0) != c.note) {
				t.Errorf("got %s, notes %v", got, d.notes)
			}
		})
	}
}

func text(n uint16) string {
	out := ""
	for ; n > 0; n /= 10 {
		out = string(rune('0'+n%10)) + out
	}
	return out
}

func TestListenAddresses(t *testing.T) {
	for listen, says := range map[string]string{
		"unix:///run/x.sock": "", "tcp://127.0.0.1:7443": "", "tcp://[::1]:7443": "", "tcp://localhost:7443": "",
		"tcp://0.0.0.0:7443": "--tls-cert", "tcp://:7443": "--tls-cert", "tcp://10.0.0.1:7443": "--tls-cert", "tcp://db.example:7443": "--tls-cert",
		"unix://relative.sock": "absolute path", "unix:///" + strings.Repeat("x", 200): "at most 100", "/run/x.sock": "must be unix:///PATH", "tcp://nowhere": "must be", "": "must be",
	} {
		_, err := listenFlags{Listen: listen}.readListen()
		if (err == nil) != (says == "") || (err != nil && !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v", listen, err)
		}
	}
	if _, err := (listenFlags{Listen: "tcp://127.0.0.1:1", TLSCert: "a"}).readListen(); err == nil || !strings.Contains(err.Error(), "all three") {
		t.Error(err)
	}
	if _, err := (listenFlags{Listen: "unix:///x", TLSCert: "a", TLSKey: "b", TLSClientCA: "c"}).readListen(); err == nil || !strings.Contains(err.Error(), "no meaning") {
		t.Error(err)
	}
}

func TestHelpTeaches(t *testing.T) {
	out := &syncBuffer{}
	if code := run(t.Context(), []string{"--help"}, testEnv(nil, out)); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, s := range []string{"JWT_SECRET", "_FILE", "meshsso migrate up", "DATABASE_URL", "healthcheck"} {
		if !strings.Contains(out.String(), s) {
			t.Errorf("the help does not mention %s:\n%s", s, out)
		}
	}
	out = &syncBuffer{}
	if code := run(t.Context(), []string{"serve", "--help"}, testEnv(nil, out)); code != 0 || !strings.Contains(out.String(), "$MESHSSO_LISTEN") || strings.Contains(out.String(), "JWT_SECRET=") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	out = &syncBuffer{}
	if code := run(t.Context(), []string{"serve", "--jwt-secret=x"}, testEnv(nil, out)); code != 2 {
		t.Errorf("a secret as a flag: exit code %d", code)
	}
	out = &syncBuffer{}
	if code := run(t.Context(), []string{"version"}, testEnv(nil, out)); code != 0 || !strings.HasPrefix(out.String(), "meshsso ") {
		t.Errorf("version: %d %s", code, out)
	}
}
