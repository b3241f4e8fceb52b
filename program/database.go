package program

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// database is where PostgreSQL is, read from exactly one of three sets of variables.
type database struct {
	host, user, password, name string
	port                       uint16
	sslmode                    string // of DATABASE_URL, "" if none
	sslrootcert                string
	notes                      []string // what was changed for safety, for the log
}

// readDatabase reads POSTGRES_*, else DB_*, else DATABASE_URL. The error lists everything that is wrong.
func readDatabase(getenv func(string) string) (database, error) {
	pg, pgErr := databaseFromVars(getenv, "POSTGRES_", "DB")
	db, dbErr := databaseFromVars(getenv, "DB_", "NAME")
	rawURL, urlErr := readSecret(getenv, "DATABASE_URL")
	var chosen database
	var errs []error
	switch {
	case pg.host != "" && db.host != "" && pg.host != db.host:
		errs = append(errs, errors.New("POSTGRES_HOST and DB_HOST are both set and differ: unset one of the two sets"), pgErr, dbErr, urlErr)
	case pg.host != "":
		chosen, errs = pg, append(errs, pgErr, urlErr)
	case db.host != "":
		chosen, errs = db, append(errs, dbErr, urlErr)
	case rawURL != "" || urlErr != nil:
		errs = append(errs, urlErr)
	default:
		errs = append(errs, errors.New("no database is configured: set POSTGRES_HOST, POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, or DATABASE_URL"))
	}
	if rawURL != "" {
		fromURL, err := databaseFromURL(rawURL)
		switch {
		case err != nil:
			errs = append(errs, err)
		case chosen.host == "":
			chosen = fromURL
		case !chosen.same(fromURL):
			errs = append(errs, errors.New("DATABASE_URL and the host variables name different databases: unset one"))
		}
	}
	chosen.sslrootcert = firstOf(getenv("POSTGRES_CA_FILE"), chosen.sslrootcert)
	return chosen, errors.Join(errs...)
}

func (d database) same(o database) bool {
	return d.host == o.host && d.port == o.port && d.user == o.user && d.name == o.name && (o.password == "" || d.password == o.password)
}

func databaseFromVars(getenv func(string) string, prefix, nameVar string) (database, error) {
	d := database{host: getenv(prefix + "HOST"), port: 5432, user: getenv(prefix + "USER"), name: getenv(prefix + nameVar)}
	if d.host == "" {
		return d, nil
	}
	var errs []error
	if p := getenv(prefix + "PORT"); p != "" {
		errs = append(errs, d.setPort(prefix+"PORT", p))
	}
	if d.user == "" {
		errs = append(errs, fmt.Errorf("%sUSER is not set", prefix))
	}
	if d.name == "" {
		errs = append(errs, fmt.Errorf("%s%s is not set", prefix, nameVar))
	}
	var err error
	d.password, err = readSecret(getenv, prefix+"PASSWORD")
	return d, errors.Join(append(errs, err)...)
}

func (d *database) setPort(what, text string) error {
	p, err := strconv.ParseUint(text, 10, 16)
	if err != nil || p == 0 {
		return fmt.Errorf("%s is not a port number from 1 to 65535", what)
	}
	d.port = uint16(p)
	return nil
}

// databaseFromURL reads postgres://user:password@host:port/name?sslmode=…&sslrootcert=…&host=/socket/dir. No error quotes
// the URL: it holds a password.
func databaseFromURL(raw string) (database, error) {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return database{}, errors.New("DATABASE_URL is not of the form postgres://user:password@host:5432/database (percent-encode special characters)")
	}
	d := database{host: u.Hostname(), port: 5432, user: u.User.Username(), name: strings.TrimPrefix(u.Path, "/")}
	d.password, _ = u.User.Password()
	var errs []error
	if u.Port() != "" {
		errs = append(errs, d.setPort("the port in DATABASE_URL", u.Port()))
	}
	for key, values := range u.Query() {
		errs = append(errs, d.setParameter(key, values[len(values)-1]))
	}
	if d.host == "" || d.user == "" || d.name == "" || strings.Contains(d.host, ",") {
		errs = append(errs, errors.New("DATABASE_URL must name one host, a user and a database"))
	}
	return d, errors.Join(errs...)
}

// setParameter takes one parameter of DATABASE_URL; what is not known is refused, because it might be about security.
func (d *database) setParameter(key, value string) error {
	switch key {
	case "sslmode":
		d.sslmode = value
	case "sslrootcert":
		d.sslrootcert = value
	case "host":
		d.host = value
	case "port":
		return d.setPort("port in DATABASE_URL", value)
	case "application_name", "connect_timeout": // we set our own
	default:
		return fmt.Errorf("DATABASE_URL has the parameter %q, which is not supported", key)
	}
	return nil
}

// connConfig makes pgx's configuration. It takes nothing from PG* variables, service or password files: only what was read
// and reported above counts.
func (d *database) connConfig() (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig("host=/nowhere port=5432 user=x password=x dbname=x sslmode=disable")
	if err != nil {
		return nil, errors.New("a PG* variable in the environment is out of shape: unset the PG* variables, they are not used")
	}
	cfg.Host, cfg.Port, cfg.User, cfg.Password, cfg.Database = d.host, d.port, d.user, d.password, d.name
	cfg.RuntimeParams = map[string]string{"application_name": "meshsso"}
	cfg.Fallbacks, cfg.ValidateConnect = nil, nil
	cfg.ConnectTimeout = 3 * time.Second
	cfg.TLSConfig, err = d.tls()
	return cfg, err
}

func (d *database) local() bool { return strings.HasPrefix(d.host, "/") || isLoopback(d.host) }

// tls gives nil where the connection cannot leave the machine and TLS was not asked for, else full verification.
func (d *database) tls() (*tls.Config, error) {
	switch d.sslmode {
	case "", "verify-full":
	case "disable", "allow", "prefer":
		if !d.local() {
			return nil, fmt.Errorf("sslmode=%s of DATABASE_URL would send people's data unprotected to another machine: use verify-full", d.sslmode)
		}
		return nil, nil
	case "require", "verify-ca":
		d.notes = append(d.notes, "sslmode="+d.sslmode+" is raised to verify-full")
	default:
		return nil, errors.New("sslmode of DATABASE_URL is unknown: use verify-full")
	}
	if strings.HasPrefix(d.host, "/") || (d.local() && d.sslmode == "") {
		return nil, nil
	}
	cfg := &tls.Config{ServerName: d.host, MinVersion: tls.VersionTLS12}
	if d.sslrootcert != "" {
		pem, err := os.ReadFile(d.sslrootcert)
		if err != nil {
			return nil, fmt.Errorf("POSTGRES_CA_FILE: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("POSTGRES_CA_FILE: %s holds no PEM certificate", d.sslrootcert)
		}
	}
	return cfg, nil
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
