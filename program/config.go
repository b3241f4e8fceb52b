package program

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// configError is everything that is wrong with the configuration, one line each.
type configError struct{ error }

func (e configError) Error() string {
	return "the configuration is wrong:\n  - " + strings.ReplaceAll(e.error.Error(), "\n", "\n  - ")
}

func (e configError) Unwrap() error { return e.error }

// config is everything that serve needs, read and judged.
type config struct {
	tuning
	listen listenAddr
	rules  *ruleMaker
	db     database
	conn   *pgx.ConnConfig
	proxy  proxyConfig
}

// readConfig reports all faults at once.
func (c serveCmd) readConfig(e env) (config, error) {
	var cfg config
	var errs []error
	var err error
	cfg.tuning, err = c.read()
	errs = append(errs, err)
	cfg.listen, err = c.readListen()
	errs = append(errs, err)
	keys, keyErrs := readSecrets(e.getenv)
	errs = append(errs, keyErrs...)
	if len(keyErrs) == 0 {
		errs = append(errs, cfg.readRules(e, keys))
	}
	cfg.proxy, err = c.readProxy(e.getenv, keys.jwt)
	errs = append(errs, err)
	cfg.db, err = readDatabase(e.getenv)
	if errs = append(errs, err); err == nil {
		cfg.conn, err = cfg.db.connConfig()
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return config{}, configError{err}
	}
	return cfg, nil
}

// maxMemo bounds what is remembered of tokens' payloads, some KiB each, however many people the cache may hold.
const maxMemo = 10_000

// readRules makes a first generation of the rules only to hear what is wrong with it, together with everything else.
func (c *config) readRules(e env, keys secrets) error {
	if len(keys.jwt) == 0 {
		return errors.New("JWT_SECRET is not set: give it the secret with which the dashboard signs (or JWT_SECRET_FILE)")
	}
	c.rules = &ruleMaker{path: c.rulesFile, keys: keys, leeway: c.leeway, way: c.rights, memo: min(c.cacheSize, maxMemo), getenv: e.getenv, log: newLogger(e.stderr, c.level)}
	made, _, err := c.rules.make(nil)
	if err == nil {
		made.closeSources()
	}
	return err
}

// address is where the database is, for messages.
func (d *database) address() string {
	if strings.HasPrefix(d.host, "/") {
		return fmt.Sprintf("%s (socket, port %d)", d.host, d.port)
	}
	return net.JoinHostPort(d.host, strconv.Itoa(int(d.port)))
}
