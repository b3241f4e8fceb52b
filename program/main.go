// Package program is the whole of the program meshsso but its main: with its subcommands, flags, variables and exit codes. A main
// of your own registers Go mappers (authsvc/claims.Register) and calls Main.
package program

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// env is what a subcommand takes from outside, so that a test can run one.
type env struct {
	getenv func(string) string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

type cli struct {
	Serve       serveCmd       `cmd:"" help:"Answer the shim: validate tokens over gRPC until SIGTERM."`
	Migrate     migrateCmd     `cmd:"" help:"Make, remove or show the schema meshsso in the platform's database; show what a change of device rights would move."`
	Sessions    sessionsCmd    `cmd:"" help:"List or kill live sessions of the session proxy."`
	Audit       auditCmd       `cmd:"" help:"Show who used which device through the session proxy, when, from where and for how long."`
	Config      configCmd      `cmd:"" help:"Check meshsso.yaml, or print its JSON Schema."`
	Claims      claimsCmd      `cmd:"" help:"Explain what a token gives: each step, each rule, the final MeshCentral user, and why it is denied."`
	Token       tokenCmd       `cmd:"" help:"Make tokens for development."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a running serve on the same machine whether it is healthy: exit code 0 or 1."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

const description = `Signs people of a dashboard in to MeshCentral with the dashboard's JWT and the rights that its PostgreSQL gives.

Secrets have no flags, because a command line can be read by every user of a machine. They are environment variables, each also as NAME_FILE with the path of a file (one trailing newline is dropped); giving both is an error:

  JWT_SECRET          the dashboard's signing secret, at least 32 bytes (serve)
  AGENT_SIGN_KEY      the agents' signing secret, optional, a different one (serve)
  POSTGRES_PASSWORD   or DB_PASSWORD
  DATABASE_URL        postgres://user:password@host:5432/database
  MESHSSO_SESSION_KEY what the session proxy's keys are made from, at least 32 bytes, the same on every replica; else JWT_SECRET (serve)
  MESHCENTRAL_PASSWORD the service account's, for a MeshCentral without the shim (serve)

The database is POSTGRES_HOST, _PORT, _USER, _PASSWORD, _DB; else DB_HOST, _PORT, _USER, _PASSWORD, _NAME; else DATABASE_URL. The port defaults to 5432; a host that begins with "/" is a socket directory. Connections to other machines are always verified TLS; POSTGRES_CA_FILE names a CA of your own.

Examples:

  meshsso migrate up
  meshsso serve
  MESHCENTRAL_URL=https://mesh.internal meshsso serve --dashboard-origins https://dashboard.example
  meshsso sessions list
  meshsso audit --follow
  meshsso config check meshsso.yaml
  meshsso claims explain --config meshsso.yaml --claims claims.json --user row.json
  meshsso serve --listen tcp://127.0.0.1:7443 --log-level debug
  MESHSSO_CACHE_TTL=1m meshsso serve`

// Main runs the program with the process's own arguments, environment and streams, and ends the process.
func Main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Run is Main with other arguments and streams, until it ends by itself or ctx does. It gives the exit code: 0, 1 for a fault that its
// text explains, 2 for a wrong command line.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return run(ctx, args, env{getenv: os.Getenv, stdin: stdin, stdout: stdout, stderr: stderr})
}

// run is the whole program: exit code 0, 1 for a fault that its text explains, 2 for a wrong command line.
func run(ctx context.Context, args []string, e env) int {
	var c cli
	code := -1
	parser, err := kong.New(&c,
		kong.Name("meshsso"), kong.Description(description), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.Writers(e.stdout, e.stderr), kong.Exit(func(c int) { code = c }),
		kong.ExplicitGroups(groups),
		kong.Resolvers(envResolver(e.getenv)),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(e))
	if err != nil {
		_, _ = fmt.Fprintln(e.stderr, "meshsso:", err)
		return 2
	}
	kctx, err := parser.Parse(args)
	if code >= 0 { // --help
		return code
	}
	if err != nil {
		_, _ = fmt.Fprintf(e.stderr, "meshsso: %v (try: meshsso --help)\n", err)
		return 2
	}
	if err := kctx.Run(); err != nil {
		_, _ = fmt.Fprintln(e.stderr, "meshsso:", err)
		return 1
	}
	return 0
}

var groups = []kong.Group{
	{Key: "listen", Title: "Where it listens:"},
	{Key: "tls", Title: "Mutual TLS (needed for any address but a unix socket or loopback):"},
	{Key: "proxy", Title: "Session proxy (off without MESHCENTRAL_URL):"},
	{Key: "validation", Title: "Validation:"},
	{Key: "cache", Title: "Cache and database:"},
	{Key: "logs", Title: "Logs and metrics:"},
}

// envResolver reads a flag's variable through getenv instead of the process's environment.
func envResolver(getenv func(string) string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			if v := getenv(name); v != "" {
				return v, nil
			}
		}
		return nil, nil
	})
}
